/**
 * The benchmarks in memory beside the C twin: S1, S2, S3, S5, S12.
 */

import { join } from 'node:path';
import { Contender, compileTwin, worker } from './contender.ts';
import { duel, type Options, type Runner, ratioNote, speedRatio, unsteady } from './duel.ts';
import { hasOvsDpdk, OvsDpdk } from './ovs-dpdk.ts';
import { digits, machine, type Report, result } from './report.ts';
import { median } from './stats.ts';
import { expectedDigest, makeFrames, saveFrames, type WorldSpec } from './world.ts';

export interface Context extends Options {
  /** For programs and frames; removed afterwards. */
  folder: string;
}

const NO_CC = 'c';
let prepared = 0;

interface Pair {
  etherloom: Contender;
  c: Contender | null;
}

/** Starts both sides on the same frames and throws unless both deliver what they must. */
async function start(context: Context, spec: WorldSpec, twin: string | null, prefetch = false): Promise<Pair> {
  const file = join(context.folder, `frames-${prepared++}`);
  const frames = makeFrames(spec);
  saveFrames(file, frames);
  const args = [spec.mode, String(spec.macs), String(spec.ports), String(spec.vlans), file];
  const etherloom = await new Contender('etherloom', process.execPath, ['--expose-gc', worker, ...args]).ready();
  const c = twin === null ? null : await new Contender('c', twin, [...args, prefetch ? '1' : '0']).ready();
  const expected = String(expectedDigest(spec, frames));
  for (const side of [etherloom, c]) {
    if (side === null) continue;
    const delivered = await side.ask('check');
    if (delivered === expected) continue;
    stop({ etherloom, c });
    throw new Error(`bench: ${side.who} does not deliver what it must (digest ${delivered}, expected ${expected})`);
  }
  return { etherloom, c };
}

function stop({ etherloom, c }: Pair): void {
  etherloom.stop();
  c?.stop();
}

interface Measured {
  etherloom: number[];
  c: number[] | null;
  /** One further peer, where there is one. */
  other: number[] | null;
}

async function measure(
  context: Context,
  spec: WorldSpec,
  title: string,
  twin: string | null,
  prefetch = false,
  other: Runner | null = null,
): Promise<Measured> {
  const pair = await start(context, spec, twin, prefetch);
  try {
    const sides: Runner[] = [pair.etherloom, ...(pair.c === null ? [] : [pair.c]), ...(other === null ? [] : [other])];
    const { ns } = await duel(sides, context, title);
    const of = (side: Runner | null) => (side === null ? null : ns[sides.indexOf(side)]);
    return { etherloom: ns[0], c: of(pair.c), other: of(other) };
  } finally {
    stop(pair);
  }
}

const mpps = (ns: readonly number[]): number[] => ns.map((n) => 1e3 / n);

function blank(scenario: string, unit: string, context: Context): Report {
  return { scenario, unit, machine: machine(), rounds: context.rounds, results: [], ratios: {} };
}

function missing(report: Report, ...peers: string[]): Report {
  return peers.length === 0 ? report : { ...report, missing: [...(report.missing ?? []), ...peers] };
}

export const S1: WorldSpec = { mode: 'forward', macs: 10_000, ports: 4, vlans: 1, frames: 1024, burst: 32 };

export async function s1(context: Context): Promise<Report> {
  const twin = compileTwin(context.folder);
  const report = blank('S1', 'Mframes/s', context);
  const notes: string[] = ['64-byte frames, 10,000 addresses, 4 access ports; 1,024 prepared frames in batches of 256'];
  const orders: [string, number][] = [
    ['ports in bursts of 32', 32],
    ['ports at random', 0],
  ];
  const ovs = await startOvs(context, notes);
  for (const [order, burst] of orders) {
    // It polls its ports in bursts of its own.
    const other = burst > 0 ? ovs : null;
    const got = await measure(context, { ...S1, burst }, `S1 ${order}`, twin, false, other).finally(() =>
      other?.stop(),
    );
    report.results.push(result(`etherloom, ${order}`, mpps(got.etherloom)));
    if (got.other !== null) {
      report.results.push(result('ovs-dpdk', mpps(got.other)));
      const ratio = speedRatio(got.etherloom, got.other);
      report.ratios['ovs-dpdk'] = digits(ratio.median);
      notes.push(ratioNote('ovs-dpdk', ratio, '3'), ...unsteady('ovs-dpdk', got.other, got.etherloom));
    }
    if (got.c === null) continue;
    report.results.push(result(`c, ${order}`, mpps(got.c)));
    const ratio = speedRatio(got.etherloom, got.c);
    if (burst > 0) report.ratios.c = digits(ratio.median);
    notes.push(
      ratioNote(`c, ${order}`, ratio, burst > 0 ? '0.80' : undefined),
      ...unsteady(`c, ${order}`, got.c, got.etherloom),
    );
  }
  report.notes = notes;
  return missing(report, ...(twin === null ? [NO_CC] : []), ...(ovs === null ? ['ovs-dpdk'] : []));
}

/** OVS-DPDK on the frames of S1, or null, with a note, where it is not installed or does not start. */
async function startOvs(context: Context, notes: string[]): Promise<OvsDpdk | null> {
  if (!hasOvsDpdk()) return null;
  if (context.clock === 'processor') {
    notes.push('ovs-dpdk is left out: it polls, and its processor time is the time of the clock');
    return null;
  }
  const ovs = new OvsDpdk(context.folder);
  try {
    context.progress('S1: starting ovs-dpdk');
    return await ovs.start(S1, makeFrames(S1));
  } catch (error) {
    ovs.stop();
    notes.push(`ovs-dpdk does not run here: ${(error as Error).message}`);
    return null;
  }
}

export async function s2(context: Context): Promise<Report> {
  const twin = compileTwin(context.folder);
  const report = blank('S2', 'Mframes/s', context);
  const notes: string[] = ['131,072 prepared frames, random addresses: neither table nor frames stay in cache'];
  const own = new Map<number, number>();
  for (const macs of [2, 1000, 10_000, 100_000, 1_000_000]) {
    const spec: WorldSpec = { ...S1, macs, ports: macs < 4 ? 2 : 4, frames: 131_072 };
    const label = macs.toLocaleString('en');
    const got = await measure(context, spec, `S2 ${label} addresses`, twin, macs >= 100_000);
    own.set(macs, median(got.etherloom));
    report.results.push(result(`etherloom, ${label}`, mpps(got.etherloom)));
    if (got.c === null) continue;
    report.results.push(result(`c, ${label}`, mpps(got.c)));
    const ratio = speedRatio(got.etherloom, got.c);
    if (macs === 1_000_000) report.ratios.c = digits(ratio.median);
    notes.push(ratioNote(`c, ${label}`, ratio, macs === 1_000_000 ? '0.65' : undefined));
    notes.push(...unsteady(`c, ${label}`, got.c, got.etherloom));
  }
  const slower = digits((own.get(1_000_000) ?? 0) / (own.get(10_000) ?? 1));
  notes.push(`1,000,000 addresses take ${slower} times as long as 10,000; target at most 3`);
  report.notes = notes;
  return missing(report, ...(twin === null ? [NO_CC] : []));
}

/** The peer is S1, on both sides: what many VLANs cost C tells what they cost by themselves. */
export async function s3(context: Context): Promise<Report> {
  const twin = compileTwin(context.folder);
  const report = blank('S3', 'Mframes/s', context);
  const notes: string[] = [
    '64 trunks, 10,000 addresses, tagged frames in bursts of 32 a port; beside S1 in the same run',
  ];
  for (const vlans of [1, 2, 100, 4094]) {
    const title = `${vlans.toLocaleString('en')} VLAN${vlans === 1 ? '' : 's'}`;
    const base = await start(context, S1, twin);
    const many = await start(context, { ...S1, vlans, ports: 64 }, twin).catch((error) => {
      stop(base);
      throw error;
    });
    try {
      const runners = [named('s1', base.etherloom), named('etherloom', many.etherloom)];
      if (base.c !== null && many.c !== null) runners.push(named('s1 in c', base.c), named('c', many.c));
      const { ns } = await duel(runners, context, `S3 ${title} beside S1`);
      const [s1Ns, ownNs, cS1Ns, cNs] = ns;
      report.results.push(result(`etherloom, ${title}`, mpps(ownNs)), result(`s1 beside ${title}`, mpps(s1Ns)));
      const ratio = speedRatio(ownNs, s1Ns);
      if (vlans === 4094) report.ratios.s1 = digits(ratio.median);
      notes.push(ratioNote(`s1, ${title}`, ratio, '0.90'), ...unsteady(`s1 beside ${title}`, s1Ns));
      if (cNs === undefined) continue;
      report.results.push(result(`c, ${title}`, mpps(cNs)));
      const toC = speedRatio(ownNs, cNs);
      if (vlans === 4094) report.ratios.c = digits(toC.median);
      notes.push(ratioNote(`c, ${title}`, toC), `c by itself: ${ratioNote('its own s1', speedRatio(cNs, cS1Ns))}`);
    } finally {
      stop(base);
      stop(many);
    }
  }
  report.notes = notes;
  return missing(report, ...(twin === null ? [NO_CC] : []));
}

const named = (who: string, contender: Contender): Runner => ({ who, round: (seconds) => contender.round(seconds) });

export async function s5(context: Context): Promise<Report> {
  const twin = compileTwin(context.folder);
  const report = blank('S5', 'ns/copy', context);
  const notes: string[] = ['broadcasts from one port to all others; no payload byte is copied; ratio at 256 ports'];
  for (const ports of [2, 4, 16, 64, 256]) {
    const spec: WorldSpec = { ...S1, mode: 'flood', macs: 1024, ports, frames: 1024, burst: 0 };
    const got = await measure(context, spec, `S5 ${ports} ports`, twin);
    const copies = (ns: readonly number[]) => ns.map((n) => n / (ports - 1));
    report.results.push(result(`etherloom, ${ports} ports`, copies(got.etherloom)));
    if (got.c === null) continue;
    report.results.push(result(`c, ${ports} ports`, copies(got.c)));
    const ratio = speedRatio(got.etherloom, got.c);
    report.ratios.c = digits(ratio.median);
    notes.push(ratioNote(`c, ${ports} ports`, ratio), ...unsteady(`c, ${ports} ports`, got.c, got.etherloom));
  }
  notes.push('target: at most 1.5 ns a copy');
  report.notes = notes;
  return missing(report, ...(twin === null ? [NO_CC] : []));
}

export async function s12(context: Context): Promise<Report> {
  const twin = compileTwin(context.folder);
  const report = blank('S12', 'M addresses/s', context);
  const notes: string[] = ['every frame brings a new source to a known destination; flushed between tables, untimed'];
  for (const macs of [60_000, 1_000_000]) {
    const label = `table of ${macs.toLocaleString('en')}`;
    const got = await measure(context, { ...S1, mode: 'learn', macs, burst: 0 }, `S12 ${label}`, twin, macs > 100_000);
    report.results.push(result(`etherloom, ${label}`, mpps(got.etherloom)));
    if (got.c === null) continue;
    report.results.push(result(`c, ${label}`, mpps(got.c)));
    const ratio = speedRatio(got.etherloom, got.c);
    report.ratios.c ??= digits(ratio.median);
    notes.push(ratioNote(`c, ${label}`, ratio), ...unsteady(`c, ${label}`, got.c, got.etherloom));
  }
  notes.push('target: at least 8 M a second in memory; the Linux bridge needs the wire and comes with the adapters');
  report.notes = notes;
  return missing(report, ...(twin === null ? [NO_CC] : []), 'linux-bridge');
}
