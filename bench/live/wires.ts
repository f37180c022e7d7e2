/**
 * The benchmarks between two Linux hosts on live devices: S6 (TCP), S6n (64-byte UDP), S7 (latency), S8 (64-byte UDP on
 * interfaces), S9 (TCP over VXLAN).
 *
 * Every switch has two hosts of its own, all are up at the same time, and only the one whose turn it is has anything
 * to carry. What arrives is compared with what was sent.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../contender.ts';
import { duel, type Runner, ratioNote, speedRatio, unsteady } from '../duel.ts';
import type { Context } from '../forwarding.ts';
import { digits, machine, type Report, result } from '../report.ts';
import { Host, roundTrips, stream } from './hosts.ts';
import { CRing, EtherloomInterfaces, OvsInterfaces } from './interfaces.ts';
import { hasOvs, installed, liveObstacle } from './obstacle.ts';
import { CForwarder, Etherloom, LinuxBridge, type LiveSwitch, Ovs, Vde, type Wiring } from './switches.ts';
import { EtherloomVxlan, KernelVxlan, OvsVxlan } from './tunnels.ts';

/** Ethernet 14, IPv4 20, UDP 8: 64 bytes with the FCS that nobody sees. */
const SMALL_PAYLOAD = 18;

export interface Programs {
  load: string;
  forwarder: string;
  ring: string;
}

export function compilePrograms(folder: string): Programs {
  const compile = (name: string) => {
    const program = join(folder, name);
    const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, join(root, 'bench', 'c', `${name}.c`)], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`bench: cc failed: ${stderr.split('\n')[0]}`);
    return program;
  };
  return { load: compile('load'), forwarder: compile('forwarder'), ring: compile('ring') };
}

interface Wire {
  who: string;
  a: Host;
  b: Host;
}

interface Wires {
  wires: Wire[];
  missing: string[];
  notes: string[];
  close(): void;
}

/** All that runs here; a peer that is not installed or does not start is missing, with its reason. */
async function openWires(switches: readonly LiveSwitch[], wiring: Wiring): Promise<Wires> {
  const wires: Wire[] = [];
  const missing: string[] = [];
  const notes: string[] = [];
  const hosts: Host[] = [];
  const close = () => {
    for (const each of switches) each.close();
    for (const host of hosts) host.close();
  };
  try {
    for (const each of switches) {
      const [a, b] = [new Host('10.9.0.1'), new Host('10.9.0.2')];
      hosts.push(a, b);
      try {
        await each.open(a, b, wiring);
        wires.push({ who: each.who, a, b });
      } catch (error) {
        if (each.who === 'etherloom') throw error;
        missing.push(each.who);
        notes.push(`${each.who} does not run here: ${(error as Error).message}`);
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  return { wires, missing, notes, close };
}

interface Peers {
  switches: LiveSwitch[];
  missing: string[];
}

function peersOf(context: Context, programs: Programs, names: readonly string[]): Peers {
  const tunnels = names.includes('kernel-vxlan');
  const switches: LiveSwitch[] = [tunnels ? new EtherloomVxlan(context.folder) : new Etherloom(context.folder)];
  const missing: string[] = [];
  const add = (who: string, here: boolean, make: () => LiveSwitch) => {
    if (!names.includes(who)) return;
    if (here) switches.push(make());
    else missing.push(who);
  };
  add('linux-bridge', true, () => new LinuxBridge());
  add('c-forwarder', true, () => new CForwarder(programs.forwarder));
  add('vde', installed('vde_switch'), () => new Vde(context.folder));
  add('kernel-vxlan', true, () => new KernelVxlan());
  add('ovs', hasOvs(), () => (tunnels ? new OvsVxlan(context.folder) : new Ovs(context.folder)));
  return { switches, missing };
}

interface Plan {
  scenario: string;
  unit: string;
  /** Names of peers, or the switches themselves. */
  peers: readonly string[] | ((programs: Programs) => Peers);
  targets: Readonly<Record<string, string>>;
  wiring: Wiring;
  kind: 'tcp' | 'udp';
  /** From nanoseconds a byte, or a datagram, to the unit. */
  show(ns: number): number;
  note: string;
}

async function throughput(context: Context, plan: Plan): Promise<Report> {
  const obstacle = liveObstacle();
  if (obstacle !== null) throw new Error(`bench: ${plan.scenario}: ${obstacle}`);
  const programs = compilePrograms(context.folder);
  const { peers } = plan;
  const { switches, missing } = typeof peers === 'function' ? peers(programs) : peersOf(context, programs, peers);
  const all = await openWires(switches, plan.wiring);
  try {
    const runners: Runner[] = all.wires.map(({ who, a, b }) => ({
      who,
      round: (seconds) => stream(programs.load, plan.kind, a, b, seconds, SMALL_PAYLOAD),
    }));
    const { ns } = await duel(runners, context, plan.scenario);
    const report: Report = {
      scenario: plan.scenario,
      unit: plan.unit,
      machine: machine(),
      rounds: context.rounds,
      results: runners.map(({ who }, k) => result(who, ns[k].map(plan.show))),
      ratios: {},
      notes: [plan.note, ...all.notes],
    };
    for (const [m, mine] of runners.entries()) {
      if (!mine.who.startsWith('etherloom')) continue;
      for (const [k, { who }] of runners.entries()) {
        if (who.startsWith('etherloom')) continue;
        const ratio = speedRatio(ns[m], ns[k]);
        if (m === 0) report.ratios[who] = digits(ratio.median);
        const by = m === 0 ? '' : `${mine.who}: `;
        report.notes!.push(
          `${by}${ratioNote(who, ratio, plan.targets[who])}`,
          ...(m === 0 ? unsteady(who, ns[k]) : []),
        );
      }
    }
    const absent = [...missing, ...all.missing];
    return absent.length === 0 ? report : { ...report, missing: absent };
  } finally {
    all.close();
  }
}

export const s6 = (context: Context): Promise<Report> =>
  throughput(context, {
    scenario: 'S6',
    unit: 'Gbit/s',
    peers: ['linux-bridge', 'c-forwarder', 'vde', 'ovs'],
    targets: { 'linux-bridge': '0.90', 'c-forwarder': '1', vde: '8', ovs: '8' },
    wiring: { offloads: true },
    kind: 'tcp',
    show: (ns) => 8 / ns,
    note: 'one TCP connection between two hosts, offloads on where the switch has them; the bridge has veth pairs, the others TAPs',
  });

export const s6n = (context: Context): Promise<Report> =>
  throughput(context, {
    scenario: 'S6n',
    unit: 'Mframes/s',
    peers: ['linux-bridge', 'c-forwarder', 'vde', 'ovs'],
    targets: { 'c-forwarder': '1.5', ovs: '3' },
    wiring: { offloads: false },
    kind: 'udp',
    show: (ns) => 1e3 / ns,
    note: 'UDP in 64-byte frames as fast as the sender can, counted where it arrives; offloads off; sender, switch and receiver share the cores',
  });

export async function s8(context: Context): Promise<Report> {
  const { folder } = context;
  const ovs = hasOvs() ? [new OvsInterfaces(folder)] : [];
  const switches = ({ ring }: Programs) => [
    new EtherloomInterfaces('af-packet', folder),
    new EtherloomInterfaces('af-xdp', folder),
    new CRing(ring),
    ...ovs,
  ];
  return throughput(context, {
    scenario: 'S8',
    unit: 'Mframes/s',
    peers: (programs) => ({ switches: switches(programs), missing: hasOvs() ? [] : ['ovs'] }),
    targets: { 'c-forwarder': '0.90', ovs: '3' },
    wiring: { offloads: false },
    kind: 'udp',
    show: (ns) => 1e3 / ns,
    note: 'UDP in 64-byte frames as fast as the sender can, counted where it arrives; all on veth pairs, etherloom and OVS on AF_PACKET; sender, switch and receiver share the cores',
  });
}

export const s9 = (context: Context): Promise<Report> =>
  throughput(context, {
    scenario: 'S9',
    unit: 'Gbit/s',
    peers: ['kernel-vxlan', 'ovs'],
    targets: { 'kernel-vxlan': '0.80', ovs: '5' },
    wiring: { offloads: true },
    kind: 'tcp',
    show: (ns) => 8 / ns,
    note: 'one TCP connection between two hosts on two machines joined by VXLAN: a switch and a VTEP at both ends, 1,500 bytes of MTU between them',
  });

/** Round trips a round: half of them warm the path up. */
const PINGS = 2000;
const PAUSE_US = 100;

export async function s7(context: Context): Promise<Report> {
  const obstacle = liveObstacle();
  if (obstacle !== null) throw new Error(`bench: S7: ${obstacle}`);
  const programs = compilePrograms(context.folder);
  const { switches, missing } = peersOf(context, programs, ['linux-bridge', 'c-forwarder']);
  // The first is who the ratios are of.
  switches.splice(1, 0, new Etherloom(context.folder, 'latency'));
  const all = await openWires(switches, { offloads: true });
  const shares = [0.5, 0.99, 0.999] as const;
  const measured = all.wires.map(() => shares.map((): number[] => []));
  try {
    for (let r = 0; r < context.rounds; r++) {
      const order = all.wires.map((_, k) => k);
      if (r % 2 === 1) order.reverse();
      for (const k of order) {
        const { who, a, b } = all.wires[k];
        const times = (await roundTrips(programs.load, a, b, 2 * PINGS, PAUSE_US)).slice(PINGS).sort((x, y) => x - y);
        if (times.length === 0) throw new Error(`bench: S7: nothing came back through ${who}`);
        for (const [s, share] of shares.entries()) {
          measured[k][s].push(times[Math.min(times.length - 1, Math.floor(times.length * share))] / 1e3);
        }
      }
      const said = all.wires.map(({ who }, k) => `${who} ${measured[k][0][r].toFixed(1)} µs`).join(', ');
      context.progress(`S7 round ${r + 1}/${context.rounds}: ${said}`);
    }
    const names = ['p50', 'p99', 'p99.9'];
    const results = all.wires.flatMap(({ who }, k) =>
      names.map((name, s) => result(`${who}, ${name}`, measured[k][s])),
    );
    const of = (who: string, s: number) => results[all.wires.findIndex((wire) => wire.who === who) * names.length + s];
    const ratios: Record<string, number> = {};
    const modes = all.wires.map(({ who }) => who).filter((who) => who.startsWith('etherloom'));
    for (const { who } of all.wires) {
      if (!modes.includes(who)) ratios[who] = digits(of(who, 0).median / of('etherloom', 0).median);
    }
    const added = (who: string) => digits((of(who, 0).median - of('linux-bridge', 0).median) / 2);
    const tail = (who: string) => digits(of(who, 2).median / of('c-forwarder', 2).median);
    const report: Report = {
      scenario: 'S7',
      unit: 'µs a round trip',
      machine: machine(),
      rounds: context.rounds,
      results,
      ratios,
      notes: [
        `an 8-byte UDP echo, one at a time, ${PAUSE_US} µs apart; a round trip passes the switch twice; ratios of p50, higher is better`,
        ...modes.flatMap((who) => [
          `${who}: p50 one way ${added(who)} µs more than the bridge; target at most 10`,
          `${who}: p99.9 ${tail(who)} times the C forwarder; target at most 2`,
        ]),
        ...all.notes,
      ],
    };
    const absent = [...missing, ...all.missing];
    return absent.length === 0 ? report : { ...report, missing: absent };
  } finally {
    all.close();
  }
}
