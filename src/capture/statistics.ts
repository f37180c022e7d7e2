/**
 * Interface Statistics Blocks (draft-ietf-opsawg-pcapng): how many frames a capture has, and how many it lost.
 *
 *    | interface(4) | time high(4) | time low(4) | isb_ifrecv(4 + 8) | isb_ifdrop(4 + 8) | end(4) |
 */

import { BLOCK_STATISTICS, BODY_AT } from '../pcap/pcapng-format.ts';

const ISB_IFRECV = 4;
const ISB_IFDROP = 5;
const COUNTER_BYTES = 8;
const BYTES = 12 + 2 * (4 + COUNTER_BYTES) + 4;
const DROPS_AT = 12 + 4 + COUNTER_BYTES + 4;
const TWO_32 = 2 ** 32;

/** Type and body of the block; the time in microseconds since the epoch. */
export function statisticsBlock(interfaceId: number, us: number, received: number, lost: number): [number, Uint8Array] {
  const body = new Uint8Array(BYTES);
  const view = new DataView(body.buffer);
  const put64 = (at: number, value: number) => {
    view.setUint32(at, value % TWO_32, true);
    view.setUint32(at + 4, Math.floor(value / TWO_32), true);
  };
  view.setUint32(0, interfaceId, true);
  const time = Math.max(0, Math.floor(us));
  view.setUint32(4, Math.floor(time / TWO_32), true);
  view.setUint32(8, time % TWO_32, true);
  view.setUint16(12, ISB_IFRECV, true);
  view.setUint16(14, COUNTER_BYTES, true);
  put64(16, received + lost);
  view.setUint16(24, ISB_IFDROP, true);
  view.setUint16(26, COUNTER_BYTES, true);
  put64(DROPS_AT, lost);
  return [BLOCK_STATISTICS, body];
}

/** Frames lost, out of a whole block that `statisticsBlock` made. */
export function lostOf(block: DataView): number {
  const at = BODY_AT + DROPS_AT;
  return block.getUint32(at, true) + block.getUint32(at + 4, true) * TWO_32;
}
