/**
 * Every reason for which a frame is not delivered: number, symbol, sentence. One list, from which counters,
 * CLI, JSON and docs take theirs. Numbers are never reused; a retired reason keeps its line.
 */

export const DROP_NONE = 0;
export const PARSE_RUNT = 1;
export const PARSE_TRUNCATED_CAPTURE = 2;
export const PARSE_TAG_TRUNCATED = 3;
export const PARSE_GROUP_SOURCE = 4;
export const PARSE_TOO_LONG = 5;
export const INGRESS_PORT_DOWN = 8;
export const INGRESS_PORT_STATE = 9;
export const INGRESS_RESERVED_MAC = 10;
export const INGRESS_FRAME_TYPE = 11;
export const INGRESS_NO_PVID = 12;
export const INGRESS_VLAN = 13;
export const INGRESS_VID_RESERVED = 14;
export const INGRESS_TUNNEL_CVID = 15;
export const INGRESS_HOOK = 18;
export const INGRESS_MIRROR_OUTPUT = 19;
export const GUARD_STATIC_VIOLATION = 20;
export const GUARD_BLACKHOLE_SOURCE = 21;
export const LOOKUP_REFLECTION = 28;
export const LOOKUP_BLACKHOLE = 29;
export const ROUTE_HEADER = 30;
export const ROUTE_TTL = 31;
export const ROUTE_NO_ROUTE = 32;
export const ROUTE_BLACKHOLE = 33;
export const ROUTE_UNREACHABLE = 34;
export const ROUTE_UNRESOLVED = 35;
export const EGRESS_VLAN = 36;
export const EGRESS_ISOLATED = 37;
export const EGRESS_PORT_STATE = 38;
export const EGRESS_PORT_DOWN = 39;
export const EGRESS_NO_PORT = 40;
export const EGRESS_TOO_LONG = 41;
export const ROUTE_TOO_BIG = 42;
export const ROUTE_MARTIAN = 43;
export const ROUTE_NOT_UNICAST = 44;
export const ROUTE_PROHIBITED = 45;
export const ROUTE_LIMITED = 46;
export const EGRESS_MIRROR_OUTPUT = 47;
export const TX_RING_FULL = 48;
export const TX_ERROR = 49;
export const VXLAN_NOT_FOR_VTEP = 50;
export const VXLAN_OUTER_MALFORMED = 51;
export const VXLAN_CHECKSUM = 52;
export const VXLAN_FRAGMENT = 53;
export const VXLAN_NO_I_FLAG = 54;
export const VXLAN_RESERVED_BITS = 55;
export const VXLAN_UNKNOWN_VNI = 56;
export const VXLAN_UNKNOWN_PEER = 57;
export const VXLAN_INNER_MALFORMED = 58;
export const VXLAN_INNER_TAG = 59;
export const VXLAN_LOOP = 60;
export const VXLAN_NESTED = 61;
export const VXLAN_ECN = 62;
export const VXLAN_MTU = 63;
export const VXLAN_NO_REMOTE = 64;
export const VXLAN_UNRESOLVED = 65;
export const EGRESS_PRIVATE_VLAN = 70;
export const MACVLAN_NO_GROUP = 80;
export const MACVLAN_NO_CHILD = 81;
export const IPVLAN_NO_GROUP = 88;
export const IPVLAN_OTHER_MAC = 89;
export const IPVLAN_NO_CHILD = 90;
export const IPVLAN_PRIVATE = 91;
export const IPVLAN_NOT_ROUTED = 92;
export const IPVLAN_PAUSE = 93;
export const WORKER_LOST = 94;

/** Rows of the drop counters: numbers are below this. */
export const REASON_COUNT = 96;

export interface DropReason {
  readonly number: number;
  readonly name: string;
  readonly sentence: string;
}

const reason = (number: number, name: string, sentence: string): DropReason => ({ number, name, sentence });

export const DROP_REASONS: readonly DropReason[] = [
  reason(PARSE_RUNT, 'PARSE_RUNT', 'The frame is shorter than an Ethernet header (14 bytes).'),
  reason(
    PARSE_TRUNCATED_CAPTURE,
    'PARSE_TRUNCATED_CAPTURE',
    'The capture holds only a part of the frame; a part is never forwarded as a whole.',
  ),
  reason(PARSE_TAG_TRUNCATED, 'PARSE_TAG_TRUNCATED', 'The frame ends inside its VLAN tag.'),
  reason(PARSE_GROUP_SOURCE, 'PARSE_GROUP_SOURCE', 'The source address is a group address.'),
  reason(PARSE_TOO_LONG, 'PARSE_TOO_LONG', 'The frame is longer than the MTU of the port it arrived on allows.'),
  reason(INGRESS_PORT_DOWN, 'INGRESS_PORT_DOWN', 'The port it arrived on is down or belongs to no bridge.'),
  reason(
    INGRESS_PORT_STATE,
    'INGRESS_PORT_STATE',
    'The port it arrived on is not forwarding (spanning-tree state discarding or learning).',
  ),
  reason(
    INGRESS_RESERVED_MAC,
    'INGRESS_RESERVED_MAC',
    'The destination is a reserved link-local group address (01-80-C2-00-00-0X) that this bridge filters.',
  ),
  reason(
    INGRESS_FRAME_TYPE,
    'INGRESS_FRAME_TYPE',
    'The port does not accept this kind of frame, tagged or untagged (acceptFrames).',
  ),
  reason(INGRESS_NO_PVID, 'INGRESS_NO_PVID', 'The frame has no VLAN ID and the port has no PVID to give it.'),
  reason(INGRESS_VLAN, 'INGRESS_VLAN', "The port it arrived on is not in the member set of the frame's VLAN."),
  reason(INGRESS_VID_RESERVED, 'INGRESS_VID_RESERVED', 'The frame carries VLAN ID 4095, which is reserved.'),
  reason(
    INGRESS_TUNNEL_CVID,
    'INGRESS_TUNNEL_CVID',
    'The tunnel port does not carry the customer VLAN of the frame, or the frame has none.',
  ),
  reason(INGRESS_HOOK, 'INGRESS_HOOK', 'A hook of the program that embeds the switch dropped it.'),
  reason(
    INGRESS_MIRROR_OUTPUT,
    'INGRESS_MIRROR_OUTPUT',
    'The port it arrived on is the output of a mirror and takes part in nothing else.',
  ),
  reason(
    GUARD_STATIC_VIOLATION,
    'GUARD_STATIC_VIOLATION',
    'The source address is configured on another port and staticViolation is drop.',
  ),
  reason(GUARD_BLACKHOLE_SOURCE, 'GUARD_BLACKHOLE_SOURCE', 'The source address is a blackhole.'),
  reason(LOOKUP_REFLECTION, 'LOOKUP_REFLECTION', 'The destination is on the port that the frame came from.'),
  reason(LOOKUP_BLACKHOLE, 'LOOKUP_BLACKHOLE', 'The destination address is a blackhole.'),
  reason(ROUTE_HEADER, 'ROUTE_HEADER', 'The IP header is damaged: version, length or checksum.'),
  reason(ROUTE_TTL, 'ROUTE_TTL', 'The packet has used up its hops (TTL or hop limit); its sender is told.'),
  reason(ROUTE_NO_ROUTE, 'ROUTE_NO_ROUTE', 'There is no route to the destination; the sender is told.'),
  reason(ROUTE_BLACKHOLE, 'ROUTE_BLACKHOLE', 'The route to the destination is a blackhole.'),
  reason(ROUTE_UNREACHABLE, 'ROUTE_UNREACHABLE', 'The route to the destination is "unreachable"; the sender is told.'),
  reason(
    ROUTE_UNRESOLVED,
    'ROUTE_UNRESOLVED',
    'The next hop does not answer ARP or neighbor discovery, or too many packets wait for it.',
  ),
  reason(EGRESS_VLAN, 'EGRESS_VLAN', "The destination's port is not in the member set of the frame's VLAN."),
  reason(
    EGRESS_ISOLATED,
    'EGRESS_ISOLATED',
    'The two ports are kept apart: both isolated, of one split-horizon group, or of different bridges.',
  ),
  reason(EGRESS_PORT_STATE, 'EGRESS_PORT_STATE', "The destination's port is not forwarding (spanning-tree state)."),
  reason(EGRESS_PORT_DOWN, 'EGRESS_PORT_DOWN', "The destination's port is down."),
  reason(EGRESS_NO_PORT, 'EGRESS_NO_PORT', 'The frame is to be flooded, and no other port of its VLAN takes it.'),
  reason(EGRESS_TOO_LONG, 'EGRESS_TOO_LONG', 'The frame is longer than the MTU of the port it would leave by allows.'),
  reason(
    ROUTE_TOO_BIG,
    'ROUTE_TOO_BIG',
    'The packet is larger than the MTU of the interface it would leave by, and may not be cut up; the sender is told.',
  ),
  reason(
    ROUTE_MARTIAN,
    'ROUTE_MARTIAN',
    'Source or destination is no address that a packet may have between networks.',
  ),
  reason(
    ROUTE_NOT_UNICAST,
    'ROUTE_NOT_UNICAST',
    'The destination is a group or broadcast address; those are not routed.',
  ),
  reason(ROUTE_PROHIBITED, 'ROUTE_PROHIBITED', 'The route to the destination is "prohibited"; the sender is told.'),
  reason(
    ROUTE_LIMITED,
    'ROUTE_LIMITED',
    'The packet needs the attention of control, which takes no more from this port at the moment.',
  ),
  reason(
    EGRESS_MIRROR_OUTPUT,
    'EGRESS_MIRROR_OUTPUT',
    "The destination's port is the output of a mirror and takes part in nothing else.",
  ),
  reason(TX_RING_FULL, 'TX_RING_FULL', 'The device of the port it would leave by takes no more at the moment.'),
  reason(TX_ERROR, 'TX_ERROR', 'The device of the port it would leave by refused the frame.'),
  reason(
    VXLAN_NOT_FOR_VTEP,
    'VXLAN_NOT_FOR_VTEP',
    'An outer frame that is for no VTEP of this underlay port: by its MAC, VLAN, address, protocol or UDP port.',
  ),
  reason(
    VXLAN_OUTER_MALFORMED,
    'VXLAN_OUTER_MALFORMED',
    'The outer headers end early, or their lengths contradict the frame.',
  ),
  reason(
    VXLAN_CHECKSUM,
    'VXLAN_CHECKSUM',
    'The outer IPv4 or UDP checksum is wrong, or UDP over IPv6 has none and udp6ZeroChecksum is off.',
  ),
  reason(VXLAN_FRAGMENT, 'VXLAN_FRAGMENT', 'The outer packet is a fragment; a VTEP does not reassemble.'),
  reason(VXLAN_NO_I_FLAG, 'VXLAN_NO_I_FLAG', 'The I flag of the VXLAN header is not set: its VNI means nothing.'),
  reason(
    VXLAN_RESERVED_BITS,
    'VXLAN_RESERVED_BITS',
    'A reserved bit of the VXLAN header is set and reservedBits is strict.',
  ),
  reason(VXLAN_UNKNOWN_VNI, 'VXLAN_UNKNOWN_VNI', 'No tunnel port of the VTEP has this VNI.'),
  reason(VXLAN_UNKNOWN_PEER, 'VXLAN_UNKNOWN_PEER', 'The outer source is not in the allow-list of the VTEP.'),
  reason(VXLAN_INNER_MALFORMED, 'VXLAN_INNER_MALFORMED', 'The inner frame is shorter than an Ethernet header.'),
  reason(
    VXLAN_INNER_TAG,
    'VXLAN_INNER_TAG',
    'The inner frame carries a VLAN tag of its own and innerTag is strip (RFC 7348 section 6.1).',
  ),
  reason(
    VXLAN_LOOP,
    'VXLAN_LOOP',
    "The frame is our own: its outer source is the VTEP's address, or its inner source the VTEP's MAC.",
  ),
  reason(VXLAN_NESTED, 'VXLAN_NESTED', 'The inner frame is VXLAN to the same UDP port again, and nested is drop.'),
  reason(
    VXLAN_ECN,
    'VXLAN_ECN',
    'The underlay marked congestion and the inner packet cannot carry the mark (RFC 6040 section 4.2).',
  ),
  reason(VXLAN_MTU, 'VXLAN_MTU', 'Encapsulated the frame is longer than the path to the remote carries.'),
  reason(VXLAN_NO_REMOTE, 'VXLAN_NO_REMOTE', 'No remote is known for the destination, and the flood list is empty.'),
  reason(VXLAN_UNRESOLVED, 'VXLAN_UNRESOLVED', "The next hop's MAC on the way to the remote is not known (yet)."),
  reason(
    EGRESS_PRIVATE_VLAN,
    'EGRESS_PRIVATE_VLAN',
    'The frame is of an isolated or community VLAN, and its destination is a host of the same private VLAN that those do not reach.',
  ),
  reason(MACVLAN_NO_GROUP, 'MACVLAN_NO_GROUP', 'No macvlan group of the parent has the VLAN of the frame.'),
  reason(
    MACVLAN_NO_CHILD,
    'MACVLAN_NO_CHILD',
    'The frame from outside is for no child of its macvlan group, and the group has no host.',
  ),
  reason(IPVLAN_NO_GROUP, 'IPVLAN_NO_GROUP', 'No ipvlan group of the parent has the VLAN of the frame.'),
  reason(
    IPVLAN_OTHER_MAC,
    'IPVLAN_OTHER_MAC',
    'The frame from outside is for another MAC than that of the ipvlan group.',
  ),
  reason(
    IPVLAN_NO_CHILD,
    'IPVLAN_NO_CHILD',
    'The frame is for the MAC of an ipvlan group and for no address of its children, or for a multicast group that none has joined, and the group has no host.',
  ),
  reason(
    IPVLAN_PRIVATE,
    'IPVLAN_PRIVATE',
    'The frame is for another child of an ipvlan group with the flag private, which keeps children apart.',
  ),
  reason(
    IPVLAN_NOT_ROUTED,
    'IPVLAN_NOT_ROUTED',
    'A child of an ipvlan group in mode l3 or l3s sent something else than a unicast IP packet: broadcast, multicast, ARP, neighbor discovery, link-local.',
  ),
  reason(IPVLAN_PAUSE, 'IPVLAN_PAUSE', 'A child of an ipvlan group sent a PAUSE frame, which never leaves its link.'),
  reason(WORKER_LOST, 'WORKER_LOST', 'The worker that was forwarding it has ended by a defect.'),
];

const byNumber: (DropReason | undefined)[] = [];
for (const r of DROP_REASONS) byNumber[r.number] = r;

/** The symbol of a reason, for the door to the outside. */
export function reasonName(number: number): string {
  return byNumber[number]?.name ?? `REASON_${number}`;
}
