/**
 * Fabric fuzzing: packets, whole and damaged, through a switch that routes, tunnels, mirrors and translates.
 *
 * Twins get the same frames, cut into batches at different places and with different bytes around every frame, by whole
 * turns of the switch: decapsulation, control's answers, encapsulation and software offloads included. Whatever one of
 * them reads outside a frame, or remembers across the edge of a batch, tells them apart.
 */
import { fdbEntries } from '../../src/control/fdb-control.ts';
import { vxlanEntries } from '../../src/control/vxlan/fdb.ts';
import { frameStart, release, slotsInUse, takeFor } from '../../src/dataplane/arena.ts';
import { type Batch, INDEX_MASK, RX_CSUM_VERIFIED, RX_TRUNCATED, SHAPE_ALT } from '../../src/dataplane/batch.ts';
import { fidLedger, portLedger, sumLedger } from '../../src/dataplane/counters.ts';
import { createFinish, type Finish, needsFinish, sendFinished } from '../../src/dataplane/offload/finish.ts';
import type { Sender } from '../../src/dataplane/transmit.ts';
import { configure, SwitchCore, sizeFor } from '../../src/runtime/core.ts';
import { Prng } from '../unit/pcap/mutate.ts';
import { type Arrival, fabricConfig, randomArrivals } from './fabric-traffic.ts';
import type { Fates } from './frames.ts';

const ROUND_FRAMES = 96;
const SMALL_SLOTS = 80;
const MOST_PER_BATCH = 40;

class Twin {
  readonly core: SwitchCore;
  readonly #poison: number;
  readonly #finish: Finish;
  readonly #slotsAtRest: number;
  /** What left, by port number. */
  readonly out: string[][] = [];
  nowMs = 0;

  constructor(config: ReturnType<typeof fabricConfig>, poison: number) {
    this.#poison = poison;
    this.core = new SwitchCore({
      ...sizeFor(config),
      smallSlots: SMALL_SLOTS,
      largeSlots: 6,
      nowMs: () => this.nowMs,
      senderOf: (port) => this.#senders[port] ?? null,
    });
    configure(this.core, config);
    this.#finish = createFinish(this.core.dp.arena);
    this.#slotsAtRest = slotsInUse(this.core.dp.arena);
    for (const { name, tunnel } of config.ports) {
      this.core.control.setLink(name, true);
      if (tunnel === null) this.#attach(this.core.control.port(name).index);
    }
  }

  readonly #senders: (Sender | undefined)[] = [];

  #attach(port: number): void {
    const frames: string[] = [];
    this.out[port] = frames;
    const { bytes } = this.core.dp.arena;
    const hex = (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length)).toString('hex');
    const inner: Sender = {
      lastError: 0,
      send(b: Batch, list: Int32Array, start: number, count: number) {
        for (let k = start; k < start + count; k++) {
          const i = list[k] & INDEX_MASK;
          frames.push(
            list[k] < SHAPE_ALT
              ? hex(b.off[i], b.len[i])
              : hex(b.altHeadOff[i], b.altHeadLen[i]) + hex(b.altOff[i], b.altLen[i]),
          );
        }
        return count;
      },
    };
    const finish = this.#finish;
    this.#senders[port] = {
      get lastError() {
        return finish.error;
      },
      send(b, list, start, count) {
        finish.error = 0;
        if (!needsFinish(b, list, start, count, 0)) return inner.send(b, list, start, count);
        return sendFinished(finish, inner, b, list, start, count, 0);
      },
    };
  }

  /** Forwards the frames in one batch, or in more when slots run out. */
  batch(arrivals: readonly Arrival[]): void {
    const { batch: b, dp } = this.core;
    this.#fill();
    for (const sent of arrivals) {
      let slot = takeFor(dp.arena, sent.bytes.length);
      if (slot < 0) {
        this.core.forward();
        slot = takeFor(dp.arena, sent.bytes.length);
      }
      const i = b.count++;
      dp.arena.bytes.set(sent.bytes, frameStart(dp.arena, slot));
      b.slot[i] = slot;
      b.off[i] = frameStart(dp.arena, slot);
      b.len[i] = sent.bytes.length;
      b.port[i] = this.core.control.port(sent.port).index;
      b.rxFlags[i] = (sent.truncated ? RX_TRUNCATED : 0) | (sent.verified ? RX_CSUM_VERIFIED : 0);
      b.gso[i] = sent.gso;
      b.csum[i] = sent.csum;
      b.nowMs[i] = sent.ms;
      b.timeUs[i] = sent.ms * 1000;
      this.nowMs = sent.ms;
    }
    this.core.forward();
    const kept = slotsInUse(dp.arena) - this.#slotsAtRest;
    if (kept !== 0) throw new Error(`${kept} slots were not given back`);
  }

  /** Other bytes in all memory that is nobody's. */
  #fill(): void {
    const { arena } = this.core.dp;
    const slots: number[] = [];
    for (let slot = takeFor(arena, 1); slot >= 0; slot = takeFor(arena, 1)) {
      slots.push(slot);
      const at = frameStart(arena, slot) - 128;
      arena.bytes.fill(this.#poison, at, at + 2112);
    }
    for (const slot of slots.reverse()) release(arena, slot);
  }
}

/** Runs `count` frames through the fabric that `seed` names. Throws an Error that says what went wrong. */
export function fuzzFabric(seed: number, count: number): Fates {
  const random = new Prng(seed);
  const config = fabricConfig(random);
  const twins = [new Twin(config, 0x81), new Twin(config, random.below(256))];
  let ms = random.below(1000);
  for (let sent = 0; sent < count; ) {
    const arrivals = randomArrivals(random, Math.min(ROUND_FRAMES, count - sent), ms);
    for (const twin of twins) {
      const most = 1 + random.below(MOST_PER_BATCH);
      for (let k = 0; k < arrivals.length; k += most) twin.batch(arrivals.slice(k, k + most));
    }
    sent += arrivals.length;
    ms = arrivals.at(-1)!.ms;
    compare(twins[0], twins[1]);
    if (random.below(3) === 0) {
      for (const twin of twins) twin.core.tick();
      compare(twins[0], twins[1]);
    }
    disturb(random, twins, config);
  }
  const { control, dp } = twins[0].core;
  const rows = [...control.ports.values()].map(({ index }) => portLedger(dp.counters, index));
  const { delivered, consumed, floodCopies, drops } = sumLedger(rows);
  return { delivered, consumed, floodCopies, ...drops };
}

function compare(one: Twin, two: Twin): void {
  const { control, dp } = one.core;
  for (const { name, index } of control.ports.values()) {
    if (!portLedger(dp.counters, index).balanced) throw new Error(`port ${name} does not balance`);
    const [a, b] = [one.out[index] ?? [], two.out[index] ?? []];
    // Copies of received frames leave ahead of the batch: among what the ports send themselves they have no order.
    if (dp.mirrors.inForce[0] !== 0) {
      a.sort();
      b.sort();
    }
    for (let n = 0; n < Math.max(a.length, b.length); n++) {
      if (a[n] !== b[n]) throw new Error(`port ${name}, frame ${n} of ${a.length} and ${b.length}:\n${a[n]}\n${b[n]}`);
    }
    a.length = 0;
    b.length = 0;
  }
  for (let fid = 0; fid < dp.counters.fids; fid++) {
    if (!fidLedger(dp.counters, fid).balanced) throw new Error(`FID ${fid} does not balance`);
  }
  const other = two.core.dp;
  same('port counters', dp.counters.port, other.counters.port);
  same('FID counters', dp.counters.fid, other.counters.fid);
  same('drops of ports', dp.counters.portDrops, other.counters.portDrops);
  same('drops of FIDs', dp.counters.fidDrops, other.counters.fidDrops);
  same('peer counters', dp.vxlan.remotes.counters, other.vxlan.remotes.counters);
  same('VNI counters', dp.vxlan.vnis.counters, other.vxlan.vnis.counters);
  same('mirror counters', dp.mirrors.counters, other.mirrors.counters);
  const tables = [one, two].map(({ core }) => JSON.stringify([fdbEntries(core.control), vxlanEntries(core.control)]));
  if (tables[0] !== tables[1]) throw new Error(`the twins learned differently:\n${tables.join('\n')}`);
}

function same(what: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  for (let n = 0; n < a.length; n++) {
    if (a[n] !== b[n]) throw new Error(`the twins differ in ${what}: ${n}: ${a[n]}, ${b[n]}`);
  }
}

/** What control does between batches. */
function disturb(random: Prng, twins: readonly Twin[], { ports }: ReturnType<typeof fabricConfig>): void {
  const roll = random.below(10);
  const { name } = ports[random.below(ports.length)];
  for (const { core } of twins) {
    if (roll === 0) core.control.setLink(name, false);
    if (roll > 4) for (const port of ports) core.control.setLink(port.name, true);
  }
}
