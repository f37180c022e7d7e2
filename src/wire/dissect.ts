/**
 * A frame as a plain object: what `etherloom dissect` prints, field for field what tshark says about the same
 * bytes (names and meaning: the README of the captures with ground truth).
 *
 * The idea: a header is shown as far as it is there, and the walk ends where tshark ends. A cut header is no
 * exception but a fact, so every step knows how many bytes it has (`end`, which only shrinks: captured bytes,
 * then the lengths that IP and UDP claim). Nothing outside [off, off + capLen) is ever read.
 *
 * Where tshark is known to blur, the bytes win: two S-tags in a row are two tags here, a B-tag keeps its own
 * 0x88E7, and a stack of tags has no greatest depth.
 *
 * This is the comfortable reader: objects and strings, about a microsecond a frame. The data plane has its own.
 */
import {
  cut,
  ENCAP_ETHERNET,
  type FrameFields,
  goType,
  type SegmentFields,
  STEP_DONE,
  STEP_GRE,
  STEP_IP,
  STEP_IPV6,
  STEP_MPLS,
  STEP_TYPE,
  STEP_UPPER,
  stop,
  type TagFields,
  type Walk,
} from './dissect-fields.ts';
import { walkIp, walkIpv6, walkUpper } from './dissect-ip.ts';
import { walkGre, walkMpls, walkType } from './dissect-link.ts';
import { ETHERNET_BYTES, etherDstText, etherSrcText, etherType, isLength, MIN_ETHERTYPE } from './ethernet.ts';
import { PORT_VXLAN } from './udp.ts';
import { FIRST_TAG, isTagType, TAG_BYTES, TPID_S, tciDei, tciPcp, tciVid } from './vlan.ts';
import { VXLAN_BYTES, vxlanFlags, vxlanGroup, vxlanReserved8, vxlanVni } from './vxlan.ts';

/**
 * Dissects the frame at [off, off + capLen) of `view`; `len` is its length on the wire. Never throws, never reads
 * outside. `n` is left for the caller to set when not given. Frames without 14 bytes have `outer` null.
 */
export function dissectFrame(
  view: DataView,
  off: number,
  capLen: number,
  len: number,
  n: number = 0,
  vxlanPort: number = PORT_VXLAN,
): FrameFields {
  const frame: FrameFields = {
    n,
    len,
    cap_len: capLen,
    encap: ENCAP_ETHERNET,
    outer: null,
    vxlan: null,
    inner: null,
  };
  const end = off + capLen;
  const walk: Walk = {
    view,
    frame,
    vxlanPort,
    capEnd: end,
    wireEnd: off + len,
    segment: NO_SEGMENT,
    vxlanAt: -1,
    vxlanEnd: -1,
    step: STEP_DONE,
    at: off,
    end,
    type: 0,
    overIpv6: false,
  };
  frame.outer = readEthernet(walk, off, end, 'ethernet');
  walkHeaders(walk);
  if (walk.vxlanAt >= 0) walkVxlan(walk, walk.vxlanAt, walk.vxlanEnd);
  return frame;
}

/** The object of a record that holds no Ethernet frame. `encap` is null for a record without a packet. */
export function undissected(n: number, capLen: number, len: number, encap: number | null, error: string): FrameFields {
  return { n, len, cap_len: capLen, encap, outer: null, vxlan: null, inner: null, error };
}

const NO_SEGMENT: SegmentFields = { eth_dst: '', eth_src: '', tags: [] };

/** More headers than this is an attack; tshark gives up earlier. */
const MAX_HEADERS = 64;

/** From header to header until nothing is named. */
function walkHeaders(walk: Walk): void {
  for (let count = 0; walk.step !== STEP_DONE; count++) {
    if (count === MAX_HEADERS) {
      stop(walk, `more than ${MAX_HEADERS} headers`);
      walk.step = STEP_DONE;
      return;
    }
    const step = walk.step;
    walk.step = STEP_DONE;
    switch (step) {
      case STEP_TYPE:
        walkType(walk);
        break;
      case STEP_IP:
        walkIp(walk);
        break;
      case STEP_IPV6:
        walkIpv6(walk);
        break;
      case STEP_UPPER:
        walkUpper(walk);
        break;
      case STEP_MPLS:
        walkMpls(walk);
        break;
      case STEP_GRE:
        walkGre(walk);
        break;
    }
  }
}

function readEthernet(walk: Walk, off: number, end: number, what: string): SegmentFields | null {
  if (end - off < ETHERNET_BYTES) {
    cut(walk, what, end - off, ETHERNET_BYTES);
    return null;
  }
  const view = walk.view;
  const type = etherType(view, off);
  const segment: SegmentFields = { eth_dst: etherDstText(view, off), eth_src: etherSrcText(view, off), tags: [] };
  walk.segment = segment;
  if (isLength(type)) {
    // A length of 0 says nothing; tshark shows it as a type.
    if (type === 0) {
      segment.eth_type = 0;
      return segment;
    }
    segment.eth_len = type;
    goType(walk, type, off + ETHERNET_BYTES, end);
    return segment;
  }
  if (type < MIN_ETHERTYPE) {
    stop(walk, `${what}: ${type} is neither a length nor a type`);
    return segment;
  }
  segment.eth_type = type;
  if (isTagType(type)) walkTags(walk, off + FIRST_TAG, end);
  else goType(walk, type, off + ETHERNET_BYTES, end);
  return segment;
}

/** `at` is the offset of a TPID. */
function walkTags(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  const tags = walk.segment.tags;
  let tpid = view.getUint16(at);
  for (;;) {
    const have = end - at - 2;
    if (have < 4) {
      // The TCI of a C-tag is shown without what follows; an S-tag is shown whole or not.
      if (have >= 2 && tpid !== TPID_S) tags.push(readTag(tpid, view.getUint16(at + 2)));
      cut(walk, 'vlan tag', have, 4);
      return;
    }
    const tag = readTag(tpid, view.getUint16(at + 2));
    const next = view.getUint16(at + 4);
    tags.push(tag);
    at += TAG_BYTES;
    // 802.1ad knows no LLC frames behind an S-tag; what stands there is a type, be it small.
    if (tpid === TPID_S || !isLength(next)) tag.etype = next;
    else tag.len = next;
    if (!isTagType(next)) {
      if (next >= MIN_ETHERTYPE || tag.len !== undefined) goType(walk, next, at + 2, end);
      return;
    }
    tpid = next;
  }
}

function readTag(tpid: number, tci: number): TagFields {
  return { tpid, id: tciVid(tci), pri: tciPcp(tci), dei: tciDei(tci) };
}

function walkVxlan(walk: Walk, at: number, end: number): void {
  const { view, frame } = walk;
  const have = end - at;
  // Flags, group and VNI are seven bytes; the eighth may be missing and the VNI still stands.
  if (have < VXLAN_BYTES - 1) {
    if (have > 0) cut(walk, 'vxlan', have, VXLAN_BYTES);
    return;
  }
  if (have < VXLAN_BYTES) {
    const vni = (view.getUint16(at + 4) << 8) | view.getUint8(at + 6);
    frame.vxlan = { flags: vxlanFlags(view, at), gbp: vxlanGroup(view, at), vni };
    cut(walk, 'vxlan', have, VXLAN_BYTES);
    return;
  }
  frame.vxlan = {
    flags: vxlanFlags(view, at),
    gbp: vxlanGroup(view, at),
    vni: vxlanVni(view, at),
    reserved8: vxlanReserved8(view, at),
  };
  frame.inner = readEthernet(walk, at + VXLAN_BYTES, end, 'inner ethernet');
  walkHeaders(walk);
}

export type {
  ArpFields,
  FrameFields,
  IpFields,
  SegmentFields,
  TagFields,
  UdpFields,
  VxlanFields,
} from './dissect-fields.ts';
