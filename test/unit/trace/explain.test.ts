/** An explanation names a change, and the switch under that change does deliver. */

import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { SwitchConfig } from '../../../src/config/types.ts';
import { ControlError } from '../../../src/control/model.ts';
import { ipv6Frame } from '../../../src/protocols/neighbor-send.ts';
import { ownDirectory } from '../../../src/runtime/directory-of.ts';
import { explain as hurried } from '../../../src/trace/explain.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { type Start, worldUnder } from '../../../src/trace/situation.ts';
import { trace } from '../../../src/trace/trace.ts';
import { learnBefore } from '../../../src/trace/world.ts';
import { addressBytes } from '../../../src/wire/address.ts';
import { ethernetFrame, udpIpv4 } from '../../../src/wire/build.ts';
import { parseMac } from '../../../src/wire/ethernet.ts';
import { neighborSolicitation } from '../../../src/wire/nd.ts';
import { Random } from '../dataplane/world.ts';
import { explain } from './explain-calmly.ts';
import { type Case, SPOILS, soundCase } from './misconfigure.ts';
import { sentThrough, wholeSwitch } from './whole-switch.ts';

/** The ports of a whole switch where the frame comes out. */
function deliveredBy(start: Start, from: string, bytes: Uint8Array): string[] {
  const { config, learned } = start;
  const sw = wholeSwitch(start);
  const { dp, control } = sw.core;
  const directory = ownDirectory(control, config);
  for (const { mac, port, vid } of learned) {
    const known = directory.vlans.some((each) => each.vid === (vid ?? null) && each.bridge === bridgeOf(config, port));
    if (known) learnBefore({ dp, directory, nowMs: 0 }, { mac, port, vid });
  }
  const sent = sentThrough(sw, from, bytes);
  return sent.filter(([, frames]) => frames.length > 0).map(([name]) => name);
}

const bridgeOf = ({ ports }: SwitchConfig, name: string) => ports.find((port) => port.name === name)?.bridge;

function spoiledCase(seed: number): Case {
  const r = new Random(seed);
  for (;;) {
    const sound = soundCase(r);
    const vid = trace(worldUnder(sound.situation), { port: sound.from, bytes: sound.bytes }).vid ?? 1;
    if (!deliveredBy(sound.situation, sound.from, sound.bytes).includes(sound.to)) continue;
    const spoiled = Array.from({ length: 1 + r.below(3) }, () => r.pick(Object.keys(SPOILS)));
    const situation = spoiled.reduce((s, name) => SPOILS[name](s, r, vid), sound.situation);
    try {
      if (!deliveredBy(situation, sound.from, sound.bytes).includes(sound.to)) return { ...sound, situation, spoiled };
    } catch (error) {
      if (!(error instanceof ControlError)) throw error; // no file could say that
    }
  }
}

describe('explain', () => {
  it('names a change that makes the frame arrive, for 210 misconfigurations', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 210; seed++) {
      const { situation, from, to, bytes, spoiled } = spoiledCase(seed);
      const { explanation, fixed } = explain(situation, { port: from, bytes }, to);
      const story = `seed ${seed}, ${spoiled.join(' + ')}: ${explanation.text}`;
      expect(explanation.arrives, story).toBe(false);
      expect(fixed, story).not.toBeNull();
      expect(deliveredBy(fixed!, from, bytes), story).toContain(to);
      expect(explanation.fix!.delivered, story).toContain(to);
      expect(explanation.fix!.changes.length, story).toBeLessThanOrEqual(spoiled.length);
      for (const name of spoiled) seen.add(name);
    }
    expect([...Object.keys(SPOILS)].filter((name) => !seen.has(name))).toEqual([]);
  });

  const SWITCH = `
vlans: { 10: {}, 20: {} }
ports:
  p1: { adapter: memory, mode: access, vlan: 20 }
  p2: { adapter: memory, mode: access, vlan: 10 }
  p3: { adapter: memory, mode: trunk, vlans: '10' }
  t: { adapter: memory, mode: dot1q-tunnel, vlan: 10 }
`;
  const ask = (port: string, bytes: Uint8Array, to: string | null = null, config = SWITCH, wireLength?: number) =>
    explain({ config: loadConfig(config, 'test'), down: [], learned: [] }, { port, bytes, wireLength }, to).explanation;

  it('says which key of the file, and what to write there', () => {
    const found = ask('p1', readFields('len=60'), 'p3');
    expect(found.text).toBe('delivered on p3 if VLAN 20 were among the VLANs of trunk p3');
    expect(found.fix?.changes).toEqual([
      {
        path: 'ports.p3.vlans',
        value: '10,20',
        condition: 'VLAN 20 were among the VLANs of trunk p3',
      },
    ]);
    expect(found.alternatives.map((each) => each.text)).toEqual([
      'delivered on p3 (and p2, t) if p1 were in VLAN 10 instead of 20',
    ]);
    expect(found.trace.reason?.name).toBe('EGRESS_NO_PORT');
  });

  it('says which interface the router lacks, and whose answer it counts on', () => {
    const packet = readFields('dst=02:00:00:00:10:01,ip=10.0.20.5-10.0.10.5');
    const none = ask('p1', packet, 'p2');
    expect(none.text).toBe(
      'delivered on p2 if VLAN 20 had an interface with the address 10.0.20.1/24 (/24 is a guess) and the MAC 02:00:00:00:10:01, and VLAN 10 had an interface with the address 10.0.10.1/24 (/24 is a guess), once 10.0.10.5 has answered ARP',
    );
    expect(none.fix?.changes.map(({ path, value }) => `${path}: ${value}`)).toEqual([
      "interfaces.vlan20: { vlan: 20, mac: '02:00:00:00:10:01', addresses: [10.0.20.1/24] }",
      'interfaces.vlan10: { vlan: 10, addresses: [10.0.10.1/24] }',
    ]);
  });

  it('takes the length of a subnet from classify, then from the other interfaces, and says what is a guess', () => {
    const packet = readFields('dst=02:00:00:00:20:01,ip=10.0.20.5-10.0.10.5');
    const interfaces = `interfaces:
  v20: { vlan: 20, addresses: [10.0.20.1/26], mac: '02:00:00:00:20:01' }\n`;
    const values = (more: string) => ask('p1', packet, 'p2', `${SWITCH}${interfaces}${more}`);
    expect(values('').text).toContain('VLAN 10 had an interface with the address 10.0.10.1/26 (/26 is a guess), once');
    const known = values("classify: { subnets: { '10.0.10.0/25': 10 } }\n");
    expect(known.text).toContain('VLAN 10 had an interface with the address 10.0.10.1/25, once');
    expect(known.hint).toBeNull();
    const beyond = readFields('dst=02:00:00:00:20:01,ip=10.0.20.5-172.16.0.1');
    expect(ask('p1', beyond, null, `${SWITCH}${interfaces}`).hint).toMatch(
      /needs a route .*routes: \[\{ to: 0\.0\.0\.0\/0, via: ADDRESS \}\], .* in the subnet of 10\.0\.20\.1\/26$/,
    );
  });

  it('names the gateway of who asks by ARP or ND for a host in another VLAN', () => {
    const hint = (fields: string, to: string | null, more = '') => {
      const found = ask('p1', readFields(fields), to, `${SWITCH}${more}`);
      expect(found.arrives).toBe(to === null);
      return found.hint;
    };
    const stays = 'ARP stays in its broadcast domain, VLAN 20:';
    const none = hint('arp=10.0.20.5-10.0.10.5', 'p2');
    expect(none).toBe(
      `${stays} hosts there need a gateway for what is in other VLANs, an interface of VLAN 20 in the subnet of 10.0.20.5 such as 10.0.20.1/24 (/24 is a guess), if nobody has it. On the host: \`ip route add default via 10.0.20.1\``,
    );
    const v20 = `interfaces:
  v20: { vlan: 20, addresses: [10.0.20.1/24, '2001:db8:20::1/64'] }
  v10: { vlan: 10, addresses: [10.0.10.1/24] }\n`;
    const gateway = `${stays} 10.0.20.5 has to ask for its gateway 10.0.20.1 instead, interface v20, and send it what is for 10.0.10.5. On the host: an address with /24, and \`ip route add default via 10.0.20.1\``;
    expect(hint('arp=10.0.20.5-10.0.10.5', 'p2', v20)).toBe(gateway);
    expect(hint('arp=10.0.20.5-10.0.20.6', 'p2', v20)).toBe(
      `${stays} 10.0.20.5 takes 10.0.20.6 for a neighbor, both are in 10.0.20.1/24; nobody known has 10.0.20.6, and the gateway here is 10.0.20.1, interface v20. A host in another VLAN needs another subnet`,
    );
    expect(hint('type=0x88b5', 'p2')).toMatch(/^only IP packets .* from VLAN 20 to p2, say ip=FROM-TO$/);
    expect(hint('type=0x88b5', 'p2', v20)).toMatch(/say ip=FROM-TO and dst=[\da-f:]{17}, the MAC of interface v20$/);
    // It goes to all of its VLAN, of which the host is not.
    const open = v20.replace('interfaces:', '  q: { adapter: memory, vlan: 20 }\ninterfaces:');
    expect(hint('arp=10.0.20.5-10.0.10.5', null, open)).toBe(gateway);
    expect(hint('arp=10.0.20.5-10.0.20.6', null, open)).toBeNull();
    expect(hint('arp=10.0.20.5-10.0.20.1', null, open)).toBeNull();
    const packet = 'a packet for another subnet goes to the MAC of its gateway';
    const mac20 = loadConfig(`${SWITCH}${v20}`, 'test').interfaces[0]!.mac;
    expect(hint('ip=10.0.20.5-10.0.10.5', 'p2', v20)).toBe(
      `${packet}: dst=${mac20}, that of interface v20 with 10.0.20.1`,
    );
    expect(hint('ip=10.0.20.5-10.0.10.5', 'p2')).toBe(none!.replace(stays, `${packet}:`));
    expect(hint('ip=10.0.20.5-10.0.20.6', 'p2', v20)).toBeNull();
    expect(hint(`dst=${mac20},ip=10.0.20.5-10.0.10.5`, 'p2', v20)).toBeNull();
    const [address, target] = ['2001:db8:20::5', '2001:db8:10::5'].map((each) => addressBytes(each)!);
    const mac = parseMac('02:00:00:00:00:01')!;
    const asks = ipv6Frame(mac, null, neighborSolicitation(address, null, target, mac));

    const found = ask('p1', asks, 'p2', `${SWITCH}${v20}`);
    expect(found.hint).toContain(
      'ND stays in its broadcast domain, VLAN 20: 2001:db8:20::5 has to ask for its gateway 2001:db8:20::1',
    );
  });

  it('proposes no MAC of another host for a gateway, nor an address that a known host has', () => {
    const interfaces = `  q: { adapter: memory, vlan: 20 }
interfaces:
  v20: { vlan: 20, addresses: [10.0.20.1/24] }
  v10: { vlan: 10, addresses: [10.0.10.1/24] }
`;
    const config = loadConfig(`${SWITCH}${interfaces}`, 'test');
    const host = { mac: '02:00:00:00:00:02', port: 'q', vid: 20 };
    const packet = readFields('dst=02:00:00:00:00:02,ip=10.0.20.5-10.0.10.5');
    const about = (to: string | null) =>
      explain({ config, down: [], learned: [host] }, { port: 'p1', bytes: packet }, to).explanation;
    const { fix, alternatives, hint } = about('p2');
    const all = [fix, ...alternatives].flatMap((each) => each?.changes ?? []);
    expect(all.filter(({ path }) => path.endsWith('.mac'))).toEqual([]);
    expect(hint).toContain('that of interface v20 with 10.0.20.1');
    // It arrives, at who has the MAC.
    expect(about(null)).toMatchObject({ arrives: true, hint });
    const known = `${SWITCH}interfaces:
  v10: { vlan: 10, addresses: [10.0.10.2/24], dhcpRelay: { servers: [10.0.20.1] } }\n`;
    expect(ask('p1', readFields('arp=10.0.20.5-10.0.10.5'), 'p2', known).hint).toContain(
      'such as 10.0.20.2/24 (/24 is a guess), if nobody has it',
    );
    expect(() => ask('v10', packet, 'p2', known)).toThrow(/^v10 is an interface of the router, where no frame/);
    expect(() => ask('v11', packet, 'p2', known)).toThrow('valid are p1, p2, p3, t');
  });

  it('says that it arrives where it does', () => {
    const found = ask('p2', readFields('len=60'), 'p3');
    expect(found).toMatchObject({ arrives: true, fix: null, text: 'it arrives: delivered on p3 (and t)' });
    expect(ask('p2', readFields('len=60'))).toMatchObject({ arrives: true, text: 'it arrives: delivered on p3, t' });
  });

  it('ends after three seconds of its clock, with what it has found by then', () => {
    const config = loadConfig('ports: { p1: { adapter: memory, vlan: 10 }, p2: { adapter: memory, vlan: 20 } }', 'x');
    const found = (msPerLook: number) => {
      let ms = 0;
      const clock = { now: () => (ms += msPerLook) };
      const asked = { config, down: [], learned: [] };
      return hurried(asked, { port: 'p1', bytes: readFields('len=60') }, 'p2', clock).explanation;
    };
    expect(found(1).fix?.text).toMatch(/^delivered on p2 if /);
    expect(found(3001)).toMatchObject({
      fix: null,
      text: expect.stringMatching(/^no change of a few settings was found/),
    });
  });

  it('names the mirror that keeps a port to itself', () => {
    const config = `
ports:
  p1: { adapter: memory, vlan: 10 }
  p2: { adapter: memory, vlan: 10 }
  p3: { adapter: memory, vlan: 10 }
mirrors: [{ name: watch, output: p2, selectSrc: [p3] }]
`;
    const from = ask('p2', readFields('len=60'), 'p1', config);
    expect(from.trace.reason?.name).toBe('INGRESS_MIRROR_OUTPUT');
    expect(from.fix?.changes).toMatchObject([{ path: 'mirrors[0]', value: null }]);
    const to = ask('p1', readFields('len=60'), 'p2', config);
    expect(to.text).toMatch(/^delivered on p2 \(and p3\) if p2 were not the output of mirror watch$/);
  });

  const PRIVATE = `
vlans: { 100: { isolated: 101, communities: '102,103' } }
ports:
  gw: { adapter: memory, mode: promiscuous, vlan: 100 }
  i1: { adapter: memory, mode: private-host, vlan: 101 }
  i2: { adapter: memory, mode: private-host, vlan: 101 }
  c1: { adapter: memory, mode: private-host, vlan: 102 }
`;
  it('says what keeps hosts of a private VLAN apart, and what would let them through', () => {
    const config = loadConfig(PRIVATE, 'test');
    const learned = [{ mac: '02:00:00:00:00:22', port: 'i2' }];
    const frame = { port: 'i1', bytes: readFields('dst=02:00:00:00:00:22') };
    const known = explain({ config, down: [], learned }, frame, 'i2').explanation;
    expect(known.trace.reason?.name).toBe('EGRESS_PRIVATE_VLAN');
    expect(known.trace.stages.at(-1)?.ports).toMatchObject([
      { port: 'i2', text: 'a host that isolated VLAN 101 does not reach' },
    ]);
    expect(known.fix?.changes).toMatchObject([{ path: 'ports.i1', value: '{ mode: promiscuous, vlan: 100 }' }]);
    const flooded = ask('i1', readFields('len=60'), 'c1', PRIVATE);
    expect(flooded.text).toBe('delivered on c1 (and gw) if i1 were a host of community 102 instead of VLAN 101');
    expect(flooded.fix?.changes).toMatchObject([{ path: 'ports.i1.vlan', value: '102' }]);
    expect(ask('i1', readFields('len=60'), 'gw', PRIVATE).arrives).toBe(true);
  });

  it('speaks of customer VLANs and of priorities', () => {
    const config = `
switch: { type: s-vlan }
ports:
  c: { adapter: memory, mode: dot1q-tunnel, serviceVlans: { '10-20': 100, 40: { vlan: 400, keepTag: false } } }
  d: { adapter: memory, mode: dot1q-tunnel, vlan: 300, priority: { trust: dscp } }
  s: { adapter: memory, mode: trunk, vlans: '100,300,400' }
`;
    const told = (port: string, fields: string) => {
      const { trace } = ask(port, readFields(fields), null, config);
      return trace.stages.map(({ text }) => text).join('; ');
    };
    expect(told('c', 'vlan=15')).toContain('VLAN 100, by its customer VLAN, pushed around what it carries');
    expect(told('c', 'vlan=40')).toContain('VLAN 400, by its customer VLAN, whose tag it replaces');
    expect(told('d', 'ip=10.0.0.1-10.0.0.2')).toContain('priority 0 by its port');
    const refused = ask('c', readFields('vlan=21'), 's', config);
    expect(refused.trace.reason?.name).toBe('INGRESS_TUNNEL_CVID');
    expect(refused.text).toBe('delivered on s if customer VLAN 21 went to service VLAN 100 at c');
    expect(refused.fix?.changes).toMatchObject([{ path: 'ports.c.serviceVlans.21', value: '100' }]);
  });

  it('finds the way round a tag that nobody can have', () => {
    const found = ask('p3', readFields('vlan=4095'), 'p2');
    expect(found.trace.reason?.name).toBe('INGRESS_VID_RESERVED');
    expect(found.fix?.changes).toMatchObject([{ path: 'ports.p3', value: '{ mode: dot1q-tunnel, vlan: 10 }' }]);
  });

  it.each([
    ['a runt', new Uint8Array(9), /too short/],
    ['a cut tag', Uint8Array.from(Buffer.from('0200000000020200000000018100', 'hex')), /inside its tag/],
    ['a group source', readFields('src=01:00:5e:00:00:01'), /group address/],
    ['PAUSE', readFields('dst=01:80:c2:00:00:01,vlan=10'), /PAUSE/],
  ])('says plainly that no change delivers %s', (_what, bytes, why) => {
    const found = ask('p3', bytes, 'p2');
    expect(found).toMatchObject({ arrives: false, fix: null });
    expect(found.text).toMatch(/^no change of the configuration can deliver it: /);
    expect(found.text).toMatch(why);
  });

  it('says so of a part of a frame, of a frame longer than any MTU, and where there is no other port', () => {
    expect(ask('p2', readFields('len=60'), 'p3', SWITCH, 61).text).toMatch(/only a part of it/);
    expect(ask('a', readFields('len=60'), null, 'ports: { a: { adapter: memory } }').fix?.text).toBe(
      'delivered on a if a sent back what came from it',
    );
    expect(() => ask('p1', readFields('len=60'), 'x')).toThrow(/no port "x"/);
  });

  const ROUTER = `
vlans: { 10: {}, 20: {} }
ports: { a: { adapter: memory, mode: access, vlan: 10 }, b: { adapter: memory, mode: access, vlan: 20 } }
interfaces:
  v10: { vlan: 10, addresses: [10.0.10.1/24], mac: '02:00:00:00:10:01' }
  v20: { vlan: 20, addresses: [10.0.20.1/24], mac: '02:00:00:00:20:01', mtu: 600, neighbors: { 10.0.20.5: '02:00:00:00:00:25' } }
routes: [{ to: 0.0.0.0/0, via: 10.0.20.5 }, { to: 10.9.0.0/16, type: blackhole }]
`;
  const packet = (more: string) => readFields(`dst=02:00:00:00:10:01,src=02:00:00:00:00:15,ip=10.0.10.5-${more}`);

  it('looks at routes and interfaces of the router', () => {
    const found = ask('a', packet('10.9.1.1'), 'b', ROUTER);
    expect(found.trace.reason?.name).toBe('ROUTE_BLACKHOLE');
    expect(found.text).toBe('delivered on b if there were no blackhole route to 10.9.0.0/16');
    const datagram = udpIpv4({ src: '10.0.10.5', dst: '10.0.20.5' }, 1, 2, new Uint8Array(700));
    const long = ethernetFrame({ dst: '02:00:00:00:10:01', src: '02:00:00:00:00:15' }, 0x0800, datagram);
    expect(ask('a', long, 'b', ROUTER).text).toBe('delivered on b if the MTU of interface v20 were 728 instead of 600');
    expect(ask('a', packet('224.0.0.5'), 'b', ROUTER).text).toMatch(/groups and broadcasts are not routed/);
    const arp = ask('a', readFields('arp=10.0.10.5-10.0.20.5'), 'b', ROUTER);
    expect(arp.trace.stages.at(-1)?.ports).toEqual([
      { port: 'a', sends: false, text: 'it came from there', reason: 'LOOKUP_REFLECTION' },
      { port: 'b', sends: false, text: 'no member of VLAN 10', reason: 'EGRESS_VLAN' },
    ]);
  });

  it('says whose answer a packet waits for, and that no port has it yet', () => {
    for (const to of [null, 'b']) {
      const found = ask('a', packet('10.0.20.9'), to, ROUTER);
      expect(found).toMatchObject({ arrives: false, fix: null, trace: { verdict: 'consumed' } });
      expect(found.text).toBe(
        'it waits in the switch, which asks for the MAC of 10.0.20.9 on interface v20 (ARP): an ARP reply from there sends it on, or the address among the neighbors of v20',
      );
    }
    const unknown = ROUTER.replace(", neighbors: { 10.0.20.5: '02:00:00:00:00:25' }", '');
    expect(ask('a', packet('8.8.8.8'), 'b', unknown).text).toContain('the MAC of 10.0.20.5 on interface v20');
  });

  it('offers a route where there is none', () => {
    const config = ROUTER.replace('{ to: 0.0.0.0/0, via: 10.0.20.5 }, ', '');
    const found = ask('a', packet('8.8.8.8'), 'b', config);
    expect(found.trace.reason?.name).toBe('ROUTE_NO_ROUTE');
    expect(found.text).toBe('delivered on b if there were a route to 8.8.8.8/32 via 10.0.20.5');
    expect(found.fix?.changes).toMatchObject([{ path: 'routes[]', value: "{ to: '8.8.8.8/32', via: '10.0.20.5' }" }]);
  });

  it('names a route where it is written, also in its VRF', () => {
    const routes = ROUTER.slice(ROUTER.indexOf('routes:')).split('\n')[0]!;
    for (const [written, path] of [
      ['routes: [{ to: 8.0.0.0/8, type: blackhole }]', 'routes[0]'],
      [
        'vrfs: { default: { routes: [{ to: 9.0.0.0/8, type: blackhole }, { to: 8.0.0.0/8, type: blackhole }] } }\nroutes: [{ to: 0.0.0.0/0, via: 10.0.20.5 }]',
        'vrfs.default.routes[1]',
      ],
    ]) {
      const found = ask('a', packet('8.8.8.8'), null, ROUTER.replace(routes, written!));
      expect(found.trace.reason?.name).toBe('ROUTE_BLACKHOLE');
      expect(found.fix?.changes[0]?.path, JSON.stringify(found)).toBe(path);
    }
  });

  it('looks at rules that classify, and at VLANs that a tunnel has no VNI for', () => {
    const classified = `
vlans: { 10: {}, 30: {} }
classify: { protocols: { '0x88b5': 30 } }
ports:
  p1: { adapter: memory, mode: hybrid, pvid: 10, untagged: [10], classify: true }
  p2: { adapter: memory, mode: access, vlan: 10 }
`;
    const ruled = ask('p1', readFields('len=60'), 'p2', classified);
    expect(ruled.trace.reason?.name).toBe('INGRESS_VLAN');
    expect(ruled.text).toBe('delivered on p2 if p1 gave frames its own VLAN whatever they are');
    const tunnel = `
vlans: { 10: {}, 20: {} }
vteps: { v0: { underlay: port, uplink: up, local: 192.0.2.1/24, neighbors: { 192.0.2.2: '02:00:00:00:00:99' } } }
ports:
  p1: { adapter: memory, mode: access, vlan: 20 }
  up: { adapter: memory }
  vx: { adapter: vxlan, vxlan: { vtep: v0, vnis: { 10: 10010 }, remotes: [192.0.2.2] } }
`;
    const found = ask('p1', readFields('len=60'), 'vx', tunnel);
    expect(found.text).toBe('delivered on vx if p1 were in VLAN 10 instead of 20');
    expect(found.alternatives).toMatchObject([
      {
        text: 'delivered on vx if VLAN 20 had a VNI (10011, say) on tunnel vx',
        changes: [{ path: 'ports.vx.vxlan.vnis.20', value: '10011' }],
      },
    ]);
  });
});
