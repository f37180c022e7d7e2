/**
 * Network namespaces as machines, for labs and the demo. Names carry the process id, so that two runs never meet; what is inside goes
 * with the namespace.
 */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { nativeAvailable } from '../../adapters/native.ts';

export interface Output {
  status: number;
  stdout: string;
  stderr: string;
}

/** Why nothing can be built here, or null. */
export function liveObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'live needs root';
  if (!existsSync('/dev/net/tun')) return 'live needs /dev/net/tun';
  const addon = nativeAvailable();
  if (!addon.ok) return `live needs the native addon: ${addon.why}`;
  const probe = spawnSync('ip', ['netns', 'list']);
  if (probe.error || probe.status !== 0) return 'live needs network namespaces (ip netns)';
  return null;
}

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** Throws with what the command said when it fails. */
export function ip(...args: string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

export class Namespace {
  readonly id: string;

  /** `family` is the start of all names of one kind of run. */
  constructor(family: string, label: string) {
    this.id = `${family}-${process.pid}-${label}`;
  }

  /** Makes it, with loopback up. */
  create(): void {
    ip('netns', 'add', this.id);
    this.ip('link', 'set', 'lo', 'up');
  }

  /** Whether devices that come have IPv6. */
  setIpv6(on: boolean): void {
    const path = '/proc/sys/net/ipv6/conf/default/disable_ipv6';
    // A kernel without IPv6 has no such file.
    spawnSync('ip', ['netns', 'exec', this.id, 'sh', '-c', `test ! -e ${path} || echo ${on ? 0 : 1} > ${path}`]);
  }

  remove(): void {
    spawnSync('ip', ['netns', 'del', this.id]);
  }

  ip(...args: string[]): void {
    ip('-n', this.id, ...args);
  }

  start(command: string, ...args: string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.id, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  run(command: string, ...args: string[]): Promise<Output> {
    return new Promise((resolve) => {
      execFile('ip', ['netns', 'exec', this.id, command, ...args], { encoding: 'utf8' }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
      });
    });
  }
}
