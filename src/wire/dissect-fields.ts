/**
 * The words of a dissection: the objects that `etherloom dissect` prints, and the state of a walk.
 *
 * Field names, meaning and what is absent are those of the captures with ground truth; `icmp` and `error` are Etherloom's.
 */

/** Wiretap's number for Ethernet, the only encapsulation this file reads. */
export const ENCAP_ETHERNET = 1;

export interface TagFields {
  tpid: number;
  /** The VID, 0..4095. */
  id: number;
  pri: number;
  dei: number;
  /** What follows the tag; absent when the frame is cut right behind the TCI. */
  etype?: number;
  /** The same as an 802.3 length. */
  len?: number;
}

export interface IpFields {
  v: 4 | 6;
  src: string;
  /** null when the header is cut before it. */
  dst: string | null;
  /** IPv4 protocol, or next header of the fixed IPv6 header. */
  proto: number;
  ttl: number;
  tos: number;
  /** IPv4 only. */
  fragment?: true;
}

/** null where the header is cut, or where the length makes the rest meaningless. */
export interface UdpFields {
  src: number;
  dst: number;
  len: number | null;
  checksum: number | null;
}

/** ICMP or ICMPv6, as the version of IP says. */
export interface IcmpFields {
  type: number;
  code: number;
  /** Of an echo: which program's, and which of them. */
  ident?: number;
  seq?: number;
}

/** One Ethernet header and what lies directly on it. */
export interface SegmentFields {
  eth_dst: string;
  eth_src: string;
  /** Absent when the field is neither a type nor a length (1501..1535). */
  eth_type?: number;
  eth_len?: number;
  /** Tags that follow the addresses directly, outermost first. */
  tags: TagFields[];
  ip?: IpFields;
  udp?: UdpFields;
  icmp?: IcmpFields;
}

export interface VxlanFields {
  /** 16 bits; 0x0800 is plain VXLAN. */
  flags: number;
  gbp: number;
  vni: number;
  /** Absent when the header is cut before it. */
  reserved8?: number;
}

/** null where the packet is cut or the addresses are not of Ethernet and IPv4. */
export interface ArpFields {
  op: number | null;
  sha: string | null;
  spa: string | null;
  tha: string | null;
  tpa: string | null;
}

export interface FrameFields {
  n: number;
  len: number;
  cap_len: number;
  /** Wiretap encapsulation; null for a record without a packet. */
  encap: number | null;
  /** null when there is no whole Ethernet header. */
  outer: SegmentFields | null;
  vxlan: VxlanFields | null;
  inner: SegmentFields | null;
  arp?: ArpFields;
  icmpv6?: { type: number };
  /** Where and why dissection stopped, when that was not the end of what is known. */
  error?: string;
}

/** The state of one walk: which frame, which of its Ethernet headers, where VXLAN was found. */
export interface Walk {
  readonly view: DataView;
  readonly frame: FrameFields;
  readonly vxlanPort: number;
  /** End of what was captured, and of what was on the wire. */
  readonly capEnd: number;
  readonly wireEnd: number;
  segment: SegmentFields;
  /** Start and end of the VXLAN header behind the outer UDP header; -1 without one. */
  vxlanAt: number;
  vxlanEnd: number;
  /** The next header: its kind, its place, where it ends at the latest. */
  step: number;
  at: number;
  end: number;
  /** With STEP_TYPE the EtherType or 802.3 length, with STEP_UPPER the IP protocol. */
  type: number;
  overIpv6: boolean;
}

/** The first reason stays: it is the outermost. */
export function stop(walk: Walk, error: string): void {
  walk.frame.error ??= error;
}

export function cut(walk: Walk, what: string, have: number, need: number): void {
  walk.frame.error ??= `${what}: cut after ${Math.max(have, 0)} of ${need} bytes`;
}

/** Where a packet that ends at `end` ends on the wire: further on when only the capture cut it. */
export function endOnWire(walk: Walk, end: number): number {
  return end === walk.capEnd ? Math.max(end, walk.wireEnd) : end;
}

export const STEP_DONE = 0;
export const STEP_TYPE = 1;
/** IP of either version. */
export const STEP_IP = 2;
export const STEP_IPV6 = 3;
export const STEP_UPPER = 4;
export const STEP_MPLS = 5;
export const STEP_GRE = 6;

/** Names the next header. Steps instead of calls: hostile nesting costs a loop, not the stack. */
export function go(walk: Walk, step: number, at: number, end: number): void {
  walk.step = step;
  walk.at = at;
  walk.end = end;
}

export function goType(walk: Walk, type: number, at: number, end: number): void {
  walk.type = type;
  go(walk, STEP_TYPE, at, end);
}

export function goUpper(walk: Walk, protocol: number, at: number, end: number, overIpv6: boolean): void {
  walk.type = protocol;
  walk.overIpv6 = overIpv6;
  go(walk, STEP_UPPER, at, end);
}
