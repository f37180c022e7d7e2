/**
 * S14: what a switch with 64 ports costs while nothing happens: CPU, wake-ups, memory.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../contender.ts';
import type { Context } from '../forwarding.ts';
import { digits, MIXED_UNITS, machine, type Report, result } from '../report.ts';
import { deviceName, ip } from './hosts.ts';
import { hasOvs, installed, liveObstacle } from './obstacle.ts';
import { Etherloom, Ovs, Vde } from './switches.ts';

const PORTS = 64;
/** What follows a start is not idleness. */
const SETTLE_MS = 5000;
const MIN_SECONDS = 5;

interface Use {
  cpuMs: number;
  wakeups: number;
}

/** CPU time and voluntary context switches of all threads so far. */
function useOf(pid: number): Use {
  const use = { cpuMs: 0, wakeups: 0 };
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    // Nanoseconds on a processor are the first field.
    use.cpuMs += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
    use.wakeups += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
  }
  return use;
}

/** All of it, or what is no file's: pages that only this process has. */
function memoryMb(pid: number, of: 'VmRSS' | 'RssAnon'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${of}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
}

/** Up, and without an IPv6 that announces itself. */
function quiet(device: string): void {
  writeFileSync(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, '1');
  ip('link', 'set', device, 'up');
}

interface Column {
  cpu: number[];
  wakeups: number[];
  memory: number[];
  anonymous: number[];
}

/** Resident MB of a switch that has its API loaded. */
async function afterQuestion(pid: number, socket: string): Promise<number> {
  const command = [join(root, 'bin', 'etherloom'), 'show', 'ports', '--json', '--socket', socket];
  const { status } = spawnSync(process.execPath, command, { stdio: 'ignore' });
  if (status !== 0) throw new Error('bench: S14: etherloom does not answer');
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return memoryMb(pid, 'VmRSS');
}

export async function s14(context: Context): Promise<Report> {
  const obstacle = liveObstacle();
  if (obstacle !== null) throw new Error(`bench: S14: ${obstacle}`);
  const missing: string[] = [];
  const idle = [new Etherloom(context.folder), new Vde(context.folder), new Ovs(context.folder)].filter(({ who }) => {
    const here = who === 'etherloom' || (who === 'vde' ? installed('vde_switch') : hasOvs());
    if (!here) missing.push(who);
    return here;
  });
  const columns = new Map<string, Column>();
  let asked = 0;
  const seconds = Math.max(MIN_SECONDS, context.seconds);
  // One after the other: two that are idle together would still share the caches and the kernel's timers.
  for (const each of idle) {
    const column: Column = { cpu: [], wakeups: [], memory: [], anonymous: [] };
    columns.set(each.who, column);
    try {
      const devices = Array.from({ length: PORTS }, deviceName);
      const pid = await each.start(devices, true);
      for (const device of devices) quiet(device);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      for (let r = 0; r < context.rounds; r++) {
        const before = useOf(pid);
        await new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
        const { cpuMs, wakeups } = useOf(pid);
        column.cpu.push((cpuMs - before.cpuMs) / (seconds * 10));
        column.wakeups.push((wakeups - before.wakeups) / seconds);
        column.memory.push(memoryMb(pid, 'VmRSS'));
        column.anonymous.push(memoryMb(pid, 'RssAnon'));
        context.progress(`S14 ${each.who} round ${r + 1}/${context.rounds}: ${column.cpu[r].toFixed(2)} % of a core`);
      }
      if (each instanceof Etherloom) {
        asked = await afterQuestion(pid, each.socket);
      }
    } finally {
      each.close();
    }
  }
  const results = [...columns].flatMap(([who, { cpu, wakeups, memory, anonymous }]) => [
    result(`${who}, % of a core`, cpu),
    result(`${who}, wake-ups a second`, wakeups),
    result(`${who}, resident MB`, memory),
    result(`${who}, of it no file's, MB`, anonymous),
  ]);
  const ratios: Record<string, number> = {};
  for (const who of [...columns.keys()].slice(1)) {
    const memoryOf = (name: string) => results.find((r) => r.who === `${name}, resident MB`)!.median;
    ratios[who] = digits(memoryOf(who) / memoryOf('etherloom'));
  }
  const report: Report = {
    scenario: 'S14',
    unit: MIXED_UNITS,
    machine: machine(),
    rounds: context.rounds,
    results,
    ratios,
    notes: [
      `${PORTS} TAP ports, no traffic; ratios of resident memory`,
      `etherloom, once asked: ${digits(asked)} MB resident`,
      'targets: at most 0.2 % of a core, 70 MB',
    ],
  };
  return missing.length === 0 ? report : { ...report, missing };
}
