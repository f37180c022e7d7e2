/**
 * The normalised configuration: what the loader hands to control after every default is filled in, every
 * range is expanded and every preset is named. Plain data, structured-clonable, no derived state.
 *
 * Names follow the IEEE YANG module `ieee802-dot1q-bridge` where it has one (pvid, acceptable frame types,
 * ingress filtering). VIDs are numbers 1..4094; MAC addresses are lower-case `aa:bb:cc:dd:ee:ff` strings.
 */

/** Which of 01-80-C2-00-00-0X a bridge filters (IEEE 802.1Q-2022 §8.6.3). */
export type ReservedMacPolicy = 'c-vlan' | 's-vlan' | 'tpmr' | 'transparent';
/** What a full table does with a new source: see semantics in docs/fdb.md. */
export type FdbOverflow = 'fair' | 'lru' | 'refuse';
/** `forward`: count and report a frame that claims a static MAC on another port; `drop`: discard it as well. */
export type StaticViolation = 'forward' | 'drop';
export type AcceptFrames = 'all' | 'untagged' | 'tagged';
/** `c-vlan` knows TPID 0x8100 as a tag, `s-vlan` 0x88A8; `unaware` forwards every tag as payload. */
export type BridgeType = 'c-vlan' | 's-vlan' | 'unaware';
export type PortMode = 'access' | 'trunk' | 'hybrid' | 'dot1q-tunnel' | 'promiscuous' | 'private-host';
export type PortState = 'discarding' | 'learning' | 'forwarding';
/** Kinds of configured FDB entries (`dynamic` ones are only learned). */
export type FdbEntryKind = 'static' | 'sticky' | 'local' | 'external' | 'blackhole';

export interface FdbConfig {
  ageSeconds: number; // 10..1,000,000; 300
  maxEntries: number; // learned entries of this bridge; 65,536
  overflow: FdbOverflow;
  staticViolation: StaticViolation;
}

export type PollMode = 'throughput' | 'latency';

/** How the forwarding thread waits for frames. */
export interface PollConfig {
  mode: PollMode;
  /** Longest that it looks again and again for the next frame before it sleeps; 0..10,000. */
  spinMicroseconds: number;
  /** Frames of one port before the next one has its turn; 1..256. */
  burst: number;
}

export interface VlanConfig {
  vid: number;
  name: string;
  /** Limit of learned entries in this VLAN; 0 = none of its own. */
  fdbMaxEntries: number;
  /** It is a secondary of a private VLAN. */
  secondary?: SecondaryVlan;
}

/** What a VLAN is to its primary (RFC 5517): its hosts reach promiscuous ports only, or each other as well. */
export interface SecondaryVlan {
  primary: number;
  kind: 'isolated' | 'community';
}

/** A trunk to devices that know one tag for a private VLAN, that of the primary or that of a secondary. */
export interface PrivateTrunk {
  /** VLANs that frames may come with the tag of. */
  takes: number[];
  /** VLANs whose frames leave with the tag of another. */
  leaves: { vid: number; tag: number }[];
}

export interface BridgeConfig {
  name: string;
  type: BridgeType;
  fdb: FdbConfig;
  reservedMac: ReservedMacPolicy;
  /** Repeat every frame to all members, learn nothing. */
  hub: boolean;
  learning: boolean;
  unknownUnicastFlood: boolean;
  multicastFlood: boolean;
  broadcastFlood: boolean;
  vlans: VlanConfig[]; // sorted by vid; empty on an unaware bridge
}

/** `adapter` and the keys that belong to it; the adapters room interprets `options`. */
export interface AdapterConfig {
  kind: string; // tap | af-packet | af-xdp | cap | udp | memory | pcap
  options: Record<string, string | number | boolean>;
}

export interface VlanMembership {
  vid: number;
  untagged: boolean; // leaves without a tag
}

export type ClassifyKind = 'mac' | 'subnet' | 'protocol';

/** The VLAN of untagged frames by what they are, on ports with `classify`. */
export interface ClassificationConfig {
  order: ClassifyKind[];
  macs: { mac: string; bits: number; vid: number }[]; // 48 bits: this one
  subnets: { prefix: string; vid: number }[];
  protocols: { type: number; vid: number }[];
}

export interface TagConfig {
  tpid: number; // 0x8100 or 0x88a8
  vid: number;
}

/** Tags, outermost first, as frames of the port have them, and as the switch has them. */
export interface TranslateRule {
  from: TagConfig[]; // 1 or 2
  to: TagConfig[]; // 0 to 4; at most 2 of them are not in `from`
}

/** Where frames of a customer VLAN go, with their tag or with the service tag in place of it. */
export interface ServiceVlan {
  cvid: number;
  vid: number;
  keepTag: boolean;
}

/** The priority of frames of a port, 0-7: maps by what they have. */
export interface PriorityConfig {
  trust: 'pcp' | 'dscp' | 'none';
  /** Of frames that have nothing that is trusted. */
  default: number;
  pcp: number[]; // 8
  dscp: number[]; // 64
  /** PCP of tags that leave. */
  egress: number[]; // 8
}

export interface PortConfig {
  name: string;
  /** Null: of no bridge; VTEPs listen on it. */
  bridge: string | null;
  adapter: AdapterConfig;
  mode: PortMode;
  /** VID for untagged and priority-tagged frames; null drops them. */
  pvid: number | null;
  members: VlanMembership[]; // sorted by vid
  acceptFrames: AcceptFrames;
  ingressFiltering: boolean;
  /** dot1q-tunnel only: allowed customer VIDs; null = any frame. */
  tunnelCvids: number[] | null;
  /** Null: priorities are those of tags, and 0. */
  priority: PriorityConfig | null;
  /** dot1q-tunnel only: service VLANs by customer VLAN; empty = all frames go by the PVID. */
  serviceVlans: ServiceVlan[];
  /** Trunks of private VLANs only. */
  privateTrunk: PrivateTrunk | null;
  /** VLAN translation, undone on the way out. */
  translate: TranslateRule[];
  /** Untagged frames get their VLAN by `SwitchConfig.classification`, and the PVID where that says nothing. */
  classify: boolean;
  mtu: number; // bytes of payload after the Ethernet header and tags
  enabled: boolean; // off: down, whatever its link
  state: PortState;
  learning: boolean;
  unknownUnicastFlood: boolean; // out of this port
  multicastFlood: boolean; // out of this port
  broadcastFlood: boolean; // out of this port
  isolated: boolean; // isolated ports do not reach each other
  splitHorizonGroup: number; // 0 = none
  hairpin: boolean; // may send back to itself
  fdbMaxEntries: number; // 0 = none of its own
  /** Null: it is no tunnel. */
  tunnel: TunnelConfig | null;
}

/** How outer frames get in and out: a port of the switch, kernel UDP sockets, or sockets with raw ones to send. */
export type UnderlayKind = 'port' | 'udp' | 'raw-socket';
export type FloodMode = 'head-end' | 'multicast' | 'none';
export type DfMode = 'set' | 'unset' | 'inherit';

/** A tunnel endpoint: an address, a UDP port and who may speak to it. Addresses are in their one text form. */
export interface VtepConfig {
  name: string;
  underlay: UnderlayKind;
  /** The port of outer frames, in no bridge; with sockets a hidden one of the VTEP's own name. */
  uplink: string;
  local: string;
  /** Bits of the local subnet: what is inside is on the link. */
  prefix: number;
  /** Null: made from the names of the uplink and its VLAN. */
  mac: string | null;
  /** VLAN of the underlay; null = untagged. */
  vlan: number | null;
  udpPort: number;
  /** Longest outer IP packet, from the link; a path may carry less. */
  mtu: number;
  /** Allowed beside the remotes of tunnels and entries. */
  peers: string[];
  /** No allow-list. */
  anyPeer: boolean;
  nested: 'drop' | 'allow';
  udp6ZeroChecksum: boolean;
  sourcePorts: { first: number; last: number };
  neighbors: { address: string; mac: string }[];
  /** `via` null: on the link. */
  routes: { to: string; via: string | null }[];
  /** Sockets: interface on which groups are joined. */
  groupInterface: string | null;
  fdb: { maxEntries: number; peerMaxEntries: number; overflow: FdbOverflow };
}

export interface VniConfig {
  /** Null: the whole port, whatever the VLAN. */
  vid: number | null;
  vni: number;
}

/** What makes a port a tunnel. */
export interface TunnelConfig {
  vtep: string;
  vnis: VniConfig[];
  /** Where floods go with `head-end`; allowed as peers in any case. */
  remotes: string[];
  flood: FloodMode;
  /** With `multicast`. */
  group: string | null;
  learning: 'flood-and-learn' | 'control-plane';
  ageSeconds: number;
  ttl: number | 'inherit';
  /** The outer TOS byte; its ECN bits are always those of RFC 6040. */
  tos: number | 'inherit';
  udpChecksum: boolean;
  df: DfMode;
  flowLabel: 'flow' | 'zero';
  innerTag: 'strip' | 'keep';
  /** strict: drop a frame that has one set; ignore: count it. A mask of the 64 bits of the header: drop for those. */
  reservedBits: string;
  /** Questions for these hosts are answered here. `vid` null on an unaware bridge. */
  suppress: boolean;
  neighbors: { vid: number | null; address: string; mac: string }[];
  /** Learned neighbors: of the tunnel in all, of one VLAN, and after how long without a word they are forgotten. */
  maxNeighbors: number;
  vlanMaxNeighbors: number;
  neighborAgeSeconds: number;
}

/** Where an address is behind a tunnel. */
export interface VxlanEntryConfig {
  port: string;
  vni: number;
  mac: string;
  /** Empty for a blackhole; several for a group address. */
  remotes: string[];
  kind: 'static' | 'external' | 'blackhole';
}

export interface FdbEntryConfig {
  bridge: string;
  vid: number | null; // null on an unaware bridge
  mac: string;
  /** null for blackhole and local entries of the bridge itself. */
  port: string | null;
  kind: FdbEntryKind;
}

/** Copies of frames, out of a port or into a VLAN: one of `output` and `outputVlan` is not null. */
export interface MirrorConfig {
  name: string;
  bridge: string; // whose ports `selectAll` means, and whose VLAN `outputVlan` is
  selectSrc: string[]; // ports whose received frames are copied
  selectDst: string[]; // ports whose sent frames are copied
  selectAll: boolean; // both, of every port of the bridge
  selectVlan: number[]; // only frames of these VLANs; empty = of all
  output: string | null; // this port, which does nothing else
  outputVlan: number | null; // this VLAN
}

export type MacvlanMode = 'private' | 'vepa' | 'bridge' | 'passthru' | 'source';

/** A port that shares the parent of its group. */
export interface MacvlanChild {
  port: string;
  mode: MacvlanMode;
  /** Unicast MACs that are its own. */
  macs: string[];
  /** `source` only: it takes what these send. */
  sources: string[];
}

/** Ports that share a parent port, or one VLAN of it, as the kernel's macvlan devices do. */
export interface MacvlanConfig {
  name: string;
  parent: string;
  /** Null: frames without a tag, and those with the tag of a VLAN that no other group of the parent has. */
  vlan: number | null;
  children: MacvlanChild[];
  /** Stands for the network stack of the parent. */
  host: { port: string; mac: string } | null;
  /** Host and children reach each other. */
  hostAccess: boolean;
}

/** `l2`: a port and its VLANs are shared; `l3`, `l3s`: an interface of the router, which routes what children send. */
export type IpvlanMode = 'l2' | 'l3' | 'l3s';
/** What children are to each other. */
export type IpvlanFlag = 'bridge' | 'private' | 'vepa';

export interface IpvlanChild {
  port: string;
  addresses: string[];
  /** `l2` only. Groups that it has joined, as addresses of IPv4, IPv6 or Ethernet; left out: it gets all multicast. */
  multicast?: string[] | undefined;
}

/** Ports that share a parent and its MAC and are told apart by their addresses, as the kernel's ipvlan devices do. */
export interface IpvlanConfig {
  name: string;
  mode: IpvlanMode;
  flag: IpvlanFlag;
  /** `l2`: a port; else an interface. */
  parent: string;
  /** `l2` only. Null: frames without a tag, and those with the tag of a VLAN that no other group of the parent has. */
  vlan: number | null;
  /** Of parent, host and children; null: that of the interface. */
  mac: string | null;
  children: IpvlanChild[];
  /** `l2` only. Stands for the network stack of the parent. */
  host: { port: string } | null;
  /** Host and children reach each other. */
  hostAccess: boolean;
}

/** A VRF that the section `vrfs` declares; others are there because interfaces name them. */
export interface VrfConfig {
  name: string;
  description: string | null;
  /** Null: no limit of its own. */
  maxRoutes: number | null;
  /** How many of its routes are written in it: they stand behind those of the section `routes`, in the order of VRFs. */
  ownRoutes: number;
}

/** An interface of the router in a VLAN: SVI, or sub-interface of a trunk. */
export interface InterfaceConfig {
  name: string;
  bridge: string;
  /** null on an unaware bridge. */
  vid: number | null;
  mac: string;
  vrf: string;
  mtu: number;
  /** `address/length`, in the one text form of each family. The link-local IPv6 address comes by itself. */
  addresses: string[];
  /** Tell hosts the prefixes of the interface and that it is a router. */
  routerAdvertisements: boolean;
  /** Answer ARP for addresses that are routed to another interface. */
  proxyArp: boolean;
  /** Tell hosts of next hops that are on their own link. */
  redirects: boolean;
  /** Servers to which DHCP of the VLAN's hosts is sent on; null for none. */
  dhcpRelay: DhcpRelayConfig | null;
  /** Own addresses are probed for before they are used. */
  detectDuplicates: boolean;
  neighbors: NeighborConfig[];
}

export interface DhcpRelayConfig {
  /** In the one text form of each family. */
  servers: string[];
  option82: boolean;
}

export interface NeighborConfig {
  address: string;
  mac: string;
}

export type RouteKind = 'via' | 'blackhole' | 'unreachable' | 'prohibited';

export interface RouteConfig {
  vrf: string;
  /** `address/length` without bits behind the length. */
  prefix: string;
  kind: RouteKind;
  /** Next hops, one or several of equal cost; empty for the other kinds. */
  via: NextHopConfig[];
}

export interface NextHopConfig {
  address: string;
  interface: string;
}

/** The API over TCP. */
export interface ApiConfig {
  listen: string; // HOST:PORT
  tokenFile: string;
}

/** What outlives the process. */
export interface StateConfig {
  file: string;
  fdb: boolean; // learned addresses as well
}

export const MAX_WORKERS = 16;

export interface SwitchConfig {
  name: string;
  bridges: BridgeConfig[]; // [0] is the default bridge, made of `switch:` and `vlans:`
  ports: PortConfig[];
  fdbEntries: FdbEntryConfig[];
  vteps: VtepConfig[];
  vxlanEntries: VxlanEntryConfig[];
  mirrors: MirrorConfig[];
  classification: ClassificationConfig;
  macvlan: MacvlanConfig[];
  ipvlan: IpvlanConfig[];
  vrfs: VrfConfig[];
  interfaces: InterfaceConfig[];
  routes: RouteConfig[];
  /** Threads that forward. */
  workers: number;
  /** What becomes of capabilities when all ports are open. */
  privileges: 'keep' | 'drop';
  poll: PollConfig;
  /** Seed of the keyed hash; null = random at start. */
  hashSeed: number | null;
  /** Path of the control socket; null = default for the name. */
  controlSocket: string | null;
  api: ApiConfig | null;
  state: StateConfig | null;
}
