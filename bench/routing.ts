/**
 * routing: packets through the gateway of a VLAN, by none, ten thousand and a million routes, IPv4, IPv6 and equal-cost
 * next hops; beside the same in C, on the same tables, and S1 in both languages in the same run. And the table alone:
 * building, asking and changing it.
 *
 * Every packet of a round is laid anew, untimed, since routing changes it; destinations are 262,144 at random, so that
 * the table of a million is not in the cache, while frames are, as they are when somebody has just received them.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Contender, compileTwin, ROUTE_TWIN, worker } from './contender.ts';
import { duel, ratioNote, speedRatio, unsteady } from './duel.ts';
import { type Context, S1 } from './forwarding.ts';
import { digits, MIXED_UNITS, machine, type Report, result } from './report.ts';
import { expectedRouteDigest, makeRouteWorld, type RouteSpec, saveRouteWorld } from './route-world.ts';
import { median } from './stats.ts';
import { makeFrames, saveFrames } from './world.ts';

const routeWorker = fileURLToPath(new URL('./route-worker.js', import.meta.url));
/** Frames between two looks at the heap. */
const HEAP_FRAMES = 5_120_000;

const WORLDS: [name: string, spec: RouteSpec, target: string | undefined][] = [
  ['IPv4, connected', { family: 4, routes: 0, ways: 1 }, undefined],
  ['IPv4, 10,000 routes', { family: 4, routes: 10_000, ways: 1 }, '0.625 (at most 1.6 times the cost)'],
  ['IPv4, 10,000 routes of 4 ways', { family: 4, routes: 10_000, ways: 4 }, undefined],
  ['IPv4, 1,000,000 routes', { family: 4, routes: 1_000_000, ways: 1 }, '0.4 (at most 2.5 times the cost)'],
  ['IPv6, connected', { family: 6, routes: 0, ways: 1 }, undefined],
  ['IPv6, 10,000 routes', { family: 6, routes: 10_000, ways: 1 }, '0.625 (at most 1.6 times the cost)'],
  ['IPv6, 1,000,000 routes', { family: 6, routes: 1_000_000, ways: 1 }, '0.4 (at most 2.5 times the cost)'],
];

export async function routing(context: Context): Promise<Report> {
  const report: Report = {
    scenario: 'routing',
    unit: MIXED_UNITS,
    machine: machine(),
    rounds: context.rounds,
    results: [],
    ratios: {},
    notes: [
      '64-byte frames of 10,000 hosts on 4 access ports to 256 hosts or 16 routers; lengths of routes spread as on the Internet',
    ],
  };
  const twins = { s1: compileTwin(context.folder), route: compileTwin(context.folder, ROUTE_TWIN) };
  if (twins.route === null) report.missing = ['c'];
  const file = join(context.folder, 'frames-s1');
  saveFrames(file, makeFrames(S1));
  for (const [name, spec, target] of WORLDS) {
    await world(context, report, name, spec, target, file, twins);
  }
  return report;
}

async function world(
  context: Context,
  report: Report,
  name: string,
  spec: RouteSpec,
  target: string | undefined,
  s1Frames: string,
  twins: { s1: string | null; route: string | null },
): Promise<void> {
  const path = join(context.folder, 'routes');
  const made = makeRouteWorld(spec);
  saveRouteWorld(path, made);
  const expected = String(expectedRouteDigest(spec, made));
  const s1 = [S1.mode, String(S1.macs), String(S1.ports), String(S1.vlans), s1Frames];
  const sides: Contender[] = [];
  try {
    sides.push(await new Contender('etherloom', process.execPath, ['--expose-gc', routeWorker, path]).ready());
    sides.push(await new Contender('s1', process.execPath, ['--expose-gc', worker, ...s1]).ready());
    if (twins.s1 !== null && twins.route !== null) {
      await sides[0].ask('tables');
      sides.push(await new Contender('c', twins.route, [path]).ready());
      sides.push(await new Contender('c, s1', twins.s1, [...s1, '0']).ready());
    }
    for (const side of sides.filter(({ who }) => who === 'etherloom' || who === 'c')) {
      if ((await side.ask('check')) === expected) continue;
      throw new Error(`bench: routing, ${name}: ${side.who} does not deliver what it must`);
    }
    const { ns } = await duel(sides, context, `routing ${name}`);
    report.results.push(...sides.map(({ who }, k) => result(`${who}, ${name}, ns a frame`, ns[k])));
    const toS1 = speedRatio(ns[0], ns[1]);
    report.notes!.push(ratioNote(`s1, ${name}`, toS1, target), ...unsteady(`s1 beside ${name}`, ns[1]));
    const isMain = spec.family === 4 && spec.ways === 1 && spec.routes === 10_000;
    if (isMain) report.ratios.s1 = digits(toS1.median);
    if (sides.length > 2) {
      const toTwin = speedRatio(ns[0], ns[2]);
      const byItself = digits(1 / speedRatio(ns[2], ns[3]).median);
      report.notes!.push(
        ratioNote(`c, ${name}`, toTwin),
        `c by itself, ${name}: ${byItself} times the cost of its own S1`,
      );
      if (isMain) report.ratios.c = digits(toTwin.median);
    }
    if (spec.ways === 1) await heap(sides[0], report, name);
    if (spec.routes === 1_000_000) await table(context, sides[0], report, name);
  } finally {
    for (const side of sides) side.stop();
  }
}

/** What forwarding leaves on the heap. */
async function heap(side: Contender, report: Report, name: string): Promise<void> {
  for (let k = 0; k < 2; k++) await side.ask(`frames ${HEAP_FRAMES}`);
  await side.ask('gc');
  await side.ask('heap');
  const before = Number(await side.ask('heap'));
  await side.ask(`frames ${HEAP_FRAMES}`);
  const left = Math.max(0, Number(await side.ask('heap')) - before) / HEAP_FRAMES;
  report.results.push(result(`etherloom, ${name}, heap bytes a frame`, [left < 0.01 ? 0 : left]));
}

/** The table alone, in nanoseconds a route, an address, a change. */
async function table(context: Context, side: Contender, report: Report, name: string): Promise<void> {
  for (const question of ['build', 'lookup', 'update']) {
    const ns: number[] = [];
    const rounds = question === 'build' ? Math.min(context.rounds, 3) : context.rounds;
    for (let r = 0; r <= rounds; r++) {
      const [count, spent] = (await side.ask(question)).split(' ').map(Number);
      if (r > 0) ns.push(spent / count);
    }
    report.results.push(result(`etherloom, ${name}, ns a ${question}`, ns));
    context.progress(`routing ${name}: ${question} ${median(ns).toFixed(1)} ns`);
  }
}
