/**
 * Frame fuzzing: random frames through random switches, twice at once.
 *
 * Twin switches get the same frames, cut into batches at different places, with different bytes around every
 * frame. Whatever one of them reads outside a frame, or remembers across the edge of a batch, tells them apart.
 * One twin goes through the slow lane where the pipeline has one. After every batch: nothing outside the slots
 * in use was written, nothing behind a frame was, all slots are back. After every round: the same bytes left by
 * every port, the same counters, a balanced ledger.
 */
import type { SwitchConfig } from '../../src/config/types.ts';
import {
  arenaBytes,
  frameCapacity,
  frameStart,
  HEADROOM,
  LARGE_FRAME_BYTES,
  release,
  slotsInUse,
  takeFor,
} from '../../src/dataplane/arena.ts';
import { type Batch, INDEX_MASK, RX_TRUNCATED, SHAPE_ALT } from '../../src/dataplane/batch.ts';
import { fidLedger, PORT_COUNTERS, portLedger, sumLedger, TX_FRAMES } from '../../src/dataplane/counters.ts';
import type { Dataplane } from '../../src/dataplane/dataplane.ts';
import * as pipeline from '../../src/dataplane/pipeline.ts';
import { type Sender, transmit } from '../../src/dataplane/transmit.ts';
import { configure, SwitchCore, sizeFor } from '../../src/runtime/core.ts';
import { needsSweep, sweepAll } from '../../src/tables/fdb/sweep.ts';
import { Prng } from '../unit/pcap/mutate.ts';
import { MAX_FRAME_BYTES, randomFrame } from './random-frame.ts';
import { randomConfig } from './worlds.ts';

type Forward = (dp: Dataplane, b: Batch) => unknown;
const slowly = (pipeline as unknown as Record<string, Forward | undefined>).forwardBatchSlowly;

const ROUND_FRAMES = 128;
const SLOTS = { smallSlots: 48, largeSlots: 4 };
const MOST_PER_BATCH = 40;
/** Bytes behind a frame that are looked at after every batch. */
const TAIL = 48;
/** The lowest byte that may be written: a tag, a head in another shape and their distance before the frame. */
const LOWEST = HEADROOM - 64;

/** One frame of a round, before it is put into a slot. */
interface Sent {
  length: number;
  port: number;
  truncated: boolean;
  gso: number;
  csum: number;
  ms: number;
}

class Twin {
  readonly core: SwitchCore;
  readonly name: string;
  readonly #bytes: Buffer;
  readonly #clean: Buffer;
  readonly #forward: Forward;
  /** What left, one after the other: port, length, bytes. */
  #out = Buffer.alloc(1 << 16);
  #outAt = 0;
  readonly ends: number[] = [];
  nowMs = 0;

  constructor(name: string, config: SwitchConfig, poison: number, forward: Forward) {
    this.name = name;
    this.#forward = forward;
    const arenaMemory = new ArrayBuffer(arenaBytes(SLOTS));
    this.core = new SwitchCore({ ...sizeFor(config), ...SLOTS, arenaMemory, nowMs: () => this.nowMs });
    configure(this.core, config);
    for (const port of config.ports) this.core.control.setLink(port.name, true);
    this.#bytes = Buffer.from(arenaMemory);
    const random = new Prng(poison);
    for (let i = 0; i < this.#bytes.length; i += 4) this.#bytes.writeUInt32LE(random.next(), i);
    // One twin sees tags of every kind around its frames.
    if (poison === 0) for (let i = 0; i + 4 <= this.#bytes.length; i += 4) this.#bytes.writeUInt32BE(0x8100000a, i);
    this.#clean = Buffer.from(this.#bytes);
  }

  /** Forwards frames[from, to) of a round, in one batch or more when slots run out. */
  batch(frames: readonly Sent[], data: readonly Uint8Array[], from: number, to: number): void {
    const { batch: b, dp } = this.core;
    for (let k = from; k < to; k++) {
      const sent = frames[k];
      let slot = takeFor(dp.arena, sent.length);
      if (slot < 0) {
        this.#run();
        slot = takeFor(dp.arena, sent.length);
      }
      const i = b.count++;
      const off = frameStart(dp.arena, slot);
      dp.arena.bytes.set(data[k], off);
      b.slot[i] = slot;
      b.off[i] = off;
      b.len[i] = sent.length;
      b.port[i] = sent.port;
      b.rxFlags[i] = sent.truncated ? RX_TRUNCATED : 0;
      b.gso[i] = sent.gso;
      b.csum[i] = sent.csum;
      b.nowMs[i] = sent.ms;
      b.timeUs[i] = sent.ms * 1000;
      this.nowMs = sent.ms;
    }
    this.#run();
  }

  #run(): void {
    const { batch: b, dp } = this.core;
    const { arena } = dp;
    const used: number[] = [];
    const ends: number[] = [];
    for (let i = 0; i < b.count; i++) {
      used.push(b.slot[i]);
      ends.push(b.off[i] + b.len[i]);
    }
    this.#forward(dp, b);
    const { count } = dp.egress;
    for (let p = 0; p < count.length; p++) if (count[p] !== 0) transmit(dp, b, p, this.#sender(p));
    for (let i = 0; i < used.length; i++) this.#checkSlot(used[i], ends[i]);
    for (const slot of used) release(arena, slot);
    b.count = 0;
    if (slotsInUse(arena) !== 0) throw new Error(`${this.name}: ${slotsInUse(arena)} slots were not given back`);
    this.#restore(used);
    if (Buffer.compare(this.#bytes, this.#clean) !== 0)
      throw new Error(`${this.name}: written outside the slots in use`);
  }

  /** Nothing behind the frame and nothing far before it was written. */
  #checkSlot(slot: number, end: number): void {
    const { arena } = this.core.dp;
    const start = frameStart(arena, slot) - HEADROOM;
    const behind = Math.min(end + TAIL, start + HEADROOM + frameCapacity(arena, slot));
    if (this.#bytes.compare(this.#clean, end, behind, end, behind) !== 0) {
      throw new Error(`${this.name}: written behind a frame`);
    }
    const low = start + LOWEST;
    if (this.#bytes.compare(this.#clean, start, low, start, low) !== 0) {
      throw new Error(`${this.name}: written deep in the headroom`);
    }
  }

  #restore(slots: readonly number[]): void {
    const { arena } = this.core.dp;
    for (const slot of slots) {
      const start = frameStart(arena, slot) - HEADROOM;
      this.#clean.copy(this.#bytes, start, start, start + HEADROOM + frameCapacity(arena, slot));
    }
  }

  readonly #senders: Sender[] = [];

  #sender(port: number): Sender {
    const send = (b: Batch, list: Int32Array, start: number, count: number) => {
      for (let k = start; k < start + count; k++) this.#take(b, list[k], port);
      return count;
    };
    this.#senders[port] ??= { lastError: 0, send };
    return this.#senders[port];
  }

  #take(b: Batch, word: number, port: number): void {
    const i = word & INDEX_MASK;
    const alt = word >= SHAPE_ALT;
    const length = alt ? b.altHeadLen[i] + b.altLen[i] : b.len[i];
    if (length < 12 || length > LARGE_FRAME_BYTES + 8) throw new Error(`${this.name}: a frame of ${length} bytes left`);
    if (this.#outAt + length + 8 > this.#out.length) {
      const grown = Buffer.alloc(Math.max(this.#out.length * 2, this.#outAt + length + 8));
      this.#out.copy(grown);
      this.#out = grown;
    }
    let at = this.#outAt;
    at = this.#out.writeUInt32LE(port, at);
    at = this.#out.writeUInt32LE(length, at);
    if (alt) {
      at += this.#bytes.copy(this.#out, at, b.altHeadOff[i], b.altHeadOff[i] + b.altHeadLen[i]);
      at += this.#bytes.copy(this.#out, at, b.altOff[i], b.altOff[i] + b.altLen[i]);
    } else {
      at += this.#bytes.copy(this.#out, at, b.off[i], b.off[i] + length);
    }
    this.ends.push(this.#outAt);
    this.#outAt = at;
  }

  /** What left in this round by port, in order; and forgets it. */
  takeOutput(): Buffer {
    // Batches flush port by port: only the order within a port is promised.
    const pieces = this.ends.map((at, n) => this.#out.subarray(at, this.ends[n + 1] ?? this.#outAt));
    pieces.sort((x, y) => x.readUInt32LE(0) - y.readUInt32LE(0));
    const output = Buffer.concat(pieces);
    this.ends.length = 0;
    this.#outAt = 0;
    return output;
  }

  sweep(): void {
    const { fdb } = this.core.dp;
    if (needsSweep(fdb, this.nowMs)) sweepAll(fdb, this.nowMs);
  }
}

/** What became of the frames: drops by reason, and `delivered`, `consumed`, `floodCopies`. */
export type Fates = Record<string, number>;

/** Runs `count` frames through the world that `seed` names. Throws an Error that says what went wrong. */
export function fuzzWorld(seed: number, count: number): Fates {
  const random = new Prng(seed);
  const config = randomConfig(random);
  const one = new Twin('one', config, 0, pipeline.forwardBatch);
  const two = new Twin('two', config, 1 + random.next(), slowly ?? pipeline.forwardBatch);
  const ports = config.ports.map((port) => port.name);
  const scratch = new Uint8Array(MAX_FRAME_BYTES);
  const view = new DataView(scratch.buffer);
  let ms = random.below(1000);
  let sent = 0;
  while (sent < count) {
    const frames: Sent[] = [];
    const data: Uint8Array[] = [];
    const n = Math.min(ROUND_FRAMES, count - sent);
    const burst = 1 + random.below(20);
    let port = 0;
    for (let k = 0; k < n; k++) {
      if (k % burst === 0) port = random.below(ports.length);
      if (random.below(30) === 0) ms = (ms + random.below(random.below(40) === 0 ? 400_000 : 400)) | 0;
      const length = Math.min(randomFrame(random, scratch, view), LARGE_FRAME_BYTES);
      data.push(scratch.slice(0, length));
      const offloaded = random.below(50) === 0;
      frames.push({
        length,
        port,
        truncated: random.below(60) === 0,
        gso: offloaded ? random.below(5) << 8 : 0,
        csum: offloaded ? 34 | (16 << 16) : 0,
        ms,
      });
    }
    for (const twin of [one, two]) {
      const largest = 1 + random.below(MOST_PER_BATCH);
      for (let k = 0; k < n; k += largest) twin.batch(frames, data, k, Math.min(n, k + largest));
    }
    sent += n;
    compare(one, two);
    disturb(random, ports, [one, two]);
  }
  const { received, delivered, consumed, floodCopies, drops } = sumLedger(
    ports.map((_, p) => portLedger(one.core.dp.counters, p)),
  );
  if (received !== sent) throw new Error(`${sent} frames were sent, ${received} received`);
  const { port: row } = one.core.dp.counters;
  const left = ports.reduce((sum, _, p) => sum + row[p * PORT_COUNTERS + TX_FRAMES], 0);
  if (left !== delivered + floodCopies) throw new Error(`${delivered} delivered, ${floodCopies} copies, ${left} sent`);
  return { delivered, consumed, floodCopies, ...drops };
}

function compare(one: Twin, two: Twin): void {
  if (Buffer.compare(one.takeOutput(), two.takeOutput()) !== 0) throw new Error('the twins sent different frames');
  const [a, b] = [one.core.dp.counters, two.core.dp.counters];
  for (const table of ['port', 'fid', 'portDrops', 'fidDrops'] as const) {
    if (Buffer.compare(bytesOf(a[table]), bytesOf(b[table])) !== 0)
      throw new Error(`the twins differ in ${table} counters`);
  }
  const { control, dp } = one.core;
  for (const port of control.ports.values()) {
    if (!portLedger(dp.counters, port.index).balanced) throw new Error(`port ${port.name} does not balance`);
  }
  for (let fid = 0; fid < control.vlanByFid.length; fid++) {
    if (!fidLedger(dp.counters, fid).balanced) throw new Error(`FID ${fid} does not balance`);
  }
}

function bytesOf(table: Float64Array): Buffer {
  return Buffer.from(table.buffer, table.byteOffset, table.byteLength);
}

/** What control does between batches: links, states, flushes, sweeps. */
function disturb(random: Prng, ports: readonly string[], twins: readonly Twin[]): void {
  const roll = random.below(12);
  const port = ports[random.below(ports.length)];
  const choice = random.below(3);
  for (const { core } of twins) {
    if (roll === 0) core.control.setLink(port, !core.control.port(port).up);
    if (roll === 1) core.control.setPort(port, { state: (['discarding', 'learning', 'forwarding'] as const)[choice] });
    if (roll === 2) core.control.setPort(port, { isolated: choice === 0, hairpin: choice === 1 });
  }
  for (const twin of twins) if (roll === 3) twin.sweep();
  // Most ports are up most of the time.
  if (roll > 8) for (const { core } of twins) core.control.setLink(port, true);
}
