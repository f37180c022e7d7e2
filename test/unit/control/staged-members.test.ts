/** Many ports that change their VLANs and settings: in one go, whatever else is in the plan, and all or none. */
import { describe, expect, it } from 'vitest';
import { fdbEntries } from '../../../src/control/fdb-control.ts';
import { ControlError } from '../../../src/control/model.ts';
import type { Action } from '../../../src/control/plan/action.ts';
import { applySteps } from '../../../src/control/plan/change.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { relearn } from '../../../src/tables/fdb/learn.ts';
import { PORT_UP } from '../../../src/tables/port-table.ts';
import { auditFdb } from '../tables/audit-fdb.ts';
import { load } from './random-config.ts';
import { tablesOf, wordsOf } from './tables.ts';

const COUNT = 40;
const FOLLOWER = { removing: () => {}, added: () => {} };

type Raw = Record<string, unknown>;

function config(
  vlanOf: (n: number) => number | null,
  more: Raw = {},
  ports: Raw = {},
  settings: (n: number) => Raw = () => ({}),
) {
  const access: Raw = {};
  for (let n = 0; n < COUNT; n++) {
    const vlan = vlanOf(n);
    if (vlan !== null) access[`x${n}`] = { adapter: 'memory', mode: 'access', vlan, ...settings(n) };
  }
  return load({ ports: { ...access, ...ports }, ...more });
}

function started(from: ReturnType<typeof load>): SwitchCore {
  const size = { ports: 96, fids: 256, bridges: 4, fdbEntries: 2000, tunnelRows: 8, smallSlots: 8, largeSlots: 0 };
  const core = new SwitchCore({ ...size, nowMs: () => 0 });
  configure(core, from);
  for (const { name } of core.control.ports.values()) core.control.setLink(name, true);
  return core;
}

/** What the tables say of each port, and which ports a VLAN has; one without members is as good as none. */
function seen({ control }: SwitchCore): string {
  const { vlans, ports, minMtu } = tablesOf(control);
  const members = (Object.entries(vlans) as [string, { member: string[] }][])
    .map(([name, { member }]) => [name, member])
    .filter(([, member]) => member!.length > 0);
  return JSON.stringify([members, ports, minMtu]);
}

/** An address on each port, in each of its VLANs. */
function learn({ control, dp }: SwitchCore): void {
  for (const port of control.ports.values()) {
    for (const vlan of port.bridge?.vlans.values() ?? []) {
      if (!port.members.has(vlan.vid)) continue;
      relearn(dp.fdb, dp.vlans.fdbFid[vlan.fid], 0x0200, (vlan.vid << 8) | port.index, port.index, 0);
    }
  }
}

const listed = { vlans: { '1-60': {} } };
const customers = { t: { adapter: 'memory', mode: 'dot1q-tunnel', vlan: 1, serviceVlans: { '5-7': 20 } } };
const CHANGES: [string, ReturnType<typeof load>, ReturnType<typeof load>][] = [
  ['change places between two VLANs', config((n) => 1 + (n & 1), listed), config((n) => 2 - (n & 1), listed)],
  ['go each to a VLAN of its own that comes', config(() => 1), config((n) => 2 + n)],
  [
    'change beside a tunnel of customers that does',
    config((n) => 1 + (n & 1), listed, customers),
    config((n) => 2 - (n & 1), listed, { t: { ...customers.t, vlan: 30, mtu: 1600 } }),
  ],
  [
    'change beside a mirror that comes, and ports that come and go',
    config((n) => (n < 20 ? 1 : n < 30 ? null : 2), listed),
    config((n) => (n < 10 ? null : 3), { ...listed, mirrors: [{ name: 'm', output: 'x39', selectSrc: ['x38'] }] }),
  ],
  [
    'have another MTU, of which some are isolated no more and others now',
    config(
      (n) => 1 + (n & 1),
      listed,
      {},
      (n) => ({ isolated: (n & 1) === 0, fdbMaxEntries: n }),
    ),
    config(
      (n) => 1 + (n & 1),
      listed,
      {},
      (n) => ({ isolated: (n & 1) === 1, mtu: 1400 + n }),
    ),
  ],
  [
    'become trunks with priorities in other VLANs',
    config(
      (n) => 1 + (n & 1),
      listed,
      {},
      () => ({ unknownUnicastFlood: false }),
    ),
    config(
      () => null,
      listed,
      Object.fromEntries(
        Array.from({ length: COUNT }, (_, n) => [
          `x${n}`,
          { adapter: 'memory', mode: 'trunk', vlans: '2-9', priority: { trust: 'dscp', default: n & 7 } },
        ]),
      ),
    ),
  ],
  [
    'change beside those whose settings are rows of customers and rules of all ports',
    config(() => 1, listed, { ...customers, r: { adapter: 'memory', mode: 'trunk', vlans: '2-9' } }),
    config(
      () => 1,
      listed,
      {
        t: { adapter: 'memory', mode: 'access', vlan: 1, mtu: 1600 },
        r: { adapter: 'memory', mode: 'trunk', vlans: '2-9', translate: [{ from: 100, to: 2 }], mtu: 1600 },
      },
      () => ({ hairpin: true }),
    ),
  ],
  [
    'become hosts of a private VLAN',
    config((n) => 1 + (n & 1), { vlans: { 50: { isolated: 51 } } }),
    load({
      vlans: { 50: { isolated: 51 } },
      ports: Object.fromEntries(
        Array.from({ length: COUNT }, (_, n) => [`x${n}`, { adapter: 'memory', mode: 'private-host', vlan: 51 }]),
      ),
    }),
  ],
];

describe.each(CHANGES.flatMap(([name, a, b]) => [[name, a, b] as const, [`${name}, and back`, b, a] as const]))(
  'ports that %s',
  (_, from, to) => {
    it('are what they were and then what they will be', () => {
      const core = started(from);
      learn(core);
      const stays = new Set([seen(core)]);
      let steps = 0;
      for (const step of applySteps(core.control, plan(from, to), FOLLOWER)) {
        if (step === 'turn' || ++steps % 4 === 0) stays.add(seen(core));
      }
      expect(stays.size).toBeLessThanOrEqual(2);
      const fresh = started(to);
      for (const port of fresh.control.ports.values())
        fresh.control.setLink(port.name, core.control.port(port.name).up);
      expect(tablesOf(core.control)).toEqual(tablesOf(fresh.control));
      for (const { vid, port, kind } of fdbEntries(core.control)) {
        if (kind === 'dynamic') expect(core.control.port(port!).members.has(vid!)).toBe(true);
      }
      expect(auditFdb(core.dp.fdb)).toEqual([]);
    });

    it.each([0, 0.5, 1])('are as they were, with what they had learned, when an action fails: at %d', (at) => {
      const actions = plan(from, to);
      const failing: Action = { do: 'set-pvid', port: 'nowhere', pvid: 1 };
      const core = started(from);
      learn(core);
      const before = tablesOf(core.control);
      const known = fdbEntries(core.control);
      const gone = new Set(actions.flatMap((action) => (action.do === 'remove-port' ? [action.port] : [])));
      const broken = actions.toSpliced(Math.floor(at * actions.length), 0, failing);
      expect(() => [...applySteps(core.control, broken, FOLLOWER)]).toThrow(ControlError);
      for (const name of gone) core.control.setLink(name, true);
      expect(tablesOf(core.control)).toEqual(before);
      const isPrivate = core.control.bridge('loom0').secondaries.size > 0;
      const kept = (entries: typeof known) => entries.filter(({ port }) => !gone.has(port!));
      if (!isPrivate) expect(kept(fdbEntries(core.control))).toEqual(kept(known));
      expect(auditFdb(core.dp.fdb)).toEqual([]);
    });
  },
);

it('that are refused have not changed a word', () => {
  const from = config((n) => 1 + (n & 1), listed);
  const core = started(from);
  const words = wordsOf(core.control);
  const actions = plan(
    from,
    config((n) => 2 - (n & 1), listed),
  );
  const broken: Action[] = [...actions, { do: 'remove-bridge', bridge: 'nowhere' }];
  expect(() => [...applySteps(core.control, broken, FOLLOWER)]).toThrow('no bridge nowhere');
  expect(wordsOf(core.control)).toEqual(words);
});

describe('ports that are turned off or on', () => {
  const on = config((n) => 1 + (n & 1), listed);
  const off = config(
    (n) => 1 + (n & 1),
    listed,
    {},
    () => ({ enabled: false }),
  );

  it('forget what they have learned in the same instant', () => {
    const core = started(on);
    learn(core);
    const states = new Set<string>();
    for (const _ of applySteps(core.control, plan(on, off), FOLLOWER)) {
      const up = core.dp.ports.flags[core.control.port('x7').index]! & PORT_UP;
      states.add(`${up === 0 ? 'off' : 'on'}, ${fdbEntries(core.control).length} addresses`);
    }
    expect([...states]).toEqual([`on, ${COUNT} addresses`, 'off, 0 addresses']);
  });

  it.each([
    ['off', on, off, true],
    ['on', off, on, false],
  ])('have the link that they have by then: %s', (_, from, to, up) => {
    const core = started(from);
    for (const name of core.control.ports.keys()) core.control.setLink(name, up);
    let steps = 0;
    for (const _ of applySteps(core.control, plan(from, to), FOLLOWER)) {
      // One port after the other, so that some change when they have been made ready.
      const name = `x${steps++}`;
      if (core.control.ports.has(name)) core.control.setLink(name, !up);
    }
    expect(steps).toBeGreaterThan(COUNT);
    const fresh = started(to);
    for (const { name, up } of core.control.ports.values()) fresh.control.setLink(name, up);
    expect(tablesOf(core.control)).toEqual(tablesOf(fresh.control));
  });

  it('have the link that they have by then when the plan fails', () => {
    const core = started(off);
    const broken: Action[] = [...plan(off, on), { do: 'remove-bridge', bridge: 'nowhere' }];
    let steps = 0;
    const carryOut = () => {
      for (const _ of applySteps(core.control, broken, FOLLOWER)) {
        const name = `x${steps++}`;
        if (core.control.ports.has(name)) core.control.setLink(name, false);
      }
    };
    expect(carryOut).toThrow('no bridge nowhere');
    const fresh = started(off);
    for (const { name, up } of core.control.ports.values()) fresh.control.setLink(name, up);
    expect(tablesOf(core.control)).toEqual(tablesOf(fresh.control));
  });
});
