/** Neighbors behind a tunnel that hosts are answered for: learned from what hosts say, told by the library, bounded, aged. */

import { describe, expect, it } from 'vitest';
import type { TunnelConfig } from '../../../src/config/types/vxlan.ts';
import { fdbEntries } from '../../../src/control/fdb-control.ts';
import { setTunnel } from '../../../src/control/vxlan/tunnel-control.ts';
import { Vxlan } from '../../../src/library/vxlan.ts';
import { addressBytes } from '../../../src/wire/address.ts';
import { arpFrame, ethernetFrame } from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { ETHERTYPE_IPV6, parseMac } from '../../../src/wire/ethernet.ts';
import { NA_OVERRIDE, NA_ROUTER, NA_SOLICITED } from '../../../src/wire/icmpv6.ts';
import { ALL_NODES, IPV6_UNSPECIFIED, neighborAdvertisement, neighborSolicitation } from '../../../src/wire/nd.ts';
import { checkLedger, dice, MACS, outerV4, tunnelWorld } from './vxlan-world.ts';

const ZERO = '00:00:00:00:00:00';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const HERE = MACS[0]!;
const THERE = MACS[2]!;
const OTHER = MACS[3]!;
const REQUEST = 1;
const REPLY = 2;

/** An ARP packet of a host. */
const says = (mac: string, ip: string, operation: number, target: string, dst = BROADCAST, src = mac) =>
  arpFrame({ dst, src }, { operation, senderMac: mac, senderIp: ip, targetMac: ZERO, targetIp: target });
const announces = (mac: string, ip: string, operation = REQUEST) => says(mac, ip, operation, ip);
const bytes = (text: string) => addressBytes(text)!;
const advertises = (mac: string, ip: string, flags: number, dst = '33:33:00:00:00:01', to = ALL_NODES) =>
  ethernetFrame(
    { dst, src: mac },
    ETHERTYPE_IPV6,
    neighborAdvertisement(bytes(ip), to, bytes(ip), parseMac(mac)!, flags),
  );
const solicits = (mac: string, from: Uint8Array, target: string) =>
  ethernetFrame(
    { dst: '33:33:ff:00:00:03', src: mac },
    ETHERTYPE_IPV6,
    neighborSolicitation(from, null, bytes(target), parseMac(mac)!),
  );

function suppressing(settings: Partial<TunnelConfig> = {}, size = 4) {
  const world = tunnelWorld(size);
  const { core, left, append } = world;
  const { control } = core;
  const set = (more: Partial<TunnelConfig>) =>
    setTunnel(control, 'm', { ...control.vxlan.tunnels.get('m')!.settings, suppress: true, ...more });
  set(settings);
  const vxlan = new Vxlan(control);
  const bring = (port: string, frame: Uint8Array) => {
    append(port, frame);
    core.forward();
    checkLedger(core);
  };
  return Object.assign(world, {
    set,
    vxlan,
    here: (frame: Uint8Array) => bring('b', frame),
    there: (frame: Uint8Array) => bring('u4', outerV4(1000, frame)),
    /** What the one on this side who asks gets, or null: then the question went into the tunnel. */
    ask(frame: Uint8Array) {
      for (const frames of left.values()) frames.length = 0;
      bring('b', frame);
      const answers = left.get('b')!;
      expect(left.get('u4')).toHaveLength(answers.length === 0 ? 2 : 0);
      if (answers.length === 0) return null;
      const answer = Buffer.from(answers[0]!, 'hex');
      return dissectFrame(
        new DataView(answer.buffer, answer.byteOffset, answer.length),
        0,
        answer.length,
        answer.length,
      );
    },
  });
}

const question = says(HERE, '10.0.0.1', REQUEST, '10.0.0.3');
const answeredBy = (mac: string) => ({
  outer: { eth_dst: HERE, eth_src: mac },
  arp: { op: 2, sha: mac, spa: '10.0.0.3' },
});

describe('a neighbor behind the tunnel', () => {
  it.each([
    ['a question', says(THERE, '10.0.0.3', REQUEST, '10.0.0.9')],
    ['an answer to one host', says(THERE, '10.0.0.3', REPLY, '10.0.0.1', HERE)],
    ['a gratuitous request', announces(THERE, '10.0.0.3')],
    ['a gratuitous reply', announces(THERE, '10.0.0.3', REPLY)],
  ])('is learned from %s, which passes, and answered for', (_, frame) => {
    const world = suppressing();
    world.here(announces(HERE, '10.0.0.1'));
    world.left.get('b')!.length = 0;
    world.there(frame);
    expect(world.left.get('b')).toEqual([Buffer.from(frame).toString('hex')]);
    expect(world.ask(question)).toMatchObject(answeredBy(THERE));
    world.now += 2000;
    expect(world.vxlan.neighbors('m')).toEqual([
      { port: 'm', vid: 10, address: '10.0.0.3', mac: THERE, isRouter: false, kind: 'dynamic', ageSeconds: 2 },
    ]);
  });

  it.each([0, NA_ROUTER])('is learned from advertisements, with what it says of routing (%i)', (router) => {
    const world = suppressing();
    const asked = solicits(HERE, bytes('2001:db8::1'), '2001:db8::3');
    world.there(advertises(THERE, '2001:db8::3', NA_OVERRIDE | router));
    expect(world.ask(asked)).toMatchObject({ outer: { eth_dst: HERE, eth_src: THERE, ip: { src: '2001:db8::3' } } });
    // A solicitation of its own says nothing of that, and keeps it young.
    world.now += 200_000;
    world.there(solicits(THERE, bytes('2001:db8::3'), '2001:db8::7'));
    world.now += 200_000;
    world.there(announces(THERE, '10.0.0.3'));
    expect(world.vxlan.neighbors()).toMatchObject([
      { address: '2001:db8::3', isRouter: router !== 0, ageSeconds: 200 },
      { address: '10.0.0.3' },
    ]);
    world.here(announces(HERE, '10.0.0.1'));
    world.ask(asked);
    // Ethernet, IPv6, then type, code, checksum, flags.
    const flags = Buffer.from(world.left.get('b')![0]!, 'hex')[14 + 40 + 4]!;
    expect(flags).toBe(NA_SOLICITED | NA_OVERRIDE | router);
  });

  it.each([
    ['another sender than the source', says(THERE, '10.0.0.3', REQUEST, '10.0.0.9', BROADCAST, OTHER)],
    ['a probe', says(THERE, '0.0.0.0', REQUEST, '10.0.0.3')],
    ['a group for a sender', says('03:00:00:00:00:01', '10.0.0.3', REPLY, '10.0.0.9', BROADCAST, THERE)],
    ['another operation', says(THERE, '10.0.0.3', 3, '10.0.0.9')],
    ['an advertisement that overrides nothing', advertises(THERE, '2001:db8::3', 0)],
    ['a solicitation alone', solicits(THERE, bytes('2001:db8::3'), '2001:db8::7')],
    ['duplicate address detection', solicits(THERE, IPV6_UNSPECIFIED, '2001:db8::3')],
    ['a cut packet', announces(THERE, '10.0.0.3').subarray(0, 41)],
  ])('is not learned from %s', (_, frame) => {
    const world = suppressing();
    world.there(frame);
    expect(world.vxlan.neighbors()).toEqual([]);
    expect(world.ask(question)).toBeNull();
  });

  it('is not learned where the FDB does not agree, nor where nothing is to be learned', () => {
    const world = suppressing();
    world.core.control.setPort('m', { learning: false });
    world.there(announces(THERE, '10.0.0.3'));
    expect(world.vxlan.neighbors()).toEqual([]);
    const none = suppressing({ maxNeighbors: 0 });
    none.there(announces(THERE, '10.0.0.3'));
    expect(none.vxlan.neighbors()).toEqual([]);
    const off = suppressing();
    off.there(announces(THERE, '10.0.0.3'));
    off.set({ suppress: false });
    off.there(announces(THERE, '10.0.0.3'));
    expect(off.vxlan.neighbors()).toEqual([]);
    expect(off.ask(question)).toBeNull();
  });

  it('does not answer probes, announcements, itself, or questions out of the tunnel', () => {
    const world = suppressing();
    world.there(announces(THERE, '10.0.0.3'));
    expect(world.ask(says(HERE, '0.0.0.0', REQUEST, '10.0.0.3'))).toBeNull();
    expect(world.ask(solicits(HERE, IPV6_UNSPECIFIED, '2001:db8::3'))).toBeNull();
    expect(world.ask(advertises(OTHER, '2001:db8::9', NA_OVERRIDE))).toBeNull();
    const before = world.left.get('u4')!.length;
    world.there(says(OTHER, '10.0.0.4', REQUEST, '10.0.0.3'));
    expect(world.left.get('u4')).toHaveLength(before);
    expect(world.ask(question)).toMatchObject(answeredBy(THERE));
    expect(world.ask(announces(HERE, '10.0.0.3'))).toBeNull();
  });

  it('is not answered for with an address of the switch itself', () => {
    const world = suppressing();
    const mac = '02:00:00:00:00:fe';
    const address = '10.0.0.254';
    world.core.router.addInterface({
      name: 'svi',
      bridge: 'br0',
      vid: 10,
      mac,
      vrf: 'default',
      mtu: 1500,
      addresses: [`${address}/24`],
      routerAdvertisements: false,
      proxyArp: false,
      redirects: false,
      dhcpRelay: null,
      detectDuplicates: false,
      neighbors: [],
    });
    world.there(announces(THERE, address));
    world.left.get('b')!.length = 0;
    world.here(says(HERE, '10.0.0.1', REQUEST, address));
    const answers = world.left.get('b')!.filter((frame) => frame.startsWith(HERE.replaceAll(':', '')));
    expect(answers.map((frame) => frame.slice(12, 24))).toEqual([mac.replaceAll(':', '')]);
  });

  it('moves at once: to another host there, to this side, with its MAC', () => {
    const world = suppressing();
    world.there(announces(THERE, '10.0.0.3'));
    world.there(announces(OTHER, '10.0.0.3', REPLY));
    expect(world.ask(question)).toMatchObject(answeredBy(OTHER));
    for (const operation of [REQUEST, REPLY]) {
      world.there(announces(OTHER, '10.0.0.3'));
      world.here(announces('02:00:00:00:00:0c', '10.0.0.3', operation));
      expect(world.vxlan.neighbors()).toEqual([]);
      expect(world.ask(question)).toBeNull();
    }
    world.there(announces(OTHER, '10.0.0.3'));
    world.here(says(OTHER, '10.0.0.77', REQUEST, '10.0.0.9'));
    expect(world.ask(question)).toBeNull();
  });

  it('is not taken from it by one who lies on this side', () => {
    const world = suppressing();
    world.there(announces(THERE, '10.0.0.3'));
    world.here(says(THERE, '10.0.0.3', REQUEST, '10.0.0.9', BROADCAST, OTHER));
    expect(world.ask(question)).toMatchObject(answeredBy(THERE));
  });

  it('is forgotten after the time that is stated, and not when it speaks', () => {
    const world = suppressing({ neighborAgeSeconds: 20 });
    world.there(announces(THERE, '10.0.0.3'));
    for (let n = 0; n < 3; n++) {
      world.now += 20_000;
      expect(world.ask(question)).toMatchObject(answeredBy(THERE));
      world.there(announces(THERE, '10.0.0.3'));
    }
    world.now += 20_001;
    expect(world.ask(question)).toBeNull();
    world.there(announces(THERE, '10.0.0.3'));
    world.now += 20_001;
    world.core.tick();
    expect(world.vxlan.neighbors()).toEqual([]);
  });

  it('is one of a bounded number: newcomers wait for room, and one host has its share', () => {
    const world = suppressing({ maxNeighbors: 70, vlanMaxNeighbors: 66, neighborAgeSeconds: 100 }, 16);
    for (let n = 0; n < 80; n++) world.there(announces(THERE, `10.0.1.${n}`));
    expect(world.vxlan.neighbors()).toHaveLength(64);
    world.now += 1000;
    for (let n = 0; n < 5; n++) world.there(announces(OTHER, `10.0.2.${n}`));
    expect(world.vxlan.neighbors()).toHaveLength(66);
    // Another VLAN has what is left.
    for (let n = 0; n < 9; n++) world.append('u4', outerV4(2000, announces(MACS[1]!, `10.0.3.${n}`)));
    world.core.forward();
    expect(world.vxlan.neighbors().filter(({ vid }) => vid === 20)).toHaveLength(4);
    world.now += 99_500;
    for (let n = 0; n < 5; n++) world.there(announces(OTHER, `10.0.2.${n}`));
    expect(world.vxlan.neighbors().filter(({ vid }) => vid === 10)).toHaveLength(5);
    world.set({ vlanMaxNeighbors: 2 });
    expect(world.vxlan.neighbors()).toEqual([]);
  });

  it.each([1, 7, 64])('costs a bounded number of looks: others pass unheard, by %i', (size) => {
    const world = suppressing({ maxNeighbors: 1000, vlanMaxNeighbors: 1000 }, size);
    const flood = (port: string, frame: Uint8Array) => {
      for (let n = 0; n < 400; n++) {
        world.append(port, frame);
        if (world.core.batch.count === size) world.core.forward();
      }
      world.core.forward();
      checkLedger(world.core);
    };
    flood('u4', outerV4(1000, announces(THERE, '10.0.0.3')));
    expect(world.left.get('b')).toHaveLength(400);
    world.there(announces(OTHER, '10.0.0.4'));
    expect(world.vxlan.neighbors()).toMatchObject([{ address: '10.0.0.3' }]);
    world.left.get('b')!.length = 0;
    flood('b', question);
    expect(world.left.get('b')).toHaveLength(256);
    expect(world.left.get('u4')).toHaveLength((400 - 256) * 2);
    world.now += 10;
    world.there(announces(OTHER, '10.0.0.4'));
    expect(world.ask(says(HERE, '10.0.0.1', REQUEST, '10.0.0.4'))).toMatchObject({ arp: { sha: OTHER } });
  });

  it('may be told: it does not age, comes before what is learned, and needs the FDB as well', () => {
    const world = suppressing();
    const { vxlan } = world;
    const place = { port: 'm', vid: 10, address: '10.0.0.3' };
    vxlan.addNeighbor({ ...place, mac: OTHER });
    expect(world.ask(question)).toBeNull();
    world.there(announces(THERE, '10.0.0.3'));
    world.now += 290_000;
    world.there(announces(OTHER, '10.0.0.4'));
    world.now += 290_000;
    expect(world.ask(question)).toMatchObject(answeredBy(OTHER));
    expect(vxlan.neighbors()).toMatchObject([
      { ...place, mac: OTHER, kind: 'external', ageSeconds: 0 },
      { address: '10.0.0.4', kind: 'dynamic' },
    ]);
    vxlan.removeNeighbor(place);
    expect(world.ask(question)).toBeNull();
    expect(() => vxlan.removeNeighbor(place)).toThrow('port m was told of no neighbor 10.0.0.3 in VLAN 10');
    expect(() => vxlan.addNeighbor({ ...place, mac: BROADCAST })).toThrow('is no MAC address of a host');
    expect(() => vxlan.addNeighbor({ ...place, vid: 99, mac: OTHER })).toThrow('has no VLAN 99');
    expect(() => vxlan.addNeighbor({ ...place, address: '10.0.0', mac: OTHER })).toThrow('is not an IP address');
    expect(() => vxlan.addNeighbor({ ...place, port: 'b', mac: OTHER })).toThrow('is no tunnel');
  });
});

describe('what becomes of questions', () => {
  const tell = (seed: number, size: number) => {
    const world = suppressing({ maxNeighbors: 6, vlanMaxNeighbors: 4, neighborAgeSeconds: 10 }, size);
    const roll = dice(seed);
    for (let n = 0; n < 400; n++) {
      world.now += roll(12) === 0 ? 4000 : roll(50);
      const mac = MACS[roll(4)]!;
      const ip = `10.0.0.${roll(6)}`;
      const v6 = `2001:db8::${roll(4) + 1}`;
      const arp = says(mac, ip, 1 + roll(2), `10.0.0.${roll(6)}`, roll(3) === 0 ? MACS[roll(4)]! : BROADCAST);
      const nd =
        roll(2) === 0 ? advertises(mac, v6, NA_OVERRIDE) : solicits(mac, bytes(v6), `2001:db8::${roll(4) + 1}`);
      const frame = roll(3) === 0 ? nd : arp;
      if (roll(2) === 0) world.append('b', frame);
      else world.append('u4', outerV4(roll(4) === 0 ? 2000 : 1000, frame));
      if (world.core.batch.count === size) world.core.forward();
    }
    world.core.forward();
    checkLedger(world.core);
    return { left: [...world.left], neighbors: world.vxlan.neighbors(), fdb: fdbEntries(world.core.control) };
  };

  it('does not depend on batches', () => {
    for (const seed of [1, 2, 3]) {
      const one = tell(seed, 1);
      for (const size of [2, 7, 64]) expect(tell(seed, size), `seed ${seed}, by ${size}`).toEqual(one);
    }
  });
});
