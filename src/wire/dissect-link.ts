/**
 * The part of dissection between Ethernet and IP: LLC, ARP and the headers that stand in the way of an IP packet.
 *
 * Headers that carry a further Ethernet frame end the walk (VXLAN alone goes on, in dissect.ts): what is in there
 * belongs to nobody's outer or inner.
 */
import { cut, endOnWire, go, goType, STEP_IP, STEP_IPV6, STEP_MPLS, stop, type Walk } from './dissect-fields.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_CMD,
  ETHERTYPE_ETAG,
  ETHERTYPE_HSR,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_LLC,
  ETHERTYPE_MACSEC,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_NSH,
  ETHERTYPE_PBB,
  ETHERTYPE_PPPOE_SESSION,
  ETHERTYPE_RARP,
  ETHERTYPE_RTAG,
  ETHERTYPE_VNTAG,
  isLength,
  MIN_ETHERTYPE,
  macText,
} from './ethernet.ts';
import { ipv4Text } from './ipv4.ts';
import {
  CONTROL_UI,
  LLC_BYTES,
  llcControl,
  llcDsap,
  llcSsap,
  OUI_ETHERNET,
  SAP_IP,
  SAP_OSI,
  SAP_SNAP,
  SNAP_BYTES,
  snapOui,
  snapProtocol,
} from './llc.ts';
import { isTagType } from './vlan.ts';

const OUI_BRIDGED_OLD = 0x0000f8; // 802.1H tunnel encapsulation of an EtherType
/** Network layer protocol identifiers behind OSI's LLC (RFC 1490). */
const NLPID_IPV4 = 0xcc;
const NLPID_IPV6 = 0x8e;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
const PPP_MPLS = 0x0281;
const PPP_MPLS_MULTICAST = 0x0283;
const GRE_PPP = 0x880b;
/** What else stands in GRE and carries no frame of its own. */
const GRE_TYPES: readonly number[] = [
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_ARP,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_MULTICAST,
  ETHERTYPE_NSH,
];
const NSH_IPV4 = 1;
const NSH_IPV6 = 2;
/** Below these labels stands no packet but an associated channel (RFC 5586) or OAM (RFC 3429). */
const LABEL_GAL = 13;
const LABEL_OAM = 14;
const ARP_ETHERNET = 1;
const ARP_IEEE_802 = 6;
/** ATMARP (RFC 2225): another format under the same type. */
const ARP_ATM = 19;

/** What stands behind an EtherType, or behind an 802.3 length up to MAX_LENGTH_FIELD. */
export function walkType(walk: Walk): void {
  const { type, at, end } = walk;
  if (isLength(type)) {
    walkLlc(walk, at, Math.min(end, at + type));
    return;
  }
  switch (type) {
    case ETHERTYPE_IPV4:
      go(walk, STEP_IP, at, end);
      return;
    case ETHERTYPE_IPV6:
      go(walk, STEP_IPV6, at, end);
      return;
    case ETHERTYPE_ARP:
    case ETHERTYPE_RARP:
      walkArp(walk, at, end);
      return;
    case ETHERTYPE_PPPOE_SESSION:
      walkPppoe(walk, at, end);
      return;
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
      go(walk, STEP_MPLS, at, end);
      return;
    case ETHERTYPE_PBB:
      walkPbb(walk, at, end);
      return;
    case ETHERTYPE_MACSEC:
      walkMacsec(walk, at, end);
      return;
    case ETHERTYPE_ETAG:
      skipTo(walk, 'e-tag', at + 6, end);
      return;
    case ETHERTYPE_HSR:
      skipTo(walk, 'hsr tag', at + 4, end);
      return;
    case ETHERTYPE_VNTAG:
      skipTo(walk, 'vn-tag', at + 4, end);
      return;
    case ETHERTYPE_RTAG:
      skipTo(walk, 'r-tag', at + 4, end);
      return;
    case ETHERTYPE_CMD:
      skipTo(walk, 'cisco metadata', at + 6, end);
      return;
    case ETHERTYPE_LLC:
      walkLlc(walk, at, end);
      return;
    case ETHERTYPE_NSH:
      walkNsh(walk, at, end);
      return;
    default:
      // A tag behind another header is none of the frame's own tags: passed over, not listed.
      if (isTagType(type)) {
        skipTo(walk, 'vlan tag', at + 2, end);
      }
  }
}

/** Goes on with the type that stands at `at`. */
function skipTo(walk: Walk, what: string, at: number, end: number): void {
  if (end - at < 2) stop(walk, `${what}: cut before its type`);
  else goType(walk, walk.view.getUint16(at), at + 2, end);
}

function walkLlc(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  if (end - at < LLC_BYTES) {
    cut(walk, 'llc', end - at, LLC_BYTES);
    return;
  }
  if (view.getUint16(at) === 0xffff) return; // Novell's raw 802.3: no LLC at all
  const control = llcControl(view, at);
  const unnumbered = (control & 3) === 3;
  if (unnumbered ? control !== CONTROL_UI : (control & 1) !== 0) return; // carries no data
  const next = at + (unnumbered ? LLC_BYTES : LLC_BYTES + 1);
  const sap = llcDsap(view, at);
  if (sap === SAP_SNAP && llcSsap(view, at) === SAP_SNAP) walkSnap(walk, next, end);
  else if (sap === SAP_IP) go(walk, STEP_IP, next, end);
  else if (sap === SAP_OSI && next < end) {
    const protocol = view.getUint8(next);
    if (protocol === NLPID_IPV4) go(walk, STEP_IP, next + 1, end);
    else if (protocol === NLPID_IPV6) go(walk, STEP_IPV6, next + 1, end);
  }
}

/** `at` is behind the control field. */
function walkSnap(walk: Walk, at: number, end: number): void {
  const need = SNAP_BYTES - LLC_BYTES;
  if (end - at < need) {
    cut(walk, 'snap', end - at, need);
    return;
  }
  const oui = snapOui(walk.view, at - LLC_BYTES);
  const protocol = snapProtocol(walk.view, at - LLC_BYTES);
  if ((oui === OUI_ETHERNET || oui === OUI_BRIDGED_OLD) && protocol >= MIN_ETHERTYPE) {
    goType(walk, protocol, at + need, end);
  }
}

/*
 * RFC 826; what is there of it, whatever the sizes of the addresses
 */
function walkArp(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  if (end - at < 8) {
    cut(walk, 'arp', end - at, 8);
    if (end - at >= 2) walk.frame.arp ??= { op: null, sha: null, spa: null, tha: null, tpa: null };
    return;
  }
  const macs = view.getUint8(at + 4);
  const ips = view.getUint8(at + 5);
  const senderIp = at + 8 + macs;
  const targetMac = senderIp + ips;
  const targetIp = targetMac + macs;
  const need = targetIp + ips;
  // All addresses or none, as tshark has it.
  const whole = need <= end;
  if (!whole) cut(walk, 'arp', end - at, need - at);
  const hardware = view.getUint16(at);
  if (hardware === ARP_ATM) return;
  const macsOk = whole && macs === 6 && (hardware === ARP_ETHERNET || hardware === ARP_IEEE_802);
  const ipsOk = whole && ips === 4 && view.getUint16(at + 2) === ETHERTYPE_IPV4;
  walk.frame.arp ??= {
    op: view.getUint16(at + 6),
    sha: macsOk ? macText(view, at + 8) : null,
    spa: ipsOk ? ipv4Text(view, senderIp) : null,
    tha: macsOk ? macText(view, targetMac) : null,
    tpa: ipsOk ? ipv4Text(view, targetIp) : null,
  };
}

/*
 * RFC 2516 4: version and type, code, session, length; then the PPP protocol (RFC 1661 2)
 */
function walkPppoe(walk: Walk, at: number, end: number): void {
  if (end - at < 8) {
    cut(walk, 'pppoe', end - at, 8);
    return;
  }
  const lengthBytes = walk.view.getUint16(at + 4);
  walkPpp(walk, at + 6, Math.min(end, at + 6 + lengthBytes), false);
}

/** `framed`: address and control (RFC 1662 3.1) may stand before the protocol, as they may not in PPPoE. */
function walkPpp(walk: Walk, at: number, end: number, framed: boolean): void {
  const view = walk.view;
  let from = at;
  if (framed && end - from >= 2 && view.getUint16(from) === 0xff03) from += 2;
  if (end - from < 1) return;
  // An odd first byte is the whole protocol (field compression).
  const short = (view.getUint8(from) & 1) === 1;
  if (!short && end - from < 2) return;
  const protocol = short ? view.getUint8(from) : view.getUint16(from);
  from += short ? 1 : 2;
  if (protocol === PPP_IPV4) go(walk, STEP_IP, from, end);
  else if (protocol === PPP_IPV6) go(walk, STEP_IPV6, from, end);
  else if (protocol === PPP_MPLS || protocol === PPP_MPLS_MULTICAST) go(walk, STEP_MPLS, from, end);
}

/*
 * RFC 3032 2.1: label (20 bits), class, bottom of stack, TTL. What follows the bottom is known by its first
 * nibble only.
 */
export function walkMpls(walk: Walk): void {
  const { view, end } = walk;
  let at = walk.at;
  for (; end - at >= 4; at += 4) {
    if ((view.getUint8(at + 2) & 1) === 0) continue;
    const label = view.getUint32(at) >>> 12;
    at += 4;
    if (at >= end || label === LABEL_GAL || label === LABEL_OAM) return;
    const nibble = view.getUint8(at) >>> 4;
    if (nibble === 4 || nibble === 6) go(walk, STEP_IP, at, end);
    else if (nibble === 1) walkChannel(walk, at, end);
    return;
  }
  cut(walk, 'mpls', end - at, 4);
}

/*
 * RFC 4385 5: version, reserved, channel type, by the numbers of PPP
 */
function walkChannel(walk: Walk, at: number, end: number): void {
  if (end - at < 4) return;
  const channel = walk.view.getUint16(at + 2);
  if (channel === PPP_IPV4) go(walk, STEP_IP, at + 4, end);
  else if (channel === PPP_IPV6) go(walk, STEP_IPV6, at + 4, end);
}

/*
 * RFC 8300 2.2: the length of all in words stands in the low six bits of the second byte, the next protocol in the fourth
 */
function walkNsh(walk: Walk, at: number, end: number): void {
  const bytes = end - at < 4 ? 8 : (walk.view.getUint8(at + 1) & 0x3f) << 2;
  if (end - at < bytes) {
    cut(walk, 'nsh', end - at, bytes);
    return;
  }
  const protocol = walk.view.getUint8(at + 3);
  if (protocol === NSH_IPV4) go(walk, STEP_IP, at + bytes, end);
  else if (protocol === NSH_IPV6) go(walk, STEP_IPV6, at + bytes, end);
}

/*
 * IEEE 802.1Q 9.7: I-tag control information (4 bytes), then the customer's addresses and type
 */
function walkPbb(walk: Walk, at: number, end: number): void {
  skipTo(walk, 'i-tag', at + 16, end);
}

/*
 * IEEE 802.1AE 9.3: TCI and AN, short length, packet number, SCI when the TCI says so; 16 bytes of ICV at the
 * end. Only frames that are not encrypted can be read on.
 */
function walkMacsec(walk: Walk, at: number, end: number): void {
  const view = walk.view;
  if (end - at < 6) {
    cut(walk, 'macsec', end - at, 6);
    return;
  }
  const tci = view.getUint8(at);
  const typeAt = at + ((tci & 0x20) !== 0 ? 14 : 6);
  const icv = Math.min(end, endOnWire(walk, end) - 16);
  if ((tci & 0x8c) !== 0 || icv - typeAt < 2) return;
  goType(walk, view.getUint16(typeAt), typeAt + 2, icv);
}

/*
 * RFC 2784 and RFC 2890: flags and version, protocol; checksum, key and sequence (4 bytes each) when flagged
 */
export function walkGre(walk: Walk): void {
  const { view, at, end } = walk;
  if (end - at < 4) {
    cut(walk, 'gre', end - at, 4);
    return;
  }
  const flags = view.getUint16(at);
  const protocol = view.getUint16(at + 2);
  let bytes = 4;
  if ((flags & 0xc000) !== 0) bytes += 4;
  if ((flags & 0x2000) !== 0) bytes += 4;
  if ((flags & 0x1000) !== 0) bytes += 4;
  if ((flags & 7) === 1 && (flags & 0x80) !== 0) bytes += 4; // enhanced: acknowledgment (RFC 2637 4.1)
  if (end - at < bytes) {
    cut(walk, 'gre', end - at, bytes);
    return;
  }
  if (protocol === GRE_PPP) walkPpp(walk, at + bytes, end, true);
  else if (GRE_TYPES.includes(protocol)) goType(walk, protocol, at + bytes, end);
}
