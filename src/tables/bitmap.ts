/**
 * Port sets as rows of 32-bit words inside one Int32Array: row r is words [r*width, (r+1)*width), port p is bit
 * p & 31 of word p >> 5. Member sets, untagged sets and reach sets have the same shape, so a flood set is a
 * few ANDs.
 */

export function bitmapWidth(ports: number): number {
  return (ports + 31) >>> 5;
}

export function hasBit(words: Int32Array, width: number, row: number, port: number): boolean {
  return ((words[row * width + (port >> 5)] >>> (port & 31)) & 1) !== 0;
}

export function setBit(words: Int32Array, width: number, row: number, port: number, on: boolean): void {
  const index = row * width + (port >> 5);
  const bit = 1 << (port & 31);
  words[index] = on ? words[index] | bit : words[index] & ~bit;
}

export function clearRow(words: Int32Array, width: number, row: number): void {
  words.fill(0, row * width, (row + 1) * width);
}

export function rowIsEmpty(words: Int32Array, width: number, row: number): boolean {
  for (let w = row * width; w < (row + 1) * width; w++) if (words[w] !== 0) return false;
  return true;
}

/** Ports of a row in ascending order. Control only: it allocates. */
export function portsOfRow(words: Int32Array, width: number, row: number): number[] {
  const ports: number[] = [];
  for (let w = 0; w < width; w++) {
    for (let bits = words[row * width + w]; bits !== 0; bits &= bits - 1) {
      ports.push((w << 5) + 31 - Math.clz32(bits & -bits));
    }
  }
  return ports;
}
