/**
 * The probes: what a VTEP is asked, and how an answer is known.
 *
 * Inside is a question that any host answers and none keeps: an ARP probe (from 0.0.0.0, RFC 5227) or a neighbor
 * solicitation. Each comes from a MAC address of its own, so that an answer belongs to one probe.
 */

import { randomInt } from 'node:crypto';
import { addressBytes } from '../../wire/address.ts';
import { ARP_REQUEST } from '../../wire/arp.ts';
import { arpFrame, ethernetFrame, udpIpv4, udpIpv6, vxlanPayload } from '../../wire/build.ts';
import { ETHERNET_BYTES, ETHERTYPE_IPV4, ETHERTYPE_IPV6, formatMac, macHigh, macLow } from '../../wire/ethernet.ts';
import { IPV4_BYTES } from '../../wire/ipv4.ts';
import { IPV6_BYTES } from '../../wire/ipv6.ts';
import { neighborSolicitation } from '../../wire/nd.ts';
import { UDP_BYTES } from '../../wire/udp.ts';
import { VXLAN_BYTES, vxlanVni } from '../../wire/vxlan.ts';
import type { Answer } from './probe-port.ts';

/** RFC 7600: an IPv4 address that no host ever has. */
const NOBODY = '192.0.0.8';
const UNKNOWN_MAC = '00:00:00:00:00:00';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const SOURCE_PORT = 49_152;
/** Locally administered, individual. */
const PROBE_MAC_HIGH = 0x02ee;

export interface Ends {
  local: string;
  peer: string;
  port: number;
  vni: number;
  /** Address of a host or gateway inside the segment; null asks nobody. */
  target: string | null;
}

export interface Probe {
  readonly frame: Uint8Array;
  readonly macLow: number;
}

export interface Shape {
  /** UDP checksum: 0, right or wrong. */
  checksum?: 'zero' | 'right' | 'wrong';
  /** Bits set on top of the VXLAN header's 8 bytes. */
  header?: readonly number[];
  /** Without the I flag. */
  noFlag?: boolean;
  /** Bytes of the whole outer IP packet. */
  packetBytes?: number;
}

const isV6 = (address: string) => address.includes(':');

/** Outer bytes of an IP packet that are no inner frame. */
export function overhead(peer: string): number {
  return (isV6(peer) ? IPV6_BYTES : IPV4_BYTES) + UDP_BYTES + VXLAN_BYTES;
}

export function makeProbe(ends: Ends, shape: Shape = {}): Probe {
  const low = randomInt(2 ** 32) | 0;
  const mac = formatMac(PROBE_MAC_HIGH, low);
  let inner = question(ends.target, mac, low);
  const wanted = shape.packetBytes === undefined ? 0 : shape.packetBytes - overhead(ends.peer);
  if (wanted > inner.length) {
    const padded = new Uint8Array(wanted);
    padded.set(inner);
    inner = padded;
  }
  const payload = vxlanPayload(ends.vni, inner);
  shape.header?.forEach((bits, at) => {
    payload[at] |= bits;
  });
  if (shape.noFlag === true) payload[0] &= ~0x08;
  return { frame: outer(ends, payload, shape.checksum ?? 'right'), macLow: low };
}

function question(target: string | null, mac: string, low: number): Uint8Array {
  if (target !== null && isV6(target)) {
    const src = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0xee, 0x02, 0xff, 0xfe, 0, 0, 0);
    new DataView(src.buffer).setInt32(12, low);
    const address = addressBytes(target)!;
    const packet = neighborSolicitation(src, null, address, { high: PROBE_MAC_HIGH, low });
    const group = `33:33:ff:${[...address.subarray(13)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
    return ethernetFrame({ dst: group, src: mac }, ETHERTYPE_IPV6, packet);
  }
  const fields = { senderMac: mac, senderIp: '0.0.0.0', targetMac: UNKNOWN_MAC, targetIp: target ?? NOBODY };
  return arpFrame({ dst: BROADCAST, src: mac }, { operation: ARP_REQUEST, ...fields });
}

function outer({ local, peer, port }: Ends, payload: Uint8Array, checksum: 'zero' | 'right' | 'wrong'): Uint8Array {
  const v6 = isV6(peer);
  const ip = { src: local, dst: peer };
  const packet = (v6 ? udpIpv6 : udpIpv4)(ip, SOURCE_PORT, port, payload, checksum !== 'zero');
  if (checksum === 'wrong') packet[(v6 ? IPV6_BYTES : IPV4_BYTES) + 7] ^= 0x55;
  const head = { dst: '02:00:00:00:00:01', src: '02:00:00:00:00:02' };
  return ethernetFrame(head, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4, packet);
}

/** The inner frame's offset in an answer. */
export function innerAt(peer: string): number {
  return ETHERNET_BYTES + overhead(peer);
}

/** Whether the answer is VXLAN, of this VNI, and for the probe's own MAC address. */
export function answers({ macLow: low }: Probe, { peer, vni }: Ends, { view, bytes }: Answer): boolean {
  const inner = innerAt(peer);
  if (bytes.length < inner + ETHERNET_BYTES || vxlanVni(view, inner - VXLAN_BYTES) !== vni) return false;
  return macHigh(view, inner) === PROBE_MAC_HIGH && macLow(view, inner) === low;
}
