/** Punt, inject and emit: what control does about a frame happens before the next one, whatever the batch. */

import { describe, expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { slotsInUse } from '../../../src/dataplane/arena.ts';
import { type Batch, RX_DONE, RX_PUNTED } from '../../../src/dataplane/batch.ts';
import {
  CONSUMED,
  DELIVERED,
  FLOOD_COPIES,
  fidLedger,
  GENERATED,
  PORT_COUNTERS,
  portLedger,
  TX_FRAMES,
} from '../../../src/dataplane/counters.ts';
import { PUNT_UNDERLAY } from '../../../src/dataplane/punt.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { STAT_LEARNED } from '../../../src/tables/fdb/fdb.ts';

const CONFIG = `
ports:
  a: { adapter: memory, mode: access, vlan: 10 }
  b: { adapter: memory, mode: access, vlan: 10 }
  c: { adapter: memory, mode: trunk, vlans: '10' }
`;
const PUNT_MARK = 0xfd;

/** A port whose frames with a mark in their last byte are for control, as those of a VTEP are. */
class MarkingAdapter extends MemoryAdapter {
  override receive(batch: Batch, port: number, max: number): number {
    const begin = batch.count;
    const n = super.receive(batch, port, max);
    for (let i = begin; i < begin + n; i++) {
      if (marks.has(batch.len[i])) batch.rxFlags[i] = RX_DONE | RX_PUNTED;
    }
    return n;
  }
}
const marks = new Set([PUNT_MARK]);

function bench() {
  const core = new SwitchCore({ nowMs: () => 1000, ports: 8, fids: 8, fdbEntries: 64, smallSlots: 64, largeSlots: 2 });
  configure(core, loadConfig(CONFIG, 'test.yaml'));
  const left: string[] = [];
  const adapters = new Map<string, MemoryAdapter>();
  for (const name of ['a', 'b', 'c']) {
    const context = { arena: core.dp.arena, events: { link() {}, readable() {} } };
    const adapter = new MarkingAdapter({ mtu: 1500 }, context);
    adapter.onFrame = (frame) => {
      left.push(`${name} ${frame.toString('hex', 0, 12)} ${frame.length}`);
      return true;
    };
    adapters.set(name, adapter);
    core.attach(name, adapter);
  }
  const port = (name: string) => core.control.port(name).index;
  const arrive = (name: string, frames: Buffer[], size: number) => {
    for (let at = 0; at < frames.length; at += size) {
      const some = frames.slice(at, at + size);
      for (const frame of some) expect(adapters.get(name)!.push(frame)).toBe(true);
      expect(core.poll(port(name))).toBe(some.length);
    }
  };
  const counter = (name: string, column: number) => core.dp.counters.port[port(name) * PORT_COUNTERS + column];
  const sound = () => {
    const { counters } = core.dp;
    let given = 0;
    let sent = 0;
    for (let p = 0; p < counters.ports; p++) {
      expect(portLedger(counters, p).balanced).toBe(true);
      given += counters.port[p * PORT_COUNTERS + DELIVERED] + counters.port[p * PORT_COUNTERS + FLOOD_COPIES];
      sent += counters.port[p * PORT_COUNTERS + TX_FRAMES];
    }
    for (let fid = 0; fid < counters.fids; fid++) expect(fidLedger(counters, fid).balanced).toBe(true);
    expect(sent).toBe(given);
    expect(slotsInUse(core.dp.arena)).toBe(0);
  };
  return { core, left, port, arrive, counter, sound };
}

function frame(dst: string, src: string, length = 60): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.write(dst.padStart(12, '0') + src.padStart(12, '0'), 'hex');
  bytes.writeUInt16BE(0x0800, 12);
  return bytes;
}

const plain = (n: number) => frame('0200000000ff', `02000000000${n}`);
const marked = (n: number) => frame('0200000000fe', `02000000000${n}`, PUNT_MARK);

describe('a punted frame', () => {
  for (const size of [1, 2, 3, 16]) {
    it(`is answered before the next frame is forwarded, in batches of ${size}`, () => {
      const { core, left, port, arrive, counter, sound } = bench();
      core.punts[PUNT_UNDERLAY] = (b, i) => {
        const answer = frame('020000000001', '0200000000aa', 64);
        answer[11] = core.dp.arena.bytes[b.off[i] + 11];
        expect(core.inject(port('b'), answer)).toBe(true);
        expect(core.emit(port('c'), frame('0200000000dd', '0200000000ee', 70))).toBe(true);
      };
      arrive('a', [plain(1), marked(7), plain(2), marked(8), marked(9), plain(3)], size);
      const flood = (n: number) => ['b', 'c'].map((p) => `${p} 0200000000ff02000000000${n} ${p === 'c' ? 64 : 60}`);
      const answered = (n: number) => [`a 0200000000010200000000${n} 64`, 'c 0200000000dd0200000000ee 70'];
      expect(left).toEqual([
        ...flood(1),
        ...['07'].flatMap(answered as never),
        ...flood(2),
        ...['08', '09'].flatMap(answered as never),
        ...flood(3),
      ]);
      expect(counter('b', GENERATED)).toBe(3);
      expect(counter('c', GENERATED)).toBe(3);
      expect(counter('a', CONSUMED)).toBe(0); // what it is consumed as is the business of who marked it
      // 02:..:01 to :03 came in on a; what the switch says itself teaches it nothing.
      expect(core.dp.fdb.stats[STAT_LEARNED]).toBe(3);
      sound();
    });
  }

  it('without a handler ends there', () => {
    const { left, arrive, sound } = bench();
    arrive('a', [marked(7), plain(1)], 2);
    expect(left).toHaveLength(2);
    sound();
  });
});

describe('inject and emit', () => {
  it('work between turns, and their frames are in the ledger', () => {
    const { core, left, port, counter, sound } = bench();
    expect(core.inject(port('a'), plain(1))).toBe(true);
    expect(left).toEqual(['b 0200000000ff020000000001 60', 'c 0200000000ff020000000001 64']);
    core.detach('c');
    expect(core.emit(port('c'), plain(2))).toBe(true);
    core.control.setLink('c', false);
    expect(core.emit(port('c'), plain(2))).toBe(true);
    expect(portLedger(core.dp.counters, port('c')).drops).toEqual({ TX_ERROR: 1, EGRESS_PORT_DOWN: 1 });
    expect(counter('a', GENERATED)).toBe(1);
    sound();
  });

  it('are bounded when handlers answer each other for ever', () => {
    const { core, port, arrive, sound } = bench();
    let answers = 0;
    core.punts[PUNT_UNDERLAY] = () => {
      for (let n = 0; n < 3000; n++) if (core.inject(port('b'), plain(5))) answers++;
    };
    arrive('a', [marked(7)], 1);
    // As many as there are slots beside that of the frame itself.
    expect(answers).toBe(64 + 2 - 1);
    sound();
  });
});
