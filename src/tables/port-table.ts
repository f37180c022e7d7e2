/**
 * What forwarding needs to know of a port, one column per question.
 *
 * Control compiles access, trunk, hybrid, isolation, split horizon, hairpin, link and spanning-tree state into
 * these columns; the data plane only ever tests a bit. `reach` holds for every port the set of ports it may
 * send to (its own bit is hairpin), the three flood rows say which ports take which kind of flooded frame.
 */

import { bitmapWidth } from './bitmap.ts';
import { sharedInt32, sharedUint16 } from './shared.ts';

/** Ports a switch can have: the FDB keeps a port in 12 bits. */
export const MAX_PORTS = 4096;

export const PORT_EXISTS = 1 << 0;
export const PORT_UP = 1 << 1;
/** Spanning-tree `learning` or `forwarding`: source addresses may be learned. */
export const PORT_STATE_LEARNS = 1 << 2;
export const PORT_STATE_FORWARDS = 1 << 3;
/** Learning wanted by configuration, of the port and of its bridge. */
export const PORT_LEARNING = 1 << 4;
export const PORT_INGRESS_FILTERING = 1 << 5;
export const PORT_ACCEPT_UNTAGGED = 1 << 6;
export const PORT_ACCEPT_TAGGED = 1 << 7;
/** dot1q-tunnel port whose row in `tunnelCvids` says which customer VIDs it admits, and into which VLAN. */
export const PORT_TUNNEL_CVIDS = 1 << 8;
/** The bridge repeats frames and neither learns nor looks up. */
export const PORT_HUB = 1 << 9;
/** `staticViolation: drop`: a frame that claims a static address of another port is discarded. */
export const PORT_STATIC_VIOLATION_DROPS = 1 << 10;
/** dot1q-tunnel: tags are payload, the service tag is pushed and popped around them. */
export const PORT_TUNNEL = 1 << 11;
/** A tunnel: its MTU is that of the way out; what comes out of it is as long as its sender made it. */
export const PORT_VXLAN = 1 << 20;
/** A tunnel of its bridge answers for hosts behind it: questions to a VLAN are looked at before they are flooded. */
export const PORT_SUPPRESS = 1 << 21;
/** That tunnel: control hears what hosts behind it say of their addresses. */
export const PORT_TOLD = 1 << 22;

/** Copies of a mirror leave by it, and nothing else: what arrives on it is dropped. */
export const PORT_MIRROR_OUTPUT = 1 << 12;
/** VLAN translation: see translate-table.ts. */
export const PORT_TRANSLATES = 1 << 13;
/** Untagged frames get their VLAN by what they are: see classify-table.ts. */
export const PORT_CLASSIFIES = 1 << 14;

/** Frames that arrive get another priority: see `priority`. */
export const PORT_REGENERATES = 1 << 18;
/** Tags of frames that leave get another priority. */
export const PORT_MAPS_PRIORITY = 1 << 19;

/** Belongs to a macvlan group, and to no bridge: see macvlan-table.ts. */
export const PORT_MACVLAN = 1 << 23;
/** Belongs to an ipvlan group, and to no bridge: see ipvlan-table.ts. */
export const PORT_IPVLAN = 1 << 24;
export const PORT_IN_GROUP = PORT_MACVLAN | PORT_IPVLAN;
/** Its link is up and it is turned on, in a bridge or in none: what is made for it may leave. */
export const PORT_SENDS = 1 << 28;

/** Rows of `flood`. */
export const FLOOD_UNKNOWN_UNICAST = 0;
export const FLOOD_MULTICAST = 1;
export const FLOOD_BROADCAST = 2;

export interface PortTable {
  readonly capacity: number;
  /** 32-bit words in one port set. */
  readonly width: number;
  readonly flags: Int32Array;
  readonly bridge: Int32Array;
  /** bridge * 4096: start of the bridge's rows in `VlanTable.fidOf`. */
  readonly vlanBase: Int32Array;
  /** VID for untagged frames; -1 drops them; 0 is the one VLAN of a VLAN-unaware bridge. */
  readonly pvid: Int32Array;
  /** The TPID that counts as a tag here (0x8100, 0x88A8), or -1 where none does. */
  readonly tpid: Int32Array;
  /** TPID that the bridge pushes. */
  readonly pushTpid: Int32Array;
  /** Bytes after the Ethernet header and tags. */
  readonly mtu: Int32Array;
  /** 16 bits: bit n set filters destination 01-80-C2-00-00-0n. */
  readonly reservedMac: Int32Array;
  /** Row per port: ports that it may send to. */
  readonly reach: Int32Array;
  /** Three rows: ports that take unknown unicast, multicast, broadcast floods. */
  readonly flood: Int32Array;
  /**
   * PRIORITY_WORDS per port, maps of 4 bits an entry: [trust | default << 2, PCP that arrives, PCP that leaves, DSCP × 8].
   */
  readonly priority: Int32Array;
  /** Row of `tunnelCvids` per port. */
  readonly tunnelRow: Int32Array;
  /** TUNNEL_ROW entries per dot1q-tunnel port that asks for the customer VID. */
  readonly tunnelCvids: Uint16Array;
}

/** An entry per customer VID; the first is for frames without a tag, and with a priority tag. */
export const TUNNEL_ROW = 4096;
/** An entry: 0 = not admitted, else the VID, or this: the PVID. */
export const CUSTOMER_PVID = 0xfff;
/** With a VID: the customer's tag is taken off. */
export const CUSTOMER_STRIP = 0x8000;

export const PRIORITY_WORDS = 11;
export const PRIORITY_ARRIVING = 1;
export const PRIORITY_LEAVING = 2;
export const PRIORITY_DSCP = 3;
/** What the priority of a frame is taken from. */
export const TRUST_NONE = 0;
export const TRUST_PCP = 1;
export const TRUST_DSCP = 2;

export function createPortTable(capacity: number, tunnelRows: number): PortTable {
  const width = bitmapWidth(capacity);
  return {
    capacity,
    width,
    flags: sharedInt32(capacity),
    bridge: sharedInt32(capacity),
    vlanBase: sharedInt32(capacity),
    pvid: sharedInt32(capacity).fill(-1),
    tpid: sharedInt32(capacity).fill(-1),
    pushTpid: sharedInt32(capacity).fill(0x8100),
    mtu: sharedInt32(capacity).fill(1500),
    reservedMac: sharedInt32(capacity),
    reach: sharedInt32(capacity * width),
    flood: sharedInt32(3 * width),
    priority: sharedInt32(capacity * PRIORITY_WORDS),
    tunnelRow: sharedInt32(capacity),
    tunnelCvids: sharedUint16(tunnelRows * TUNNEL_ROW),
  };
}
