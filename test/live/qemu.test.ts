/**
 * A QEMU machine on a UDP port. There is no guest system: the network boot ROM of the machine is guest enough, it
 * asks for an address by DHCP and then for a file by TFTP.
 */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { installed, liveObstacle, until } from './netns.ts';
import { endOf } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const missing = ['qemu-system-x86_64', 'dnsmasq'].filter((program) => !installed(program));
const obstacle = liveObstacle() ?? (missing.length === 0 ? null : `the QEMU test needs ${missing.join(', ')}`);
if (obstacle) console.warn(`skipped: ${obstacle}`);

const GUEST = '52:54:00:e1:00:01';

describe.skipIf(obstacle !== null)('a QEMU machine', () => {
  const lab = useLab();
  const bench = useBench('group');

  it.each([
    ['dgram', 'a'],
    ['socket', 'b'],
  ])('on a UDP port (-netdev %s) gets an address from a host on a TAP port', async (netdev, label) => {
    const [ours, theirs] = [await freePort(), await freePort()];
    const device = lab.device(`q${label}`);
    const sw = await bench.start({
      ports: {
        vm: { adapter: 'udp', local: `127.0.0.1:${ours}`, remote: `127.0.0.1:${theirs}`, mode: 'access', vlan: 10 },
        dhcp: { adapter: 'tap', device, mode: 'access', vlan: 10 },
      },
    });
    const server = lab.namespace(`q${label}`);
    server.adopt(device, { address: '10.8.0.1/24' });
    const leases = join(bench.dir, `leases-${label}`);
    server.start(
      'dnsmasq',
      ...['--no-daemon', '--conf-file=/dev/null', '--port=0', '--user=root', '--bind-interfaces', '--no-ping'],
      ...[`--interface=${device}`, '--dhcp-range=10.8.0.100,10.8.0.120,1h', `--dhcp-leasefile=${leases}`],
    );
    const link =
      netdev === 'dgram'
        ? `dgram,id=n0,local.type=inet,local.host=127.0.0.1,local.port=${theirs},remote.type=inet,remote.host=127.0.0.1,remote.port=${ours}`
        : `socket,id=n0,udp=127.0.0.1:${ours},localaddr=127.0.0.1:${theirs}`;
    let said = '';
    const qemu = spawn(
      'qemu-system-x86_64',
      [
        ...['-accel', 'tcg', '-m', '64', '-display', 'none', '-nodefaults', '-boot', 'n,reboot-timeout=1000'], // again when nobody answered
        ...['-netdev', link, '-device', `virtio-net-pci,netdev=n0,mac=${GUEST}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    qemu.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    try {
      // A lease is written for a DHCPREQUEST only, and the guest sends that only after it had the server's offer.
      const leased = () => existsSync(leases) && readFileSync(leases, 'utf8').includes(GUEST);
      await until(() => leased() || qemu.exitCode !== null, 'the guest has a lease');
      expect(leased(), said).toBe(true);
      const { entries } = await sw.fdb({ mac: GUEST });
      expect(entries).toMatchObject([{ port: 'vm', vid: 10, kind: 'dynamic' }]);
      expect((await sw.ports()).get('vm')!.txFrames).toBeGreaterThan(0);
      expect((await sw.ledger()).balanced).toBe(true);
    } finally {
      await endOf(qemu, 'SIGKILL');
      await sw.stop();
    }
  });
});
