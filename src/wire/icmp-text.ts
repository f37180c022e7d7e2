/** What an ICMP or ICMPv6 message is, in a word or two as tcpdump says it. */

import {
  ICMP_CODE_FRAGMENTATION_NEEDED,
  ICMP_CODE_HOST_UNREACHABLE,
  ICMP_CODE_NET_UNREACHABLE,
  ICMP_CODE_PORT_UNREACHABLE,
  ICMP_CODE_PROHIBITED,
  ICMP_CODE_PROTOCOL_UNREACHABLE,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
} from './icmp.ts';
import {
  ICMPV6_CODE_ADDRESS_UNREACHABLE,
  ICMPV6_CODE_NO_ROUTE,
  ICMPV6_CODE_PORT_UNREACHABLE,
  ICMPV6_CODE_PROHIBITED,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TIME_EXCEEDED,
  ICMPV6_UNREACHABLE,
  MLD_DONE,
  MLD_QUERY,
  MLD_REPORT,
  MLD2_REPORT,
  ND_NEIGHBOR_ADVERTISEMENT,
  ND_NEIGHBOR_SOLICITATION,
  ND_REDIRECT,
  ND_ROUTER_ADVERTISEMENT,
  ND_ROUTER_SOLICITATION,
} from './icmpv6.ts';

type Names = Readonly<Record<number, string>>;

const TYPES4: Names = {
  [ICMP_ECHO_REPLY]: 'echo reply',
  [ICMP_UNREACHABLE]: 'unreachable',
  [ICMP_REDIRECT]: 'redirect',
  [ICMP_ECHO_REQUEST]: 'echo request',
  [ICMP_TIME_EXCEEDED]: 'time exceeded',
};

const UNREACHABLE4: Names = {
  [ICMP_CODE_NET_UNREACHABLE]: 'net unreachable',
  [ICMP_CODE_HOST_UNREACHABLE]: 'host unreachable',
  [ICMP_CODE_PROTOCOL_UNREACHABLE]: 'protocol unreachable',
  [ICMP_CODE_PORT_UNREACHABLE]: 'port unreachable',
  [ICMP_CODE_FRAGMENTATION_NEEDED]: 'fragmentation needed',
  [ICMP_CODE_PROHIBITED]: 'prohibited',
};

const TYPES6: Names = {
  [ICMPV6_UNREACHABLE]: 'unreachable',
  [ICMPV6_PACKET_TOO_BIG]: 'packet too big',
  [ICMPV6_TIME_EXCEEDED]: 'time exceeded',
  [ICMPV6_PARAMETER_PROBLEM]: 'parameter problem',
  [ICMPV6_ECHO_REQUEST]: 'echo request',
  [ICMPV6_ECHO_REPLY]: 'echo reply',
  [MLD_QUERY]: 'listener query',
  [MLD_REPORT]: 'listener report',
  [MLD_DONE]: 'listener done',
  [ND_ROUTER_SOLICITATION]: 'router solicitation',
  [ND_ROUTER_ADVERTISEMENT]: 'router advertisement',
  [ND_NEIGHBOR_SOLICITATION]: 'neighbor solicitation',
  [ND_NEIGHBOR_ADVERTISEMENT]: 'neighbor advertisement',
  [ND_REDIRECT]: 'redirect',
  [MLD2_REPORT]: 'listener report',
};

const UNREACHABLE6: Names = {
  [ICMPV6_CODE_NO_ROUTE]: 'no route',
  [ICMPV6_CODE_PROHIBITED]: 'prohibited',
  [ICMPV6_CODE_ADDRESS_UNREACHABLE]: 'address unreachable',
  [ICMPV6_CODE_PORT_UNREACHABLE]: 'port unreachable',
};

/** `icmp echo request`; of a type without a usual name its number. */
export function icmpText(isIpv6: boolean, type: number, code: number): string {
  const [name, types, codes, unreachable] = isIpv6
    ? (['icmp6', TYPES6, UNREACHABLE6, ICMPV6_UNREACHABLE] as const)
    : (['icmp', TYPES4, UNREACHABLE4, ICMP_UNREACHABLE] as const);
  const what = (type === unreachable ? codes[code] : undefined) ?? types[type] ?? `type ${type}`;
  return `${name} ${what}`;
}
