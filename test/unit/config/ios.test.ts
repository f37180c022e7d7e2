import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { importIos } from '../../../src/cli/import-ios.ts';
import { readIos } from '../../../src/config/ios/ios.ts';
import { loadConfig } from '../../../src/config/load.ts';

const CHAPTER = `
Switch> enable
Switch# configure terminal
hostname core1
!
vlan 10
 name red
vlan 20,30
!
interface GigabitEthernet0/1
 description to the hosts
 switchport mode access
 switchport access vlan 10
 no shutdown
interface range Gi0/4 - 6
 switchport mode access
Switch(config)# interface gi0/2
Switch(config-if)# switchport trunk encapsulation dot1q
Switch(config-if)# switchport mode trunk
Switch(config-if)# switchport trunk native vlan 99
Switch(config-if)# switchport trunk allowed vlan 10,20
 switchport trunk allowed vlan add 99
 spanning-tree portfast
interface GigabitEthernet0/3
 no ip address
 shutdown
interface GigabitEthernet0/3.30
 encapsulation dot1Q 30
 ip address 10.0.30.1 255.255.255.0
 ipv6 address 2001:DB8:30::1/64
interface GigabitEthernet0/3.40
 encapsulation dot1Q 40 native
 ip address 10.0.40.1 255.255.255.128
interface Vlan10
 ip address 10.0.10.1 255.255.255.0
 ip address 10.0.11.1 255.255.255.0 secondary
 no shutdown
interface Vlan20
 ip address 10.0.20.1 255.255.255.0
 shutdown
ip routing
ip route 0.0.0.0 0.0.0.0 10.0.10.254
ip route 10.9.0.0 255.255.0.0 10.0.10.2
ip route 10.9.0.0 255.255.0.0 10.0.10.3
ip route 10.8.0.0 255.255.0.0 Null0
ip route 10.7.0.0 255.0.255.0 10.0.10.2
ipv6 route ::/0 2001:db8:30::2
line vty 0 4
 login
end
`;

const WHOLE = `interface range GigabitEthernet1/0/1 - 2 , GigabitEthernet1/0/9
 description users
 switchport access vlan 20
 spanning-tree portfast
 service-policy input voice
vlan 100
 private-vlan primary
 private-vlan association 101,102
vlan 101
 private-vlan isolated
vlan 102-103
 private-vlan community
vlan 100
 private-vlan association add 103
interface GigabitEthernet1/0/12
 no switchport
 ip address 192.0.2.1 255.255.255.252
interface GigabitEthernet1/0/13
 switchport access vlan 20
 no switchport
interface GigabitEthernet1/0/14
 switchport access vlan 30
 switchport mode dot1q-tunnel
interface GigabitEthernet1/0/15
 switchport private-vlan host-association 100 101
 switchport mode private-vlan host
interface GigabitEthernet1/0/16
 switchport mode private-vlan promiscuous
 switchport private-vlan mapping 100 101-103
interface TenGigabitEthernet1/1/1
 switchport mode trunk
interface Vlan100
 ip address 10.0.100.1 255.255.255.0
 ip helper-address 10.0.20.5
 private-vlan mapping 101,102
interface Vlan1007
 ip address 10.7.0.1 255.255.255.0
ip route 10.9.0.0 255.255.0.0 192.0.2.2 name lab
ip route 10.8.0.0 255.255.0.0 192.0.2.2 200
!
banner motd ^C
 interface Gi9/9
 switchport mode trunk
^C
username admin secret 5 x
`;

describe('IOS snippets', () => {
  it('become a configuration, and what is not understood is listed', () => {
    const { config, unread } = readIos(CHAPTER, 'memory');
    expect(config).toEqual({
      switch: { name: 'core1' },
      vlans: { 10: { name: 'red' }, 20: {}, 30: {} },
      ports: {
        'Gi0-1': { adapter: 'memory', mode: 'access', vlan: 10 },
        'Gi0-2': { adapter: 'memory', mode: 'trunk', native: 99, vlans: '10,20,99' },
        'Gi0-3': { adapter: 'memory', enabled: false, mode: 'trunk', native: 40, vlans: '30,40' },
        'Gi0-4': { adapter: 'memory', mode: 'access', vlan: 1 },
        'Gi0-5': { adapter: 'memory', mode: 'access', vlan: 1 },
        'Gi0-6': { adapter: 'memory', mode: 'access', vlan: 1 },
      },
      interfaces: {
        'Gi0-3.30': { port: 'Gi0-3', vlan: 30, addresses: ['10.0.30.1/24', '2001:db8:30::1/64'] },
        'Gi0-3.40': { port: 'Gi0-3', vlan: 40, addresses: ['10.0.40.1/25'] },
        vlan10: { vlan: 10, addresses: ['10.0.10.1/24', '10.0.11.1/24'] },
      },
      routes: [
        { to: '0.0.0.0/0', via: '10.0.10.254' },
        { to: '10.9.0.0/16', via: ['10.0.10.2', '10.0.10.3'] },
        { to: '10.8.0.0/16', type: 'blackhole' },
        { to: '::/0', via: '2001:db8:30::2' },
      ],
    });
    expect(unread.map(({ line, text }) => `${line} ${text}`)).toEqual([
      '11 description to the hosts',
      '23 spanning-tree portfast',
      '40 interface vlan20, which is shut down',
      '46 ip route 10.7.0.0 255.0.255.0 10.0.10.2',
      '48 line vty 0 4',
      '49 login',
    ]);
    const loaded = loadConfig(JSON.stringify(config), 'x');
    expect(loaded.interfaces.map(({ name, vid }) => `${name} ${vid}`)).toEqual([
      'Gi0-3.30 30',
      'Gi0-3.40 40',
      'vlan10 10',
    ]);
  });

  it.each([
    ['switchport trunk allowed vlan all', 'all'],
    ['switchport trunk allowed vlan except 5-4094', '1-4'],
    ['switchport trunk allowed vlan 1-10\nswitchport trunk allowed vlan remove 3-9', '1-2,10'],
  ])('%s', (lines, vlans) => {
    const { config, unread } = readIos(`interface Fa0/1\nswitchport mode trunk\n${lines}`, 'tap');
    expect(config.ports).toEqual({ 'Fa0-1': { adapter: 'tap', device: 'fa0-1', mode: 'trunk', vlans } });
    expect(unread).toEqual([]);
  });

  it('of a whole switch: ranges, routed ports, private VLANs, tunnels, relays; banners are no commands', () => {
    const { config, unread } = readIos(WHOLE, 'memory');
    const port = { adapter: 'memory' };
    expect(config).toEqual({
      vlans: { 100: { isolated: 101, communities: '102-103' }, 101: {}, 102: {}, 103: {} },
      ports: {
        'Gi1-0-1': { ...port, mode: 'access', vlan: 20 },
        'Gi1-0-2': { ...port, mode: 'access', vlan: 20 },
        'Gi1-0-9': { ...port, mode: 'access', vlan: 20 },
        'Gi1-0-12': { ...port, mode: 'access', vlan: 1006 },
        'Gi1-0-13': { ...port, mode: 'access', vlan: 1008 },
        'Gi1-0-14': { ...port, mode: 'dot1q-tunnel', vlan: 30 },
        'Gi1-0-15': { ...port, mode: 'private-host', vlan: 101 },
        'Gi1-0-16': { ...port, mode: 'promiscuous', vlan: 100 },
        // Internal VLANs of routed ports are on no trunk.
        'Te1-1-1': { ...port, mode: 'trunk', vlans: '1-1005,1007,1009-4094' },
      },
      interfaces: {
        vlan100: { vlan: 100, addresses: ['10.0.100.1/24'], dhcpRelay: { servers: ['10.0.20.5'] } },
        vlan1006: { vlan: 1006, addresses: ['192.0.2.1/30'] },
        vlan1007: { vlan: 1007, addresses: ['10.7.0.1/24'] },
      },
      routes: [{ to: '10.9.0.0/16', via: '192.0.2.2' }],
    });
    expect(unread.filter((each) => !each.isManagement).map(({ line, text }) => `${line} ${text}`)).toEqual([
      '4 spanning-tree portfast',
      '5 service-policy input voice',
      '39 ip route 10.8.0.0 255.255.0.0 192.0.2.2 200',
    ]);
    expect(unread.filter((each) => each.isManagement).map(({ line }) => line)).toEqual([2, 41, 42, 43, 44, 45]);
    const loaded = loadConfig(JSON.stringify(config), 'x');
    expect(loaded.bridges[0]!.vlans.find(({ vid }) => vid === 103)?.secondary).toMatchObject({ primary: 100 });
  });

  it.each(['interface range Gi0/4 - 2', 'interface range Gi0/1 - 900', 'interface range', 'interface range x'])(
    'of %s are not imported',
    (line) => expect(readIos(line, 'tap')).toMatchObject({ config: {}, unread: [{ line: 1, text: line }] }),
  );

  it('are never dropped in silence, whatever they are', () => {
    for (const line of [
      'switchport access vlan',
      'vlan 10,x',
      'ip address 1.2.3 255.0.0.0',
      'interface Vlan',
      'ip route',
      '\u0007bell',
      'x'.repeat(5000),
    ]) {
      expect(readIos(`interface Gi0/1\n${line}`, 'tap').unread.length).toBe(1);
    }
  });

  const dirs: string[] = [];
  async function run(text: string) {
    const dir = mkdtempSync(join(tmpdir(), 'etherloom-ios-'));
    dirs.push(dir);
    const file = join(dir, 'ios.txt');
    writeFileSync(file, text);
    const io = { out: new PassThrough(), err: new PassThrough() };
    const status = await importIos(file, { adapter: 'tap' }, io);
    const said = [io.out, io.err].map((stream) => String(stream.read() ?? '').replaceAll(dir, ''));
    rmSync(dir, { recursive: true });
    return { status, out: said[0]!, err: said[1]! };
  }

  it('are printed as YAML with what was not read at its head', async () => {
    const { status, out, err } = await run(
      'hostname sw\nservice a\ninterface Vlan10\n ip address 10.0.10.1 255.255.255.0\n ip access-group 1 in\n' +
        'interface Vlan20\n description x\n ip address 10.0.20.1 255.255.255.0\n ip access-group 1 in\nip ssh version 2\n',
    );
    expect(status).toBe(0);
    // The same words are one line, and so is what is not about frames.
    const lines = ['/ios.txt:5,9: not imported: ip access-group 1 in'];
    lines.push('/ios.txt:2,7,10: not imported: 3 lines about the device, not about frames');
    expect(err).toBe(lines.map((line) => `etherloom: ${line}\n`).join(''));
    for (const line of lines) expect(out).toContain(`# ${line}\n`);
    expect(parse(out)).toEqual({
      switch: { name: 'sw' },
      interfaces: {
        vlan10: { vlan: 10, addresses: ['10.0.10.1/24'] },
        vlan20: { vlan: 20, addresses: ['10.0.20.1/24'] },
      },
    });
  });

  it('that hold no VLAN ID are told with their own line', async () => {
    const trunk = 'interface Gi0/1\n switchport mode trunk\n switchport trunk native vlan 5000\n mtu 1500\n';
    const { status, err } = await run(`vlan 10\n${trunk}interface Vlan10\n ip address 10.0.10.1 255.255.255.0\n`);
    expect([status, err]).toEqual([
      2,
      'etherloom: /ios.txt:4: switchport trunk native vlan 5000: ports.Gi0-1.native: 5000 is not a VLAN ID; valid are 1-4094\n',
    ]);
  });

  it('that contradict themselves are one line and status 2', async () => {
    const { status, out, err } = await run('interface Vlan10\n ip address 10.0.10.0 255.255.255.0\n');
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(
      /^etherloom: \/ios.txt:2: ip address 10.0.10.0 255.255.255.0: interfaces.vlan10.addresses\[0\]: 10.0.10.0\/24 is the network address of its subnet\n$/,
    );
  });

  it('go on in a block that is opened again, where no shutdown undoes shutdown', () => {
    const blocks = ['interface Vlan10', 'interface Gi0/2.20', 'interface Gi0/1'];
    const { config, unread } = readIos(
      [
        ...[blocks[0], 'ip address 10.0.0.1 255.255.255.0', 'shutdown'],
        ...[blocks[1], 'encapsulation dot1q 20', 'ip address 10.0.1.1 255.255.255.0', 'shutdown'],
        ...[blocks[2], 'switchport access vlan 10', 'shut'],
        ...blocks.flatMap((block) => [block, 'no shut']),
      ].join('\n'),
      'tap',
    );
    expect(unread).toEqual([]);
    expect(config).toMatchObject({
      ports: { 'Gi0-1': { vlan: 10 } },
      interfaces: { vlan10: { addresses: ['10.0.0.1/24'] }, 'Gi0-2.20': { vlan: 20, addresses: ['10.0.1.1/24'] } },
    });
    expect(config).not.toHaveProperty(['ports', 'Gi0-1', 'enabled']);
  });
});
