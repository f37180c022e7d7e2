/**
 * A dissected frame in one line for people: what `etherloom dissect` and `etherloom trace` print.
 */
import type { FrameFields, IcmpFields, IpFields, SegmentFields } from './dissect-fields.ts';
import { icmpText } from './icmp-text.ts';
import { PROTO_ICMP } from './ipv4.ts';
import { NEXT_ICMPV6 } from './ipv6.ts';

/** The usual protocols and next headers by the names of IANA's registry, some as tcpdump shortens them. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'hopopt',
  1: 'icmp',
  2: 'igmp',
  4: 'ipip',
  6: 'tcp',
  17: 'udp',
  41: 'ipv6',
  43: 'ipv6-route',
  44: 'ipv6-frag',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'icmp6',
  59: 'ipv6-nonxt',
  60: 'ipv6-opts',
  88: 'eigrp',
  89: 'ospf',
  103: 'pim',
  108: 'ipcomp',
  112: 'vrrp',
  115: 'l2tp',
  132: 'sctp',
  136: 'udplite',
  137: 'mpls-in-ip',
};

const TYPES: Readonly<Record<number, string>> = { 2054: 'arp', 32821: 'rarp' };

/** IPv6 headers that others may follow. */
const EXTENSIONS: readonly number[] = [0, 43, 44, 51, 60];

const hex = (type: number) => `0x${type.toString(16).padStart(4, '0')}`;

/** `7  98 bytes  02:…:01 > 02:…:02  vlan 10  10.0.0.1 > 10.0.0.2 udp 5000 > 4789  vni 42  [ … ]`. */
export function frameLine(frame: FrameFields): string {
  return `${frame.n}  ${frameText(frame)}`;
}

/** The same of a frame that has no number. */
export function frameText(frame: FrameFields): string {
  const parts = [frame.len === frame.cap_len ? `${frame.len} bytes` : `${frame.cap_len} of ${frame.len} bytes`];
  if (frame.outer !== null) parts.push(segmentText(frame.outer));
  if (frame.vxlan !== null) {
    const { flags, vni, gbp } = frame.vxlan;
    parts.push(`vni ${vni}${flags === 0x0800 && gbp === 0 ? '' : ` flags ${hex(flags)} group ${gbp}`}`);
  }
  if (frame.inner !== null) parts.push(`[ ${segmentText(frame.inner)} ]`);
  if (frame.arp !== undefined) parts.push(arpLine(frame.arp));
  if (frame.error !== undefined) parts.push(`! ${frame.error}`);
  return parts.join('  ');
}

function segmentText(segment: SegmentFields): string {
  const parts = [`${segment.eth_src} > ${segment.eth_dst}`];
  let type = segment.eth_type;
  let length = segment.eth_len;
  for (const tag of segment.tags) {
    const priority = tag.pri === 0 && tag.dei === 0 ? '' : ` pcp ${tag.pri}${tag.dei === 0 ? '' : ' dei'}`;
    parts.push(`${tag.tpid === 0x8100 ? 'vlan' : `vlan(${hex(tag.tpid)})`} ${tag.id}${priority}`);
    type = tag.etype;
    length = tag.len;
  }
  const { ip, udp, icmp } = segment;
  if (ip !== undefined) {
    const upper = udp === undefined ? protocolText(ip, icmp) : `udp ${udp.src} > ${udp.dst}`;
    parts.push(`${ip.src} > ${ip.dst ?? '?'} ${upper}${ip.fragment ? ' fragment' : ''}`);
  } else if (length !== undefined) parts.push(`llc ${length}`);
  else if (type !== undefined) parts.push(TYPES[type] ?? `type ${hex(type)}`);
  return parts.join('  ');
}

/** Multicast listener reports stand behind a hop-by-hop header, which says nothing. */
function protocolText({ v, proto }: IpFields, icmp: IcmpFields | undefined): string {
  const isIcmp = v === 4 ? proto === PROTO_ICMP : proto === NEXT_ICMPV6 || EXTENSIONS.includes(proto);
  if (icmp !== undefined && isIcmp) return icmpText(v === 6, icmp.type, icmp.code);
  return PROTOCOLS[proto] ?? `proto ${proto}`;
}

function arpLine(arp: NonNullable<FrameFields['arp']>): string {
  if (arp.op === 1) return `who has ${arp.tpa ?? '?'}, tell ${arp.spa ?? '?'}`;
  if (arp.op === 2) return `${arp.spa ?? '?'} is at ${arp.sha ?? '?'}`;
  if (arp.op === 3) return `what is the address of ${arp.tha ?? '?'}, tell ${arp.sha ?? '?'}`;
  if (arp.op === 4) return `${arp.tha ?? '?'} is ${arp.tpa ?? '?'}`;
  return `arp operation ${arp.op ?? '?'}`;
}
