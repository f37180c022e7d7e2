/** Ports on libpcap devices (cap), whose process may end at any time. */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { capObstacle } from './adapter-kinds.ts';
import { cabled } from './cabled.ts';
import { liveObstacle, until } from './netns.ts';
import type { Raw } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';
import { reaches } from './vxlan-lab.ts';

const obstacle = liveObstacle() ?? capObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;

describe.skipIf(obstacle !== null)('cap ports', () => {
  const lab = useLab();
  const bench = useBench();

  const port = (device: string, more: Raw = {}): Raw => ({ adapter: 'cap', device, vlan: 10, ...more });
  const children = (pid: number) =>
    spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean)
      .map(Number);

  it('carry pings and TCP whole, from senders that leave checksum and segments to the hardware, and TAPs', async () => {
    const { hosts, devices } = cabled(lab, 'p', 2, '40');
    const tap = lab.device('pt');
    const sw = await bench.start({
      ports: { a: port(devices[0]!), b: port(devices[1]!), t: { adapter: 'tap', device: tap, vlan: 10 } },
    });
    const guest = lab.namespace('pt');
    guest.adopt(tap, { address: '10.40.0.9/24' });
    await reaches(hosts[0]!, '10.40.0.2'); // the first frame of each is libpcap's
    await reaches(hosts[1]!, '10.40.0.1');
    expect(await hosts[0]!.ping('10.40.0.2', { size: 1472, dontFragment: true })).toBe(3);
    await transfer(hosts[0]!, '10.40.0.1', hosts[1]!, 2 * MIB);
    await transfer(hosts[0]!, 'fd00:40::1', hosts[1]!, 2 * MIB);
    await transfer(hosts[0]!, '10.40.0.1', guest, 2 * MIB);
    expect((await sw.ledger()).balanced).toBe(true);
    const [pid] = children(sw.child.pid!);
    expect(pid).toBeDefined();
    expect(await sw.stop()).toBe(0);
    await until(() => spawnSync('kill', ['-0', String(pid)]).status !== 0, 'the process of the package is gone');
  });

  it('come back after their process was killed, and after their interface was deleted', async () => {
    const { hosts, devices, fars } = cabled(lab, 'k', 2, '41');
    const sw = await bench.start({ ports: { a: port(devices[0]!), b: port(devices[1]!) } });
    const ups = () => sw.log().match(/link up/g)?.length ?? 0;
    await until(() => ups() === 2, 'both links are up');
    for (const pid of children(sw.child.pid!)) process.kill(pid, 'SIGSEGV');
    await until(() => sw.log().includes('the capturing process ended (SIGSEGV)'), 'the loss is told');
    await until(() => ups() === 4, 'both ports are back');
    await reaches(hosts[0]!, '10.41.0.2');
    expect(await hosts[0]!.ping('10.41.0.2', { count: 2 })).toBe(2);
    lab.removeDevice(devices[1]!);
    await until(() => sw.log().includes('port b: link down (interface deleted)'), 'the deletion is told');
    lab.makeVeth(devices[1]!, fars[1]!);
    hosts[1]!.adopt(fars[1]!, { address: '10.41.0.2/24' });
    await until(() => ups() >= 5, 'the port is back');
    hosts[0]!.run('ip', 'neigh', 'flush', 'all');
    await reaches(hosts[0]!, '10.41.0.2');
    expect(await hosts[0]!.ping('10.41.0.2', { count: 2 })).toBe(2);
    expect((await sw.ledger()).balanced).toBe(true);
    await sw.stop('SIGKILL');
  });

  it('say what is missing', () => {
    const { status, stderr } = bench.cli('run', '--port', 'a=cap:el-none');
    expect(status).toBe(1);
    expect(stderr).toBe('etherloom: port a (cap el-none): ENODEV: there is no such interface\n');
  });
});
