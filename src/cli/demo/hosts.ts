/** Linux hosts for the demo: a network namespace each, whose only device is a TAP of a switch. */

import { fileURLToPath } from 'node:url';
import { hasProgram, ip, Namespace } from '../lab/namespace.ts';

export class Host extends Namespace {
  readonly name: string;
  readonly address: string;

  constructor(name: string, address: string) {
    super('eldemo', name);
    this.name = name;
    this.address = address;
  }

  /** Gives the host the far end of the TAP of its name, which a switch has made on its machine, as its eth0. */
  plug(machine: Namespace): void {
    ip('-n', machine.id, 'link', 'set', this.name, 'netns', this.id, 'name', 'eth0');
    this.ip('addr', 'add', `${this.address}/24`, 'dev', 'eth0');
    this.ip('link', 'set', 'eth0', 'up');
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
