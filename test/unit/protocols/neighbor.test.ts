import { describe, expect, it } from 'vitest';
import {
  macOfNeighbor,
  neighborUsed,
  removeNeighbor,
  resolveNeighbor,
  setStaticNeighbor,
  startNeighbors,
  tickNeighbors,
} from '../../../src/protocols/neighbor.ts';
import { receiveNeighborFrame } from '../../../src/protocols/neighbor-receive.ts';
import { createNeighbors, type NeighborAction, type NeighborOptions } from '../../../src/protocols/neighbor-state.ts';
import { addressBytes } from '../../../src/wire/address.ts';
import { ARP_REPLY, ARP_REQUEST } from '../../../src/wire/arp.ts';
import { arpFrame, ethernetFrame } from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { ETHERTYPE_IPV6, formatMac, parseMac } from '../../../src/wire/ethernet.ts';
import { NA_OVERRIDE, NA_SOLICITED } from '../../../src/wire/icmpv6.ts';
import { ALL_NODES, IPV6_UNSPECIFIED, neighborAdvertisement, neighborSolicitation } from '../../../src/wire/nd.ts';
import { viewOf } from '../wire/bytes.ts';

const US = parseMac('02:00:00:00:00:01')!;
const HOST = parseMac('02:00:00:00:00:aa')!;
const OTHER = parseMac('02:00:00:00:00:bb')!;
const ADDRESSES = ['10.0.0.1/24', 'fe80::1/64', '2001:db8::1/64'];

function machine(options: Partial<NeighborOptions> = {}) {
  const n = createNeighbors<string>({ mac: US, addresses: ADDRESSES, ...options });
  const hear = (frame: Uint8Array, now: number) => receiveNeighborFrame(n, viewOf(frame), 0, frame.length, now);
  return { n, hear };
}

/** Actions as lines. */
function lines(actions: NeighborAction<string>[]): string[] {
  return actions.map((a) => {
    switch (a.do) {
      case 'send':
        return outerOf(a.frame)!.eth_dst;
      case 'deliver':
        return `deliver ${a.packet} ${formatMac(a.mac.high, a.mac.low)}`;
      case 'drop':
        return `drop ${a.packet} ${a.cause}`;
      case 'lost':
        return `lost ${a.address}`;
      default:
        return `${a.do} ${a.address} ${formatMac(a.mac.high, a.mac.low)}`;
    }
  });
}

function outerOf(frame: Uint8Array) {
  return dissectFrame(viewOf(frame), 0, frame.length, frame.length).outer;
}

function arp(operation: number, from: typeof HOST, ip: string, target: string, dst: typeof HOST | null = null) {
  const to = dst ?? { high: 0xffff, low: -1 };
  return arpFrame(
    { dst: to, src: from },
    { operation, senderMac: from, senderIp: ip, targetMac: dst ?? { high: 0, low: 0 }, targetIp: target },
  );
}

const bytes = (text: string) => addressBytes(text)!;

function na(from: typeof HOST, target: string, flags: number, to: Uint8Array = bytes('fe80::1')) {
  return ethernetFrame(
    { dst: US, src: from },
    ETHERTYPE_IPV6,
    neighborAdvertisement(bytes(target), to, bytes(target), from, flags),
  );
}

function ns(from: typeof HOST, src: Uint8Array, target: string) {
  return ethernetFrame(
    { dst: '33:33:ff:00:00:01', src: from },
    ETHERTYPE_IPV6,
    neighborSolicitation(src, null, bytes(target), from),
  );
}

const sends = (actions: NeighborAction<string>[]) => actions.filter((a) => a.do === 'send').length;
const others = (actions: NeighborAction<string>[]) => lines(actions.filter((a) => a.do !== 'send'));

describe('resolving', () => {
  it('asks, lets packets wait, delivers them in order when the answer comes', () => {
    const { n, hear } = machine();
    expect(sends(resolveNeighbor(n, '10.0.0.2', 'a', 0))).toBe(1);
    expect(resolveNeighbor(n, '10.0.0.2', 'b', 10)).toEqual([]);
    expect(lines(hear(arp(ARP_REPLY, HOST, '10.0.0.2', '10.0.0.1', US), 20))).toEqual([
      'known 10.0.0.2 02:00:00:00:00:aa',
      'deliver a 02:00:00:00:00:aa',
      'deliver b 02:00:00:00:00:aa',
    ]);
    expect(lines(resolveNeighbor(n, '10.0.0.2', 'c', 30))).toEqual(['deliver c 02:00:00:00:00:aa']);
    expect(macOfNeighbor(n, '10.0.0.2')).toEqual(HOST);
  });

  it('asks the solicited-node group in IPv6, from an address of the same subnet', () => {
    const { n, hear } = machine();
    const [asked] = resolveNeighbor(n, '2001:db8::2', 'a', 0);
    expect(asked!.do === 'send' && outerOf(asked!.frame)).toMatchObject({
      eth_dst: '33:33:ff:00:00:02',
      ip: { src: '2001:db8::1', dst: 'ff02::1:ff00:2' },
    });
    expect(others(hear(na(HOST, '2001:db8::2', NA_SOLICITED | NA_OVERRIDE), 5))).toEqual([
      'known 2001:db8::2 02:00:00:00:00:aa',
      'deliver a 02:00:00:00:00:aa',
    ]);
  });

  it('asks three times, a second apart, then drops what waited', () => {
    const { n } = machine();
    resolveNeighbor(n, '10.0.0.2', 'a', 0);
    const told = [];
    for (let now = 0; now <= 4000; now += 100)
      told.push(...tickNeighbors(n, now).map((a) => `${now} ${lines([a])[0]!.split(' ')[0]}`));
    expect(told).toEqual(['1000 ff:ff:ff:ff:ff:ff', '2000 ff:ff:ff:ff:ff:ff', '3000 drop']);
    expect(n.entries.size).toBe(0);
  });

  it('lets the oldest of too many waiting packets go', () => {
    const { n } = machine({ maxQueued: 2 });
    for (const packet of ['a', 'b']) resolveNeighbor(n, '10.0.0.2', packet, 0);
    expect(lines(resolveNeighbor(n, '10.0.0.2', 'c', 0))).toEqual(['drop a queue-full']);
  });

  it('checks an entry that is used after 30 s, by asking the neighbor itself, and forgets it without an answer', () => {
    const { n, hear } = machine();
    resolveNeighbor(n, '10.0.0.2', null, 0);
    hear(arp(ARP_REPLY, HOST, '10.0.0.2', '10.0.0.1', US), 0);
    tickNeighbors(n, 30_000);
    expect(n.entries.get('10.0.0.2')!.state).toBe('stale');
    expect(tickNeighbors(n, 300_000)).toEqual([]);
    neighborUsed(n, '10.0.0.2', 300_000);
    expect(n.entries.get('10.0.0.2')!.state).toBe('delay');
    expect(lines(tickNeighbors(n, 305_000))[0]).toContain('02:00:00:00:00:aa');
    expect(lines(hear(arp(ARP_REPLY, HOST, '10.0.0.2', '10.0.0.1', US), 305_010))).toEqual([]);
    expect(n.entries.get('10.0.0.2')!.state).toBe('reachable');
    tickNeighbors(n, 340_000);
    neighborUsed(n, '10.0.0.2', 340_000);
    const told = [];
    for (let now = 345_000; now < 350_000; now += 500) told.push(...tickNeighbors(n, now));
    expect(sends(told)).toBe(3);
    expect(others(told)).toEqual(['lost 10.0.0.2']);
  });

  it('takes a stale entry away after twenty minutes without use', () => {
    const { n, hear } = machine();
    resolveNeighbor(n, '10.0.0.2', null, 0);
    hear(arp(ARP_REPLY, HOST, '10.0.0.2', '10.0.0.1', US), 0);
    tickNeighbors(n, 31_000);
    expect(lines(tickNeighbors(n, 31_000 + 20 * 60_000))).toEqual(['lost 10.0.0.2']);
  });

  it('keeps static neighbors through time and claims', () => {
    const { n, hear } = machine();
    expect(lines(setStaticNeighbor(n, '10.0.0.9', HOST))).toEqual(['known 10.0.0.9 02:00:00:00:00:aa']);
    hear(arp(ARP_REPLY, OTHER, '10.0.0.9', '10.0.0.1', US), 5);
    tickNeighbors(n, 1 << 30);
    expect(lines(resolveNeighbor(n, '10.0.0.9', 'a', 1 << 30))).toEqual(['deliver a 02:00:00:00:00:aa']);
    expect(lines(removeNeighbor(n, '10.0.0.9'))).toEqual(['lost 10.0.0.9']);
  });

  it('follows a neighbor that announces another MAC', () => {
    const { n, hear } = machine();
    resolveNeighbor(n, '10.0.0.2', null, 0);
    hear(arp(ARP_REPLY, HOST, '10.0.0.2', '10.0.0.1', US), 0);
    expect(lines(hear(arp(ARP_REQUEST, OTHER, '10.0.0.2', '10.0.0.2'), 10))).toEqual([
      'known 10.0.0.2 02:00:00:00:00:bb',
    ]);
    expect(n.entries.get('10.0.0.2')!.state).toBe('stale');
  });

  it('does not replace a MAC by an advertisement without the override flag', () => {
    const { n, hear } = machine();
    resolveNeighbor(n, '2001:db8::2', null, 0);
    hear(na(HOST, '2001:db8::2', NA_SOLICITED), 0);
    hear(na(OTHER, '2001:db8::2', 0), 1);
    expect(n.entries.get('2001:db8::2')).toMatchObject({ state: 'stale', mac: HOST });
    hear(na(OTHER, '2001:db8::2', NA_OVERRIDE), 2);
    expect(n.entries.get('2001:db8::2')).toMatchObject({ state: 'stale', mac: OTHER });
  });

  it('works across the wrap of the clock', () => {
    const { n } = machine();
    const start = 0x7fffff00;
    resolveNeighbor(n, '10.0.0.2', 'a', start);
    expect(tickNeighbors(n, (start + 999) | 0)).toEqual([]);
    expect(sends(tickNeighbors(n, (start + 1000) | 0))).toBe(1);
  });
});

describe('answering', () => {
  it('answers for own addresses only', () => {
    const { hear } = machine();
    const [answer] = hear(arp(ARP_REQUEST, HOST, '10.0.0.2', '10.0.0.1'), 0);
    expect(answer!.do === 'send' && outerOf(answer!.frame)).toMatchObject({
      eth_dst: '02:00:00:00:00:aa',
      eth_src: '02:00:00:00:00:01',
    });
    expect(hear(arp(ARP_REQUEST, HOST, '10.0.0.2', '10.0.0.3'), 0)).toEqual([]);
    expect(sends(hear(arp(ARP_REQUEST, HOST, '0.0.0.0', '10.0.0.1'), 0))).toBe(1);
    expect(sends(hear(ns(HOST, bytes('2001:db8::2'), '2001:db8::1'), 0))).toBe(1);
    expect(hear(ns(HOST, bytes('2001:db8::2'), '2001:db8::7'), 0)).toEqual([]);
  });

  it('answers a duplicate address probe to all nodes, unsolicited', () => {
    const { hear } = machine();
    const [answer] = hear(ns(HOST, IPV6_UNSPECIFIED, '2001:db8::1'), 0);
    expect(answer!.do === 'send' && outerOf(answer!.frame)).toMatchObject({
      eth_dst: '33:33:00:00:00:01',
      ip: { dst: 'ff02::1' },
    });
  });

  it('announces at the start as often as told', () => {
    const { n } = machine({ announcements: 2 });
    expect(sends(startNeighbors(n, 0))).toBe(3);
    expect(sends(tickNeighbors(n, 999))).toBe(0);
    expect(sends(tickNeighbors(n, 1000))).toBe(3);
    expect(sends(tickNeighbors(n, 60_000))).toBe(0);
  });

  it('defends an own address, and not more often than every ten seconds', () => {
    const { hear } = machine();
    const claim = () => arp(ARP_REQUEST, HOST, '10.0.0.1', '10.0.0.1');
    expect(hear(claim(), 0).map((a) => a.do)).toEqual(['conflict', 'send']);
    expect(hear(claim(), 100).map((a) => a.do)).toEqual(['conflict']);
    expect(hear(claim(), 10_100).map((a) => a.do)).toEqual(['conflict', 'send']);
    expect(hear(na(HOST, '2001:db8::1', NA_OVERRIDE, ALL_NODES), 0).map((a) => a.do)).toEqual(['conflict', 'send']);
  });

  it('ignores its own frames when they come back', () => {
    const { hear } = machine();
    expect(hear(arp(ARP_REQUEST, US, '10.0.0.1', '10.0.0.1'), 0)).toEqual([]);
  });

  it('probes for duplicates before it uses an address', () => {
    const { n, hear } = machine({ detectDuplicates: true, addresses: ['10.0.0.1/24'] });
    expect(sends(startNeighbors(n, 0))).toBe(1);
    expect(hear(arp(ARP_REQUEST, HOST, '10.0.0.2', '10.0.0.1'), 1)).toEqual([]);
    for (let now = 100; now < 4000; now += 100) tickNeighbors(n, now);
    expect(n.own[0]!.state).toBe('used');
    const second = machine({ detectDuplicates: true, addresses: ['10.0.0.1/24', '2001:db8::1/64'] });
    startNeighbors(second.n, 0);
    expect(lines(second.hear(arp(ARP_REPLY, HOST, '10.0.0.1', '10.0.0.1'), 10))).toEqual([
      'conflict 10.0.0.1 02:00:00:00:00:aa',
    ]);
    expect(lines(second.hear(ns(HOST, IPV6_UNSPECIFIED, '2001:db8::1'), 10))).toEqual([
      'conflict 2001:db8::1 02:00:00:00:00:aa',
    ]);
    for (let now = 100; now < 9000; now += 100) tickNeighbors(second.n, now);
    expect(second.n.own.map((own) => own.state)).toEqual(['duplicate', 'duplicate']);
    expect(second.hear(arp(ARP_REQUEST, OTHER, '10.0.0.2', '10.0.0.1'), 9000)).toEqual([]);
  });
});

describe('floods', () => {
  it('learns nothing from strangers', () => {
    const { n, hear } = machine();
    for (let i = 2; i < 250; i++) hear(arp(ARP_REQUEST, HOST, `10.0.0.${i}`, '10.0.0.1'), 0);
    hear(arp(ARP_REPLY, HOST, '10.0.0.2', '10.0.0.1', US), 0);
    hear(na(HOST, '2001:db8::5', NA_SOLICITED | NA_OVERRIDE), 0);
    expect(n.entries.size).toBe(0);
  });

  it('learns from requests where told, from own subnets, and lets proven neighbors stay', () => {
    const { n, hear } = machine({ learnRequests: true, maxEntries: 10 });
    resolveNeighbor(n, '10.0.0.2', null, 0);
    hear(arp(ARP_REPLY, HOST, '10.0.0.2', '10.0.0.1', US), 0);
    for (let i = 3; i < 250; i++) hear(arp(ARP_REQUEST, OTHER, `10.0.0.${i}`, '10.0.0.1'), i);
    hear(arp(ARP_REQUEST, OTHER, '10.9.0.1', '10.0.0.1'), 300);
    expect(n.entries.size).toBe(10);
    expect(macOfNeighbor(n, '10.0.0.2')).toEqual(HOST);
    expect(macOfNeighbor(n, '10.9.0.1')).toBeNull();
  });

  it('bounds what waits for an answer; the oldest makes room when it had its time', () => {
    const { n } = machine({ maxPending: 3 });
    for (let i = 2; i < 5; i++) resolveNeighbor(n, `10.0.0.${i}`, `p${i}`, 0);
    expect(lines(resolveNeighbor(n, '10.0.0.9', 'x', 100))).toEqual(['drop x table-full']);
    expect(others(resolveNeighbor(n, '10.0.0.9', 'x', 300))).toEqual(['drop p2 table-full']);
    expect(n.pending.size).toBe(3);
  });

  it('takes anything for a frame', () => {
    const { n, hear } = machine({ learnRequests: true });
    const seeds = [
      arp(ARP_REQUEST, HOST, '10.0.0.2', '10.0.0.1'),
      ns(HOST, bytes('2001:db8::2'), '2001:db8::1'),
      na(HOST, '2001:db8::2', NA_SOLICITED),
    ];
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 8;
    };
    for (let i = 0; i < 20_000; i++) {
      const frame = Uint8Array.from(seeds[i % 3]!);
      for (let k = random() % 4; k >= 0; k--) frame[random() % frame.length] = random();
      hear(frame.subarray(0, random() % 3 === 0 ? random() % (frame.length + 1) : frame.length), i);
    }
    expect(n.entries.size).toBeLessThanOrEqual(4096);
  });
});
