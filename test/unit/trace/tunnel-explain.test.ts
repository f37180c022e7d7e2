/** Explanations of frames in and out of tunnels, each verified by tracing under the change. */

import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { ethernetFrame, udpIpv4, vxlanPayload } from '../../../src/wire/build.ts';
import { explain } from './explain-calmly.ts';

const SWITCH = `
vteps:
  v0:
    underlay: port
    uplink: up
    local: 192.0.2.1/24
    mac: '02:00:00:00:01:01'
    neighbors: { 192.0.2.2: '02:00:00:00:02:02' }
ports:
  a: { adapter: memory, mode: access, vlan: 10 }
  b: { adapter: memory, mode: access, vlan: 20 }
  up: { adapter: memory, mtu: 1600 }
  t0: { adapter: vxlan, vxlan: { vtep: v0, vnis: { 10: 1000 }, remotes: [192.0.2.2] } }
`;

const INNER = ethernetFrame({ dst: 'ff:ff:ff:ff:ff:ff', src: '02:00:00:00:00:77' }, 0x88b5, new Uint8Array(46));

function outer(more: { src?: string; vni?: number; port?: number; inner?: Uint8Array; flags?: number } = {}) {
  const payload = vxlanPayload(more.vni ?? 1000, more.inner ?? INNER);
  payload[0] = more.flags ?? 8;
  const packet = udpIpv4({ src: more.src ?? '192.0.2.2', dst: '192.0.2.1' }, 50_000, more.port ?? 4789, payload);
  return ethernetFrame({ dst: '02:00:00:00:01:01', src: '02:00:00:00:02:02' }, 0x0800, packet);
}

const ask = (port: string, bytes: Uint8Array, to: string | null, down: string[] = [], config = SWITCH) =>
  explain({ config: loadConfig(config, 'test'), down, learned: [] }, { port, bytes }, to).explanation;

describe('explain of tunnels', () => {
  it.each([
    ['from a peer', outer({ src: '192.0.2.9' }), 'a', 'VXLAN_UNKNOWN_PEER', { 'vteps.v0.peers': '[192.0.2.9]' }],
    ['of another VNI', outer({ vni: 999 }), 'a', 'VXLAN_UNKNOWN_VNI', { 'ports.t0.vxlan.vnis.10': '999' }],
    ['for another VLAN', outer({ vni: 999 }), 'b', 'VXLAN_UNKNOWN_VNI', { 'ports.t0.vxlan.vnis.20': '999' }],
    ['to the port of flannel', outer({ port: 8472 }), 'a', 'VXLAN_NOT_FOR_VTEP', { 'vteps.v0.udpPort': '8472' }],
    [
      'of which all is wrong',
      outer({ src: '192.0.2.9', vni: 999, port: 8472 }),
      'a',
      'VXLAN_NOT_FOR_VTEP',
      { 'vteps.v0.udpPort': '8472', 'vteps.v0.peers': '[192.0.2.9]', 'ports.t0.vxlan.vnis.10': '999' },
    ],
    ['with an inner tag', outer({ inner: readFields('vlan=10,len=64') }), 'a', 'VXLAN_INNER_TAG', null],
  ] as [string, Uint8Array, string, string, Record<string, string> | null][])(
    'takes a frame %s out of its tunnel',
    (_what, bytes, to, reason, changes) => {
      const found = ask('up', bytes, to);
      expect(found.trace.reason?.name).toBe(reason);
      if (changes === null) return;
      expect(Object.fromEntries(found.fix!.changes.map(({ path, value }) => [path, value]))).toEqual(changes);
      expect(found.fix?.delivered).toContain(to);
    },
  );

  it('finds what is in the way of the inner frame', () => {
    const found = ask('up', outer(), 'b');
    expect(found.trace).toMatchObject({ tunnel: 't0', reason: null });
    expect(found.fix?.changes).toMatchObject([{ path: 'ports.b.vlan', value: '10' }]);
  });

  it('says that a tunnel is where it arrives, and how it gets into one', () => {
    expect(ask('a', readFields('len=60'), 't0')).toMatchObject({ arrives: true, text: 'it arrives: delivered on t0' });
    expect(ask('b', readFields('len=60'), 't0').fix?.changes).toMatchObject([{ path: 'ports.b.vlan', value: '10' }]);
    const lonely = SWITCH.replace(', remotes: [192.0.2.2]', '').replace("mac: '02", "peers: [192.0.2.2]\n    mac: '02");
    const found = ask('a', readFields('len=60'), 't0', [], lonely);
    expect(found.trace.reason?.name).toBe('VXLAN_NO_REMOTE');
    expect(found.fix?.changes).toMatchObject([{ path: 'ports.t0.vxlan.remotes', value: '[192.0.2.2]' }]);
  });

  it('knows what no configuration mends, and a link that is down', () => {
    expect(ask('up', outer({ flags: 0 }), 'a').text).toMatch(
      /^no change of the configuration can deliver it: its VXLAN/,
    );
    expect(ask('up', outer(), 'a', ['up']).fix?.changes).toMatchObject([{ path: 'link up', value: 'up' }]);
    const off = SWITCH.replace('vlan: 20 }', 'vlan: 20, enabled: false }');
    expect(ask('b', readFields('len=60'), 'b', [], off).fix?.changes[0]).toMatchObject({ path: 'ports.b.enabled' });
  });
});
