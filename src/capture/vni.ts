/** The VNI of a frame that is VXLAN on the wire, with at most one tag; -1 for every other. */

import { compileFilter } from '../filter/compile.ts';

const isVxlan = compileFilter('vxlan');
const isTaggedVxlan = compileFilter('vlan and vxlan');

const TAG = 4;
const ETHERNET_HEADER = 14;
const TYPE_AT = 12;
const ETHERTYPE_IPV4 = 0x0800;
const IPV6_BYTES = 40;
/** UDP header, and the first word of VXLAN. */
const VNI_AT = 8 + 4;

export function wireVni(view: DataView, off: number, kept: number, length: number): number {
  const tags = isVxlan(view, off, length, kept) ? 0 : isTaggedVxlan(view, off, length, kept) ? TAG : -1;
  if (tags < 0) return -1;
  const ip = off + ETHERNET_HEADER + tags;
  const isIpv4 = view.getUint16(off + TYPE_AT + tags) === ETHERTYPE_IPV4;
  const udp = ip + (isIpv4 ? (view.getUint8(ip) & 0xf) * 4 : IPV6_BYTES);
  return udp + VNI_AT + 4 > off + kept ? -1 : view.getUint32(udp + VNI_AT) >>> 8;
}
