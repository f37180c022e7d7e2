/** The fields of a traced frame that settings are about. */

import { addressText } from '../wire/address.ts';
import { ARP_BYTES } from '../wire/arp.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import { IPV4_BYTES } from '../wire/ipv4.ts';
import { IPV6_BYTES } from '../wire/ipv6.ts';
import { UDP_BYTES } from '../wire/udp.ts';
import { FIRST_TAG, isTagType, TAG_BYTES, TPID_C, tciVid, VID_MAX, VID_MIN } from '../wire/vlan.ts';
import { VXLAN_BYTES } from '../wire/vxlan.ts';
import type { RoutedView, Trace } from './types.ts';

export interface Frame {
  readonly bytes: Buffer;
  /** As it goes by the FDB that decided: behind the router, that of the next hop. */
  readonly dst: string;
  readonly src: string;
  /** VID of the tag that the port takes for one; null without it, and for a priority tag. */
  readonly tagVid: number | null;
  /** Where it was routed to. */
  readonly routed: RoutedView | null;
}

export function frameOf({ frame, tunnel, tagVid, stages }: Trace): Frame {
  const outer = Buffer.from(frame.hex, 'hex');
  const bytes = tunnel === null ? outer : innerOf(outer);
  const routed = stages.find((stage) => stage.routed !== undefined)?.routed ?? null;
  return { bytes, dst: routed?.mac ?? macAt(bytes, 0), src: macAt(bytes, 6), tagVid, routed };
}

/** What the data plane took out of its tunnel: behind Ethernet, IP, UDP and VXLAN. */
function innerOf(outer: Buffer): Buffer {
  const packet = FIRST_TAG + 2 + (outer.readUInt16BE(FIRST_TAG) === TPID_C ? TAG_BYTES : 0);
  const header = outer[packet] >>> 4 === 6 ? IPV6_BYTES : (outer[packet] & 0xf) * 4;
  return outer.subarray(packet + header + UDP_BYTES + VXLAN_BYTES);
}

/** VID that a list of customer VLANs is asked for. */
export function customerVid({ bytes }: Frame): number | null {
  if (bytes.length < FIRST_TAG + TAG_BYTES + 2 || bytes.readUInt16BE(FIRST_TAG) !== TPID_C) return null;
  const vid = tciVid(bytes.readUInt16BE(FIRST_TAG + 2));
  return vid >= VID_MIN && vid <= VID_MAX ? vid : null;
}

export interface FrameTag {
  readonly tpid: number;
  readonly vid: number;
}

/** Tags as they stand in the bytes, outermost first. */
export function tagsOf(bytes: Buffer): FrameTag[] {
  const tags: FrameTag[] = [];
  for (let at = FIRST_TAG; at + TAG_BYTES + 2 <= bytes.length && isTagType(bytes.readUInt16BE(at)); at += TAG_BYTES) {
    tags.push({ tpid: bytes.readUInt16BE(at), vid: tciVid(bytes.readUInt16BE(at + 2)) });
  }
  return tags;
}

export function macAt(bytes: Buffer, at: number): string {
  return bytes
    .subarray(at, at + 6)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');
}

export interface PacketFields {
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  /** From its first byte to the end of the frame. */
  readonly bytes: number;
}

/** Of an IP packet behind any tags; null where it is none. */
export function packetOf(frame: Buffer): PacketFields | null {
  const packet = FIRST_TAG + tagsOf(frame).length * TAG_BYTES + 2;
  if (packet > frame.length) return null;
  const type = frame.readUInt16BE(packet - 2);
  const bytes = frame.length - packet;
  const at = (from: number, length: number) => frame.subarray(packet + from, packet + from + length);
  if (type === ETHERTYPE_IPV4 && bytes >= IPV4_BYTES) return { src: at(12, 4), dst: at(16, 4), bytes };
  if (type === ETHERTYPE_IPV6 && bytes >= IPV6_BYTES) return { src: at(8, 16), dst: at(24, 16), bytes };
  return null;
}

const ARP_TARGET_IP = 24;

/** The address that an IP packet is for or an ARP packet is about, in text; null where the frame is neither. */
export function addressedTo(frame: Buffer): string | null {
  const packet = packetOf(frame);
  if (packet !== null) return addressText(packet.dst);
  const arp = FIRST_TAG + tagsOf(frame).length * TAG_BYTES + 2;
  if (frame.length < arp + ARP_BYTES || frame.readUInt16BE(arp - 2) !== ETHERTYPE_ARP) return null;
  return addressText(frame.subarray(arp + ARP_TARGET_IP, arp + ARP_BYTES));
}
