/**
 * The same packets to a router made of the kernel and to Etherloom's: the same frames come out, header by header.
 *
 * The kernel's router is a namespace with two veth pairs; Etherloom's is an embedded switch, since what is compared is
 * the router and not the way of its frames. What the two do differently on purpose is in docs/routing.md: those fields
 * are taken out of packets that a router made itself, and such packets are not sent.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createSwitch, manualClock, wire } from '../../src/index.ts';
import { icmpIpv4, icmpv6Ipv6, ipv4Packet, ipv6Packet, udpIpv4, udpIpv6 } from '../../src/wire/build.ts';
import { writeIpv4Checksum, writeIpv4Fragment, writeIpv4Ident } from '../../src/wire/ipv4.ts';
import { Random } from '../unit/dataplane/world.ts';
import { viewOf } from '../unit/wire/bytes.ts';
import { type FrameSocket, liveObstacle } from './netns.ts';
import { useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const PACKETS = 2000;
const GW = ['02:00:00:00:00:f1', '02:00:00:00:00:f2'];
const HOST = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'];
const FIRST_HOST = 2;
const HOSTS = 200;
const REDIRECTED = 48;
/** The router behind which 10.99.0.0/16 and 2001:db8:99::/48 are: a neighbor of the first hosts. */
const BEHIND = 250;
const NETS = [10, 20];
const MTUS = [1500, 1300];
/** The kernel sends 1,000 ICMP errors a second, 50 at once, for the whole machine. */
const AT_ONCE = 20;

let redirected = 0;
/** The kernel redirects nobody whom it has told anything just now: these hosts take turns, and send nothing else. */
const nextHost = () => FIRST_HOST + HOSTS + (redirected++ % REDIRECTED);

/** A packet that a host of network 10 sends to its gateway. */
function packet(r: Random): Uint8Array {
  const v6 = r.chance(50);
  const ttl = r.pick([1, 2, 64, 64, 64, 255]);
  const payload = Uint8Array.from({ length: r.pick([0, 1, 9, 100, 560, 900, 1250, 1272, 1273, 1400]) }, () =>
    r.below(256),
  );
  const kind = r.below(10);
  if (v6) {
    const dst = r.pick([
      '2001:db8:20::2',
      '2001:db8:20::2',
      '2001:db8:20::2',
      '2001:db8:10::1',
      '2001:db8:20::1',
      '2001:db8:66::1',
      '2001:db8:77::1',
      '2001:db8:88::1',
      `2001:db8:99::${1 + r.below(0xfff)}`,
      '3fff::1',
    ]);
    const src = dst.startsWith('2001:db8:99:') ? `2001:db8:10::${nextHost()}` : '2001:db8:10::2';
    const ip = { src, dst, ttl, tos: r.pick([0, 0x20, 0xb8]) };
    if (kind === 0) return icmpv6Ipv6(ip, 128, 0, r.next(), payload);
    if (kind === 1) return ipv6Packet(ip, 60, Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0, 0, 1, 0, 9, 0, 8, 1, 1));
    if (kind === 2 && dst === '2001:db8:20::2') return ipv6Packet(ip, 253, payload);
    if (kind === 3) return icmpv6Ipv6(ip, 1, 4, 0, payload);
    return udpIpv6(ip, 1000 + r.below(60_000), 1000 + r.below(60_000), payload);
  }
  const dst = r.pick([
    '10.0.20.2',
    '10.0.20.2',
    '10.0.20.2',
    '10.0.10.1',
    '10.0.20.1',
    '10.66.0.1',
    '10.77.0.1',
    '10.88.0.1',
    '10.99.0.1',
    '172.16.0.1',
    '10.0.20.255',
  ]);
  // The kernel tells one sender of five unreachable destinations and then of one a second: there are many.
  const src = `10.0.10.${dst === '10.99.0.1' ? nextHost() : FIRST_HOST + r.below(HOSTS)}`;
  const ip = { src, dst, ttl, tos: r.pick([0, 0x20, 0xb8]) };
  if (kind === 0) return icmpIpv4(ip, 8, 0, r.below(65536), r.below(65536), payload);
  if (kind === 1) return ipv4Packet(ip, 253, payload);
  if (kind === 2) return icmpIpv4(ip, 3, 1, 0, 0, payload);
  const whole = udpIpv4(ip, 1000 + r.below(60_000), 1000 + r.below(60_000), payload);
  const view = viewOf(whole);
  if (kind === 3 && dst === '10.0.20.2') {
    writeIpv4Fragment(view, 0, false, r.chance(50), r.pick([0, 8, 800]));
    writeIpv4Ident(view, 0, r.below(65536));
    writeIpv4Checksum(view, 0);
  }
  if (kind === 4) return withOptions(whole);
  if (kind === 5) whole[r.pick([0, 2, 3, 10, 11, 12])] = r.below(256);
  // Taken for IPv6 it would be from an address to which the kernel has no way back, and so no answer.
  if (whole[0]! >>> 4 === 6) whole[0] = 0x55;
  return whole;
}

/** Four bytes of "no operation" behind the header. */
function withOptions(packet: Uint8Array): Uint8Array {
  const longer = Uint8Array.from([...packet.subarray(0, 20), 1, 1, 1, 1, ...packet.subarray(20)]);
  longer[0] = 0x46;
  viewOf(longer).setUint16(2, longer.length);
  writeIpv4Checksum(viewOf(longer), 0);
  return longer;
}

const toRouter = (packet: Uint8Array): Buffer =>
  Buffer.from(wire.ethernetFrame({ dst: GW[0]!, src: HOST[0]! }, packet[0]! >>> 4 === 6 ? 0x86dd : 0x0800, packet));

const OWN4 = ['10.0.10.1', '10.0.20.1'].map((text) => Buffer.from(text.split('.').map(Number)).toString('hex'));

/** In a frame as text: an ICMP redirect for a host, or that of neighbor discovery. */
const isRedirect = /^0 .{24}(0800.{40}0501|86dd.{80}8900)/;

/** A frame as text; null for what a router says on its own. What may differ is taken out. */
function normal(port: number, frame: Buffer): string | null {
  const type = frame.readUInt16BE(12);
  let bytes = Buffer.from(frame);
  if (type === 0x0800) {
    bytes = bytes.subarray(0, 14 + frame.readUInt16BE(16));
    if (OWN4.includes(frame.toString('hex', 26, 30))) {
      bytes.fill(0, 18, 22); // identification, DF
      bytes.fill(0, 24, 26); // and so the checksum
    }
  } else if (type === 0x86dd) {
    bytes = bytes.subarray(0, 54 + frame.readUInt16BE(18));
    const icmp = frame[20] === 58 ? frame[54]! : 0;
    if (frame[20] === 0 || (icmp >= 130 && icmp <= 143 && icmp !== 137)) return null;
  } else {
    return null;
  }
  return `${port} ${bytes.toString('hex')}`;
}

describe.skipIf(obstacle !== null)('beside the kernel', () => {
  const lab = useLab();

  it(`${PACKETS} packets have the same answers`, async () => {
    const router = lab.namespace('kr', { ipv6: true });
    const set = (...pairs: string[]) => router.run('sysctl', '-qw', ...pairs);
    set('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.accept_dad=0');
    set('net.ipv4.icmp_ratemask=0', 'net.ipv6.icmp.ratelimit=0', 'net.ipv6.auto_flowlabels=0');
    set('net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
    const sockets: FrameSocket[] = [];
    const insides = NETS.map((_, i) => lab.device(`k${i}`));
    for (const [i, net] of NETS.entries()) {
      const [inside, outside] = [insides[i]!, lab.device(`h${i}`)];
      lab.makeVeth(inside, outside);
      router.adopt(inside, { address: [`10.0.${net}.1/24`, `2001:db8:${net}::1/64`], mac: GW[i]!, mtu: MTUS[i]! });
      const add = (address: string) => `neigh add ${address} lladdr ${HOST[i]} dev ${inside} nud permanent`;
      const hosts = Array.from({ length: HOSTS + REDIRECTED }, (_, n) => FIRST_HOST + n);
      const addresses = hosts.flatMap((n) => [`10.0.${net}.${n}`, `2001:db8:${net}::${n}`]);
      router.run('sh', '-ec', `ip -batch - <<'.'\n${addresses.map(add).join('\n')}\n.`);
      const host = lab.namespace(`h${i}`);
      host.adopt(outside, { mac: HOST[i]! });
      sockets.push(await host.frameSocket(outside));
    }
    for (const [net, type] of [
      ['10.66.0.0/16', 'unreachable'],
      ['10.77.0.0/16', 'prohibit'],
      ['10.88.0.0/16', 'blackhole'],
      ['2001:db8:66::/48', 'unreachable'],
      ['2001:db8:77::/48', 'prohibit'],
      ['2001:db8:88::/48', 'blackhole'],
    ]) {
      router.run('ip', 'route', 'add', type!, net!);
    }

    for (const [via, net] of [
      [`10.0.10.${BEHIND}`, '10.99.0.0/16'],
      ['fe80::77', '2001:db8:99::/48'],
    ]) {
      router.run('ip', 'neigh', 'add', via!, 'lladdr', HOST[0]!, 'dev', insides[0]!, 'nud', 'permanent');
      router.run('ip', 'route', 'add', net!, 'via', via!, 'dev', insides[0]!);
    }

    const clock = manualClock();
    const sw = createSwitch(
      {
        ports: {
          p0: { adapter: 'memory', mode: 'access', vlan: 10 },
          p1: { adapter: 'memory', mode: 'access', vlan: 20 },
        },
        interfaces: Object.fromEntries(
          NETS.map((net, i) => [
            `vlan${net}`,
            {
              vlan: net,
              mac: GW[i]!,
              mtu: MTUS[i]!,
              addresses: [`10.0.${net}.1/24`, `2001:db8:${net}::1/64`],
              redirects: true,
              neighbors: {
                [`10.0.${net}.2`]: HOST[i]!,
                [`2001:db8:${net}::2`]: HOST[i]!,
                ...(i === 0 ? { [`10.0.10.${BEHIND}`]: HOST[0]!, 'fe80::77': HOST[0]! } : {}),
              },
            },
          ]),
        ),
        routes: [
          { to: '10.99.0.0/16', via: `10.0.10.${BEHIND}` },
          { to: '2001:db8:99::/48', via: 'fe80::77', interface: 'vlan10' },
          { to: '10.66.0.0/16', type: 'unreachable' },
          { to: '10.77.0.0/16', type: 'prohibited' },
          { to: '10.88.0.0/16', type: 'blackhole' },
          { to: '2001:db8:66::/48', type: 'unreachable' },
          { to: '2001:db8:77::/48', type: 'prohibited' },
          { to: '2001:db8:88::/48', type: 'blackhole' },
        ],
      },
      { seed: 1, clock },
    );
    const ours: string[] = [];
    for (const i of [0, 1]) {
      sw.port(`p${i}`).onFrame((frame) => {
        const text = normal(i, frame);
        if (text !== null) ours.push(text);
      });
    }
    /** What came of frames: all that arrives on either side before the last of them does, which everybody gets. */
    let turns = 0;
    const theirs = async (frames: readonly Buffer[]) => {
      const last = Buffer.from(`turn ${++turns}`);
      const udp = (dst: string) => udpIpv4({ src: '10.0.10.2', dst, ttl: 64, tos: 0 }, 9, 9, last);
      const echo = icmpIpv4({ src: '10.0.10.2', dst: '10.0.10.1', ttl: 64, tos: 0 }, 8, 0, 0, 0, last);
      for (const frame of [...frames, ...[udp('10.0.20.2'), echo].map(toRouter)]) sockets[0]!.send(frame);
      const got: string[] = [];
      for (const [i, socket] of sockets.entries()) {
        await socket.next((frame) => {
          const isLast = frame.includes(last);
          const text = isLast ? null : normal(i, frame);
          if (text !== null) got.push(text);
          return isLast;
        });
      }
      return got.sort();
    };

    /** The answers to a frame, which is sent again while some are missing. */
    const comes = async (frame: Buffer, expected: string[], what: string) => {
      let got = await theirs([frame]);
      for (let tries = 0; tries < 40 && got.length < expected.length; tries++) {
        await sleep(250);
        got = await theirs([frame]);
      }
      expect(got, what).toEqual(expected);
    };

    const r = new Random(20);
    let answered = 0;
    let redirects = 0;
    for (let n = 0; n < PACKETS; n += AT_ONCE) {
      const frames = Array.from({ length: AT_ONCE }, () => toRouter(packet(r)));
      clock.advance(1000);
      const each = frames.map((frame) => {
        sw.port('p0').send(frame);
        return ours.splice(0).sort();
      });
      const expected = each.flat().sort();
      answered += expected.length;
      redirects += expected.filter((text) => isRedirect.test(text)).length;
      const got = await theirs(frames);
      await sleep(15);
      if (got.length >= expected.length) expect(got, `packets ${n} to ${n + AT_ONCE - 1}`).toEqual(expected);
      // The kernel has told somebody enough for now, or other tests on the machine have used up its errors.
      else for (const [i, frame] of frames.entries()) await comes(frame, each[i]!, `packet ${n + i}`);
    }
    expect(answered).toBeGreaterThan(PACKETS / 2);
    expect(redirects).toBeGreaterThan(PACKETS / 20);
    sw.close();
  });
});
