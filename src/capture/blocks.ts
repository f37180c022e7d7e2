/**
 * A pcapng stream in pieces, as a socket brings it, cut into whole blocks: for whoever counts and shows frames while
 * they are passed on. It reads what Feed writes (little-endian), nothing else.
 */

import { BLOCK_ENHANCED_PACKET, BLOCK_STATISTICS, MIN_BLOCK_BYTES, TOTAL_LENGTH_AT } from '../pcap/pcapng-format.ts';
import { CaptureReader } from '../pcap/reader.ts';
import { MemorySource } from '../pcap/source.ts';
import { lostOf } from './statistics.ts';

/** Longer is no block of ours. */
const MAX_BLOCK_BYTES = 1 << 20;

export class CaptureBlocks {
  frames = 0;
  lost = 0;
  /** Of whole blocks so far. */
  bytes = 0;
  /** Bytes up to here were whole blocks. */
  #rest: Buffer = Buffer.alloc(0);
  /** Section and interfaces so far: what frames need around them to be read. */
  #preamble: Buffer = Buffer.alloc(0);

  /** Takes a piece; returns the frames that it completed as a capture of their own, or null. */
  take(piece: Uint8Array): CaptureReader | null {
    const data = this.#rest.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#rest, piece]);
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const packets: Buffer[] = [];
    let at = 0;
    while (data.length - at >= MIN_BLOCK_BYTES) {
      const type = view.getUint32(at, true);
      const length = view.getUint32(at + TOTAL_LENGTH_AT, true);
      if (length < MIN_BLOCK_BYTES || length > MAX_BLOCK_BYTES) throw new Error('what the switch sends is no capture');
      if (data.length - at < length) break;
      const block = data.subarray(at, at + length);
      if (type === BLOCK_ENHANCED_PACKET) {
        this.frames++;
        packets.push(block);
      } else if (type === BLOCK_STATISTICS) {
        this.lost = lostOf(new DataView(block.buffer, block.byteOffset, block.length));
      } else {
        this.#preamble = Buffer.concat([this.#preamble, block]);
      }
      at += length;
    }
    this.bytes += at;
    this.#rest = Buffer.from(data.subarray(at));
    if (packets.length === 0) return null;
    return new CaptureReader(new MemorySource(Buffer.concat([this.#preamble, ...packets])));
  }
}
