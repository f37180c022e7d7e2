/**
 * What the neighbor machine hears: ARP and neighbor discovery for the interface, and what follows from it.
 *
 * Own addresses are answered and defended. Neighbors are believed only about entries that are there (RFC 826, RFC 4861
 * 7.2.5), or where `learnRequests` says so. Frames that are neither, or damaged, mean nothing.
 */
import { addressText } from '../wire/address.ts';
import {
  ARP_REPLY,
  ARP_REQUEST,
  arpFits,
  arpOperation,
  arpSenderHigh,
  arpSenderIp,
  arpSenderLow,
  arpTargetIp,
} from '../wire/arp.ts';
import {
  ETHERNET_BYTES,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV6,
  etherDstHigh,
  etherDstLow,
  ethernetFits,
  etherSrcHigh,
  etherSrcLow,
  etherType,
  isGroupMac,
  isZeroMac,
  type Mac,
  macHigh,
  macLow,
} from '../wire/ethernet.ts';
import {
  icmpv6Type,
  NA_OVERRIDE,
  NA_ROUTER,
  NA_SOLICITED,
  ND_BYTES,
  ND_NEIGHBOR_ADVERTISEMENT,
  ND_NEIGHBOR_SOLICITATION,
  ND_OPTION_SOURCE_MAC,
  ND_OPTION_TARGET_MAC,
  naFlags,
  ndFindMac,
  ndTargetAt,
} from '../wire/icmpv6.ts';
import { isIpv4Multicast } from '../wire/ipv4.ts';
import {
  IPV6_ADDRESS_BYTES,
  IPV6_BYTES,
  ipv6Fits,
  ipv6Next,
  ipv6PayloadBytes,
  ipv6SrcAt,
  isIpv6Unspecified,
  NEXT_ICMPV6,
} from '../wire/ipv6.ts';
import { ndValid } from '../wire/nd.ts';
import { learnNeighbor, noteNeighbor } from './neighbor.ts';
import { announcement, arpAnswer, ndAnswer } from './neighbor-send.ts';
import { type NeighborAction, type Neighbors, type OwnAddress, ownOf } from './neighbor-state.ts';

/** RFC 5227 2.4 c. */
const DEFEND_MS = 10_000;

/** `off` is at the destination MAC of an untagged frame that ends before `end`. */
export function receiveNeighborFrame<P>(
  n: Neighbors<P>,
  view: DataView,
  off: number,
  end: number,
  nowMs: number,
): NeighborAction<P>[] {
  const out: NeighborAction<P>[] = [];
  if (!ethernetFits(off, end)) return out;
  const type = etherType(view, off);
  const at = off + ETHERNET_BYTES;
  if (type === ETHERTYPE_ARP && arpFits(view, at, end)) receiveArp(n, view, off, nowMs, out);
  else if (type === ETHERTYPE_IPV6 && ipv6Fits(view, at, end)) receiveNd(n, view, off, nowMs, out);
  return out;
}

function receiveArp<P>(n: Neighbors<P>, view: DataView, off: number, nowMs: number, out: NeighborAction<P>[]): void {
  const at = off + ETHERNET_BYTES;
  const mac: Mac = { high: arpSenderHigh(view, at), low: arpSenderLow(view, at) };
  const operation = arpOperation(view, at);
  if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return;
  if (!isNeighborMac(n, mac)) return;
  const senderIp = arpSenderIp(view, at);
  if (isIpv4Multicast(senderIp) || senderIp === 0xffffffff) return;
  const sender = wordBytes(senderIp);
  const target = ownOf(n, wordBytes(arpTargetIp(view, at)));
  if (senderIp !== 0) {
    const claimed = ownOf(n, sender);
    if (claimed !== undefined) {
      conflict(n, claimed, mac, nowMs, out);
      return;
    }
  } else if (target?.state === 'tentative') {
    // Somebody else probes for the same address (RFC 5227 2.1.1).
    conflict(n, target, mac, nowMs, out);
    return;
  }
  const asksUs = operation === ARP_REQUEST && target?.state === 'used';
  if (senderIp !== 0) {
    const address = addressText(sender);
    const entry = n.entries.get(address) ?? (asksUs ? learnNeighbor(n, address, sender, nowMs, out) : undefined);
    if (entry !== undefined) noteNeighbor(n, entry, mac, operation === ARP_REPLY && isToUs(n, view, off), nowMs, out);
  }
  if (asksUs) out.push({ do: 'send', frame: arpAnswer(n.mac, arpTargetIp(view, at), mac, senderIp) });
}

function receiveNd<P>(n: Neighbors<P>, view: DataView, off: number, nowMs: number, out: NeighborAction<P>[]): void {
  const ip = off + ETHERNET_BYTES;
  const at = ip + IPV6_BYTES;
  const bytes = ipv6PayloadBytes(view, ip);
  if (ipv6Next(view, ip) !== NEXT_ICMPV6 || bytes < ND_BYTES) return;
  const type = icmpv6Type(view, at);
  if (type !== ND_NEIGHBOR_SOLICITATION && type !== ND_NEIGHBOR_ADVERTISEMENT) return;
  if (!ndValid(view, ip, at, bytes)) return;
  const target = addressAt(view, ndTargetAt(at));
  if (type === ND_NEIGHBOR_SOLICITATION) receiveSolicitation(n, view, off, at + bytes, target, nowMs, out);
  else receiveAdvertisement(n, view, at, at + bytes, target, nowMs, out);
}

function receiveSolicitation<P>(
  n: Neighbors<P>,
  view: DataView,
  off: number,
  end: number,
  target: Uint8Array,
  nowMs: number,
  out: NeighborAction<P>[],
): void {
  const ip = off + ETHERNET_BYTES;
  const own = ownOf(n, target);
  if (own === undefined) return;
  const optionAt = ndFindMac(view, ip + IPV6_BYTES, end, ND_OPTION_SOURCE_MAC);
  const from: Mac =
    optionAt < 0
      ? { high: etherSrcHigh(view, off), low: etherSrcLow(view, off) }
      : { high: macHigh(view, optionAt), low: macLow(view, optionAt) };
  if (!isNeighborMac(n, from)) return;
  const isProbe = isIpv6Unspecified(view, ipv6SrcAt(ip));
  if (own.state !== 'used') {
    if (isProbe && own.state === 'tentative') conflict(n, own, from, nowMs, out);
    return;
  }
  if (isProbe) {
    out.push({ do: 'send', frame: ndAnswer(n.mac, n.router, target, from, null) });
    return;
  }
  const sender = addressAt(view, ipv6SrcAt(ip));
  if (ownOf(n, sender) !== undefined) return;
  if (optionAt >= 0) {
    const address = addressText(sender);
    const entry = n.entries.get(address) ?? learnNeighbor(n, address, sender, nowMs, out);
    if (entry !== undefined) noteNeighbor(n, entry, from, false, nowMs, out);
  }
  out.push({ do: 'send', frame: ndAnswer(n.mac, n.router, target, from, sender) });
}

/** RFC 4861 7.2.5. */
function receiveAdvertisement<P>(
  n: Neighbors<P>,
  view: DataView,
  at: number,
  end: number,
  target: Uint8Array,
  nowMs: number,
  out: NeighborAction<P>[],
): void {
  const optionAt = ndFindMac(view, at, end, ND_OPTION_TARGET_MAC);
  const told: Mac | null = optionAt < 0 ? null : { high: macHigh(view, optionAt), low: macLow(view, optionAt) };
  if (told !== null && !isNeighborMac(n, told)) return;
  const own = ownOf(n, target);
  if (own !== undefined) {
    if (told !== null) conflict(n, own, told, nowMs, out);
    return;
  }
  const entry = n.entries.get(addressText(target));
  if (entry === undefined || entry.state === 'static') return;
  const flags = naFlags(view, at);
  const solicited = (flags & NA_SOLICITED) !== 0;
  const mac = told ?? entry.mac;
  if (mac === null) return;
  const differs = entry.mac !== null && (entry.mac.high !== mac.high || entry.mac.low !== mac.low);
  if (differs && (flags & NA_OVERRIDE) === 0) {
    // It does not claim to know better: what is known is doubted, not replaced.
    if (entry.state === 'reachable') entry.state = 'stale';
    return;
  }
  entry.isRouter = (flags & NA_ROUTER) !== 0;
  noteNeighbor(n, entry, mac, solicited, nowMs, out);
}

/** Somebody with another MAC says that an own address is his. */
function conflict<P>(n: Neighbors<P>, own: OwnAddress, mac: Mac, nowMs: number, out: NeighborAction<P>[]): void {
  if (own.state === 'duplicate') return;
  out.push({ do: 'conflict', address: own.address, mac });
  if (own.state === 'tentative') {
    own.state = 'duplicate';
    return;
  }
  if (own.defended && ((nowMs - own.defendedMs) | 0) < DEFEND_MS) return;
  own.defended = true;
  own.defendedMs = nowMs;
  out.push({ do: 'send', frame: announcement(n, own) });
}

/** One host, and not this one: own frames may come back. */
function isNeighborMac<P>(n: Neighbors<P>, mac: Mac): boolean {
  if (isGroupMac(mac.high) || isZeroMac(mac.high, mac.low)) return false;
  return mac.high !== n.mac.high || mac.low !== n.mac.low;
}

function isToUs<P>(n: Neighbors<P>, view: DataView, off: number): boolean {
  return etherDstHigh(view, off) === n.mac.high && etherDstLow(view, off) === n.mac.low;
}

function addressAt(view: DataView, at: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, IPV6_ADDRESS_BYTES).slice();
}

function wordBytes(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
}
