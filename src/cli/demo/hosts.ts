/**
 * Linux hosts for the demo: a network namespace each, whose only device is a TAP of a switch.
 *
 * Names carry the process id, everything is removed at the end, and traffic never leaves the namespaces.
 */

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nativeAvailable } from '../../adapters/native.ts';

/** Why the live demo cannot run here, or null. */
export function liveObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'live needs root';
  if (!existsSync('/dev/net/tun')) return 'live needs /dev/net/tun';
  const addon = nativeAvailable();
  if (!addon.ok) return `live needs the native addon: ${addon.why}`;
  const probe = spawnSync('ip', ['netns', 'list']);
  if (probe.error || probe.status !== 0) return 'live needs network namespaces (ip netns)';
  return null;
}

function ip(...args: string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

export class Host {
  readonly name: string;
  readonly address: string;
  readonly tap: string;
  private readonly namespace: string;

  constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
    this.tap = `eld${process.pid.toString(36)}${name}`.slice(0, 15);
    this.namespace = `eldemo-${process.pid}-${name}`;
  }

  create(): void {
    ip('netns', 'add', this.namespace);
    ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
  }

  /** Gives the host the far end of the switch's TAP as its eth0. */
  plug(): void {
    ip('link', 'set', this.tap, 'netns', this.namespace, 'name', 'eth0');
    ip('-n', this.namespace, 'addr', 'add', `${this.address}/24`, 'dev', 'eth0');
    ip('-n', this.namespace, 'link', 'set', 'eth0', 'up');
  }

  remove(): void {
    spawnSync('ip', ['netns', 'del', this.namespace]);
    spawnSync('ip', ['link', 'del', this.tap]);
  }

  start(command: string, ...args: string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.namespace, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  run(command: string, ...args: string[]): Promise<{ status: number; stdout: string }> {
    return new Promise((resolve) => {
      execFile('ip', ['netns', 'exec', this.namespace, command, ...args], { encoding: 'utf8' }, (error, stdout) => {
        resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout });
      });
    });
  }

  /** Whether three ICMP echoes all come back. */
  async reaches(other: Host): Promise<boolean> {
    const ping = spawnSync('sh', ['-c', 'command -v ping']).status === 0;
    const script = fileURLToPath(new URL('../../../test/live/ping.py', import.meta.url));
    const { status } = ping
      ? await this.run('ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', other.address)
      : await this.run('python3', script, other.address, '3', '56', '0', '1000');
    return status === 0;
  }
}
