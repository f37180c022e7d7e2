/**
 * Collections on the thread that forwards while frames come one by one: what V8 says of them (--trace-gc), after a warm-up.
 */

import { createInterface } from 'node:readline';
import { deviceName, Host, roundTrips } from './hosts.ts';
import { runEtherloom } from './switches.ts';
import { compilePrograms } from './wires.ts';

const WARM_PINGS = 10_000;
const PINGS = 30_000;

export interface Collections {
  /** Each passes the switch twice. */
  pings: number;
  pausesMs: number[];
}

/** `[PID:0xISOLATE]  123 ms: Scavenge 4.2 (4.5) -> 3.8 (5.5) MB, 0.90 / 0.00 ms …`; the pause is the first of the last two. */
const LINE = /^\[\d+:(0x[0-9a-f]+)\].* MB, ([\d.]+) \//;

export async function liveCollections(folder: string): Promise<Collections> {
  const { load } = compilePrograms(folder);
  const [a, b] = [new Host('10.9.0.1'), new Host('10.9.0.2')];
  const devices = [deviceName(), deviceName()];
  const port = (device: string) => ({ adapter: 'tap', device, vlan: 10 });
  const running = await runEtherloom(folder, { ports: { p1: port(devices[0]), p2: port(devices[1]) } }, undefined, [
    '--trace-gc',
  ]);
  const lines: [isolate: string, pauseMs: number][] = [];
  createInterface({ input: running.child.stdout! }).on('line', (line) => {
    const found = LINE.exec(line);
    if (found !== null) lines.push([found[1], Number(found[2])]);
  });
  try {
    a.adopt(devices[0]);
    b.adopt(devices[1]);
    await roundTrips(load, a, b, WARM_PINGS, 0);
    const before = lines.length;
    if (before === 0) throw new Error('bench: S13: V8 tells of no collections');
    // The main thread was there before all others.
    const main = lines[0]?.[0];
    await roundTrips(load, a, b, PINGS, 0);
    const during = lines.slice(before).filter(([isolate]) => isolate !== main);
    return { pings: PINGS, pausesMs: during.map(([, pauseMs]) => pauseMs) };
  } finally {
    running.child.kill('SIGKILL');
    a.close();
    b.close();
  }
}
