/**
 * change: how long forwarding stands still while much of a configuration changes at once: VLAN memberships of 64 trunk ports, a port with a million
 * learned addresses, ten thousand routes or entries, hundreds of ports or interfaces. That is the longest time
 * for which the forwarding thread did not look at its ports (`show latency`), from handing it the change until it is made.
 *
 * Some of the changes are also made with an action among them that cannot be done: then all of it is taken back.
 *
 * Every trunk has learned addresses in its VLANs, which go with the memberships. Frames flow meanwhile, and are counted. On a machine with other
 * things to do a stop has their time in it; so the most processor time that the thread needed between two looks at its ports stands beside it, and
 * first of all how long the stops of a thread are that is as busy, turn by turn, with nothing.
 */

import type { Known } from '../src/runtime/relearn.ts';
import { LIVE_PORT, type Measured, type Raw, Running } from './change-switch.ts';
import type { Context } from './forwarding.ts';
import { machine, type Report, result } from './report.ts';

const TRUNKS = 64;
const ADDRESSES = 100;
const MILLION = 1_000_000;
const MANY = 10_000;
const PORTS = 200;
const INTERFACES = 200;
const MORE_PORTS = 1000;
/** About as long as the longest of the changes. */
const BARE_MS = 100;

/** To and fro between two configurations. */
export interface Case {
  /** `%` stands for what it does. */
  what: string;
  without: Raw;
  with: Raw;
  /** Learned before it goes. */
  known?: () => Iterable<Known>;
  takenBack?: boolean;
}

const base = (more: Raw, ports: Raw = {}, fdb: Raw = {}): Raw => ({
  switch: { name: 'bench', ...(Object.keys(fdb).length === 0 ? {} : { fdb }) },
  ports: { ...LIVE_PORT, ...ports },
  ...more,
});

/** `listed` exist without members, too; `vlans` are those of every trunk. */
function trunks(listed: string | null, vlans: string | null): Raw {
  const ports: Raw = {};
  for (let n = 0; n < TRUNKS; n++) {
    ports[`t${n}`] = { adapter: 'memory', mode: 'trunk', vlans: vlans === null ? '1' : `1,${vlans}` };
  }
  return base(listed === null ? {} : { vlans: { [listed]: {} } }, ports);
}

const bytes = (n: number, count: number) =>
  Array.from({ length: count }, (_, i) => ((n >>> (8 * (count - 1 - i))) & 0xff).toString(16).padStart(2, '0')).join(
    ':',
  );

function* onTrunks(): Generator<Known> {
  for (let n = 0; n < TRUNKS * ADDRESSES; n++) {
    yield {
      bridge: 'bench',
      vid: 2 + (n % ADDRESSES),
      mac: `02:00:00:00:${bytes(n, 2)}`,
      port: `t${n % TRUNKS}`,
      ageSeconds: 1,
    };
  }
}

function* onOnePort(): Generator<Known> {
  for (let n = 0; n < MILLION; n++) {
    yield { bridge: 'bench', vid: 1, mac: `02:00:${bytes(n, 4)}`, port: 'm', ageSeconds: 1 };
  }
}

function membershipCases(memberships: number, vlans: string): Case[] {
  const what = `${memberships.toLocaleString('en')} memberships`;
  return [
    [vlans, ''],
    [null, ' with their VLANs'],
  ].map(([listed, where]) => ({
    what: `${what} that %${where}`,
    without: trunks(listed, null),
    with: trunks(listed, vlans),
    known: onTrunks,
    takenBack: memberships > 100_000,
  }));
}

function numbered<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

const memory = { adapter: 'memory', mode: 'access', vlan: 1 };
const gateway = { interfaces: { gw: { vlan: 1, addresses: ['10.0.0.1/16'] } } };
const routes = numbered(MANY, (n) => ({ to: `20.${n >> 8}.${n & 0xff}.0/24`, via: `10.0.1.${1 + (n % 100)}` }));
const entries = numbered(MANY, (n) => ({ mac: `02:01:${bytes(n, 4)}`, vlan: 1, port: 'm' }));
const portsOf = (count: number, vlan: (n: number) => number, more: Raw = {}) =>
  Object.fromEntries(numbered(count, (n) => [`x${n}`, { ...memory, vlan: vlan(n), ...more }]));
const manyPorts = portsOf(PORTS, () => 1);
const manyInterfaces = Object.fromEntries(
  numbered(INTERFACES, (n) => [`v${n}`, { vlan: 2 + n, addresses: [`10.1.${n}.1/24`] }]),
);
const vlans = { vlans: { [`2-${1 + INTERFACES}`]: {} } };
const tunnel = (more: Raw): Raw => ({
  ...base({ vteps: { v0: { underlay: 'port', uplink: 'under', local: '192.0.2.1/24' } }, ...more }),
  ports: {
    ...LIVE_PORT,
    under: { adapter: 'memory' },
    vx: { adapter: 'vxlan', vxlan: { vtep: 'v0', vni: 10_010 } },
  },
});
const vxlanFdb = numbered(MANY, (n) => ({
  ...{ port: 'vx', vni: 10_010, mac: `02:03:${bytes(n, 4)}`, remote: `192.0.2.${2 + (n % 100)}` },
}));
const classes = { order: ['mac'], macs: Object.fromEntries(numbered(MANY, (n) => [`02:02:${bytes(n, 4)}`, 1])) };

export const CASES: Case[] = [
  ...membershipCases(6400, '2-101'),
  ...membershipCases(258_048, '2-4033'),
  {
    what: 'a port of 1,000,000 learned addresses that %s',
    without: base({}, {}, { maxEntries: MILLION + MANY }),
    with: base({}, { m: memory }, { maxEntries: MILLION + MANY }),
    known: onOnePort,
  },
  { what: '10,000 routes that %', without: base(gateway), with: base({ ...gateway, routes }), takenBack: true },
  {
    what: '10,000 static entries that %',
    without: base({}, { m: memory }),
    with: base({ fdb: entries }, { m: memory }),
    takenBack: true,
  },
  {
    what: '10,000 static entries that % with their port',
    without: base({}),
    with: base({ fdb: entries }, { m: memory }),
  },
  { what: `${PORTS} ports that %`, without: base({}), with: base({}, manyPorts) },
  ...[PORTS, MORE_PORTS].map((count) => ({
    what: `${count.toLocaleString('en')} ports that % to another VLAN`,
    ...{
      without: base(
        vlans,
        portsOf(count, () => 1),
      ),
      with: base(
        vlans,
        portsOf(count, (n) => 2 + (n % INTERFACES)),
      ),
    },
    takenBack: count === PORTS,
  })),
  {
    what: '1,000 ports that % with another MTU',
    without: base(
      {},
      portsOf(MORE_PORTS, () => 1),
    ),
    with: base(
      {},
      portsOf(MORE_PORTS, () => 1, { mtu: 1400 }),
    ),
    takenBack: true,
  },
  {
    what: `${INTERFACES} interfaces that %`,
    without: base(vlans),
    with: base({ ...vlans, interfaces: manyInterfaces }),
  },
  { what: '10,000 VXLAN entries that %', without: tunnel({}), with: tunnel({ vxlanFdb }) },
  { what: '10,000 MACs of classify that %', without: base({}), with: base({ classify: classes }) },
];

export async function change(context: Context): Promise<Report> {
  const report: Report = {
    scenario: 'change',
    unit: 'longest stop, µs',
    machine: machine(),
    rounds: context.rounds,
    results: [],
    ratios: {},
    notes: [
      `memberships: ${TRUNKS} trunk ports, with ${(TRUNKS * ADDRESSES).toLocaleString('en')} learned addresses in the VLANs that go`,
      'target: at most 1,000 µs',
      'a stop has what other programs take of the processor meanwhile in it; CPU is the processor time of the forwarding thread in its longest turn',
    ],
  };
  const frames = { sent: 0, lost: 0 };
  await measureBare(context, report, frames);
  for (const each of CASES) await measure(each, context, report, frames);
  report.notes!.push(
    `frames that came to a port without a part in it: ${frames.sent.toLocaleString('en')}, lost: ${frames.lost}`,
  );
  return report;
}

interface Frames {
  sent: number;
  lost: number;
}

async function measureBare({ rounds, progress }: Context, report: Report, frames: Frames): Promise<void> {
  const sw = new Running(base({}));
  const measured: Measured[] = [];
  try {
    await sw.begin(base({}));
    for (let r = 0; r < rounds; r++) measured.push(await sw.measureBare(BARE_MS));
  } finally {
    await sw.close();
  }
  count(frames, measured);
  progress(`change: nothing, for ${BARE_MS} ms each: ${measured.map(textOf).join(', ')}`);
  add(report, 'no change: a thread that is busy with nothing', measured);
}

/** The longest stops of each way, round by round. */
type Ways = Record<'came' | 'went' | 'cameBack' | 'wentBack', Measured[]>;
type Round = Partial<Record<keyof Ways, Measured>>;

async function measure(each: Case, context: Context, report: Report, frames: Frames): Promise<void> {
  const ways: Ways = { came: [], went: [], cameBack: [], wentBack: [] };
  const first: Ways = { came: [], went: [], cameBack: [], wentBack: [] };
  // With all there is: its tables have the room.
  const sw = new Running(each.with);
  try {
    await sw.begin(each.with);
    // The first round compiles.
    for (let r = -1; r < context.rounds; r++) {
      const round = await toAndFro(sw, each);
      count(frames, Object.values(round));
      const into = r < 0 ? first : ways;
      for (const [way, measured] of Object.entries(round)) into[way as keyof Ways].push(measured);
      const said = Object.values(round).map(textOf).join(', ');
      const which = r < 0 ? 'the first time' : `round ${r + 1}/${context.rounds}`;
      context.progress(`change ${each.what.replace('%', 'come and go')}, ${which}: ${said}`);
    }
  } finally {
    await sw.close();
  }
  const who = (verb: string) => each.what.replace('%s', `${verb}${verb === 'go' ? 'es' : 's'}`).replace('%', verb);
  add(report, who('come'), ways.came);
  add(report, `${who('come')}, the first time`, first.came);
  add(report, who('go'), ways.went);
  add(report, `${who('go')}, the first time`, first.went);
  if (each.takenBack !== true) return;
  add(report, `${who('come')}, taken back`, ways.cameBack);
  add(report, `${who('go')}, taken back`, ways.wentBack);
}

async function toAndFro(sw: Running, { without, with: to, known, takenBack }: Case): Promise<Round> {
  if (known !== undefined) await sw.learn(known());
  const wentBack = takenBack === true ? { wentBack: await sw.measureTakenBack(without) } : {};
  const went = await sw.measure(without);
  const cameBack = takenBack === true ? { cameBack: await sw.measureTakenBack(to) } : {};
  return { went, came: await sw.measure(to), ...wentBack, ...cameBack };
}

function count(frames: Frames, measured: readonly Measured[]): void {
  for (const each of measured) {
    frames.sent += each.frames;
    frames.lost += each.lost;
  }
}

function textOf({ stop, cpu }: Measured): string {
  return `${stop} µs (CPU ${cpu})`;
}

function add({ results }: Report, who: string, measured: readonly Measured[]): void {
  const stops = measured.map(({ stop }) => stop);
  const cpus = measured.map(({ cpu }) => cpu);
  results.push(result(who, stops), result(`${who}, CPU`, cpus));
}
