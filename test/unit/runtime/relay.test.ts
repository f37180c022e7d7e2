/** What a side worker hands to worker 0: frames for control, frames that leave by ports which worker 0 alone has. */

import { describe, expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { createRing } from '../../../src/capture/ring.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { slotsInUse } from '../../../src/dataplane/arena.ts';
import type { Batch } from '../../../src/dataplane/batch.ts';
import { fidLedger, portCounters, portLedger, sumLedger, sumPortCounters } from '../../../src/dataplane/counters.ts';
import { joinDataplane, sharedPart } from '../../../src/dataplane/dataplane.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { Forwarding } from '../../../src/runtime/forwarding.ts';
import { RelayAdapter, RelayReader, RelayWriter } from '../../../src/runtime/relay.ts';

const CONFIG = `
ports:
  a: { adapter: memory, mode: access, vlan: 10 }
  b: { adapter: memory, mode: access, vlan: 10 }
  t: { adapter: memory, mode: trunk, vlans: '10' }
interfaces:
  v10: { vlan: 10, addresses: [192.0.2.1/24], mac: '02:00:00:00:00:fe' }
`;

class Side extends Forwarding {
  relay: RelayWriter | null = null;

  protected punted(batch: Batch): void {
    this.relay?.punt(batch, batch.punted, batch.puntKind);
  }

  protected override leave(): void {
    super.leave();
    this.relay?.publish();
  }
}

/** Worker 0 has the devices of b and t; the side worker has a queue of a. */
function bench(ringBytes = 1 << 16) {
  const nowMs = () => 1000;
  const size = { ports: 8, fids: 8, fdbEntries: 64, smallSlots: 64, largeSlots: 2, workers: 2 };
  const core = new SwitchCore({ nowMs, ...size });
  configure(core, loadConfig(CONFIG, 'test.yaml'));
  const events = { link() {}, readable() {} };
  const left: string[] = [];
  const takes = { all: true };
  const port = (name: string) => core.control.port(name).index;
  for (const name of ['a', 'b', 't']) {
    const adapter = new MemoryAdapter({ mtu: 1500 }, { arena: core.dp.arena, events });
    adapter.onFrame = (frame) => {
      if (takes.all) left.push(`${name} ${frame.toString('hex')}`);
      return takes.all;
    };
    core.attach(name, adapter);
  }
  // As posting would: other objects over the same memory.
  const dp = joinDataplane(sharedPart(core.dp), 1, { smallSlots: 64, largeSlots: 2 });
  const side = new Side(dp, { nowMs });
  const ring = createRing(ringBytes);
  let woken = 0;
  const relay = new RelayWriter(dp, ring, () => woken++);
  side.relay = relay;
  const queue = new MemoryAdapter({ mtu: 1500 }, { arena: dp.arena, events });
  queue.onFrame = (frame) => {
    left.push(`queue ${frame.toString('hex')}`);
    return true;
  };
  side.adapters[port('a')] = queue;
  for (const name of ['b', 't']) side.adapters[port(name)] = new RelayAdapter(relay, port(name), name, 1500, false);
  const reader = new RelayReader(core, ring);
  const arrive = (...frames: Buffer[]) => {
    for (const frame of frames) expect(queue.push(frame)).toBe(true);
    while (side.poll(port('a')) > 0);
  };
  const counters = (name: string) => sumPortCounters(core.dp.countersOf.map((each) => portCounters(each, port(name))));
  const sound = () => {
    const rows = core.dp.countersOf.flatMap((each) => [
      ...Array.from({ length: each.ports }, (_, p) => portLedger(each, p)),
      ...Array.from({ length: each.fids }, (_, f) => fidLedger(each, f)),
    ]);
    expect(sumLedger(rows).balanced).toBe(true);
    let given = 0;
    let sent = 0;
    for (const name of core.control.ports.keys()) {
      const { delivered, floodCopies, txFrames } = counters(name);
      given += delivered + floodCopies;
      sent += txFrames;
    }
    expect(sent).toBe(given);
    expect(slotsInUse(core.dp.arena) + slotsInUse(dp.arena)).toBe(0);
  };
  return { core, side, reader, left, takes, arrive, counters, sound, port, woken: () => woken };
}

const frame = (dst: string, src: string, rest: string, length = 60) => {
  const bytes = Buffer.alloc(length);
  bytes.write(`${dst}${src}${rest}`, 'hex');
  return bytes;
};
const [A, B, T] = ['02000000000a', '02000000000b', '02000000000c'];

describe('a side worker', () => {
  it('floods to ports that worker 0 has: each gets its shape, once, in order', () => {
    const { reader, left, arrive, counters, sound, woken } = bench();
    const frames = [1, 2, 3].map((n) => frame('ffffffffffff', A, `88b5000${n}`));
    arrive(...frames);
    expect(left).toEqual([]);
    expect(woken()).toBeGreaterThan(0);
    expect(reader.serve(100)).toBe(false);
    const plain = frames.map((f) => f.toString('hex'));
    expect(left.filter((line) => line.startsWith('b '))).toEqual(plain.map((hex) => `b ${hex}`));
    const tagged = plain.map((hex) => `t ${hex.slice(0, 24)}8100000a${hex.slice(24)}`);
    expect(left.filter((line) => line.startsWith('t '))).toEqual(tagged);
    expect(counters('t')).toMatchObject({ txFrames: 3, txBytes: 3 * 64, txDropped: 0 });
    sound();
  });

  it('learns for all, and is taught by all', () => {
    const { core, side, reader, left, arrive, sound, port } = bench();
    arrive(frame('ffffffffffff', A, '88b5'));
    reader.serve(100);
    left.length = 0;
    const adapter = core.adapters[port('b')] as MemoryAdapter;
    adapter.push(frame(A, B, '88b5'));
    core.poll(port('b'));
    expect(left).toEqual([`a ${frame(A, B, '88b5').toString('hex')}`]);
    arrive(frame(B, A, '88b5'));
    reader.serve(100);
    expect(left[1]).toBe(`b ${frame(B, A, '88b5').toString('hex')}`);
    expect(left).toHaveLength(2);
    expect(side.dp.fdb.rec.buffer).toBe(core.dp.fdb.rec.buffer);
    sound();
  });

  it('gives control what is for it, as if it had come to worker 0', () => {
    const { reader, left, arrive, sound } = bench();
    const question = '08060001080006040001';
    const arp = frame('ffffffffffff', A, `${question}${A}c0000202000000000000c0000201`);
    arrive(arp);
    expect(left).toEqual([]);
    reader.serve(100);
    const answer = left.find((line) => line.startsWith('a '))!;
    expect(answer).toContain(`${A}0200000000fe0806000108000604000202000000`);
    sound();
  });

  it('counts what finds no room as dropped by a full ring', () => {
    const { reader, left, arrive, counters, sound } = bench(1024);
    arrive(
      ...Array.from({ length: 20 }, (_, n) => frame('ffffffffffff', A, `88b5${n.toString(16).padStart(4, '0')}`, 200)),
    );
    reader.serve(100);
    const sent = counters('b').txFrames + counters('t').txFrames;
    expect(left).toHaveLength(sent);
    expect(counters('b').txDropped + counters('t').txDropped).toBe(40 - sent);
    expect(counters('a').drops.TX_RING_FULL).toBeGreaterThan(0);
    expect(reader.lost).toBeGreaterThan(0);
    sound();
  });

  it('takes back what the device did not take after all', () => {
    const { reader, takes, arrive, counters, sound } = bench();
    takes.all = false;
    arrive(frame('ffffffffffff', A, '88b5'), frame('ffffffffffff', T, '88b5'));
    reader.serve(100);
    expect(counters('b')).toMatchObject({ txFrames: 0, txBytes: 0, txDropped: 2 });
    const { rxFrames, delivered, floodCopies, dropped } = counters('a');
    expect(rxFrames).toBe(2);
    expect(delivered + floodCopies).toBe(0);
    expect(dropped).toBeLessThanOrEqual(2);
    sound();
  });
});
