/** The ipvlan lanes are only a way to be fast: whatever the groups and the frames, what leaves and what is counted is as by the slow lane. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/dataplane/batch.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import type { FastLane } from '../../../src/dataplane/lanes/fast-lane.ts';
import { createIpvlanDeliverLane } from '../../../src/dataplane/lanes/ipvlan-deliver-lane.ts';
import { createIpvlanLane } from '../../../src/dataplane/lanes/ipvlan-lane.ts';
import { createIpvlanLeaveLane } from '../../../src/dataplane/lanes/ipvlan-leave-lane.ts';
import { slowLane } from '../../../src/dataplane/lanes/slow-lane.ts';
import { forwardBatch, forwardBatchSlowly } from '../../../src/dataplane/pipeline.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { GROUP_WORDS } from '../../../src/tables/group-table.ts';
import { GROUP_INTERFACE } from '../../../src/tables/ipvlan-table.ts';
import { PORT_STATE_LEARNS } from '../../../src/tables/port-table.ts';
import { arpFrame, ethernetFrame, icmpv6Ipv6, ipv4Packet, ipv6Packet } from '../../../src/wire/build.ts';
import { load } from '../control/random-config.ts';
import { type Arrival, tellGroups } from './group-world.ts';
import { Random } from './world.ts';

const PARENTS = ['up', 'up2'];
const CHILDREN = ['a', 'b', 'c', 'd', 'e'];
const ROUTED = ['x', 'y', 'z'];
const BRIDGED = ['wan', 'lan', 'trunk'];
const PORTS = [...PARENTS, 'h', ...CHILDREN, ...ROUTED, ...BRIDGED];
const SHARED = '02:00:00:00:00:fe';
const GATES = ['02:00:00:00:01:01', '02:00:00:00:01:02'];
const NEIGHBORS = ['02:00:00:00:02:01', '02:00:00:00:02:02', '02:00:00:00:02:03'];
const ADDRESSES: Record<string, string[]> = {
  a: ['192.0.2.11', '2001:db8::11'],
  b: ['192.0.2.12', '192.0.2.13'],
  c: ['2001:db8::12'],
  d: ['192.0.2.11'],
  e: ['192.0.2.12', '2001:db8::12'],
  x: ['198.51.100.11', '2001:db8:1::11'],
  y: ['198.51.100.12', '198.51.100.13'],
  z: ['2001:db8:1::12'],
};
const STRANGERS = ['192.0.2.99', '203.0.113.5', '203.0.113.6', '10.0.0.1', '2001:db8::99', '2001:db8:9::1', 'fe80::1'];

/** Group addresses, and the MACs that their frames go to. */
const GROUPS = { '224.0.0.1': '01:00:5e:00:00:01', '224.0.0.251': '01:00:5e:00:00:fb', 'ff02::1': '33:33:00:00:00:01' };

const children = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { addresses: ADDRESSES[name] }]));

/** Some of them say what they listen to. */
const choosing = (r: Random, names: readonly string[]) => {
  const groups = [...Object.keys(GROUPS), '01:80:c2:00:00:0e', 'ff02::fb'];
  const multicast = () => (r.chance(50) ? { multicast: groups.filter(() => r.chance(30)) } : {});
  return Object.fromEntries(Object.entries(children(names)).map(([name, of]) => [name, { ...of, ...multicast() }]));
};

function randomWorld(r: Random, odd: number): object {
  const flag = () => (r.chance(odd) ? r.pick(['private', 'vepa']) : 'bridge');
  const port = (more: object = {}) => ({
    adapter: 'memory',
    mtu: r.chance(odd) ? 1400 : 1500,
    ...(r.chance(odd / 4) ? { enabled: false } : {}),
    ...more,
  });
  const vlan = r.chance(50) ? { vlan: 10 } : {};
  const host = r.chance(50) ? { host: { port: 'h' }, hostAccess: r.chance(50) } : {};
  const [near, far, other] = NEIGHBORS as [string, string, string];
  return {
    vlans: { 10: {}, 20: {} },
    ports: {
      ...Object.fromEntries([...PARENTS, 'h', ...CHILDREN, ...ROUTED].map((name) => [name, port()])),
      wan: port({ mode: 'access', vlan: 10 }),
      lan: port({ mode: 'access', vlan: 20 }),
      trunk: port({ mode: 'trunk', vlans: [10, 20] }),
    },
    interfaces: {
      gate: {
        vlan: 10,
        mac: GATES[0],
        addresses: ['10.0.0.5/24', '2001:db8:a::5/64'],
        neighbors: { '10.0.0.1': near, '10.0.0.2': other, '2001:db8:a::1': near },
        redirects: r.chance(odd),
      },
      side: {
        vlan: 20,
        mac: GATES[1],
        addresses: ['10.1.0.5/24', '2001:db8:b::5/64'],
        neighbors: { '10.1.0.1': far, '2001:db8:b::1': far },
      },
    },
    routes: [
      { to: '0.0.0.0/0', via: '10.0.0.1' },
      { to: '203.0.113.0/24', via: r.chance(50) ? ['10.0.0.2', '10.1.0.1'] : '10.1.0.1' },
      { to: '::/0', via: '2001:db8:b::1' },
    ],
    ipvlan: {
      one: { parent: 'up', mac: SHARED, flag: flag(), children: choosing(r, ['a', 'b', 'c']), ...vlan, ...host },
      two: { parent: r.pick(PARENTS), mac: SHARED, vlan: 20, flag: flag(), children: choosing(r, ['d', 'e']) },
      apps: { mode: r.pick(['l3', 'l3s']), parent: 'gate', flag: flag(), children: children(ROUTED) },
    },
  };
}

function randomFrame(r: Random, port: string, odd: number): Buffer {
  const isOdd = () => r.chance(odd);
  const group = isOdd()
    ? r.pick(['ff:ff:ff:ff:ff:ff', '33:33:ff:00:00:12', '01:80:c2:00:00:0e', ...Object.values(GROUPS)])
    : null;
  const macs = [SHARED, SHARED, SHARED, ...GATES, ...NEIGHBORS];
  const isBridged = BRIDGED.includes(port);
  const dst = group ?? (isBridged && !isOdd() ? r.pick(GATES) : r.pick(macs));
  const src = isBridged ? r.pick(NEIGHBORS) : isOdd() && r.chance(20) ? '01:00:00:00:00:01' : r.pick(macs);
  const isTagged = port === 'trunk' || PARENTS.includes(port) ? r.chance(60) : isOdd();
  const vid = port === 'trunk' && !isOdd() ? r.pick([10, 20]) : r.pick([10, 10, 20, 20, 0, 30]);
  const head = { dst, src, ...(isTagged ? { tags: [{ vid, pcp: r.pick([0, 3]) }] } : {}) };
  const all = [...Object.values(ADDRESSES).flat(), ...STRANGERS];
  const is6 = r.chance(40);
  const pick = () => r.pick(all.filter((address) => address.includes(':') === is6));
  const ip = {
    src: isOdd()
      ? r.pick(is6 ? ['::', '::1', 'ff02::1', '2001:db8:a::5'] : ['0.0.0.0', '127.0.0.1', '224.0.0.1', '10.0.0.5'])
      : pick(),
    dst: isOdd()
      ? r.pick(is6 ? ['ff02::1', '::1', '2001:db8:a::5'] : ['224.0.0.1', '127.0.0.1', '10.0.0.255'])
      : pick(),
    ...(isOdd() ? { ttl: r.pick([0, 1, 2]) } : {}),
  };
  const length = isOdd() ? r.pick([0, 1380, 1381, 1461, 1480, 1481, 1800]) : r.pick([8, 26, 200, 1400]);
  const payload = Buffer.alloc(length, r.below(256));
  const kind = isOdd() ? r.pick(['arp', 'icmp', 'other', 'damaged', 'cut']) : 'ip';
  if (kind === 'arp' && !is6) {
    const hosts = { senderMac: src, senderIp: ip.src, targetMac: dst, targetIp: ip.dst };
    return Buffer.from(arpFrame(head, { operation: 1, ...hosts }));
  }
  if (kind === 'other') return Buffer.from(ethernetFrame(head, 0x88b5, payload));
  const icmp = r.pick([128, 133, 135, 136, 137]);
  const whole = is6
    ? ethernetFrame(head, 0x86dd, kind === 'icmp' ? icmpv6Ipv6(ip, icmp, 0, 0, payload) : ipv6Packet(ip, 17, payload))
    : ethernetFrame(head, 0x0800, ipv4Packet(ip, 17, payload));
  const bytes = Buffer.from(whole);
  if (kind === 'damaged') bytes[12 + r.below(Math.min(24, bytes.length - 12))] ^= 1 << r.below(8);
  return kind === 'cut' ? bytes.subarray(0, r.below(bytes.length)) : bytes;
}

function randomFrames(r: Random, frames: number, odd: number): Arrival[] {
  let port = 'up';
  return Array.from({ length: frames }, () => {
    if (r.chance(20)) port = r.pick(PORTS);
    const bytes = randomFrame(r, port, odd);
    return {
      port,
      bytes,
      gso: r.chance(odd) && bytes.length > 200 ? 1 | (1 << 8) | (100 << 16) : 0,
      csum: r.chance(30) && bytes.length > 60 ? 34 | (6 << 16) : 0,
    };
  });
}

function tell(seed: number, frames: number, odd: number, size: number, forward: typeof forwardBatch): unknown {
  const r = new Random(seed);
  const config = load(randomWorld(r, odd));
  const core = new SwitchCore({ ports: 20, fids: 8, fdbEntries: 64, smallSlots: 256, seed: 1, nowMs: () => 0 });
  configure(core, config);
  for (const name of PORTS) core.control.setLink(name, true);
  const greetings = NEIGHBORS.map((src, k) => ({
    port: k === 1 ? 'lan' : 'wan',
    bytes: ethernetFrame({ dst: 'ff:ff:ff:ff:ff:ff', src }, 0x88b5, Buffer.alloc(46)),
    gso: 0,
    csum: 0,
  }));
  const arrivals = [...greetings, ...randomFrames(r, frames, odd)];
  return tellGroups(core, PORTS, arrivals, size, forward);
}

const isBridged = ({ ports }: Dataplane, port: number) => (ports.flags[port] & PORT_STATE_LEARNS) !== 0;

/** Whether a port is of a group whose parent is a port (0) or an interface (1). */
function isIn({ ipvlan }: Dataplane, port: number, routed: number): boolean {
  if (ipvlan.role[port] === 0) return false;
  const iface = ipvlan.groups[ipvlan.groupOf[port] * GROUP_WORDS + GROUP_INTERFACE];
  return (iface === 0 ? 0 : 1) === routed;
}

describe('the ipvlan lanes', () => {
  it.each([0, 10, 60])('agree with the slow lane, %s percent odd', (odd) => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(1, 3, 32, 256), (seed, size) => {
        expect(tell(seed, 200, odd, size, forwardBatch)).toEqual(tell(seed, 200, odd, size, forwardBatchSlowly));
      }),
      { numRuns: 15, seed: odd },
    );
  });

  it.each([
    ['among ports of groups', createIpvlanLane, (dp: Dataplane, port: number) => isIn(dp, port, 0), 0.3],
    ['from children to the router', createIpvlanLeaveLane, (dp: Dataplane, port: number) => isIn(dp, port, 1), 0.2],
    ['from the router to children', createIpvlanDeliverLane, isBridged, 0.05],
  ])('are used %s', (_, create, isOf, share) => {
    let fast = 0;
    let frames = 0;
    const counting = (dp: Dataplane, b: Batch, first = 0) => {
      const lane: FastLane = create(dp, b);
      b.punted = -1;
      b.learned = -1;
      let i = first;
      while (i < b.count && b.punted < 0) {
        const next = lane(i);
        frames += next - i;
        fast += next - i;
        i = next;
        if (i >= b.count) break;
        if (isOf(dp, b.port[i])) frames++;
        slowLane(dp, b, i++);
      }
      return i;
    };
    for (let seed = 0; seed < 5; seed++) tell(seed, 200, 0, 64, counting);
    expect(fast / frames).toBeGreaterThan(share);
    expect(fast / frames).toBeLessThan(1);
  });
});
