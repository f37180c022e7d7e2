/**
 * Frames that are processed together, one column per property.
 *
 * An adapter fills the receive columns, the pipeline the rest. What leaves is not copied into queues: each
 * egress port has a list of words `index | SHAPE_ALT?`, and a copy of a flood is one such word. The lists live
 * until the runtime has flushed every port, right after `forwardBatch`.
 *
 * A frame can leave in two shapes at once (tagged here, untagged there). The main shape is (off, len). The
 * other shares its payload: `altHeadLen` header bytes at `altHeadOff`, then `altLen` bytes at `altOff`.
 *
 *   slot:  ... | alt MACs [tag] | ..... | MACs [tag] type payload ......... |
 *              ^ altHeadOff             ^ off        ^ altOff
 */

import { bitmapWidth } from '../tables/bitmap.ts';

export const BATCH_FRAMES = 256;

/** The frame is only part of what was on the wire (capture length < original length). */
export const RX_TRUNCATED = 1 << 0;
/** Whoever received it has checked its outer UDP checksum. */
export const RX_CSUM_VERIFIED = 1 << 1;
/** The frame's fate is known and in the ledger: no lane looks at it. */
export const RX_DONE = 1 << 2;
/** With RX_DONE: it ends here and is for control. */
export const RX_PUNTED = 1 << 3;
/** The switch made the frame itself: it is generated, not received, and teaches nobody. */
export const RX_GENERATED = 1 << 4;
/** Out of a tunnel: it may say who has an address, and control hears of it beside what becomes of it. */
export const RX_TOLD = 1 << 5;

/** In an egress list: the frame leaves in its other shape. */
export const SHAPE_ALT = 1 << 16;
export const INDEX_MASK = 0xffff;
/** In `sourceHash`: the record of the source said what the frame teaches, when it came out of the tunnel. */
export const SOURCE_KNOWN = 1;

export interface Batch {
  readonly capacity: number;
  count: number;
  /** Frame whose source the fast lane learned before it gave it to the slow lane; -1 for none. */
  learned: number;
  /** Frame that `forwardBatch` stopped behind because it is for control, and its PUNT_*; -1 for none. */
  punted: number;
  /** Frames that came out of tunnels. */
  decapped: number;
  puntKind: number;
  // -- set on receipt
  /** Arena slot that holds the frame, -1 when the memory is not the arena's to free. */
  readonly slot: Int32Array;
  readonly off: Int32Array;
  readonly len: Int32Array;
  readonly port: Int32Array;
  readonly rxFlags: Int32Array;
  /** Milliseconds of the switch's clock; wraps, only differences count. */
  readonly nowMs: Int32Array;
  /** Microseconds since the epoch, for captures that are written. */
  readonly timeUs: Float64Array;
  /** Offload: virtio flags | gso type << 8 | gso size << 16; 0 = a plain frame with valid checksums. */
  readonly gso: Int32Array;
  /** Offload: checksum start | checksum offset << 16, bytes from the frame's first byte. */
  readonly csum: Int32Array;
  // -- set by the pipeline for every frame
  /** 0 while it has no VLAN. */
  readonly fid: Int32Array;
  readonly vid: Int32Array;
  /** Where the destination is: a port, or TO_* of stages/lookup.ts. */
  readonly to: Int32Array;
  /** 0 while alive, else a drop reason. */
  readonly reason: Int32Array;
  /** Ports that the frame was given to. */
  readonly copies: Int32Array;
  /** A bit for each mirror that has the frame; written only while mirrors are in force. */
  readonly mirrored: Int32Array;
  // -- what the slow lane's stages tell each other; the fast lane leaves them alone
  /** Bytes of the bridge's own tag in front of the EtherType: 0 or 4. */
  readonly tagLen: Int32Array;
  readonly tci: Int32Array;
  readonly dstHigh: Int32Array;
  readonly dstLow: Int32Array;
  readonly srcHigh: Int32Array;
  readonly srcLow: Int32Array;
  readonly altHeadOff: Int32Array;
  readonly altHeadLen: Int32Array;
  readonly altOff: Int32Array;
  readonly altLen: Int32Array;
  // -- what decapsulation found, for frames whose port is a tunnel
  /** Row of the remote it came from, -1 = one that is not kept. */
  readonly remote: Int32Array;
  /** Row of its VNI. */
  readonly vni: Int32Array;
  /** Hash of its inner source in its VNI (fdb/hash.ts), where the fast way out of the tunnel has worked it out; SOURCE_KNOWN; else 0. */
  readonly sourceHash: Int32Array;
}

export function createBatch(capacity: number = BATCH_FRAMES): Batch {
  const column = () => new Int32Array(capacity);
  return {
    capacity,
    count: 0,
    learned: -1,
    punted: -1,
    decapped: 0,
    puntKind: 0,
    slot: column(),
    off: column(),
    len: column(),
    port: column(),
    rxFlags: column(),
    nowMs: column(),
    timeUs: new Float64Array(capacity),
    gso: column(),
    csum: column(),
    fid: column(),
    vid: column(),
    tagLen: column(),
    tci: column(),
    dstHigh: column(),
    dstLow: column(),
    srcHigh: column(),
    srcLow: column(),
    to: column(),
    reason: column(),
    copies: column(),
    mirrored: column(),
    altHeadOff: column(),
    altHeadLen: column(),
    altOff: column(),
    altLen: column(),
    remote: column(),
    vni: column(),
    sourceHash: column(),
  };
}

/** What leaves: per port a list of at most one word per frame of the batch. */
export interface Egress {
  readonly capacity: number;
  /** Port p's list is [p * stride, p * stride + count[p]). */
  readonly stride: number;
  readonly list: Int32Array;
  readonly count: Int32Array;
  /** What `usedPorts` has found, and what it finds by: a bit a port, all 0 in between. */
  readonly used: Int32Array;
  readonly marks: Int32Array;
}

const LINE_WORDS = 16;

export function createEgress(ports: number, capacity: number = BATCH_FRAMES): Egress {
  // An odd number of cache lines apart: with a power of two the lists of all ports share a few cache sets, and a
  // flood to 256 ports misses at every copy (bench S5).
  const stride = (Math.ceil(capacity / LINE_WORDS) | 1) * LINE_WORDS;
  return {
    capacity,
    stride,
    list: new Int32Array(ports * stride),
    count: new Int32Array(ports),
    used: new Int32Array(ports),
    marks: new Int32Array(bitmapWidth(ports)),
  };
}
