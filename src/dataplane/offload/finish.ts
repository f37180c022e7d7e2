/**
 * Sending to a port that takes less than the frames ask for: what it cannot do is done here, right before it.
 *
 * Lists that hold nothing of the kind go to the sender as they are. Of others a second batch is made, in order: plain
 * frames as the rows that they are, super-frames as rows of their segments (segment.ts). It is sent whenever it is
 * full, so a super-frame may need several turns; nothing is allocated. One large slot of the arena holds the headers.
 *
 * To the ledger a super-frame is one frame, here as everywhere: it counts as sent when its last segment was, and as
 * lost when any of them was not. A frame whose columns contradict its bytes is refused (EINVAL), never sent broken. Frames
 * that were lost in front of others that were not are moved behind those in the list: it says who was lost.
 */

import { type Arena, frameStart, LARGE_FRAME_BYTES, takeLarge } from '../arena.ts';
import { BATCH_FRAMES, type Batch, createBatch, INDEX_MASK, SHAPE_ALT } from '../batch.ts';
import type { Sender } from '../transmit.ts';
import { GSO_IN_TUNNEL, OFFLOAD_CSUM, offloadsNeeded } from './needs.ts';
import { beginCut, type Cut, createCut, headRoom, MAX_HEAD_BYTES, writeSegment } from './segment.ts';

const EINVAL = 22;

export interface Finish {
  readonly view: DataView;
  /** What is sent instead, and its list. */
  readonly out: Batch;
  readonly list: Int32Array;
  /** 1 for the row that is a frame's last. */
  readonly isLast: Uint8Array;
  readonly cut: Cut;
  /** Memory for headers: the pattern, then those of the rows. */
  readonly pattern: number;
  readonly heads: number;
  readonly headsEnd: number;
  headAt: number;
  /** The caller's list; where in it the frame is whose fate comes next; how far those reach that have left. */
  words: Int32Array;
  next: number;
  left: number;
  /** Of the frame that is being sent some segment was lost. */
  broken: boolean;
  /** The sender takes no more. */
  full: boolean;
  /** Errno of the last loss, 0 while the sender only was full. */
  error: number;
}

/** One serves all ports of a thread. Throws RangeError when the arena has no large slot left. */
export function createFinish(arena: Arena): Finish {
  const slot = takeLarge(arena);
  if (slot < 0) throw new RangeError('the arena has no large slot for the headers of segments');
  const pattern = frameStart(arena, slot);
  const heads = pattern + MAX_HEAD_BYTES;
  return {
    view: arena.view,
    out: createBatch(),
    list: new Int32Array(BATCH_FRAMES),
    isLast: new Uint8Array(BATCH_FRAMES),
    cut: createCut(),
    pattern,
    heads,
    headsEnd: pattern + LARGE_FRAME_BYTES,
    headAt: heads,
    words: new Int32Array(0),
    next: 0,
    left: 0,
    broken: false,
    full: false,
    error: 0,
  };
}

/** Whether a frame of the list needs more than `offloads`. */
export function needsFinish(b: Batch, list: Int32Array, start: number, count: number, offloads: number): boolean {
  for (let k = start; k < start + count; k++) {
    const gso = b.gso[list[k] & INDEX_MASK];
    if (gso !== 0 && (offloadsNeeded(gso) & ~offloads) !== 0) return true;
  }
  return false;
}

/** Sends the list through a port that has `offloads`; returns how many frames of it left, `f.error` says why not all. */
export function sendFinished(
  f: Finish,
  sender: Sender,
  b: Batch,
  list: Int32Array,
  start: number,
  count: number,
  offloads: number,
): number {
  let refused = 0;
  f.words = list;
  f.next = start;
  f.left = start;
  f.error = 0;
  f.full = false;
  f.broken = false;
  begin(f);
  for (let k = start; k < start + count && !f.full; k++) {
    const word = list[k];
    const gso = b.gso[word & INDEX_MASK];
    if (gso === 0 || (offloadsNeeded(gso) & ~offloads) === 0) {
      if (f.out.count === f.out.capacity) flush(f, sender);
      if (!f.full) addWhole(f, b, word);
      continue;
    }
    beginCut(f.view, b, word, f.pattern, f.cut);
    if (f.cut.segments > 0) {
      addSegments(f, sender, b, word & INDEX_MASK, leavesNoChecksum(gso, offloads));
      continue;
    }
    flush(f, sender);
    if (!f.full) f.next++;
    refused++;
  }
  flush(f, sender);
  if (refused > 0) f.error = EINVAL;
  return f.left - start;
}

/** A device's idea of a checksum inside a tunnel is its own: what leaves in one is complete. */
function leavesNoChecksum(gso: number, offloads: number): boolean {
  return (offloads & OFFLOAD_CSUM) === 0 || (gso & GSO_IN_TUNNEL) !== 0;
}

function begin(f: Finish): void {
  f.out.count = 0;
  f.headAt = f.heads;
}

/** Adds a frame as it is. */
function addWhole(f: Finish, b: Batch, word: number): void {
  const i = word & INDEX_MASK;
  const { out } = f;
  const row = out.count++;
  describe(f, b, i, row);
  out.slot[row] = b.slot[i];
  out.off[row] = b.off[i];
  out.len[row] = b.len[i];
  out.gso[row] = b.gso[i];
  out.csum[row] = b.csum[i];
  if (word >= SHAPE_ALT) {
    out.altHeadOff[row] = b.altHeadOff[i];
    out.altHeadLen[row] = b.altHeadLen[i];
    out.altOff[row] = b.altOff[i];
    out.altLen[row] = b.altLen[i];
  }
  f.list[row] = row | (word & SHAPE_ALT);
  f.isLast[row] = 1;
}

/** Adds the segments of the frame that is being cut. */
function addSegments(f: Finish, sender: Sender, b: Batch, i: number, checksums: boolean): void {
  const { cut, out } = f;
  const room = headRoom(cut);
  for (let n = 0; n < cut.segments; n++) {
    if (out.count === out.capacity || f.headAt + room > f.headsEnd) {
      flush(f, sender);
      if (f.full) return;
    }
    const row = out.count++;
    describe(f, b, i, row);
    writeSegment(f.view, cut, n, f.headAt, checksums, out, row);
    f.headAt += room;
    f.list[row] = row | SHAPE_ALT;
    f.isLast[row] = n === cut.segments - 1 ? 1 : 0;
  }
}

function describe(f: Finish, b: Batch, i: number, row: number): void {
  const { out } = f;
  out.port[row] = b.port[i];
  out.rxFlags[row] = b.rxFlags[i];
  out.nowMs[row] = b.nowMs[i];
  out.timeUs[row] = b.timeUs[i];
  out.fid[row] = b.fid[i];
  out.vid[row] = b.vid[i];
}

/** Sends what is there, and settles the fate of the frames that end in it. */
function flush(f: Finish, sender: Sender): void {
  const { out, isLast } = f;
  const { count } = out;
  if (count === 0) return;
  const taken = Math.min(count, Math.max(0, sender.send(out, f.list, 0, count)));
  for (let row = 0; row < count; row++) {
    if (row >= taken) f.broken = true;
    if (isLast[row] === 0) continue;
    if (!f.broken) countLeft(f);
    f.next++;
    f.broken = false;
  }
  if (taken < count) {
    f.error = sender.lastError;
    f.full = f.error === 0;
  }
  begin(f);
}

/** The frame whose fate comes next has left: it changes places with the first that was lost. */
function countLeft(f: Finish): void {
  const { words, next, left } = f;
  const word = words[next];
  words[next] = words[left];
  words[left] = word;
  f.left = left + 1;
}
