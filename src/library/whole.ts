/** A number that a program gives: checked, since its types are gone when it runs. */

export function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name}: ${value} is not a whole number in ${min}..${max}`);
}
