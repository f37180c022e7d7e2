/** Groups of ports that share a parent: macvlan and ipvlan. */

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
