/**
 * Plan and apply: whatever the way, the same configuration makes the same tables; and nothing is half done.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import type { SwitchConfig } from '../../../src/config/types.ts';
import { addEntry, deleteEntry, fdbEntries, flush } from '../../../src/control/fdb-control.ts';
import { ControlError } from '../../../src/control/model.ts';
import { describe as line } from '../../../src/control/plan/action.ts';
import { apply } from '../../../src/control/plan/apply.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { vidsIn } from '../../../src/control/vid-set.ts';
import { slotsInUse } from '../../../src/dataplane/arena.ts';
import { fidLedger, portLedger } from '../../../src/dataplane/counters.ts';
import { SwitchCore } from '../../../src/runtime/core.ts';
import { load, randomConfig } from './random-config.ts';
import { modelOf, tablesOf, wordsOf } from './tables.ts';

const RUNS = { numRuns: 100, seed: 7 };

function core(): SwitchCore {
  return new SwitchCore({
    ...{ ports: 32, fids: 64, bridges: 6, fdbEntries: 64, tunnelRows: 8, smallSlots: 64, largeSlots: 1, batch: 16 },
    nowMs: () => 0,
  });
}

function turnInto(sw: SwitchCore, from: SwitchConfig | null, to: SwitchConfig, together = false): void {
  const actions = plan(from, to);
  for (const action of actions) expect(line(action)).toMatch(/^[a-z]+-[a-z]+ \S/);
  const carryOut = () => {
    for (const action of actions) apply(sw.control, action);
  };
  if (together) sw.control.together(carryOut);
  else carryOut();
}

function fresh(config: SwitchConfig): SwitchCore {
  const sw = core();
  turnInto(sw, null, config);
  return sw;
}

/** Frames from every port, of every kind, learned and unknown. */
function traffic(sw: SwitchCore, seed: number): void {
  let n = seed;
  const random = (below: number) => {
    n = (Math.imul(n, 1103515245) + 12345) & 0x7fffffff;
    return (n >>> 8) % below;
  };
  for (const port of sw.control.ports.values()) {
    if (sw.adapters[port.index] === undefined) {
      const options = { mtu: 1500, queueFrames: 4 };
      const events = { link: () => {}, readable: () => {} };
      sw.attach(port.name, new MemoryAdapter(options, { arena: sw.dp.arena, events }));
    }
    const adapter = sw.adapters[port.index] as MemoryAdapter;
    for (let i = 0; i < 4; i++) {
      const frame = Buffer.alloc(60);
      frame.writeUInt16BE(random(3) === 0 ? 0xffff : 0x0200, 0);
      frame.writeInt32BE(random(3) === 0 ? -1 : random(4), 2);
      frame.writeUInt16BE(0x0200, 6);
      frame.writeInt32BE(random(4), 8);
      frame.writeUInt16BE([0x0800, 0x8100, 0x88a8][random(3)], 12);
      frame.writeUInt16BE([0, 1, 10, 20, 4095][random(5)], 14);
      adapter.push(frame.subarray(0, random(9) === 0 ? 16 : 60));
      sw.poll(port.index);
    }
    if (random(2) === 0) adapter.take();
  }
}

function expectBalanced(sw: SwitchCore): void {
  const { counters } = sw.dp;
  for (const port of sw.control.ports.values()) expect(portLedger(counters, port.index).balanced).toBe(true);
  for (let fid = 0; fid < counters.fids; fid++) expect(fidLedger(counters, fid).balanced).toBe(true);
  expect(slotsInUse(sw.dp.arena)).toBe(0);
}

describe('plan', () => {
  it('turns any configuration into any other, with the tables that a fresh switch has', () => {
    fc.assert(
      fc.property(randomConfig, randomConfig, (a, b) => {
        const sw = fresh(a);
        turnInto(sw, a, b);
        expect(tablesOf(sw.control)).toEqual(tablesOf(fresh(b).control));
      }),
      RUNS,
    );
  });

  it('does the same in one go: what is learned and configured afterwards is equal', () => {
    fc.assert(
      fc.property(randomConfig, randomConfig, fc.nat(), (a, b, seed) => {
        const [apart, together] = [core(), core()];
        for (const sw of [apart, together]) {
          turnInto(sw, null, a);
          traffic(sw, seed);
          turnInto(sw, a, b, sw === together);
          traffic(sw, seed + 1);
          expectBalanced(sw);
        }
        expect(tablesOf(together.control)).toEqual(tablesOf(apart.control));
        expect(fdbEntries(together.control)).toEqual(fdbEntries(apart.control));
        expect([...together.dp.counters.port]).toEqual([...apart.dp.counters.port]);
      }),
      RUNS,
    );
  });

  it('is empty between equals, and leads back', () => {
    fc.assert(
      fc.property(randomConfig, randomConfig, (a, b) => {
        expect(plan(a, structuredClone(a))).toEqual([]);
        const sw = fresh(a);
        turnInto(sw, a, b);
        turnInto(sw, b, a);
        expect(tablesOf(sw.control)).toEqual(tablesOf(fresh(a).control));
      }),
      { ...RUNS, numRuns: 80 },
    );
  });

  it('keeps every row of the ledger while configurations and traffic change', () => {
    fc.assert(
      fc.property(fc.array(randomConfig, { minLength: 2, maxLength: 4 }), fc.nat(), (configs, seed) => {
        const sw = core();
        let from: SwitchConfig | null = null;
        for (const to of configs) {
          turnInto(sw, from, to);
          traffic(sw, seed);
          expectBalanced(sw);
          from = to;
        }
      }),
      { ...RUNS, numRuns: 100 },
    );
  });

  it('keeps what is in both: numbers, links, learned addresses', () => {
    const ports = { p1: { adapter: 'memory', vlan: 10, mode: 'access' }, p2: { adapter: 'memory' } };
    const a = load({ ports });
    const b = load({ ports: { p1: ports.p1, p3: ports.p2 }, vlans: { 99: { name: 'new' } } });
    const sw = fresh(a);
    sw.control.setLink('p1', true);
    const { index } = sw.control.port('p1');
    turnInto(sw, a, b);
    expect(sw.control.port('p1')).toMatchObject({ index, up: true });
    expect(plan(a, b).map(line)).toEqual([
      'remove-port p2',
      'add-vlan loom0 99 (new)',
      'add-port p3 (access, bridge loom0)',
    ]);
  });

  it('takes a VLAN away together with its memberships', () => {
    const hybrid = (tagged: number[]) => ({ adapter: 'memory', mode: 'hybrid', pvid: 'none', tagged });
    const a = load({ ports: { p1: hybrid([10, 20]) } });
    const b = load({ ports: { p1: hybrid([10]) } });
    expect(plan(a, b).map(line)).toEqual(['remove-vlan loom0 20']);
    const sw = fresh(a);
    turnInto(sw, a, b);
    expect([...vidsIn(sw.control.port('p1').members.vids)]).toEqual([10]);
  });

  it('keeps a PVID whose membership ends', () => {
    const port = (untagged: number[]) => ({
      ...{ adapter: 'memory', mode: 'hybrid', pvid: 10, ingressFiltering: false, untagged },
    });
    const other = { adapter: 'memory', mode: 'access', vlan: 10 };
    const a = load({ ports: { p1: port([10, 20]), p2: other } });
    const b = load({ ports: { p1: port([20]), p2: other } });
    const sw = fresh(a);
    turnInto(sw, a, b);
    expect(sw.control.port('p1').settings.pvid).toBe(10);
  });

  it('puts entries of the bridge itself back when the bridge is made anew', () => {
    const config = (type: string) =>
      load({ switch: { type }, vlans: { 5: {} }, fdb: [{ mac: '02:00:00:00:00:01', vlan: 5, kind: 'local' }] });
    const sw = fresh(config('c-vlan'));
    turnInto(sw, config('c-vlan'), config('s-vlan'));
    expect(tablesOf(sw.control).entries).toHaveLength(1);
  });

  it('removes an external entry that has moved and aged without a complaint', () => {
    const ports = { p1: { adapter: 'memory' }, p2: { adapter: 'memory' } };
    const fdb = [{ mac: '02:00:00:00:00:01', vlan: 1, port: 'p1', kind: 'external' }];
    const a = load({ ports, fdb });
    const b = load({ ports });
    const sw = fresh(a);
    deleteEntry(sw.control, 'loom0', 1, '02:00:00:00:00:01');
    expect(() => turnInto(sw, a, b)).not.toThrow();
  });
});

describe('a refused change', () => {
  const name = fc.constantFrom('p1', 'p2', 'p3', 'p4', 'p9');
  const bridge = fc.constantFrom('loom0', 'br1', 'br2', 'br9');
  const vid = fc.constantFrom(-1, 0, 1, 10, 20, 30, 40, 4094, 4095, 1.5, Number.NaN);
  const mac = fc.constantFrom('02:00:00:00:00:01', '01:00:5e:00:00:01', '00:00:00:00:00:00', 'nonsense');
  const kind = fc.constantFrom('static', 'sticky', 'local', 'external', 'blackhole') as fc.Arbitrary<'static'>;
  type Change = (sw: SwitchCore) => void;
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.tuple(name, bridge).map(
      ([n, b]): Change =>
        (sw) =>
          sw.control.addPort(n, b, { tunnelCvids: [5] }),
    ),
    name.map(
      (n): Change =>
        (sw) =>
          sw.control.removePort(n),
    ),
    fc.tuple(name, fc.option(bridge)).map(
      ([n, b]): Change =>
        (sw) =>
          sw.control.movePort(n, b),
    ),
    fc.tuple(name, fc.boolean()).map(
      ([n, up]): Change =>
        (sw) =>
          sw.control.setLink(n, up),
    ),
    name.map(
      (n): Change =>
        (sw) =>
          sw.control.setPort(n, { tunnelCvids: [1], state: 'discarding' }),
    ),
    fc.tuple(name, vid, fc.boolean()).map(
      ([n, v, u]): Change =>
        (sw) =>
          sw.control.setMember(n, v, u),
    ),
    fc.tuple(name, vid).map(
      ([n, v]): Change =>
        (sw) =>
          sw.control.removeMember(n, v),
    ),
    fc.tuple(name, fc.option(vid)).map(
      ([n, v]): Change =>
        (sw) =>
          sw.control.setPvid(n, v),
    ),
    fc.tuple(bridge, vid).map(
      ([b, v]): Change =>
        (sw) =>
          sw.control.addVlan(b, v, { name: 'x', fdbMaxEntries: 3 }),
    ),
    fc.tuple(bridge, vid).map(
      ([b, v]): Change =>
        (sw) =>
          sw.control.removeVlan(b, v),
    ),
    bridge.map(
      (b): Change =>
        (sw) =>
          sw.control.addBridge(b, { type: 'unaware' }),
    ),
    fc.tuple(bridge, fc.constantFrom('c-vlan', 's-vlan', 'unaware') as fc.Arbitrary<'c-vlan'>).map(
      ([b, type]): Change =>
        (sw) =>
          sw.control.setBridge(b, { type }),
    ),
    bridge.map(
      (b): Change =>
        (sw) =>
          sw.control.removeBridge(b),
    ),
    fc.tuple(bridge, fc.option(vid), mac, fc.option(name), kind).map(
      ([b, v, m, port, k]): Change =>
        (sw) =>
          addEntry(sw.control, { bridge: b, vid: v, mac: m, port, kind: k }),
    ),
    fc.tuple(bridge, fc.option(vid), mac).map(
      ([b, v, m]): Change =>
        (sw) =>
          deleteEntry(sw.control, b, v, m),
    ),
    fc.record({ bridge, vid, port: name }, { requiredKeys: [] }).map(
      (what): Change =>
        (sw) =>
          flush(sw.control, what),
    ),
  );

  it('changes nothing', () => {
    let refused = 0;
    fc.assert(
      fc.property(randomConfig, fc.array(change, { minLength: 5, maxLength: 25 }), (config, changes) => {
        // Tables with little room, so that it is refused for want of room as well.
        const sw = new SwitchCore({
          ...{ ports: 6, fids: 12, bridges: 4, fdbEntries: 64, tunnelRows: 2, smallSlots: 8, largeSlots: 1, batch: 4 },
          nowMs: () => 0,
        });
        try {
          turnInto(sw, null, config);
        } catch (error) {
          expect(error).toBeInstanceOf(ControlError);
        }
        for (const act of changes) {
          const words = wordsOf(sw.control);
          const model = modelOf(sw.control);
          try {
            act(sw);
          } catch (error) {
            expect(error).toBeInstanceOf(ControlError);
            expect(wordsOf(sw.control)).toEqual(words);
            expect(modelOf(sw.control)).toEqual(model);
            refused++;
          }
        }
        expectBalanced(sw);
      }),
      { ...RUNS, numRuns: 120 },
    );
    expect(refused).toBeGreaterThan(300);
  });
});
