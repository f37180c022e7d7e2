/** A VLAN that is removed is gone, or an error says who needs it. */
import { expect, it } from 'vitest';
import { EditError, removeVlan } from '../../../src/config/edit.ts';
import { ConfigError, documentOf } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema/schema.ts';

const WORLD = {
  vlans: { 100: { isolated: 101, communities: '102' }, 7: {} },
  bridges: { br2: { vlans: { 5: {} } } },
  ports: {
    a: { adapter: 'memory', vlan: 10 },
    t: { adapter: 'memory', mode: 'trunk', vlans: '10-13' },
    h: { adapter: 'memory', mode: 'hybrid', untagged: '10,14', pvid: 14, classify: true },
    q: { adapter: 'memory', mode: 'dot1q-tunnel', serviceVlans: { '1-9': 30 } },
    r: { adapter: 'memory', mode: 'dot1q-tunnel', vlan: 31 },
    host: { adapter: 'memory', mode: 'private-host', vlan: 102 },
    up: { adapter: 'memory', mode: 'promiscuous', vlans: '100,33' },
    x: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { '20-21': 70 } } },
    uplink: { adapter: 'memory' },
    m1: { adapter: 'memory' },
    m2: { adapter: 'memory' },
    o: { adapter: 'memory', bridge: 'br2', mode: 'trunk', vlans: '5-6,10' },
  },
  vteps: { v0: { local: '192.0.2.1/24', underlay: 'port', uplink: 'uplink' } },
  macvlan: { g: { parent: 'm1', children: { m2: { macs: ['02:00:00:00:01:01'] } } } },
  classify: { subnets: { '10.0.40.0/24': 40 }, protocols: { arp: 14 } },
  interfaces: {
    gw: { vlan: 50, addresses: ['10.0.50.1/24'] },
    sub: { vlan: 51, port: 't', addresses: ['10.0.51.1/24'] },
    other: { vlan: 6, bridge: 'br2', addresses: ['10.0.6.1/24'] },
  },
};

const document = documentOf(WORLD, 'f');

/** What is in the way, or null. */
function removed(bridge: string | null, vid: number): string | null {
  let raw: ConfigInput;
  try {
    raw = removeVlan(document.raw, bridge, vid);
  } catch (error) {
    expect(error).toBeInstanceOf(EditError);
    return (error as Error).message;
  }
  try {
    const { bridges } = documentOf(raw, 'f').config;
    const there = bridges.find(({ name }) => name === (bridge ?? 'loom0'))!;
    expect(there.vlans.some((vlan) => vlan.vid === vid)).toBe(false);
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problem;
  }
}

it.each(document.config.bridges.flatMap(({ name, vlans }) => vlans.map(({ vid }) => [name, vid] as const)))(
  'bridge %s, VLAN %i',
  (name, vid) => {
    removed(name === 'loom0' ? null : name, vid);
  },
);

it.each([
  [null, 7, null],
  [null, 11, null],
  ['br2', 5, null],
  ['br2', 10, null],
  [null, 10, 'port a is in VLAN 10 and in no other (mode access); give it another one first'],
  [null, 14, 'classify.protocols puts arp into VLAN 14; change or remove that rule first'],
  [null, 20, 'port x has a VNI for VLAN 20; take 20-21 out of its "vnis" first'],
  [null, 30, 'port q puts customer VLANs 1-9 into VLAN 30; take them out of its "serviceVlans" first'],
  [null, 31, 'port r is in VLAN 31 and in no other (mode dot1q-tunnel); give it another one first'],
  [null, 33, 'port up lists VLAN 33 (mode promiscuous); take it out of its "vlans" first'],
  [null, 40, 'classify.subnets puts 10.0.40.0/24 into VLAN 40; change or remove that rule first'],
  [null, 50, 'VLAN 50 has the interface gw; remove the interface first'],
  [null, 51, 'VLAN 51 has the interface sub; remove the interface first'],
  ['br2', 6, 'VLAN 6 has the interface other; remove the interface first'],
  [null, 102, 'port host is in VLAN 102 and in no other (mode private-host); give it another one first'],
])('bridge %s, VLAN %i: %s', (bridge, vid, why) => {
  expect(removed(bridge, vid)).toBe(why);
});
