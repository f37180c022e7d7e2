/**
 * Where the memory of every table comes from.
 *
 * A table is a plain object of typed arrays over SharedArrayBuffers and numbers: functions work on it, and
 * posting it to a worker or to the main thread shares the same memory instead of copying it. That is the whole
 * mechanism by which the API and metrics read tables and counters without asking the forwarding worker.
 */

/** `length` 32-bit integers of shared, zeroed memory. */
export function sharedInt32(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Math.max(length, 1) * 4));
}

/** `length` 16-bit unsigned integers of shared, zeroed memory. */
export function sharedUint16(length: number): Uint16Array {
  return new Uint16Array(new SharedArrayBuffer(Math.max(length, 1) * 2));
}

/** Bytes in front of and behind what one worker writes all the time: no cache line of it is another's. */
const APART = 128;

/** The same for each of several workers. */
export function ownFloat64(length: number, workers: number): Float64Array[] {
  const bytes = Math.max(length, 1) * 8;
  return Array.from({ length: workers }, () => {
    return workers === 1
      ? sharedFloat64(length)
      : new Float64Array(new SharedArrayBuffer(bytes + 2 * APART), APART, length);
  });
}

/** The sum over workers of what each has counted at `at`. */
export function sumAt(columns: readonly Float64Array[], at: number): number {
  let sum = 0;
  for (const column of columns) sum += column[at];
  return sum;
}

/** `length` counters of shared, zeroed memory. A double counts exactly to 2^53, 28 years at 10 M/s. */
export function sharedFloat64(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(Math.max(length, 1) * 8));
}
