/**
 * Which child of an ipvlan group a frame is for, or from: by the addresses of IPv4, IPv6 and ARP, as ipvlan_get_L3_hdr and
 * ipvlan_addr_lookup of the kernel's driver find them.
 *
 *   IPv4   source, destination
 *   IPv6   source, destination; of a solicitation from `::` (RFC 4862 5.4) the target, for both
 *   ARP    sender, target, whatever it asks or answers
 */

import { addressAt, addressKey } from '../../tables/ipvlan-table.ts';
import { ARP_BYTES, arpSenderIp, arpTargetIp } from '../../wire/arp.ts';
import { ETHERNET_BYTES, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { icmpv6Type, ND_NEIGHBOR_SOLICITATION } from '../../wire/icmpv6.ts';
import { ipv4Dst, ipv4Fits, ipv4Src } from '../../wire/ipv4.ts';
import {
  IPV6_BYTES,
  ipv6DstAt,
  ipv6Next,
  ipv6SrcAt,
  ipv6Version,
  isIpv6Unspecified,
  NEXT_ICMPV6,
} from '../../wire/ipv6.ts';
import type { Batch } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';

/** Type, code, checksum, reserved; then the target. */
const ND_TARGET = IPV6_BYTES + 8;
/** Frames of no address, and of one that no child has. */
export const NO_CHILD = -1;

/** The record (ipvlan-table.ts) of the child that has the destination of the frame. */
export function childByDestination(dp: Dataplane, b: Batch, i: number, scope: number): number {
  return childBy(dp, b, i, scope, true);
}

/** The same for the source. */
export function childBySource(dp: Dataplane, b: Batch, i: number, scope: number): number {
  return childBy(dp, b, i, scope, false);
}

function childBy(dp: Dataplane, b: Batch, i: number, scope: number, ofDestination: boolean): number {
  const view = dp.arena.view;
  const packet = b.off[i] + ETHERNET_BYTES + b.tagLen[i];
  const end = b.off[i] + b.len[i];
  switch (view.getUint16(packet - 2)) {
    case ETHERTYPE_IPV4:
      if (!ipv4Fits(view, packet, end)) return NO_CHILD;
      return find4(dp, scope, ofDestination ? ipv4Dst(view, packet) : ipv4Src(view, packet));
    case ETHERTYPE_ARP:
      if (end - packet < ARP_BYTES) return NO_CHILD;
      return find4(dp, scope, ofDestination ? arpTargetIp(view, packet) : arpSenderIp(view, packet));
    case ETHERTYPE_IPV6:
      if (end - packet < IPV6_BYTES || ipv6Version(view, packet) !== 6) return NO_CHILD;
      if (ipv6Next(view, packet) === NEXT_ICMPV6 && isIpv6Unspecified(view, ipv6SrcAt(packet))) {
        if (end - packet < ND_TARGET + 16 || icmpv6Type(view, packet + IPV6_BYTES) !== ND_NEIGHBOR_SOLICITATION)
          return NO_CHILD;
        return find6(dp, scope, view, packet + ND_TARGET);
      }
      return find6(dp, scope, view, ofDestination ? ipv6DstAt(packet) : ipv6SrcAt(packet));
    default:
      return NO_CHILD;
  }
}

function find4(dp: Dataplane, scope: number, address: number): number {
  const at = addressAt(dp.ipvlan, addressKey(scope, false), address | 0, 0, 0, 0);
  return dp.ipvlan.addresses[at] === 0 ? NO_CHILD : at;
}

function find6(dp: Dataplane, scope: number, view: DataView, at: number): number {
  const key = addressKey(scope, true);
  const words = addressAt(
    dp.ipvlan,
    key,
    view.getInt32(at),
    view.getInt32(at + 4),
    view.getInt32(at + 8),
    view.getInt32(at + 12),
  );
  return dp.ipvlan.addresses[words] === 0 ? NO_CHILD : words;
}
