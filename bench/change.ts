/**
 * change: how long forwarding stands still while much of a configuration changes at once: VLAN memberships of 64 trunk ports, a port with a million
 * learned addresses, ten thousand routes or entries, hundreds of ports or interfaces. That is the longest time
 * for which the forwarding thread did not look at its ports (`show latency`), from handing it the change until it is made.
 *
 * Every trunk has learned addresses in its VLANs, which go with the memberships. Frames flow meanwhile, and are counted. On a machine with other
 * things to do a stop has their time in it; so the most processor time that the thread needed between two looks at its ports stands beside it.
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

/** To and fro between two configurations. */
export interface Case {
  /** `%` stands for what it does. */
  what: string;
  without: Raw;
  with: Raw;
  /** Learned before it goes. */
  known?: () => Iterable<Known>;
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
  }));
}

function numbered<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

const memory = { adapter: 'memory', mode: 'access', vlan: 1 };
const gateway = { interfaces: { gw: { vlan: 1, addresses: ['10.0.0.1/16'] } } };
const routes = numbered(MANY, (n) => ({ to: `20.${n >> 8}.${n & 0xff}.0/24`, via: `10.0.1.${1 + (n % 100)}` }));
const entries = numbered(MANY, (n) => ({ mac: `02:01:${bytes(n, 4)}`, vlan: 1, port: 'm' }));
const manyPorts = Object.fromEntries(numbered(PORTS, (n) => [`x${n}`, memory]));
const movedPorts = Object.fromEntries(numbered(PORTS, (n) => [`x${n}`, { ...memory, vlan: 2 + n }]));
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
  { what: '10,000 routes that %', without: base(gateway), with: base({ ...gateway, routes }) },
  {
    what: '10,000 static entries that %',
    without: base({}, { m: memory }),
    with: base({ fdb: entries }, { m: memory }),
  },
  {
    what: '10,000 static entries that % with their port',
    without: base({}),
    with: base({ fdb: entries }, { m: memory }),
  },
  { what: `${PORTS} ports that %`, without: base({}), with: base({}, manyPorts) },
  { what: `${PORTS} ports that % to another VLAN`, without: base(vlans, manyPorts), with: base(vlans, movedPorts) },
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
  for (const each of CASES) await measure(each, context, report, frames);
  report.notes!.push(
    `frames that came to a port without a part in it: ${frames.sent.toLocaleString('en')}, lost: ${frames.lost}`,
  );
  return report;
}

async function measure(
  { what, without, with: to, known }: Case,
  context: Context,
  report: Report,
  frames: { sent: number; lost: number },
): Promise<void> {
  const coming: Measured[] = [];
  const going: Measured[] = [];
  // With all there is: its tables have the room.
  const sw = new Running(to);
  try {
    await sw.begin(to);
    // The first round compiles.
    for (let r = -1; r < context.rounds; r++) {
      if (known !== undefined) await sw.learn(known());
      const went = await sw.measure(without);
      const came = await sw.measure(to);
      for (const each of [went, came]) {
        frames.sent += each.frames;
        frames.lost += each.lost;
      }
      if (r < 0) continue;
      coming.push(came);
      going.push(went);
      const said = [came, went].map(({ stop, cpu }) => `${stop} µs (CPU ${cpu})`).join(' and ');
      context.progress(`change ${what.replace('%', 'come and go')}, round ${r + 1}/${context.rounds}: ${said}`);
    }
  } finally {
    await sw.close();
  }
  for (const [verb, rounds] of [
    ['come', coming],
    ['go', going],
  ] as const) {
    const who = what.replace('%s', verb === 'go' ? 'goes' : 'comes').replace('%', verb);
    report.results.push(
      result(
        who,
        rounds.map(({ stop }) => stop),
      ),
    );
    report.results.push(
      result(
        `${who}, CPU`,
        rounds.map(({ cpu }) => cpu),
      ),
    );
  }
}
