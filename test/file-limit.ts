/** A disk that is full after so many bytes, for the files of this process: RLIMIT_FSIZE, by util-linux's prlimit. */

import { execFileSync, spawnSync } from 'node:child_process';

export const canLimitFiles = spawnSync('prlimit', ['--version']).status === 0;

const limit = (bytes: number | 'unlimited') =>
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);

/** The write that crosses the limit takes what fits, as on a disk; the next one fails with EFBIG. */
export async function withFileLimit<T>(bytes: number, work: () => Promise<T>): Promise<T> {
  limit(bytes);
  try {
    return await work();
  } finally {
    limit('unlimited');
  }
}
