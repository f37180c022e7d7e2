/** DHCP relay: hosts of a VLAN get their addresses from a server (dnsmasq) in another one, IPv4 and IPv6. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installed, liveObstacle, type Namespace, until } from './netns.ts';
import { useBench, useLab } from './use.ts';

const missing = ['dnsmasq', 'dhclient'].filter((program) => !installed(program));
const obstacle = liveObstacle() ?? (missing.length > 0 ? `not installed: ${missing.join(', ')}` : null);
if (obstacle) console.warn(`skipped: ${obstacle}`);

describe.skipIf(obstacle !== null)('DHCP relay', () => {
  const lab = useLab();
  const bench = useBench();

  /** What a client was told, by variable of its script, once `needed` is among it. */
  async function lease(namespace: Namespace, family: '-4' | '-6', device: string, needed: string, options = '') {
    const name = join(bench.dir, `${device}${family}${options.length}`);
    // The client's script keeps every answer and changes nothing.
    writeFileSync(`${name}.sh`, `#!/bin/sh\nenv >> ${name}.told\nexit 0\n`, { mode: 0o755 });
    writeFileSync(`${name}.conf`, options);
    const files = ['-sf', `${name}.sh`, '-lf', `${name}.leases`, '-pf', `${name}.pid`, '-cf', `${name}.conf`];
    const client = namespace.start('dhclient', family, '-d', ...files, device);
    const told = () => (existsSync(`${name}.told`) ? readFileSync(`${name}.told`, 'utf8') : '');
    await until(() => told().includes(`${needed}=`), `a lease for ${device} ${family}`, 90_000);
    client.kill('SIGKILL');
    return new Map(
      told()
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    );
  }

  it('takes requests to servers elsewhere and their answers back, with where the host is', async () => {
    const [d1, d2] = ['dh1', 'dh2'].map((label) => lab.device(label));
    const sw = await bench.start({
      switch: { name: d1 },
      ports: {
        h: { adapter: 'tap', device: d1, mode: 'access', vlan: 10 },
        s: { adapter: 'tap', device: d2, mode: 'access', vlan: 20 },
      },
      interfaces: {
        vlan10: {
          vlan: 10,
          addresses: ['10.0.10.1/24', '2001:db8:10::1/64'],
          // The first server is not there: the second one answers.
          dhcpRelay: { servers: ['10.0.20.6', '10.0.20.5', '2001:db8:20::5'] },
        },
        vlan20: { vlan: 20, addresses: ['10.0.20.1/24', '2001:db8:20::1/64'] },
      },
    });
    const server = lab.namespace('dhs', { ipv6: true });
    const host = lab.namespace('dhh', { ipv6: true });
    for (const each of [server, host]) {
      each.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0');
    }
    server.adopt(d2, { address: ['10.0.20.5/24', '2001:db8:20::5/64'] });
    server.run('ip', 'route', 'add', 'default', 'via', '10.0.20.1');
    server.run('ip', '-6', 'route', 'replace', 'default', 'via', '2001:db8:20::1');
    host.adopt(d1);
    const daemon = server.start(
      'dnsmasq',
      '--no-daemon',
      '--conf-file=/dev/null',
      '--port=0',
      '--user=root',
      `--interface=${d2}`,
      `--dhcp-leasefile=${join(bench.dir, 'server.leases')}`,
      `--pid-file=${join(bench.dir, 'server.pid')}`,
      '--dhcp-circuitid=set:here,h:10',
      '--dhcp-option=tag:here,option:domain-name,at-port-h.example',
      '--dhcp-range=10.0.10.100,10.0.10.150,255.255.255.0',
      '--dhcp-range=2001:db8:10::100,2001:db8:10::1ff,64',
      '--dhcp-option=option:router,10.0.10.1',
    );
    expect(await server.ping('10.0.20.1')).toBe(3);

    const first = await lease(host, '-4', d1, 'new_ip_address');
    expect(first.get('new_ip_address')).toMatch(/^10\.0\.10\.1[0-4]\d$/);
    expect(first.get('new_dhcp_server_identifier')).toBe('10.0.20.5');
    expect(first.get('new_domain_name')).toBe('at-port-h.example');
    const second = await lease(host, '-4', d1, 'new_ip_address', 'bootp-broadcast-always;');
    expect(second.get('new_ip_address')).toBe(first.get('new_ip_address'));
    const third = await lease(host, '-6', d1, 'new_ip6_address');
    expect(third.get('new_ip6_address')).toMatch(/^2001:db8:10::1[0-9a-f]{2}$/);

    const shown = bench.cli('show', 'interfaces', '--json', '--socket', sw.socket);
    const { interfaces } = JSON.parse(shown.stdout) as {
      interfaces: { name: string; relayed: { requests: number; replies: number; refused: number } | null }[];
    };
    const relayed = interfaces.find(({ name }) => name === 'vlan10')!.relayed!;
    expect(relayed.requests).toBeGreaterThanOrEqual(6);
    expect(relayed.replies).toBeGreaterThanOrEqual(6);
    expect(relayed.refused).toBe(0);
    expect((await sw.ledger()).balanced).toBe(true);
    daemon.kill('SIGKILL');
  });
});
