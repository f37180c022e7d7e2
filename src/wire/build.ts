/**
 * Whole frames from a description, for control (answers and probes) and for tests.
 *
 * Each function returns new memory that holds exactly the bytes it names: a payload, a packet or a frame, which
 * nest: `ethernetFrame(head, ETHERTYPE_IPV4, ipv4Packet(…, udpDatagram…))`. This is the comfortable way, one
 * allocation per layer; the data plane writes in place with the writers of the protocol files.
 *
 * Addresses are text or what the parsers return. Text that is no address is a RangeError: it is a mistake in the
 * program, not in traffic.
 */
import { ARP_BYTES, writeArp } from './arp.ts';
import { ETHERNET_BYTES, ETHERTYPE_ARP, type Mac, parseMac, writeMac } from './ethernet.ts';
import { ICMP_BYTES, writeIcmp, writeIcmpChecksum } from './icmp.ts';
import { ICMPV6_BYTES, writeIcmpv6, writeIcmpv6Checksum } from './icmpv6.ts';
import { IPV4_BYTES, PROTO_ICMP, PROTO_UDP, parseIpv4, writeIpv4 } from './ipv4.ts';
import { IPV6_ADDRESS_BYTES, IPV6_BYTES, ipv6DstAt, ipv6SrcAt, NEXT_ICMPV6, writeIpv6 } from './ipv6.ts';
import { parseIpv6 } from './ipv6-text.ts';
import { UDP_BYTES, writeUdp, writeUdpChecksumIpv4, writeUdpChecksumIpv6 } from './udp.ts';
import { FIRST_TAG, makeTci, TAG_BYTES, TPID_C, writeTag } from './vlan.ts';
import { VXLAN_BYTES, writeVxlan } from './vxlan.ts';

/** Ethernet frames are padded to this without FCS; captures and TAP devices show them unpadded too. */
export const MIN_FRAME_BYTES = 60;

export interface Tag {
  readonly vid: number;
  readonly pcp?: number;
  readonly dei?: number;
  /** TPID_C when absent. */
  readonly tpid?: number;
}

export interface FrameHead {
  readonly dst: string | Mac;
  readonly src: string | Mac;
  /** Outermost first. */
  readonly tags?: readonly Tag[];
}

export interface IpHead {
  /** Text; for IPv4 a number as well, for IPv6 16 bytes. */
  readonly src: string | number | Uint8Array;
  readonly dst: string | number | Uint8Array;
  /** TTL or hop limit, 64 when absent. */
  readonly ttl?: number;
  /** TOS or traffic class, 0 when absent. */
  readonly tos?: number;
}

const EMPTY = new Uint8Array(0);

/** The frame, unpadded. `type` is an EtherType or an 802.3 length. */
export function ethernetFrame(head: FrameHead, type: number, payload: Uint8Array = EMPTY): Uint8Array {
  const tags = head.tags ?? [];
  const headBytes = ETHERNET_BYTES + tags.length * TAG_BYTES;
  const frame = new Uint8Array(headBytes + payload.length);
  const view = new DataView(frame.buffer);
  const dst = toMac(head.dst);
  const src = toMac(head.src);
  writeMac(view, 0, dst.high, dst.low);
  writeMac(view, 6, src.high, src.low);
  let at = FIRST_TAG;
  for (const tag of tags) {
    writeTag(view, at, tag.tpid ?? TPID_C, makeTci(tag.pcp ?? 0, tag.dei ?? 0, tag.vid));
    at += TAG_BYTES;
  }
  view.setUint16(at, type);
  frame.set(payload, headBytes);
  return frame;
}

/** The frame with zeros behind it up to the least length of Ethernet. */
export function padFrame(frame: Uint8Array): Uint8Array {
  if (frame.length >= MIN_FRAME_BYTES) return frame;
  const padded = new Uint8Array(MIN_FRAME_BYTES);
  padded.set(frame);
  return padded;
}

export interface ArpFields {
  readonly operation: number;
  readonly senderMac: string | Mac;
  readonly senderIp: string | number;
  readonly targetMac: string | Mac;
  readonly targetIp: string | number;
}

/** A frame with an ARP packet for Ethernet and IPv4. */
export function arpFrame(head: FrameHead, arp: ArpFields): Uint8Array {
  const payload = new Uint8Array(ARP_BYTES);
  const sender = toMac(arp.senderMac);
  const target = toMac(arp.targetMac);
  writeArp(
    new DataView(payload.buffer),
    0,
    arp.operation,
    sender.high,
    sender.low,
    toIpv4(arp.senderIp),
    target.high,
    target.low,
    toIpv4(arp.targetIp),
  );
  return ethernetFrame(head, ETHERTYPE_ARP, payload);
}

/** Header without options, right checksum, and the payload. */
export function ipv4Packet(ip: IpHead, protocol: number, payload: Uint8Array = EMPTY): Uint8Array {
  const packet = new Uint8Array(IPV4_BYTES + payload.length);
  packet.set(payload, IPV4_BYTES);
  const view = new DataView(packet.buffer);
  writeIpv4(view, 0, toIpv4(ip.src), toIpv4(ip.dst), protocol, payload.length, ip.ttl ?? 64, ip.tos ?? 0);
  return packet;
}

/** Fixed header and the payload, which may begin with extension headers. */
export function ipv6Packet(ip: IpHead, next: number, payload: Uint8Array = EMPTY): Uint8Array {
  const packet = new Uint8Array(IPV6_BYTES + payload.length);
  packet.set(payload, IPV6_BYTES);
  writeIpv6(new DataView(packet.buffer), 0, next, payload.length, ip.ttl ?? 64, ip.tos ?? 0);
  packet.set(toIpv6(ip.src), ipv6SrcAt(0));
  packet.set(toIpv6(ip.dst), ipv6DstAt(0));
  return packet;
}

/** An IPv4 packet with a UDP datagram; `computeChecksum` false leaves it 0, as tunnels do. */
export function udpIpv4(
  ip: IpHead,
  src: number,
  dst: number,
  payload: Uint8Array = EMPTY,
  computeChecksum: boolean = true,
): Uint8Array {
  const packet = ipv4Packet(ip, PROTO_UDP, udpDatagram(src, dst, payload));
  if (computeChecksum) writeUdpChecksumIpv4(new DataView(packet.buffer), 0, IPV4_BYTES);
  return packet;
}

/** An IPv6 packet with a UDP datagram. */
export function udpIpv6(
  ip: IpHead,
  src: number,
  dst: number,
  payload: Uint8Array = EMPTY,
  computeChecksum: boolean = true,
): Uint8Array {
  const packet = ipv6Packet(ip, PROTO_UDP, udpDatagram(src, dst, payload));
  if (computeChecksum) writeUdpChecksumIpv6(new DataView(packet.buffer), 0, IPV6_BYTES);
  return packet;
}

/** Header with checksum 0, and the payload. */
export function udpDatagram(src: number, dst: number, payload: Uint8Array = EMPTY): Uint8Array {
  const datagram = new Uint8Array(UDP_BYTES + payload.length);
  datagram.set(payload, UDP_BYTES);
  writeUdp(new DataView(datagram.buffer), 0, src, dst, payload.length);
  return datagram;
}

/** An IPv4 packet with an ICMP message: echo, or an error with the packet that caused it as payload. */
export function icmpIpv4(
  ip: IpHead,
  type: number,
  code: number,
  ident: number,
  sequence: number,
  payload: Uint8Array = EMPTY,
): Uint8Array {
  const message = new Uint8Array(ICMP_BYTES + payload.length);
  message.set(payload, ICMP_BYTES);
  const view = new DataView(message.buffer);
  writeIcmp(view, 0, type, code, ident, sequence);
  writeIcmpChecksum(view, 0, message.length);
  return ipv4Packet(ip, PROTO_ICMP, message);
}

/** An IPv6 packet with an ICMPv6 message. `word` is its second word, `payload` what follows that. */
export function icmpv6Ipv6(
  ip: IpHead,
  type: number,
  code: number,
  word: number,
  payload: Uint8Array = EMPTY,
): Uint8Array {
  const message = new Uint8Array(ICMPV6_BYTES + payload.length);
  message.set(payload, ICMPV6_BYTES);
  writeIcmpv6(new DataView(message.buffer), 0, type, code, word);
  const packet = ipv6Packet(ip, NEXT_ICMPV6, message);
  writeIcmpv6Checksum(new DataView(packet.buffer), 0, IPV6_BYTES, message.length);
  return packet;
}

/** A VXLAN header and the frame it carries: the payload of a UDP datagram. */
export function vxlanPayload(vni: number, frame: Uint8Array): Uint8Array {
  const payload = new Uint8Array(VXLAN_BYTES + frame.length);
  writeVxlan(new DataView(payload.buffer), 0, vni);
  payload.set(frame, VXLAN_BYTES);
  return payload;
}

function toMac(value: string | Mac): Mac {
  if (typeof value !== 'string') return value;
  const mac = parseMac(value);
  if (mac === null) throw new RangeError(`not a MAC address: ${value}`);
  return mac;
}

function toIpv4(value: string | number | Uint8Array): number {
  if (typeof value === 'number') return value;
  const address = parseIpv4(String(value));
  if (address === null) throw new RangeError(`not an IPv4 address: ${value}`);
  return address;
}

function toIpv6(value: string | number | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array && value.length === IPV6_ADDRESS_BYTES) return value;
  const address = parseIpv6(String(value));
  if (address === null) throw new RangeError(`not an IPv6 address: ${value}`);
  return address;
}
