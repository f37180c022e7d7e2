/**
 * Damaged packets at an interface of the router: no exception, no wrong answer, the ledger balanced, every reason met.
 * `FUZZ_FRAMES=1000000` makes the run long.
 */
import { expect, it } from 'vitest';
import { DROP_REASONS } from '../../../src/dataplane/reasons.ts';
import type { ConfigInput } from '../../../src/index.ts';
import { icmpIpv4, icmpv6Ipv6, ipv4Packet, ipv6Packet, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import {
  ipv4ChecksumOk,
  ipv4Dst,
  ipv4Fits,
  ipv4Src,
  ipv4Ttl,
  writeIpv4Checksum,
  writeIpv4Fragment,
} from '../../../src/wire/ipv4.ts';
import { ipv6DstAt, ipv6Fits, ipv6HopLimit, isIpv6LinkLocal, isIpv6Multicast } from '../../../src/wire/ipv6.ts';
import { fuzzRouting } from '../../fuzz/routing.ts';
import { Random } from '../dataplane/world.ts';
import { viewOf } from '../wire/bytes.ts';
import { checkLedger, GW, Host, router } from './hosts.ts';

const FRAMES = Number(process.env.FUZZ_FRAMES ?? 40_000);
const OUT = '02:00:00:00:00:fd';

const CONFIG: ConfigInput = {
  ports: {
    a: { adapter: 'memory', mode: 'access', vlan: 10 },
    b: { adapter: 'memory', mode: 'access', vlan: 20 },
  },
  interfaces: {
    vlan10: {
      vlan: 10,
      mac: GW,
      addresses: ['10.0.10.1/24', '2001:db8:10::1/64'],
      routerAdvertisements: true,
      proxyArp: true,
    },
    vlan20: { vlan: 20, mac: OUT, addresses: ['10.0.20.1/24', '2001:db8:20::1/64'], mtu: 600 },
  },
  routes: [
    { to: '10.1.0.0/16', type: 'blackhole' },
    { to: '10.2.0.0/16', type: 'unreachable' },
    { to: '10.3.0.0/16', type: 'prohibited' },
    { to: '10.4.0.0/16', via: ['10.0.20.2', '10.0.20.3'] },
    { to: '2001:db8:4::/48', via: '2001:db8:20::2' },
  ],
};

/** Packets that make sense, with bytes after them that do not. */
function seeds(r: Random): Uint8Array {
  const src = '10.0.10.2';
  const dst = r.pick([
    '10.0.20.2',
    '10.0.20.9',
    '10.0.10.1',
    '10.0.20.255',
    '10.1.0.1',
    '10.2.0.1',
    '10.3.0.1',
    '10.4.7.7',
    '9.9.9.9',
    '224.0.0.1',
  ]);
  const src6 = r.pick(['2001:db8:10::2', '2001:db8:10::2', 'fe80::2']);
  const dst6 = r.pick([
    '2001:db8:20::2',
    '2001:db8:20::9',
    '2001:db8:10::1',
    '2001:db8:4::1',
    '2001:db8:ffff::1',
    'ff02::1',
    'fe80::1',
  ]);
  const payload = new Uint8Array(r.pick([0, 1, 8, 40, 560, 900]));
  const ttl = r.pick([0, 1, 2, 64, 255]);
  const kind = r.below(8);
  if (kind === 0) return icmpIpv4({ src, dst, ttl }, r.pick([0, 3, 8, 11]), 0, 1, 2, payload);
  if (kind === 1)
    return icmpv6Ipv6({ src: src6, dst: dst6, ttl }, r.pick([1, 2, 128, 133, 134, 135, 136]), 0, 0, payload);
  if (kind === 2) return ipv4Packet({ src, dst, ttl }, r.below(256), payload);
  if (kind === 3)
    return ipv6Packet({ src: src6, dst: dst6, ttl }, r.pick([0, 43, 44, 51, 59, 60, 6, 17, 253]), payload);
  if (kind < 6) return udpIpv6({ src: src6, dst: dst6, ttl }, 1, 2, payload);
  const packet = udpIpv4({ src, dst, ttl }, 1, 2, payload);
  if (r.chance(40)) {
    writeIpv4Fragment(viewOf(packet), 0, r.chance(30), r.chance(50), r.pick([0, 8, 1480]));
    writeIpv4Checksum(viewOf(packet), 0);
  }
  return packet;
}

/** Sometimes damaged, and sometimes with a header checksum that is right again. */
function damaged(r: Random, packet: Uint8Array): Uint8Array {
  if (r.chance(50)) return packet;
  const bytes = Uint8Array.from(packet);
  for (let n = r.below(3); n >= 0; n--) bytes[r.below(Math.min(bytes.length, 64))] = r.below(256);
  if (bytes[0]! >>> 4 === 4 && r.chance(60)) {
    const header = (bytes[0]! & 15) * 4;
    if (header >= 20 && header <= bytes.length) writeIpv4Checksum(viewOf(bytes), 0);
  }
  return r.chance(10) ? bytes.subarray(0, r.below(bytes.length + 1)) : bytes;
}

it(`${FRAMES} packets, whole and damaged`, () => {
  const { sw, clock } = router(CONFIG);
  const a = new Host(sw.port('a'), '02:00:00:00:00:0a', ['10.0.10.2/24', '2001:db8:10::2/64']);
  const b = new Host(sw.port('b'), '02:00:00:00:00:0b', ['10.0.20.2/24', '10.0.20.3/24', '2001:db8:20::2/64']);
  const r = new Random(7);
  let routed = 0;
  const check = () => {
    for (const frame of b.take()) {
      const view = viewOf(frame);
      const type = view.getUint16(12);
      routed++;
      if (type === 0x0800) {
        expect(ipv4Fits(view, 14, frame.length) && ipv4ChecksumOk(view, 14) && ipv4Ttl(view, 14) > 0).toBe(true);
        expect(ipv4Dst(view, 14) >>> 28 === 14 || ipv4Src(view, 14) >>> 28 === 14).toBe(false);
        expect(frame.length - 14).toBeLessThanOrEqual(600);
      } else {
        expect(ipv6Fits(view, 14, frame.length) && ipv6HopLimit(view, 14) > 0).toBe(true);
        if (frame.readUInt16BE(6) === 0x0200)
          expect(isIpv6Multicast(view, ipv6DstAt(14)) && !isIpv6LinkLocal(view, 22)).toBe(false);
      }
    }
    a.take();
  };
  for (let n = 0; n < FRAMES; ) {
    const frames = Array.from({ length: 64 }, () => {
      const packet = damaged(r, seeds(r));
      const type = r.chance(2)
        ? r.pick([0x0806, 0x88b5])
        : packet.length > 0 && packet[0]! >>> 4 === 6
          ? 0x86dd
          : 0x0800;
      const eth = Buffer.alloc(14 + packet.length);
      eth.set(r.chance(3) ? [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] : [2, 0, 0, 0, 0, 0xfe]);
      eth.set([2, 0, 0, 0, 0, 0x0a], 6);
      eth.writeUInt16BE(type, 12);
      eth.set(packet, 14);
      return { port: 'a', frame: eth };
    });
    sw.send(frames);
    n += frames.length;
    check();
    // Time passes: neighbors are given up, the meters fill again; once in a while they run dry.
    clock.advance(n % (64 * 40) === 0 ? 4000 : r.pick([0, 20, 50]));
    if (n % 640 === 0) sw.tick();
  }
  for (let s = 0; s < 5; s++) {
    clock.advance(1000);
    sw.tick();
  }
  checkLedger(sw);
  expect(routed).toBeGreaterThan(FRAMES / 20);
  const met = sw.drops();
  const reasons = DROP_REASONS.map((reason) => reason.name).filter((name) => name.startsWith('ROUTE_'));
  expect(reasons.filter((name) => !(name in met))).toEqual([]);
  sw.close();
});

it('packets do what a reference without any code of the router says', () => {
  for (const seed of [1, 2]) fuzzRouting(seed, 4000);
});
