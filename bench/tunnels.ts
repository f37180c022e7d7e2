/**
 * S4: what a frame costs that goes into a VXLAN tunnel or comes out of one, beside the same in C, and beside S1 in both
 * languages in the same run.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Contender, compileTwin, TUNNEL_TWIN, worker } from './contender.ts';
import { duel, ratioNote, speedRatio, unsteady } from './duel.ts';
import { type Context, S1 } from './forwarding.ts';
import { digits, machine, type Report, result } from './report.ts';
import { makeFrames, saveFrames } from './world.ts';

const tunnelWorker = fileURLToPath(new URL('./tunnel-worker.js', import.meta.url));
const WAYS = ['encap', 'decap'] as const;
/** Of S1, per frame. */
const AT_MOST = 1.8;

export async function s4(context: Context): Promise<Report> {
  const file = join(context.folder, 'frames-s4');
  saveFrames(file, makeFrames(S1));
  const s1 = [S1.mode, String(S1.macs), String(S1.ports), String(S1.vlans), file];
  const twin = compileTwin(context.folder);
  const tunnelTwin = compileTwin(context.folder, TUNNEL_TWIN);
  const sides: Contender[] = [];
  const start = async (who: string, command: string, args: string[]): Promise<Contender> => {
    const side = await new Contender(who, command, args).ready();
    sides.push(side);
    return side;
  };
  try {
    await start('s1', process.execPath, ['--expose-gc', worker, ...s1]);
    if (twin !== null) await start('c, s1', twin, [...s1, '0']);
    for (const way of WAYS) {
      const side = await start(way, process.execPath, [tunnelWorker, way]);
      const said = await side.ask('check');
      if (said !== 'whole') throw new Error(`bench: S4 ${way} does not deliver what it must: ${said}`);
      if (tunnelTwin === null) continue;
      const peer = await start(`c, ${way}`, tunnelTwin, [way]);
      const [ours, theirs] = [await side.ask('digest'), await peer.ask('digest')];
      if (ours !== theirs) throw new Error(`bench: S4 ${way} sends other bytes than its C twin: ${ours}, ${theirs}`);
    }
    const { ns } = await duel(sides, context, 'S4');
    const of = (who: string) => ns[sides.findIndex((side) => side.who === who)];
    const mframes = (who: string) => of(who).map((n) => 1e3 / n);
    const report: Report = {
      scenario: 'S4',
      unit: 'Mframes/s',
      machine: machine(),
      rounds: context.rounds,
      results: [
        ...WAYS.map((way) => result(`etherloom, ${way}`, mframes(way))),
        ...(tunnelTwin === null ? [] : WAYS.map((way) => result(`c, ${way}`, mframes(`c, ${way}`)))),
        result('s1', mframes('s1')),
        ...(twin === null ? [] : [result('c, s1', mframes('c, s1'))]),
      ],
      ratios: {},
      notes: [
        '64-byte inner frames, 5,000 addresses on either side of a tunnel to 4 remotes over IPv4, flow hash on; the whole switch but for devices',
      ],
    };
    const slower: number[] = [];
    const toTwin: number[] = [];
    for (const way of WAYS) {
      const ratio = speedRatio(of(way), of('s1'));
      slower.push(1 / ratio.median);
      report.notes!.push(ratioNote(`s1, ${way}`, ratio, `${digits(1 / AT_MOST)} (at most ${AT_MOST} times the cost)`));
      if (tunnelTwin === null || twin === null) continue;
      const peer = speedRatio(of(way), of(`c, ${way}`));
      toTwin.push(peer.median);
      report.notes!.push(
        ratioNote(`c, ${way}`, peer),
        `c by itself, ${way}: ${digits(1 / speedRatio(of(`c, ${way}`), of('c, s1')).median)} times the cost of its own S1`,
      );
    }
    report.ratios.s1 = digits(1 / Math.max(...slower));
    if (toTwin.length > 0) report.ratios.c = digits(Math.min(...toTwin));
    else report.missing = ['c'];
    report.notes!.push(...unsteady('s1', of('s1')));
    return report;
  } finally {
    for (const side of sides) side.stop();
  }
}
