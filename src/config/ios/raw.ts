/** Ports, interfaces and VLANs as import writes them: in the shape of a file (schema/schema.ts), with what is known of them on the way. */

export interface RawPort {
  adapter: string;
  device?: string;
  mode?: 'access' | 'trunk' | 'dot1q-tunnel' | 'promiscuous' | 'private-host';
  vlan?: number;
  vlans?: string;
  native?: number;
  mtu?: number;
  enabled?: boolean;
}

/** What is known of a port beside its keys. */
export interface PortWords {
  /** A port of the router: a VLAN of its own, and the interface there. */
  routed?: RawInterface;
  /** Of a private VLAN: the secondary of a host, the primary of a promiscuous port. */
  hostVlan?: number;
  mappedVlan?: number;
}

export interface RawInterface {
  vlan?: number;
  port?: string;
  addresses: string[];
  mtu?: number;
  vrf?: string;
  proxyArp?: boolean;
  redirects?: boolean;
  dhcpRelay?: { servers: string[] };
  /** Line that shuts it down. */
  downAt?: number;
}

export interface RawVlan {
  name?: string;
  isolated?: number;
  communities?: string;
}
