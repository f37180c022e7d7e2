/**
 * Capture fuzzing: damaged captures from the reader through the switch into the writer.
 *
 * Whatever a capture claims, it ends in a clean end or in one CaptureError, every frame lies inside the reader's
 * memory, every frame is in the ledger, every slot comes back, and what was written can be read again.
 */

import { scenes } from '../../fixtures/scenes.ts';
import { appendCaptured, CaptureSender, captureTimeUs, NEVER_FITS, NO_SLOT } from '../../src/adapters/pcap.ts';
import { loadConfig } from '../../src/config/load.ts';
import { arenaBytes, release, slotsInUse } from '../../src/dataplane/arena.ts';
import { portLedger } from '../../src/dataplane/counters.ts';
import { forwardBatch } from '../../src/dataplane/pipeline.ts';
import { transmit } from '../../src/dataplane/transmit.ts';
import { CaptureError, CaptureReader } from '../../src/pcap/reader.ts';
import { MemorySink, MemorySource } from '../../src/pcap/source.ts';
import { configure, SwitchCore, sizeFor } from '../../src/runtime/core.ts';
import { ReplayCursor } from '../../src/runtime/replay/input.ts';
import { Replay } from '../../src/runtime/replay/replay.ts';
import { baseCaptures } from '../unit/pcap/bases.ts';
import { fuzzCapture } from '../unit/pcap/mutate.ts';

const CONFIG = loadConfig(
  `switch: { fdb: { ageSeconds: 10, maxEntries: 64 } }
ports:
  a: { adapter: memory, mode: trunk, vlans: '1-100', native: 1, mtu: 9000 }
  b: { adapter: memory, mode: hybrid, pvid: 1, untagged: '1-20', tagged: '21-100' }
  c: { adapter: memory, hairpin: true }`,
  'fuzz.yaml',
);
/** Captures that share a switch: making one costs more than a capture. */
export const BLOCK = 500;
/** One capture in so many goes through the whole engine, in two batch sizes. */
const WHOLE_EVERY = 250;
const SLOTS = { smallSlots: 64, largeSlots: 4 };

let bases: Uint8Array[] | undefined;

export function fuzzBases(): readonly Uint8Array[] {
  bases ??= [
    ...baseCaptures().map((base) => base.bytes),
    ...scenes().flatMap((scene) => [...scene.inputs().values()].filter((bytes) => bytes.length < 8192)),
  ];
  return bases;
}

/** Runs captures `seed` to `seed + count - 1` through one switch. Throws an Error that says which failed and how. */
export function fuzzCaptures(seed: number, count: number): void {
  const core = new SwitchCore({
    ...sizeFor(CONFIG),
    ...SLOTS,
    arenaMemory: new ArrayBuffer(arenaBytes(SLOTS)),
    nowMs: () => 0,
  });
  configure(core, CONFIG);
  for (const name of core.control.ports.keys()) core.control.setLink(name, true);
  const sinks = CONFIG.ports.map(() => new MemorySink());
  const senders = sinks.map((sink) => new CaptureSender(core.dp.arena, sink));
  let frames = 0;
  for (let n = 0; n < count; n++) {
    try {
      const bytes = fuzzCapture((seed + n) | 0, fuzzBases());
      frames += drive(core, senders, bytes, n % CONFIG.ports.length);
      if (n % WHOLE_EVERY === 0) whole(bytes);
    } catch (error) {
      throw new Error(`capture ${n}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  let received = 0;
  let sent = 0;
  for (const port of core.control.ports.values()) {
    const row = portLedger(core.dp.counters, port.index);
    if (!row.balanced) throw new Error(`port ${port.name} does not balance`);
    received += row.received;
    sent += row.delivered + row.floodCopies;
  }
  if (received !== frames) throw new Error(`${frames} frames went in, the ledger has ${received}`);
  let written = 0;
  senders.forEach((sender, p) => {
    sender.flush();
    if (sinks[p].bytes().length === 0) return;
    const reader = new CaptureReader(new MemorySource(sinks[p].bytes()));
    while (reader.next()) written++;
  });
  if (written !== sent) throw new Error(`${sent} frames were sent, ${written} are in what was written`);
}

/** One capture through the switch; returns how many frames went in. */
function drive(core: SwitchCore, senders: readonly CaptureSender[], bytes: Uint8Array, port: number): number {
  const { batch: b, dp } = core;
  let cursor: ReplayCursor;
  try {
    cursor = new ReplayCursor(0, 'a', port, 'fuzz', new MemorySource(bytes));
  } catch (error) {
    if (error instanceof CaptureError && error.message.startsWith('fuzz: byte ')) return 0;
    throw error;
  }
  const forward = () => {
    forwardBatch(dp, b);
    const { count } = dp.egress;
    for (let p = 0; p < senders.length; p++) if (count[p] !== 0) transmit(dp, b, p, senders[p]);
    for (let i = 0; i < b.count; i++) release(dp.arena, b.slot[i]);
    b.count = 0;
  };
  let frames = 0;
  // More records than bytes cannot be: the reader does not move.
  for (let most = bytes.length; cursor.next(); most--) {
    if (most < 0) throw new Error('more records than bytes');
    const { reader } = cursor;
    if (reader.offset < 0 || reader.capLen < 0 || reader.offset + reader.capLen > reader.buffer.length) {
      throw new Error('a frame lies outside the memory of its reader');
    }
    let done = appendCaptured(dp.arena, b, reader, port);
    if (done === NO_SLOT) {
      forward();
      done = appendCaptured(dp.arena, b, reader, port);
    }
    if (done === NO_SLOT) throw new Error('an empty arena has no slot');
    if (done === NEVER_FITS) continue;
    b.nowMs[b.count - 1] = 0;
    b.timeUs[b.count - 1] = captureTimeUs(cursor.seconds, cursor.nanos);
    frames++;
    if (b.count === b.capacity) forward();
  }
  if (cursor.damage !== null && !/^fuzz: byte \d+: /.test(cursor.damage)) throw new Error(cursor.damage);
  forward();
  if (slotsInUse(dp.arena) !== 0) throw new Error('slots were not given back');
  return frames;
}

/** The engine itself: no exception but its own, the same result for two batch sizes. */
function whole(bytes: Uint8Array): void {
  const results = [1, 256].map((batch) => {
    const sinks = new Map<string, MemorySink>();
    try {
      const engine = new Replay({
        config: CONFIG,
        inputs: ['a', 'b'].map((port) => ({ port, name: 'fuzz', source: new MemorySource(bytes) })),
        output: (port) => {
          const sink = new MemorySink();
          sinks.set(port, sink);
          return sink;
        },
        batch,
      });
      while (engine.step() >= 0);
      engine.finish();
      const report = engine.report();
      if (!report.ledger.balanced) throw new Error('the ledger of a replay does not balance');
      return [
        JSON.stringify(report),
        ...[...sinks].sort().map(([port, sink]) => port + Buffer.from(sink.bytes()).toString('hex')),
      ];
    } catch (error) {
      const { name, message } = error as Error;
      if (name === 'CaptureError' || name === 'ReplayError') return [message];
      throw error;
    }
  });
  if (results[0].join() !== results[1].join()) throw new Error('a replay depends on its batch size');
}
