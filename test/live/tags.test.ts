/**
 * Priorities and service VLANs between Linux hosts, through the switches of two customers' sites and of a provider; tshark
 * says what is on the provider's wire.
 *
 *   hosts ─ ce1 ══ pe1 ══ core ══ pe2 ══ ce2 ─ hosts      each of the four is a bridge, each ══ a cable
 */

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, installed, liveObstacle, type Namespace, until } from './netns.ts';
import { endOf, type Raw, type SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';
import { reaches } from './vxlan-lab.ts';

const missing = ['tcpdump', 'tshark'].filter((program) => !installed(program));
const obstacle = liveObstacle() ?? (missing.length === 0 ? null : `not installed: ${missing.join(', ')}`);
if (obstacle) console.warn(`skipped: ${obstacle}`);

/** VLANs of the customer that the provider carries. */
const VLANS = [15, 30, 40];
/** One that the provider does not carry. */
const STRANGER = 50;
const MIB = 1 << 20;
/** In the frame behind those that are looked at. */
const LAST = 'the last frame';
const EXPEDITED = 46 << 2; // the TOS byte with DSCP EF

describe.skipIf(obstacle !== null)('tags on the way of Linux hosts', () => {
  const lab = useLab();
  const bench = useBench('group');
  let sw: SwitchProcess;
  let core = '';
  const hosts = new Map<string, Namespace>();
  const devices = new Map<string, string>();
  const host = (vlan: number, side: number) => hosts.get(`h${vlan}-${side}`)!;
  const device = (vlan: number, side: number) => devices.get(`h${vlan}-${side}`)!;
  const address = (vlan: number, side: number) => `10.70.${vlan}.${side}`;

  beforeAll(async () => {
    const cable = (label: string): Raw[] => {
      const ends = [lab.device(`${label}a`), lab.device(`${label}b`)] as const;
      lab.makeVeth(...ends);
      for (const end of ends) lab.run('ip', 'link', 'set', end, 'mtu', '1600', 'up');
      return ends.map((device) => ({ adapter: 'af-packet', device }));
    };
    const [site1, provider, site2] = ['s1', 'co', 's2'].map(cable) as [Raw[], Raw[], Raw[]];
    core = provider[0]!.device as string;
    const tunnel = { mode: 'dot1q-tunnel', serviceVlans: { '10-20': 100, 30: 200, 40: { vlan: 400, keepTag: false } } };
    const customer = { mode: 'trunk', vlans: [...VLANS, STRANGER].join(',') };
    const carrier = { mode: 'trunk', vlans: '100,200,400' };
    const ports: Record<string, Raw> = {
      up1: { bridge: 'ce1', ...customer, ...site1[0] },
      c1: { bridge: 'pe1', ...tunnel, priority: { trust: 'pcp' }, ...site1[1] },
      core1: { bridge: 'pe1', ...carrier, priority: { egress: { 6: 4 } }, ...provider[0] },
      core2: { bridge: 'pe2', ...carrier, ...provider[1] },
      c2: { bridge: 'pe2', ...tunnel, ...site2[0] },
      up2: { bridge: 'ce2', ...customer, ...site2[1] },
    };
    const plugs = [...VLANS, STRANGER].flatMap((vlan) =>
      [1, 2].map((side) => ({ vlan, side, name: `h${vlan}-${side}` })),
    );
    for (const { vlan, side, name } of plugs) {
      const device = lab.device(`h${vlan}${side}`);
      ports[name] = { adapter: 'tap', device, bridge: `ce${side}`, mode: 'access', vlan };
    }
    ports['h15-1']!.priority = { trust: 'dscp', default: 1, dscp: { 46: 6 } };
    const bridges = { ce1: {}, ce2: {}, pe1: { type: 's-vlan' }, pe2: { type: 's-vlan' } };
    sw = await bench.start({ bridges, ports });
    for (const { vlan, side, name } of plugs) {
      const namespace = lab.namespace(name);
      namespace.adopt(ports[name]!.device as string, { address: `${address(vlan, side)}/24` });
      hosts.set(name, namespace);
      devices.set(name, ports[name]!.device as string);
    }
  });

  /** What the provider's cable carries while something happens: a line a frame, of the fields of tshark. */
  async function witnessed(fields: string[], what: () => Promise<unknown>): Promise<string[]> {
    const file = join(bench.dir, 'core.pcap');
    const dump = spawn('tcpdump', ['-i', core, '-U', '--immediate-mode', '-Z', 'root', '-w', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    dump.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until(() => said.includes('listening'), 'tcpdump listens');
    await what();
    const socket = await host(15, 1).frameSocket(device(15, 1));
    socket.send(Buffer.concat([Buffer.from('ffffffffffff02000000000f88b5', 'hex'), Buffer.from(LAST.padEnd(46))]));
    await until(() => readFileSync(file).includes(LAST), 'all is written down');
    socket.close();
    await endOf(dump, 'SIGTERM');
    // The machine itself may say something on a fresh device.
    const args = [
      '-r',
      file,
      '-Y',
      `not ipv6 and not frame contains "${LAST}"`,
      '-T',
      'fields',
      '-E',
      'separator=,',
      ...fields.flatMap((field) => ['-e', field]),
    ];
    const { stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    if (stdout === '') throw new Error(`tshark saw nothing: ${stderr} ${said}`);
    return stdout.trimEnd().split('\n');
  }

  it('customer VLANs go in and as service VLANs, priorities by the maps of the ports', async () => {
    const fields = ['eth.type', 'ieee8021ad.id', 'ieee8021ad.priority', 'vlan.id', 'vlan.priority'];
    const seen = await witnessed([...fields, 'ip.src', 'ip.dsfield.dscp'], async () => {
      for (const vlan of VLANS) await reaches(host(vlan, 1), address(vlan, 2));
      host(15, 1).run('ping', '-c', '1', '-Q', String(EXPEDITED), address(15, 2));
    });
    // Type, service VLAN and its PCP, customer VLAN and its PCP, who sends it, DSCP.
    expect(new Set(seen)).toEqual(
      new Set([
        '0x88a8,100,1,15,1,,', // ARP has no DSCP, and came untagged
        '0x88a8,100,0,15,0,,',
        '0x88a8,100,0,15,0,10.70.15.1,0',
        '0x88a8,100,0,15,0,10.70.15.2,0',
        '0x88a8,100,4,15,6,10.70.15.1,46',
        '0x88a8,100,0,15,0,10.70.15.2,46',
        '0x88a8,200,0,30,0,,',
        '0x88a8,200,0,30,0,10.70.30.1,0',
        '0x88a8,200,0,30,0,10.70.30.2,0',
        '0x88a8,400,0,,,,',
        '0x88a8,400,0,,,10.70.40.1,0',
        '0x88a8,400,0,,,10.70.40.2,0',
      ]),
    );
    await transfer(host(15, 1), address(15, 1), host(15, 2), MIB);
    await transfer(host(40, 2), address(40, 2), host(40, 1), MIB);
  });

  it('a VLAN that the provider does not carry ends at its door, and hosts of different ones do not meet', async () => {
    expect(await host(STRANGER, 1).ping(address(STRANGER, 2), { count: 1, timeoutMs: 300 })).toBe(0);
    await eventually(
      async () =>
        (await sw.drops()).drops.some(({ port, reason }) => port === 'c1' && reason === 'INGRESS_TUNNEL_CVID'),
      'it is dropped there',
    );
    host(30, 1).run('ip', 'addr', 'add', '10.70.15.3/24', 'dev', device(30, 1));
    expect(await host(30, 1).ping(address(15, 2), { count: 1, timeoutMs: 300 })).toBe(0);
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('are what show says of the ports, in words and as JSON', async () => {
    const text = bench.cli('show', 'ports', '--socket', sw.socket).stdout;
    const rules = text
      .split('\n\n')[1]!
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(rules).toEqual([
      ['PORT', 'TAGS'],
      ['c1', 'priority by PCP; else 0'],
      ['c1', 'customer VLANs 10-20 in service VLAN 100'],
      ['c1', 'customer VLANs 30 in service VLAN 200'],
      ['c1', 'customer VLANs 40 as service VLAN 400, instead of their tag'],
      ['core1', 'priority by PCP; else 0'],
      ['core1', 'priority 6 leaves as PCP 4'],
      ['c2', 'customer VLANs 10-20 in service VLAN 100'],
      ['c2', 'customer VLANs 30 in service VLAN 200'],
      ['c2', 'customer VLANs 40 as service VLAN 400, instead of their tag'],
      ['h15-1', 'priority by DSCP, of other frames by PCP; else 1'],
      ['h15-1', 'DSCP 46 is priority 6'],
    ]);
    const ports = await sw.ports();
    expect(ports.get('h15-1')!.priority).toMatchObject({ trust: 'dscp', default: 1 });
    expect(ports.get('c1')!.serviceVlans).toContainEqual({ cvid: 40, vid: 400, keepTag: false });
    expect(ports.get('up1')).toMatchObject({ priority: null, serviceVlans: [], translate: [] });
  });
});
