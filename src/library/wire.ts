/**
 * Frames and addresses for programs: what builds and names them, out of the wire room.
 */

export { ARP_REPLY, ARP_REQUEST } from '../wire/arp.ts';
export {
  arpFrame,
  ethernetFrame,
  type FrameHead,
  type IpHead,
  ipv4Packet,
  ipv6Packet,
  MIN_FRAME_BYTES,
  padFrame,
  type Tag,
  udpIpv4,
  udpIpv6,
} from '../wire/build.ts';
export {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_LLDP,
  etherDstText,
  etherSrcText,
  etherType,
  formatMac,
  type Mac,
  macText,
  parseMac,
} from '../wire/ethernet.ts';
export { makeTci, TPID_C, TPID_S, tciDei, tciPcp, tciVid } from '../wire/vlan.ts';
