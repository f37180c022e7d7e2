/** Many ports that come or go: one by one between frames, and all or none. */
import { expect, it } from 'vitest';
import { ControlError } from '../../../src/control/model.ts';
import type { Action } from '../../../src/control/plan/action.ts';
import { applySteps } from '../../../src/control/plan/change.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { auditFdb } from '../tables/audit-fdb.ts';
import { load } from './random-config.ts';
import { tablesOf } from './tables.ts';

const COUNT = 40;
const ports = (from: number, to: number, vlan = 1) =>
  Object.fromEntries(Array.from({ length: to - from }, (_, n) => [`x${from + n}`, { adapter: 'memory', vlan }]));
const TRUNK = { t: { adapter: 'memory', mode: 'trunk', vlans: '1-9' } };
const entry = { mac: '02:00:00:00:00:01', vlan: 1, port: 'x3' };
const few = load({ ports: TRUNK });
const many = load({ ports: { ...TRUNK, ...ports(0, COUNT) }, fdb: [entry] });

function started(config: ReturnType<typeof load>): SwitchCore {
  const core = new SwitchCore({ ports: 64, fids: 64, fdbEntries: 256, smallSlots: 8, largeSlots: 0, nowMs: () => 0 });
  configure(core, config);
  return core;
}

/** How many ports there were after each step. */
function carryOut(core: SwitchCore, actions: readonly Action[]): Set<number> {
  const there = new Set<number>();
  const told: string[] = [];
  const follower = {
    removing: (name: string) => expect(core.control.ports.has(told[told.push(name) - 1]!)).toBe(true),
    added: ({ name }: { name: string }) => expect(core.control.ports.has(told[told.push(name) - 1]!)).toBe(true),
  };
  for (const _ of applySteps(core.control, actions, follower)) there.add(core.control.ports.size);
  return there;
}

it.each([
  ['come', few, many],
  ['go', many, few],
])('that %s', (_, from, to) => {
  const core = started(from);
  expect(carryOut(core, plan(from, to)).size).toBe(COUNT + 1);
  expect(tablesOf(core.control)).toEqual(tablesOf(started(to).control));
  expect(auditFdb(core.dp.fdb)).toEqual([]);
});

it.each([
  ['come', few, many],
  ['go', many, few],
])('that %s are as they were when the rest of the plan fails', (_, from, to) => {
  const core = started(from);
  const before = tablesOf(core.control);
  const failing: Action = { do: 'set-pvid', port: 'nowhere', pvid: 1 };
  expect(() => carryOut(core, [...plan(from, to), failing])).toThrow(ControlError);
  expect(tablesOf(core.control)).toEqual(before);
  expect(auditFdb(core.dp.fdb)).toEqual([]);
});

it('at once where a bridge, a mirror or others change with them', () => {
  const mirrored = load({
    ports: { ...TRUNK, ...ports(0, COUNT) },
    mirrors: [{ name: 'm', selectSrc: ['t'], output: 'x1' }],
  });
  const core = started(few);
  expect([...carryOut(core, plan(few, mirrored))]).toEqual([1, COUNT + 1]);
  const others = load({ ports: { ...TRUNK, ...ports(20, COUNT), y: { adapter: 'memory' } } });
  const second = started(many);
  expect([...carryOut(second, plan(many, others))]).toEqual([COUNT + 1, 22]);
});
