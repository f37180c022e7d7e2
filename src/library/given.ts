/** What a program gives: checked, since its types are gone when it runs. */

export function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name}: ${value} is not a whole number in ${min}..${max}`);
}

/** A key that is not known would be left out, and more would be meant than was said. */
export function onlyKeys(given: object, known: readonly string[]): void {
  const odd = Object.keys(given).find((key) => !known.includes(key));
  if (odd !== undefined) throw new TypeError(`${odd} is not known here; valid are ${known.join(', ')}`);
}
