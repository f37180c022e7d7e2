/** Thousands of memberships at once: in steps between which frames go on, and of which they see one. */
import { describe, expect, it } from 'vitest';
import { fdbEntries } from '../../../src/control/fdb-control.ts';
import { ControlError } from '../../../src/control/model.ts';
import { applySteps } from '../../../src/control/plan/change.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { hasBit } from '../../../src/tables/bitmap.ts';
import { relearn } from '../../../src/tables/fdb/learn.ts';
import { auditFdb } from '../tables/audit-fdb.ts';
import { load } from './random-config.ts';
import { tablesOf } from './tables.ts';

const TRUNKS = 6;
const VIDS = Array.from({ length: 600 }, (_, n) => n + 1);
const FOLLOWER = { removing: () => {}, added: () => {} };

const trunks = (vlans: (n: number) => string, more: object = {}) =>
  load({
    ports: Object.fromEntries(
      Array.from({ length: TRUNKS }, (_, n) => [
        `t${n}`,
        { adapter: 'memory', mode: 'trunk', vlans: vlans(n), ...(n === 0 ? { native: 5 } : {}) },
      ]),
    ),
    ...more,
  });

function started(config: ReturnType<typeof load>) {
  const core = new SwitchCore({
    ports: 32,
    fids: 1400,
    bridges: 4,
    fdbEntries: 4000,
    smallSlots: 8,
    largeSlots: 0,
    nowMs: () => 0,
  });
  configure(core, config);
  return core;
}

/** What forwarding may read of the memberships: a VLAN without a row and one without members are the same. */
function seen({ control, dp }: SwitchCore): string {
  const { fidOf, member, untagged, width } = dp.vlans;
  const base = control.bridge('loom0').index * 4096;
  const shape = (fid: number, p: number) =>
    hasBit(member, width, fid, p) ? (hasBit(untagged, width, fid, p) ? 'u' : 't') : '-';
  return VIDS.map((vid) => {
    const fid = fidOf[base + vid];
    return Array.from({ length: TRUNKS }, (_, n) => (fid === 0 ? '-' : shape(fid, control.port(`t${n}`).index))).join(
      '',
    );
  }).join(' ');
}

/** Learns addresses of every trunk in every VLAN that it is in; those of `round` are others than those of the next. */
function learn(core: SwitchCore, round: number): void {
  const { control, dp } = core;
  for (let n = 0; n < TRUNKS; n++) {
    const port = control.port(`t${n}`);
    for (const vid of VIDS) {
      if (vid % 7 !== round % 7 || !port.members.has(vid)) continue;
      const fid = dp.vlans.fidOf[control.bridge('loom0').index * 4096 + vid];
      relearn(dp.fdb, fid, 0x0200, (round << 20) | (n << 12) | vid, port.index, 0);
    }
  }
}

const CHANGES: [string, ReturnType<typeof load>, ReturnType<typeof load>][] = [
  ['come and go', trunks((n) => `1-${300 + n}`), trunks((n) => `${200 + n}-500`)],
  [
    'come and go, of VLANs that stay',
    trunks((n) => `5,${n + 20}-300`, { vlans: { '1-600': {} } }),
    trunks((n) => `5,100-${590 + n}`, { vlans: { '1-600': {} } }),
  ],
  ['go with everything', trunks(() => '1-600'), trunks(() => '5')],
  [
    'come beside private VLANs',
    trunks(() => '5', { vlans: { 700: { isolated: 701 } } }),
    trunks(() => '1-600', { vlans: { 700: { isolated: 701 } } }),
  ],
];

describe.each(CHANGES)('memberships that %s', (_, from, to) => {
  it.each([
    ['there', from, to],
    ['and back', to, from],
  ])('are the old ones, and then the new ones: %s', (_, a, b) => {
    const core = started(a);
    learn(core, 0);
    const [before, after] = [seen(core), seen(started(b))];
    let changed = false;
    let steps = 0;
    for (const step of applySteps(core.control, plan(a, b), FOLLOWER)) {
      steps++;
      if (step === 'turn' || steps % 32 === 0) {
        const now = seen(core);
        changed ||= now !== before;
        expect(now).toBe(changed ? after : before);
      }
      // Frames go on: addresses come to the lists, and seen ones go to their ends.
      if (steps % 3 === 0) learn(core, steps % 2);
    }
    expect(changed).toBe(true);
    expect(tablesOf(core.control)).toEqual(tablesOf(started(b).control));
    for (const { vid, port } of fdbEntries(core.control)) expect(core.control.port(port!).members.has(vid!)).toBe(true);
    expect(auditFdb(core.dp.fdb)).toEqual([]);
  });
});

it('are as they were when a step fails, and rows staged aside are nowhere', () => {
  const [a, b] = [trunks((n) => `1-${300 + n}`), trunks((n) => `${200 + n}-500`)];
  const actions = plan(a, b);
  for (const at of [0, 1, actions.findIndex((action) => action.do === 'set-member') + 1, actions.length]) {
    const core = started(a);
    const tables = tablesOf(core.control);
    const broken = actions.toSpliced(at, 0, { do: 'remove-bridge', bridge: 'nowhere' });
    const run = () => {
      for (const _ of applySteps(core.control, broken, FOLLOWER));
    };
    expect(run).toThrow(ControlError);
    expect(tablesOf(core.control)).toEqual(tables);
  }
});

it('are refused when there is no room for their VLANs, and nothing has changed', () => {
  const core = new SwitchCore({
    ports: 32,
    fids: 50,
    bridges: 4,
    fdbEntries: 100,
    smallSlots: 8,
    largeSlots: 0,
    nowMs: () => 0,
  });
  const a = trunks(() => '1-40');
  configure(core, a);
  const tables = tablesOf(core.control);
  const run = () => {
    for (const _ of applySteps(
      core.control,
      plan(
        a,
        trunks(() => '1-60'),
      ),
      FOLLOWER,
    ));
  };
  expect(run).toThrow('no room for another VLAN (49 in all)');
  expect(tablesOf(core.control)).toEqual(tables);
  // Those that go make room for those that come.
  for (const _ of applySteps(
    core.control,
    plan(
      a,
      trunks(() => '5,60-100'),
    ),
    FOLLOWER,
  ));
  expect(tablesOf(core.control).vlans).toHaveProperty('loom0 100');
});
