/**
 * What the neighbor machine says: questions, answers, announcements and probes, as whole untagged frames.
 *
 * IPv4 speaks ARP, IPv6 neighbor discovery; everything else about the two is the same.
 */
import { sharePrefix } from '../wire/address.ts';
import { ARP_REPLY, ARP_REQUEST } from '../wire/arp.ts';
import { arpFrame, ethernetFrame } from '../wire/build.ts';
import { ETHERTYPE_IPV6, type Mac } from '../wire/ethernet.ts';
import { NA_OVERRIDE, NA_ROUTER, NA_SOLICITED } from '../wire/icmpv6.ts';
import { IPV6_GROUP_MAC_HIGH, ipv6DstAt, ipv6GroupMacLow } from '../wire/ipv6.ts';
import { ALL_NODES, IPV6_UNSPECIFIED, neighborAdvertisement, neighborSolicitation } from '../wire/nd.ts';
import type { Neighbor, Neighbors, OwnAddress } from './neighbor-state.ts';

const BROADCAST: Mac = { high: 0xffff, low: -1 };
const NOBODY: Mac = { high: 0, low: 0 };

/** The question for a neighbor's MAC; null while there is no own address to ask from. */
export function solicitation<P>(n: Neighbors<P>, entry: Neighbor<P>): Uint8Array | null {
  const own = sourceFor(n, entry.bytes);
  if (own === null) return null;
  const { mac } = n;
  if (entry.bytes.length === 4) {
    return arpFrame(
      { dst: entry.mac ?? BROADCAST, src: mac },
      {
        operation: ARP_REQUEST,
        senderMac: mac,
        senderIp: word(own.bytes),
        targetMac: NOBODY,
        targetIp: word(entry.bytes),
      },
    );
  }
  const dst = entry.mac === null ? null : entry.bytes;
  return ipv6Frame(mac, entry.mac, neighborSolicitation(own.bytes, dst, entry.bytes, mac));
}

/** The own address to ask from: of the same subnet, else link-local, else any of the family. */
function sourceFor<P>(n: Neighbors<P>, target: Uint8Array): OwnAddress | null {
  const family = n.own.filter((own) => own.state === 'used' && own.bytes.length === target.length);
  const near = family.find((own) => sharePrefix(own.bytes, target, own.length));
  return near ?? family.find((own) => own.bytes[0] === 0xfe) ?? family[0] ?? null;
}

/** Gratuitous ARP in the form of a request (RFC 5227 2.3), or an unsolicited advertisement to all nodes. */
export function announcement<P>(n: Neighbors<P>, own: OwnAddress): Uint8Array {
  const { mac } = n;
  if (own.bytes.length === 4) {
    const ip = word(own.bytes);
    return arpFrame(
      { dst: BROADCAST, src: mac },
      { operation: ARP_REQUEST, senderMac: mac, senderIp: ip, targetMac: NOBODY, targetIp: ip },
    );
  }
  const flags = NA_OVERRIDE | (n.router ? NA_ROUTER : 0);
  return ipv6Frame(mac, null, neighborAdvertisement(own.bytes, ALL_NODES, own.bytes, mac, flags));
}

/** "Has anybody this address?", before it is used. */
export function ownProbe(mac: Mac, own: OwnAddress): Uint8Array {
  if (own.bytes.length === 4) {
    return arpFrame(
      { dst: BROADCAST, src: mac },
      { operation: ARP_REQUEST, senderMac: mac, senderIp: 0, targetMac: NOBODY, targetIp: word(own.bytes) },
    );
  }
  return ipv6Frame(mac, null, neighborSolicitation(IPV6_UNSPECIFIED, null, own.bytes, mac));
}

/** The answer to an ARP request for `ip`. */
export function arpAnswer(mac: Mac, ip: number, toMac: Mac, toIp: number): Uint8Array {
  return arpFrame(
    { dst: toMac, src: mac },
    { operation: ARP_REPLY, senderMac: mac, senderIp: ip, targetMac: toMac, targetIp: toIp },
  );
}

/** The answer to a solicitation for `target`; one from the unspecified address is answered to all nodes. */
export function ndAnswer(
  mac: Mac,
  isRouter: boolean,
  target: Uint8Array,
  toMac: Mac,
  to: Uint8Array | null,
): Uint8Array {
  const flags = NA_OVERRIDE | (isRouter ? NA_ROUTER : 0) | (to === null ? 0 : NA_SOLICITED);
  const packet = neighborAdvertisement(target, to ?? ALL_NODES, target, mac, flags);
  return ipv6Frame(mac, to === null ? null : toMac, packet);
}

/** `dst` null: the MAC of the group that the packet goes to. */
export function ipv6Frame(src: Mac, dst: Mac | null, packet: Uint8Array): Uint8Array {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const group = { high: IPV6_GROUP_MAC_HIGH, low: ipv6GroupMacLow(view, ipv6DstAt(0)) };
  return ethernetFrame({ dst: dst ?? group, src }, ETHERTYPE_IPV6, packet);
}

function word(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}
