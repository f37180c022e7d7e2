/**
 * ARP and ND suppression: answering in place of a host whose address and MAC are known, so that the question need not
 * be flooded (RFC 9161 3). For segments in which a flood is dear, such as an overlay.
 *
 * What is answered is a question of one host for another. What is about the asking host itself passes: probes for
 * duplicates (from 0.0.0.0 or `::`), gratuitous ARP, advertisements, and everything sent to one host, which asks
 * whether that host is there (RFC 4861 7.3.3). Pure functions; who knows what is the caller's.
 */
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
  ND_BYTES,
  ND_NEIGHBOR_ADVERTISEMENT,
  ND_NEIGHBOR_SOLICITATION,
  ND_OPTION_SOURCE_MAC,
  ND_OPTION_TARGET_MAC,
  naFlags,
  ndFindMac,
  ndTargetAt,
} from '../wire/icmpv6.ts';
import { formatIpv4 } from '../wire/ipv4.ts';
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
import { ipv6Text } from '../wire/ipv6-text.ts';
import { ndValid } from '../wire/nd.ts';
import { arpAnswer, ndAnswer } from './neighbor-send.ts';

/** A host known by address; `isRouter` is what its own advertisement would say. */
export interface KnownHost {
  readonly mac: Mac;
  readonly isRouter?: boolean;
}

/**
 * The frame that answers the question in the untagged frame [off, end), or null: it is none, or nobody knows, or the
 * one who asks is the one asked for.
 */
export function suppressionAnswer(
  view: DataView,
  off: number,
  end: number,
  find: (address: string) => KnownHost | null,
): Uint8Array | null {
  if (!ethernetFits(off, end) || !isGroupMac(etherDstHigh(view, off))) return null;
  const at = off + ETHERNET_BYTES;
  const asker: Mac = { high: etherSrcHigh(view, off), low: etherSrcLow(view, off) };
  switch (etherType(view, off)) {
    case ETHERTYPE_ARP: {
      if (!arpFits(view, at, end) || arpOperation(view, at) !== ARP_REQUEST) return null;
      const from = arpSenderIp(view, at);
      const ip = arpTargetIp(view, at);
      if (from === 0 || from === ip) return null;
      const host = find(formatIpv4(ip));
      if (host === null || sameMac(host.mac, asker)) return null;
      return arpAnswer(host.mac, ip, { high: arpSenderHigh(view, at), low: arpSenderLow(view, at) }, from);
    }
    case ETHERTYPE_IPV6: {
      const bytes = ndBytes(view, at, end, ND_NEIGHBOR_SOLICITATION);
      if (bytes === 0 || isIpv6Unspecified(view, ipv6SrcAt(at))) return null;
      const nd = at + IPV6_BYTES;
      const host = find(ipv6Text(view, ndTargetAt(nd)));
      if (host === null || sameMac(host.mac, asker)) return null;
      const optionAt = ndFindMac(view, nd, nd + bytes, ND_OPTION_SOURCE_MAC);
      const to = optionAt < 0 ? asker : { high: macHigh(view, optionAt), low: macLow(view, optionAt) };
      const target = addressAt(view, ndTargetAt(nd));
      return ndAnswer(host.mac, host.isRouter ?? false, target, to, addressAt(view, ipv6SrcAt(at)));
    }
    default:
      return null;
  }
}

export interface AddressClaim {
  readonly address: string;
  readonly mac: Mac;
  /** Null: that was not said (a solicitation). */
  readonly isRouter: boolean | null;
}

/**
 * Which host says in the untagged frame [off, end) that it has which address; null when none does. An advertisement that
 * overrides nothing counts for nothing: of an anycast address several hosts say so (RFC 4861 7.2.5).
 */
export function addressClaim(view: DataView, off: number, end: number): AddressClaim | null {
  if (!ethernetFits(off, end)) return null;
  const at = off + ETHERNET_BYTES;
  switch (etherType(view, off)) {
    case ETHERTYPE_ARP: {
      if (!arpFits(view, at, end) || arpSenderIp(view, at) === 0) return null;
      if (arpOperation(view, at) !== ARP_REQUEST && arpOperation(view, at) !== ARP_REPLY) return null;
      return claim(formatIpv4(arpSenderIp(view, at)), arpSenderHigh(view, at), arpSenderLow(view, at), false);
    }
    case ETHERTYPE_IPV6: {
      const nd = at + IPV6_BYTES;
      const told = ndBytes(view, at, end, ND_NEIGHBOR_ADVERTISEMENT);
      if (told !== 0) {
        const flags = naFlags(view, nd);
        const mac = ndFindMac(view, nd, nd + told, ND_OPTION_TARGET_MAC);
        if (mac < 0 || (flags & NA_OVERRIDE) === 0) return null;
        const isRouter = (flags & NA_ROUTER) !== 0;
        return claim(ipv6Text(view, ndTargetAt(nd)), macHigh(view, mac), macLow(view, mac), isRouter);
      }
      const asked = ndBytes(view, at, end, ND_NEIGHBOR_SOLICITATION);
      if (asked === 0 || isIpv6Unspecified(view, ipv6SrcAt(at))) return null;
      const mac = ndFindMac(view, nd, nd + asked, ND_OPTION_SOURCE_MAC);
      return mac < 0 ? null : claim(ipv6Text(view, ipv6SrcAt(at)), macHigh(view, mac), macLow(view, mac), null);
    }
    default:
      return null;
  }
}

function claim(address: string, high: number, low: number, isRouter: boolean | null): AddressClaim | null {
  return isGroupMac(high) || isZeroMac(high, low) ? null : { address, mac: { high, low }, isRouter };
}

/** Bytes of the valid neighbor discovery message of this type in the packet at `ip`, else 0. */
function ndBytes(view: DataView, ip: number, end: number, type: number): number {
  if (!ipv6Fits(view, ip, end) || ipv6Next(view, ip) !== NEXT_ICMPV6) return 0;
  const bytes = ipv6PayloadBytes(view, ip);
  if (bytes < ND_BYTES || icmpv6Type(view, ip + IPV6_BYTES) !== type) return 0;
  return ndValid(view, ip, ip + IPV6_BYTES, bytes) ? bytes : 0;
}

function addressAt(view: DataView, at: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, IPV6_ADDRESS_BYTES).slice();
}

function sameMac(a: Mac, b: Mac): boolean {
  return a.high === b.high && a.low === b.low;
}
