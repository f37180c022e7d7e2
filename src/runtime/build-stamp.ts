/**
 * Which build this code is of. A thread that is started again loads what lies on the disk by then; of another build it would read
 * tables and messages by a layout that they do not have, so it refuses.
 */

/** A digest of the sources, put in where they are bundled (scripts/bundle.mjs). */
declare const BUILD_STAMP: string;

export const buildStamp: string = typeof BUILD_STAMP === 'undefined' ? 'sources' : BUILD_STAMP;

/** Why such a thread ends. */
export const REPLACED = 'the installed package is not the one that the switch was started from';

/** For a part of the program that is loaded when it is needed. Throws. */
export function tellReplaced(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  throw new Error(`${REPLACED}; restart the switch`);
}

/** Call with the stamp of who started this thread, before anything else it was given is looked at. Throws. */
export function requireSameBuild(stamp: unknown): void {
  if (stamp === buildStamp) return;
  const error = new Error(REPLACED);
  // What people are told is a sentence, without a line of the program.
  error.stack = REPLACED;
  throw error;
}
