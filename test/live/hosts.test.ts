/** Linux hosts on one switch: ARP, IPv6 neighbour discovery, SLAAC, DHCP, isolation of VLANs, jumbo frames. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, installed, liveObstacle, type Namespace, until } from './netns.ts';
import type { SwitchProcess } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);
const missing = (...programs: string[]) => programs.filter((program) => !installed(program));
const noSlaac = missing('radvd');
if (noSlaac.length > 0) console.warn(`skipped: SLAAC needs ${noSlaac.join(', ')}`);
const noDhcp = missing('dnsmasq', 'udhcpc');
if (noDhcp.length > 0) console.warn(`skipped: DHCP needs ${noDhcp.join(', ')}`);

describe.skipIf(obstacle !== null)('hosts on a switch', () => {
  const lab = useLab();
  const bench = useBench('group');
  let sw: SwitchProcess;
  const hosts: Record<string, Namespace> = {};
  const devices: Record<string, string> = {};

  // red1, red2, red3 in VLAN 10, blue1 in VLAN 20, jumbo1 and jumbo2 in VLAN 30.
  const plan: [string, number, number][] = [
    ['red1', 10, 1500],
    ['red2', 10, 1500],
    ['red3', 10, 1500],
    ['blue1', 20, 1500],
    ['jum1', 30, 9000],
    ['jum2', 30, 9000],
  ];

  beforeAll(async () => {
    const ports: Record<string, object> = {};
    for (const [name, vlan, mtu] of plan) {
      devices[name] = lab.device(name);
      ports[name] = { adapter: 'tap', device: devices[name], mode: 'access', vlan, mtu };
    }
    sw = await bench.start({ vlans: { 10: { name: 'red' }, 20: { name: 'blue' } }, ports });
    for (const [i, [name, , mtu]] of plan.entries()) {
      hosts[name] = lab.namespace(name, { ipv6: true });
      hosts[name].adopt(devices[name]!, { address: [`10.5.0.${i + 1}/24`, `fd00:5::${i + 1}/64`], mtu });
    }
  });

  it('ping, after ARP, and are learned', async () => {
    expect(await hosts.red1!.ping('10.5.0.2')).toBe(3);
    const mac = hosts.red2!.run('cat', `/sys/class/net/${devices.red2}/address`).trim();
    expect(hosts.red1!.run('ip', 'neigh', 'show', '10.5.0.2')).toContain(mac);
    const { entries } = await sw.fdb({ mac });
    expect(entries).toMatchObject([{ vid: 10, port: 'red2', kind: 'dynamic', mac }]);
  });

  it('ping over IPv6, after neighbour discovery by multicast', async () => {
    expect(await hosts.red1!.ping('fd00:5::2')).toBe(3);
    expect(hosts.red1!.run('ip', '-6', 'neigh', 'show', 'fd00:5::2')).toContain('lladdr');
  });

  it('do not reach another VLAN, though all are in one subnet, and the counters say why', async () => {
    const before = await sw.ports();
    expect(await hosts.red1!.ping('10.5.0.4', { count: 2, timeoutMs: 300 })).toBe(0);
    expect(await hosts.blue1!.ping('fd00:5::1', { count: 2, timeoutMs: 300 })).toBe(0);
    const after = await sw.ports();
    expect(after.get('blue1')!.txFrames).toBe(before.get('blue1')!.txFrames);
    // Nobody else is in VLAN 20: what blue1 floods has nowhere to go.
    expect(after.get('blue1')!.drops.EGRESS_NO_PORT ?? 0).toBeGreaterThan(
      before.get('blue1')!.drops.EGRESS_NO_PORT ?? 0,
    );
    const vlan20 = (await sw.vlans()).find((vlan) => vlan.vid === 20)!;
    expect(vlan20).toMatchObject({ name: 'blue', untagged: ['blue1'], tagged: [] });
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('drop a frame that is tagged on an access port, and say so', async () => {
    const near = await hosts.red1!.frameSocket(devices.red1!);
    near.send(Buffer.from(`ffffffffffff02000000000981000014${'88b5'.padEnd(92, '0')}`, 'hex'));
    const dropped = async () =>
      (await sw.drops()).drops.find((d) => d.port === 'red1' && d.reason === 'INGRESS_FRAME_TYPE')?.frames;
    await eventually(async () => (await dropped()) !== undefined, 'it is dropped');
    expect(await dropped()).toBe(1);
    near.close();
  });

  it('exchange frames of 9,000 bytes, unfragmented', async () => {
    expect(await hosts.jum1!.ping('10.5.0.6', { size: 9000 - 28, dontFragment: true })).toBe(3);
    expect((await sw.ports()).get('jum1')!.mtu).toBe(9000);
  });

  it.skipIf(noSlaac.length > 0)('configure themselves by router advertisements', async () => {
    const router = hosts.red3!;
    const device = devices.red3!;
    const config = join(bench.dir, 'radvd.conf');
    writeFileSync(
      config,
      `interface ${device} { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; prefix fd00:77::/64 { AdvAutonomous on; }; };\n`,
    );
    router.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
    const pid = join(bench.dir, 'radvd.pid');
    router.start('radvd', '-n', '-C', config, '-p', pid, '-m', 'none');
    await until(() => hosts.red1!.run('ip', '-6', 'addr', 'show').includes('fd00:77:'), 'an address came');
    expect(hosts.red1!.run('ip', '-6', 'route')).toContain('default via fe80:');
    expect(hosts.blue1!.run('ip', '-6', 'addr', 'show')).not.toContain('fd00:77:');
  });

  it.skipIf(noDhcp.length > 0)('lease an address by DHCP', async () => {
    const script = join(bench.dir, 'udhcpc.sh');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && ip addr add "$ip/24" dev "$interface"\nexit 0\n', {
      mode: 0o755,
    });
    const leases = join(bench.dir, 'leases');
    hosts.red3!.start(
      'dnsmasq',
      ...['--no-daemon', '--conf-file=/dev/null', '--port=0', '--user=root', '--bind-interfaces', '--no-ping'],
      ...[`--interface=${devices.red3}`, '--dhcp-range=10.5.0.100,10.5.0.120,1h', `--dhcp-leasefile=${leases}`],
    );
    const got = await hosts.red2!.tryAsync(
      'udhcpc',
      ...['-i', devices.red2!, '-n', '-q', '-f', '-t', '60', '-T', '1', '-s', script],
    );
    expect(got.status, got.stderr).toBe(0);
    expect(hosts.red2!.run('ip', 'addr', 'show', devices.red2!)).toMatch(/inet 10\.5\.0\.1[012]\d\/24/);
  });
});
