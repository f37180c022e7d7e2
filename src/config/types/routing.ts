/** The router: VRFs, interfaces, routes. */

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
