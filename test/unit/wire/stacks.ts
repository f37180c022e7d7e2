/** Random stacks of headers, outermost a tagged Ethernet header, innermost VXLAN with a tagged frame: what no capture at hand holds. */
import {
  ethernetFrame,
  ipv4Packet,
  ipv6Packet,
  type Tag,
  udpDatagram,
  udpIpv4,
  vxlanPayload,
} from '../../../src/wire/build.ts';
import type { Prng } from '../pcap/mutate.ts';
import { bytesOf, concat } from './bytes.ts';

const IP4 = { src: '10.0.0.1', dst: '10.0.0.2' };
const IP6 = { src: 'fe80::1', dst: 'fe80::2' };

/** A type, or the length of an LLC frame, and what stands behind it. */
interface Payload {
  type: number;
  bytes: Uint8Array;
}

type Header = (under: Payload) => Payload;

const hex4 = (value: number) => value.toString(16).padStart(4, '0');
/** A header of those bytes, then the type of what it carries. */
const before =
  (type: number, hex: string): Header =>
  (under) => ({ type, bytes: concat(bytesOf(hex, hex4(under.type)), under.bytes) });
const llc = (hex: string, bytes: Uint8Array): Payload => {
  const whole = concat(bytesOf(hex), bytes);
  return { type: whole.length, bytes: whole };
};
const PPP = { 2048: '0021', 34525: '0057' } as Record<number, string>;

/** Headers that may stand before IP, one of each kind that the dissector knows. */
const LINKS: readonly Header[] = [
  (under) => under,
  before(0x8926, '80010002'),
  before(0x8909, '010100010007'),
  before(0xf1c1, '00000007'),
  before(0x892f, '10400001'),
  before(0x893f, '000000010000'),
  (under) => llc(`aaaa03 000000 ${hex4(under.type)}`, under.bytes),
  (under) => ({ type: 0x8870, bytes: concat(bytesOf('aaaa03 000000', hex4(under.type)), under.bytes) }),
  ({ type, bytes }) => ({ type: 0x8847, bytes: concat(bytesOf(type === 0x86dd ? '00002040' : '', '00064140'), bytes) }),
  ({ type, bytes }) => ({ type: 0x8847, bytes: concat(bytesOf('00064140', `1000${PPP[type]}`), bytes) }),
  ({ type, bytes }) => ({
    type: 0x8864,
    bytes: concat(bytesOf('1100 0001', hex4(bytes.length + 2), PPP[type]!), bytes),
  }),
  ({ type, bytes }) => ({ type: 0x894f, bytes: concat(bytesOf(`000202 0${type === 0x86dd ? 2 : 1} 00000107`), bytes) }),
];

const v4 = (protocol: number, bytes: Uint8Array): Payload => ({
  type: 0x0800,
  bytes: ipv4Packet(IP4, protocol, bytes),
});
const v6 = (next: number, bytes: Uint8Array): Payload => ({ type: 0x86dd, bytes: ipv6Packet(IP6, next, bytes) });

/** What may stand between the outermost IP header and the UDP datagram. */
const NETWORKS: readonly ((datagram: Uint8Array) => Payload)[] = [
  (datagram) => v4(17, datagram),
  (datagram) => v6(17, datagram),
  (datagram) => v4(4, ipv4Packet(IP4, 17, datagram)),
  (datagram) => v4(41, ipv6Packet(IP6, 17, datagram)),
  (datagram) => v6(4, ipv4Packet(IP4, 17, datagram)),
  (datagram) => v4(47, concat(bytesOf('0000 0800'), ipv4Packet(IP4, 17, datagram))),
  (datagram) => v6(47, concat(bytesOf('3000 86dd 00000001 00000002'), ipv6Packet(IP6, 17, datagram))),
  (datagram) => v4(137, concat(bytesOf('00064140'), ipv4Packet(IP4, 17, datagram))),
  (datagram) => v6(0, concat(bytesOf('3c00 0104 00000000', '1100 0104 00000000'), datagram)),
  (datagram) => v6(44, concat(bytesOf('1100 0001 00000007'), datagram)),
  (datagram) => v6(43, concat(bytesOf('1102 0200 00000000', '00'.repeat(16)), datagram)),
  (datagram) => v4(60, concat(bytesOf('1100 0104 00000000'), datagram)),
  (datagram) => v4(51, concat(bytesOf('1104 0000', '00'.repeat(20)), datagram)),
];

function tags(prng: Prng): Tag[] {
  const list: Tag[] = [];
  // An S-tag only outermost, and never alone: of two in a row tshark makes one, and no length stands behind one.
  const isService = prng.below(4) === 0;
  if (isService) list.push({ tpid: 0x88a8, vid: prng.below(4096), pcp: prng.below(8), dei: 1 });
  for (let n = prng.below(5) + (isService ? 1 : 0); n > 0; n--) {
    list.push({ tpid: prng.below(4) === 0 ? 0x9100 : 0x8100, vid: prng.below(4096), pcp: prng.below(8) });
  }
  return list;
}

const address = (prng: Prng) => `02:00:00:00:${prng.below(90) + 10}:${prng.below(90) + 10}`;

export interface Stack {
  bytes: Uint8Array;
  macs: string[];
  outerTags: Tag[];
  innerTags: Tag[];
  vni: number;
}

export function stack(prng: Prng): Stack {
  const [innerDst, innerSrc, dst, src] = [address(prng), address(prng), address(prng), address(prng)] as const;
  const [innerTags, outerTags, vni] = [tags(prng), tags(prng), prng.below(1 << 24)] as const;
  const inner = ethernetFrame({ dst: innerDst, src: innerSrc, tags: innerTags }, 0x0800, udpIpv4(IP4, 1000, 5555));
  const datagram = udpDatagram(49_152 + prng.below(1000), 4789, vxlanPayload(vni, inner));
  const packet = NETWORKS[prng.below(NETWORKS.length)]!(datagram);
  const { type, bytes } = LINKS[prng.below(LINKS.length)]!(packet);
  return {
    bytes: ethernetFrame({ dst, src, tags: outerTags }, type, bytes),
    macs: [dst, src, innerDst, innerSrc],
    outerTags,
    innerTags,
    vni,
  };
}
