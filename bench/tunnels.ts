/**
 * S4: what a frame costs that goes into a VXLAN tunnel or comes out of one, beside S1 in the same run.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Contender, worker } from './contender.ts';
import { duel, ratioNote, speedRatio, unsteady } from './duel.ts';
import { type Context, S1 } from './forwarding.ts';
import { digits, machine, type Report, result } from './report.ts';
import { makeFrames, saveFrames } from './world.ts';

const tunnelWorker = fileURLToPath(new URL('./tunnel-worker.js', import.meta.url));

export async function s4(context: Context): Promise<Report> {
  const file = join(context.folder, 'frames-s4');
  saveFrames(file, makeFrames(S1));
  const s1 = [worker, S1.mode, String(S1.macs), String(S1.ports), String(S1.vlans), file];
  const sides: Contender[] = [];
  try {
    sides.push(await new Contender('s1', process.execPath, ['--expose-gc', ...s1]).ready());
    for (const mode of ['encap', 'decap']) {
      const side = await new Contender(mode, process.execPath, [tunnelWorker, mode]).ready();
      sides.push(side);
      const said = await side.ask('check');
      if (said !== 'whole') throw new Error(`bench: S4 ${mode} does not deliver what it must: ${said}`);
    }
    const { ns } = await duel(sides, context, 'S4');
    const mframes = (k: number) => ns[k].map((n) => 1e3 / n);
    const report: Report = {
      scenario: 'S4',
      unit: 'Mframes/s',
      machine: machine(),
      rounds: context.rounds,
      results: [
        result('etherloom, encap', mframes(1)),
        result('etherloom, decap', mframes(2)),
        result('s1', mframes(0)),
      ],
      ratios: {},
      missing: ['c'],
      notes: [
        '64-byte inner frames, 5,000 addresses on either side of a tunnel to 4 remotes over IPv4, flow hash on; the whole switch but for devices',
      ],
    };
    const slower: number[] = [];
    for (const k of [1, 2]) {
      const ratio = speedRatio(ns[k], ns[0]);
      slower.push(1 / ratio.median);
      report.notes!.push(ratioNote(`s1, ${sides[k].who}`, ratio, '0.556 (at most 1.8 times the cost)'));
    }
    report.ratios.s1 = digits(1 / Math.max(...slower));
    report.notes!.push(...unsteady('s1', ns[0]));
    return report;
  } finally {
    for (const side of sides) side.stop();
  }
}
