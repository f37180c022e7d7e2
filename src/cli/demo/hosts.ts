/** Linux hosts for the demo: a network namespace each, whose only device is a TAP of a switch. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { hasProgram, ip, Namespace } from '../lab/namespace.ts';

export class Host extends Namespace {
  readonly name: string;
  readonly address: string;
  readonly tap: string;

  constructor(name: string, address: string) {
    super('eldemo', name);
    this.name = name;
    this.address = address;
    this.tap = `eld${process.pid.toString(36)}${name}`.slice(0, 15);
  }

  /** Gives the host the far end of the switch's TAP as its eth0. */
  plug(): void {
    ip('link', 'set', this.tap, 'netns', this.id, 'name', 'eth0');
    this.ip('addr', 'add', `${this.address}/24`, 'dev', 'eth0');
    this.ip('link', 'set', 'eth0', 'up');
  }

  override remove(): void {
    super.remove();
    spawnSync('ip', ['link', 'del', this.tap]);
  }

  /** Whether three ICMP echoes all come back. */
  async reaches(other: Host): Promise<boolean> {
    const script = fileURLToPath(new URL('../../../test/live/ping.py', import.meta.url));
    const { status } = hasProgram('ping')
      ? await this.run('ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', other.address)
      : await this.run('python3', script, other.address, '3', '56', '0', '1000');
    return status === 0;
  }
}
