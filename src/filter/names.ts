/**
 * The words of pcap-filter(7): what is reserved, what stands for a number, and what has no meaning on an Ethernet
 * switch.
 */

/** Protocols that can qualify a primitive, be one, or be indexed. */
export const PROTOCOLS: ReadonlySet<string> = new Set([
  ...['ether', 'ip', 'ip6', 'arp', 'rarp', 'tcp', 'udp', 'sctp', 'icmp', 'icmp6', 'igmp', 'igrp', 'pim', 'vrrp'],
  ...['carp', 'ah', 'esp', 'atalk', 'aarp', 'decnet', 'lat', 'sca', 'moprc', 'mopdl', 'iso', 'esis', 'isis', 'clnp'],
  ...['l1', 'l2', 'iih', 'lsp', 'snp', 'csnp', 'psnp', 'stp', 'ipx', 'netbeui'],
]);

/** Other spellings of the same word. */
export const SYNONYMS: Readonly<Record<string, string>> = {
  link: 'ether',
  'es-is': 'esis',
  'is-is': 'isis',
  length: 'len',
  '&&': 'and',
  '||': 'or',
  '!': 'not',
  '==': '=',
};

export const ENCAPSULATIONS: ReadonlySet<string> = new Set(['vlan', 'mpls', 'pppoes', 'vxlan', 'geneve']);
export const ADDRESS_KINDS: ReadonlySet<string> = new Set(['host', 'net', 'port', 'portrange']);

const GRAMMAR = ['src', 'dst', 'mask', 'proto', 'protochain', 'less', 'greater', 'len', 'and', 'or', 'not'];
const PRIMITIVES = ['broadcast', 'multicast', 'pppoed', 'llc'];

/** Words of the language that this switch cannot answer, and what to write instead. */
export const REFUSED: Readonly<Record<string, string>> = {
  gateway: 'needs a resolver; write "ether host MAC and not host ADDRESS"',
  byte: 'is obsolete; write "ether[N] = VALUE"',
  inbound: 'is a direction, not a property of the frame; use --dir in',
  outbound: 'is a direction, not a property of the frame; use --dir out',
  ifindex: 'is a number of the kernel; use --port',
  ...Object.fromEntries(
    ['ppp', 'slip', 'fddi', 'tr', 'wlan', 'radio', 'lane', 'metac', 'bcc', 'oam', 'oamf4', 'sc', 'ilmic', 'vpi', 'vci']
      .concat(['type', 'subtype', 'dir', 'direction', 'addr1', 'addr2', 'addr3', 'addr4', 'ra', 'ta'])
      .concat(['fisu', 'lssu', 'lsu', 'msu', 'sio', 'opc', 'dpc', 'sls'])
      .map((word) => [word, 'is of another link type; frames of a switch are Ethernet']),
  ),
  ...Object.fromEntries(
    ['on', 'ifname', 'rset', 'ruleset', 'rulenum', 'srnr', 'subrulenum', 'reason', 'action'].map((word) => [
      word,
      'is of the log of a firewall; a port of the switch is chosen by --port',
    ]),
  ),
};

export const RESERVED: ReadonlySet<string> = new Set([
  ...PROTOCOLS,
  ...Object.keys(SYNONYMS),
  ...ENCAPSULATIONS,
  ...ADDRESS_KINDS,
  ...GRAMMAR,
  ...PRIMITIVES,
  ...Object.keys(REFUSED),
]);

/** Words that are numbers wherever a number may stand. */
export const CONSTANTS: Readonly<Record<string, number>> = {
  icmptype: 0,
  icmpcode: 1,
  'icmp-echoreply': 0,
  'icmp-unreach': 3,
  'icmp-sourcequench': 4,
  'icmp-redirect': 5,
  'icmp-echo': 8,
  'icmp-routeradvert': 9,
  'icmp-routersolicit': 10,
  'icmp-timxceed': 11,
  'icmp-paramprob': 12,
  'icmp-tstamp': 13,
  'icmp-tstampreply': 14,
  'icmp-ireq': 15,
  'icmp-ireqreply': 16,
  'icmp-maskreq': 17,
  'icmp-maskreply': 18,
  icmp6type: 0,
  icmp6code: 1,
  'icmp6-destinationunreach': 1,
  'icmp6-packettoobig': 2,
  'icmp6-timeexceeded': 3,
  'icmp6-parameterproblem': 4,
  'icmp6-echo': 128,
  'icmp6-echoreply': 129,
  'icmp6-multicastlistenerquery': 130,
  'icmp6-multicastlistenerreportv1': 131,
  'icmp6-multicastlistenerdone': 132,
  'icmp6-routersolicit': 133,
  'icmp6-routeradvert': 134,
  'icmp6-neighborsolicit': 135,
  'icmp6-neighboradvert': 136,
  'icmp6-redirect': 137,
  'icmp6-routerrenum': 138,
  'icmp6-nodeinformationquery': 139,
  'icmp6-nodeinformationresponse': 140,
  'icmp6-ineighbordiscoverysolicit': 141,
  'icmp6-ineighbordiscoveryadvert': 142,
  'icmp6-multicastlistenerreportv2': 143,
  'icmp6-homeagentdiscoveryrequest': 144,
  'icmp6-homeagentdiscoveryreply': 145,
  'icmp6-mobileprefixsolicit': 146,
  'icmp6-mobileprefixadvert': 147,
  'icmp6-certpathsolicit': 148,
  'icmp6-certpathadvert': 149,
  'icmp6-multicastrouteradvert': 151,
  'icmp6-multicastroutersolicit': 152,
  'icmp6-multicastrouterterm': 153,
  tcpflags: 13,
  'tcp-fin': 0x01,
  'tcp-syn': 0x02,
  'tcp-rst': 0x04,
  'tcp-push': 0x08,
  'tcp-ack': 0x10,
  'tcp-urg': 0x20,
  'tcp-ece': 0x40,
  'tcp-cwr': 0x80,
};

/** What `ether proto NAME` may name: EtherTypes, and SAPs of 802.2. */
export const ETHER_TYPES: Readonly<Record<string, number>> = {
  aarp: 0x80f3,
  arp: 0x0806,
  atalk: 0x809b,
  decnet: 0x6003,
  ip: 0x0800,
  ip6: 0x86dd,
  lat: 0x6004,
  loopback: 0x9000,
  mopdl: 0x6001,
  moprc: 0x6002,
  rarp: 0x8035,
  sca: 0x6007,
  iso: 0xfe,
  stp: 0x42,
  ipx: 0xe0,
  netbeui: 0xf0,
};

/** What `ip proto NAME` may name (IANA; /etc/protocols is not read). */
export const IP_PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipencap: 4,
  tcp: 6,
  igrp: 9,
  udp: 17,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  eigrp: 88,
  ospf: 89,
  pim: 103,
  vrrp: 112,
  carp: 112,
  l2tp: 115,
  sctp: 132,
};

/** Network layer protocol identifiers of `iso proto NAME` (ISO/IEC TR 9577). */
export const ISO_PROTOCOLS: Readonly<Record<string, number>> = { clnp: 0x81, esis: 0x82, isis: 0x83 };
