/**
 * Parts of the program that are loaded when they are wanted. Node remembers an import that has failed, and all that were under way with it: where
 * a file could not be opened for want of descriptors, that part of the program would be dead for good. So it is not begun where they are few.
 */

import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { ControlError } from '../control/model.ts';

/** The API's packages open 80 files at once; clients may come meanwhile. */
const WANTED = 128;

/** Rejects with ControlError where descriptors are few; the next time it is tried again. */
export async function loadLater<T>(load: () => Promise<T>): Promise<T> {
  requireDescriptors();
  return load();
}

function requireDescriptors(): void {
  const open: number[] = [];
  try {
    while (open.length < WANTED) open.push(openSync(devNull, 'r'));
  } catch {
    throw new ControlError(
      `too many open files: ${WANTED} more have to be possible while a part of the program is loaded`,
    );
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}
