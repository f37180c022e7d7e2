/**
 * S13: what forwarding leaves on the heap, how long collections stop it, and whether V8 takes compiled code back.
 *
 * The worker of S1 runs in its own process with --trace-deopt; it reports its heap before and after, counts its
 * collections, and V8 prints a line on stdout for every function that it deoptimises.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { worker } from './contender.ts';
import type { Context } from './forwarding.ts';
import { endsWithUs } from './leftovers.ts';
import { type Collections, liveCollections } from './live/collections.ts';
import { liveObstacle } from './live/obstacle.ts';
import { MIXED_UNITS, machine, type Report, result } from './report.ts';
import { expectedDigest, makeFrames, saveFrames, type WorldSpec } from './world.ts';

const FRAMES = 51_200_000;
/** Forwarded by one question. */
const BURST = 5_120_000;
const SPEC: WorldSpec = { mode: 'forward', macs: 10_000, ports: 4, vlans: 1, frames: 1024, burst: 32 };

interface Observed {
  frames: number;
  heapBytes: number;
  collections: number;
  pauseMs: number;
  deopts: number;
}

export async function s13(context: Context): Promise<Report> {
  const file = join(context.folder, 'frames-s13');
  const frames = makeFrames(SPEC);
  saveFrames(file, frames);
  const rounds = Math.min(context.rounds, 3);
  const all: Observed[] = [];
  for (let r = 0; r < rounds; r++) {
    const seen = await observe(file, String(expectedDigest(SPEC, frames)));
    all.push(seen);
    context.progress(
      `S13 round ${r + 1}/${rounds}: ${seen.frames} frames, heap ${seen.heapBytes} B, ${seen.collections} collections, ` +
        `longest ${seen.pauseMs} ms, ${seen.deopts} deoptimisations`,
    );
  }
  const live: Collections[] = [];
  const obstacle = liveObstacle();
  for (let r = 0; obstacle === null && r < rounds; r++) {
    live.push(await liveCollections(context.folder));
    const { pings, pausesMs } = live[r];
    context.progress(
      `S13 live round ${r + 1}/${rounds}: ${pings} pings, collections of ${pausesMs.join(', ') || 'no'} ms`,
    );
  }
  const column = (of: (o: Observed) => number) => all.map(of);
  return {
    scenario: 'S13',
    unit: MIXED_UNITS,
    machine: machine(),
    rounds,
    results: [
      result(
        'etherloom, heap bytes a frame',
        column((o) => Math.max(0, o.heapBytes) / o.frames),
      ),
      result(
        'etherloom, collections',
        column((o) => o.collections),
      ),
      result(
        'etherloom, longest pause ms',
        column((o) => o.pauseMs),
      ),
      result(
        'etherloom, deoptimisations after warm-up',
        column((o) => o.deopts),
      ),
      ...(live.length === 0
        ? []
        : [
            result(
              'etherloom, live, collections',
              live.map(({ pausesMs }) => pausesMs.length),
            ),
            result(
              'etherloom, live, longest pause ms',
              live.map(({ pausesMs }) => Math.max(0, ...pausesMs)),
            ),
          ]),
    ],
    ratios: {},
    notes: [
      `heap in use before and after ${FRAMES.toLocaleString('en')} or more frames, with no collection asked for between; ` +
        'less what the same ten questions to the worker leave there when they forward nothing',
      obstacle === null
        ? `live: pings one by one between two TAPs, ${live[0].pings.toLocaleString('en')} after a warm-up; collections on the thread that forwards`
        : `not live: ${obstacle}`,
      'targets: 0 bytes a frame, pauses of at most 1 ms, 0 deoptimisations',
    ],
  };
}

async function observe(file: string, expected: string): Promise<Observed> {
  const args = [SPEC.mode, String(SPEC.macs), String(SPEC.ports), String(SPEC.vlans), file];
  const flags = ['--expose-gc', '--trace-deopt'];
  const child = endsWithUs(
    spawn(process.execPath, [...flags, worker, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  let deopts = 0;
  const reader = createInterface({ input: child.stdout });
  const waiting: ((line: string) => void)[] = [];
  const early: string[] = [];
  reader.on('line', (line) => {
    if (line.startsWith('[')) {
      // "[bailout (kind: …" and "[marking dependent code …": only the former is code that was running.
      if (line.startsWith('[bailout')) deopts++;
      return;
    }
    if (!/^(ready|undefined|\d[\d .e+-]*)$/.test(line)) return;
    const next = waiting.shift();
    if (next === undefined) early.push(line);
    else next(line);
  });
  const line = () =>
    new Promise<string>((resolve, reject) => {
      const got = early.shift();
      if (got !== undefined) return resolve(got);
      waiting.push(resolve);
      child.once('exit', () => reject(new Error('bench: the worker of S13 ended early')));
    });
  const ask = (question: string) => {
    child.stdin.write(`${question}\n`);
    return line();
  };
  try {
    child.setMaxListeners(0);
    await line();
    const delivered = await ask('check');
    if (delivered !== expected) throw new Error('bench: etherloom does not deliver what it must');
    // Warm: every question once, so that their own code is compiled too.
    for (let k = 0; k < 5; k++) {
      await ask(`frames ${BURST}`);
      await ask('gcstats');
      await ask('gc');
      await ask('heap');
    }
    await ask('gc');
    const deoptsBefore = deopts;
    if (deoptsBefore === 0) throw new Error('bench: V8 reported no deoptimisation even while warming up');
    await ask('gcstats');
    const idle = Number(await ask('heap'));
    for (let n = 0; n < FRAMES; n += BURST) await ask('frames 0');
    const before = Number(await ask('heap'));
    let frames = 0;
    while (frames < FRAMES) frames += Number(await ask(`frames ${BURST}`));
    const after = Number(await ask('heap'));
    const [collections, pauseMs] = (await ask('gcstats')).split(' ').map(Number);
    return { frames, heapBytes: after - before - (before - idle), collections, pauseMs, deopts: deopts - deoptsBefore };
  } finally {
    reader.close();
    child.kill();
  }
}
