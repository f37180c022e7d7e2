/**
 * A plan on its way to the forwarding thread: in pieces of shared memory. A message with a large plan would be copied by the
 * thread that receives it in one go, and frames would wait; so it takes a piece at a time.
 */

import { deserialize, serialize } from 'node:v8';
import type { Action } from '../control/action.ts';
import type { Step } from '../control/change.ts';

/** Actions of one piece: some tens of microseconds. */
const PIECE = 32;

export function planPieces(actions: readonly Action[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < actions.length; at += PIECE) pieces.push(shared(serialize(actions.slice(at, at + PIECE))));
  return pieces;
}

export function* planOf(pieces: readonly Uint8Array[]): Generator<Step, Action[], void> {
  const actions: Action[] = [];
  for (const piece of pieces) {
    actions.push(...(deserialize(piece) as Action[]));
    yield 'small';
  }
  return actions;
}

/** Bytes that are not copied when they are posted. */
export function shared(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(new SharedArrayBuffer(bytes.length));
  all.set(bytes);
  return all;
}
