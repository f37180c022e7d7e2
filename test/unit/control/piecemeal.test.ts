/** Many routes, entries and interfaces at once, put in order here or by who sends them in pieces: in steps, and every frame finds what the old configuration says or what the new one says. */
import { describe, expect, it } from 'vitest';
import { entryKind } from '../../../src/control/fdb-control.ts';
import { ControlError } from '../../../src/control/model.ts';
import { applySteps } from '../../../src/control/plan/change.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { vxlanEntries } from '../../../src/control/vxlan/fdb.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { planOf, planPieces } from '../../../src/runtime/plan-pieces.ts';
import { removeEntry } from '../../../src/tables/fdb/entries.ts';
import { lookup4 } from '../../../src/tables/lpm/lpm.ts';
import { parseMac } from '../../../src/wire/ethernet.ts';
import { auditFdb } from '../tables/audit-fdb.ts';
import { load } from './random-config.ts';
import { tablesOf } from './tables.ts';

type Config = ReturnType<typeof load>;
const FOLLOWER = { removing: () => {}, added: () => {} };
const PORTS = {
  a: { adapter: 'memory', mode: 'trunk', vlans: '1-40' },
  b: { adapter: 'memory', mode: 'access', vlan: 1 },
};
const GATEWAY = { gw: { vlan: 1, addresses: ['10.0.0.1/16'] } };

/** Prefixes within prefixes: `keep` says which there are, `hop` where they lead to. */
function routes(keep: (n: number) => boolean, hop: (n: number) => number) {
  return Array.from({ length: 400 }, (_, n) => n)
    .filter(keep)
    .map((n) => ({ to: `20.${n % 16}.${n >> 6}.0/${[12, 16, 20, 24][n & 3]}`, n }))
    .map(({ to, n }) => ({ to: masked(to), via: `10.0.0.${10 + hop(n)}` }))
    .filter(({ to }, i, all) => all.findIndex((each) => each.to === to) === i);
}

function masked(prefix: string): string {
  const [address, length] = prefix.split('/');
  const word = address!.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(length));
  const first = Math.floor(word / size) * size;
  return `${[24, 16, 8, 0].map((shift) => (first / 2 ** shift) & 255).join('.')}/${length}`;
}

function entries(keep: (n: number) => boolean, port: (n: number) => string, count = 300) {
  return Array.from({ length: count }, (_, n) => n)
    .filter(keep)
    .map((n) => ({
      mac: `02:00:00:00:${n < 256 ? '00' : '01'}:${(n & 255).toString(16).padStart(2, '0')}`,
      vlan: 1,
      port: port(n),
    }));
}

const interfaces = (from: number, to: number) =>
  Object.fromEntries(
    Array.from({ length: to - from }, (_, n) => [
      `v${from + n}`,
      { vlan: from + n, addresses: [`10.1.${from + n}.1/24`] },
    ]),
  );

function started(config: Config): SwitchCore {
  const vxlan = { vteps: 2, vnis: 16, tunnels: 4, remotes: 64, fdbEntries: 1000 };
  const size = {
    ports: 64,
    fids: 200,
    bridges: 4,
    fdbEntries: 2000,
    interfaces: 50,
    smallSlots: 8,
    largeSlots: 0,
    vxlan,
  };
  const core = new SwitchCore({ ...size, nowMs: () => 0 });
  configure(core, config);
  return core;
}

/** Where packets to each of many addresses go, by name, and what is known of each address. */
function seen({ control, router, dp }: SwitchCore): string[] {
  const words = Array.from(
    { length: 16 * 8 * 2 },
    (_, n) => (20 << 24) | ((n >> 4) << 16) | ((n & 7) << 8) | ((n & 8) << 4) | 9 | 0,
  );
  const where = words.map((word) => {
    const row = lookup4(dp.router.lpm4, 0, word);
    return row === 0 ? 'none' : String(router.rows.addressOf[row]);
  });
  const known = entries(
    () => true,
    () => 'b',
  ).map(({ mac }) => String(entryKind(control, 'loom0', 1, mac)));
  const behind = new Map(vxlanEntries(control).map(({ mac, vni, remotes }) => [`${vni} ${mac}`, remotes.join()]));
  const remotes = tunneled(
    () => true,
    () => 0,
  ).map(({ mac, vni }) => behind.get(`${vni} ${mac}`) ?? 'none');
  return [...where, ...known, ...remotes];
}

function tunneled(keep: (n: number) => boolean, remote: (n: number) => number) {
  return Array.from({ length: 200 }, (_, n) => n)
    .filter(keep)
    .map((n) => ({
      ...{ port: n % 4 === 3 ? 'y' : 'x', vni: 70 + (n % 4) },
      ...{ mac: `02:00:00:00:02:${n.toString(16).padStart(2, '0')}`, remote: `192.0.2.${2 + remote(n)}` },
    }));
}

/** A VTEP with VNIs 70 to 72 of one port, and 73 of another that is there or not. */
function overlay(vxlanFdb: ReturnType<typeof tunneled>, y: boolean, ttl = 64) {
  const vxlan = (vnis: object) => ({
    adapter: 'vxlan',
    vxlan: { vtep: 'v0', ttl, vnis },
  });
  return load({
    interfaces: GATEWAY,
    vteps: { v0: { underlay: 'port', uplink: 'under', local: '192.0.2.1/24' } },
    ports: {
      ...PORTS,
      under: { adapter: 'memory' },
      x: vxlan({ '30-32': 70 }),
      ...(y ? { y: vxlan({ 33: 73 }) } : {}),
    },
    vxlanFdb: vxlanFdb.filter(({ port }) => y || port === 'x'),
  });
}

const a = (more: object = {}) =>
  load({
    ports: PORTS,
    interfaces: GATEWAY,
    routes: routes(
      (n) => n % 3 !== 0,
      (n) => n % 5,
    ),
    fdb: entries(
      (n) => n % 2 === 0,
      () => 'a',
    ),
    ...more,
  });
const b = (more: object = {}) =>
  load({
    ports: PORTS,
    interfaces: GATEWAY,
    routes: routes(
      (n) => n % 4 !== 0,
      (n) => n % 7,
    ),
    fdb: entries(
      (n) => n % 3 === 0,
      () => 'b',
    ),
    ...more,
  });

const CHANGES: [string, Config, Config][] = [
  ['routes and entries', a(), b()],
  ['all of them', a(), load({ ports: PORTS, interfaces: GATEWAY })],
  ['with interfaces that come or go', a(), b({ interfaces: { ...GATEWAY, ...interfaces(2, 22) } })],
  ['with a port that comes or goes', a(), b({ ports: { ...PORTS, c: PORTS.b } })],
  [
    'with other interfaces',
    a({ interfaces: { ...GATEWAY, ...interfaces(2, 12) } }),
    b({ interfaces: { ...GATEWAY, ...interfaces(12, 22) } }),
  ],
  [
    'of tunnels',
    overlay(
      tunneled(
        (n) => n % 3 !== 0,
        (n) => n % 5,
      ),
      true,
    ),
    overlay(
      tunneled(
        (n) => n % 4 !== 0,
        (n) => n % 7,
      ),
      true,
    ),
  ],
  [
    'of tunnels that change, come and go',
    overlay(
      tunneled(
        () => true,
        (n) => n % 5,
      ),
      false,
    ),
    overlay(
      tunneled(
        () => true,
        (n) => n % 7,
      ),
      true,
      9,
    ),
  ],
];

function* carriedOut(core: SwitchCore, from: Config, actions: ReturnType<typeof plan>, inPieces = false) {
  const plan = inPieces ? yield* planOf(planPieces(from, actions)) : actions;
  yield* applySteps(core.control, plan, FOLLOWER);
}

describe.each(
  CHANGES.flatMap(([name, ...change]) => [
    [name, ...change, false] as const,
    [`in pieces, ${name}`, ...change, true] as const,
  ]),
)('%s', (_, one, other, inPieces) => {
  it.each([
    ['there', one, other],
    ['and back', other, one],
  ])('are the old ones or the new ones for each frame: %s', (_, from, to) => {
    const core = started(from);
    const [before, after] = [seen(core), seen(started(to))];
    let steps = 0;
    for (const step of carriedOut(core, from, plan(from, to), inPieces)) {
      if (step !== 'turn' && ++steps % 16 !== 0) continue;
      seen(core).forEach((now, k) => {
        if (now !== before[k] && now !== after[k]) throw new Error(`${k}: ${before[k]}, ${now}, ${after[k]}`);
      });
    }
    expect(steps).toBeGreaterThan(16);
    expect(seen(core)).toEqual(after);
    expect(tablesOf(core.control)).toEqual(tablesOf(started(to).control));
    expect(auditFdb(core.dp.fdb)).toEqual([]);
  });

  it.each(inPieces ? [0.5] : [0, 0.2, 0.5, 0.8, 1])('are as they were when an action fails: at %d', (at) => {
    const actions = plan(one, other);
    for (const failing of [
      { do: 'remove-bridge', bridge: 'nowhere' },
      { do: 'remove-route', route: { vrf: 'default', prefix: '99.0.0.0/8', kind: 'blackhole', via: [] } },
      { do: 'add-route', route: { vrf: 'default', prefix: '10.0.0.0/16', kind: 'blackhole', via: [] } },
    ] as typeof actions) {
      const core = started(one);
      const [tables, before] = [tablesOf(core.control), seen(core)];
      const broken = actions.toSpliced(Math.floor(at * actions.length), 0, failing);
      expect(() => [...carriedOut(core, one, broken, inPieces)]).toThrow(ControlError);
      expect(tablesOf(core.control)).toEqual(tables);
      expect(seen(core)).toEqual(before);
      expect(auditFdb(core.dp.fdb)).toEqual([]);
    }
  });
});

it('an entry for the MAC of an interface that goes comes after it, one that had the MAC goes before', () => {
  const mac = '02:00:00:00:00:07';
  const before = load({
    ports: PORTS,
    interfaces: { gw: { vlan: 1, mac } },
    fdb: entries(
      (n) => n > 290,
      () => 'a',
    ),
  });
  const after = load({
    ports: PORTS,
    fdb: entries(
      () => true,
      () => 'a',
    ),
  });
  for (const [from, to] of [
    [before, after],
    [after, before],
  ] as const) {
    const core = started(from);
    for (const _ of applySteps(core.control, plan(from, to), FOLLOWER));
    expect(entryKind(core.control, 'loom0', 1, mac)).toBe(to === before ? 'local' : 'static');
  }
});

it('an interface has its entry back within a second, whatever took it', () => {
  const config = load({ ports: PORTS, interfaces: { gw: { vlan: 1 } } });
  const core = started(config);
  const { mac } = config.interfaces[0]!;
  const { high, low } = parseMac(mac)!;
  removeEntry(core.dp.fdb, core.control.bridge('loom0').vlans.get(1)!.fid, high, low);
  expect(entryKind(core.control, 'loom0', 1, mac)).toBe(null);
  core.tick();
  expect(entryKind(core.control, 'loom0', 1, mac)).toBe('local');
  expect(auditFdb(core.dp.fdb)).toEqual([]);
});

it('a change of an interface brings its entry back', () => {
  const [from, to] = [1500, 1400].map((mtu) => load({ ports: PORTS, interfaces: { gw: { vlan: 1, mtu } } })) as [
    Config,
    Config,
  ];
  const core = started(from);
  const { mac } = from.interfaces[0]!;
  const { high, low } = parseMac(mac)!;
  removeEntry(core.dp.fdb, core.control.bridge('loom0').vlans.get(1)!.fid, high, low);
  for (const _ of applySteps(core.control, plan(from, to), FOLLOWER));
  expect(entryKind(core.control, 'loom0', 1, mac)).toBe('local');
});
