/** What the page reads of the switch's answers. A test holds these types to those of the views. */

export interface Port {
  name: string;
  bridge: string | null;
  adapter: string;
  device: string;
  link: 'up' | 'down';
  linkReason: string;
  mode: string;
  pvid: number | null;
  state: string;
  learned: number;
  rxFrames: number;
  txFrames: number;
  rxBytes: number;
  txBytes: number;
  dropped: number;
}

export interface Vlan {
  bridge: string;
  vid: number | null;
  name: string;
  private: string | null;
  tagged: string[];
  untagged: string[];
  learned: number;
  rxFrames: number;
}

/** A macvlan or ipvlan group; the parent of the latter may be an interface. */
export interface Group {
  name: string;
  parent: string;
  children: { port: string }[];
  host: { port: string } | null;
}

export interface ShownGroup extends Group {
  kind: 'macvlan' | 'ipvlan';
}

export interface Entry {
  bridge: string;
  vid: number | null;
  mac: string;
  port: string | null;
  kind: string;
  ageSeconds: number;
}

export interface Found {
  entries: Entry[];
  /** Those that match, of which `entries` are the first. */
  total: number;
}

export interface Drop {
  port: string;
  reason: string;
  frames: number;
  sentence: string;
}

export interface Sample {
  id: number;
  reason: string;
  port: string | null;
  vid: number | null;
  ageSeconds: number;
  /** Of the whole frame; `hex` has the first bytes of it. */
  length: number;
  truncated: boolean;
  shaped: boolean;
  text: string;
  hex: string;
}

export interface Stage {
  stage: string;
  text: string;
  reason: string | null;
  entry?: { mac: string; vid: number | null; port: string | null; kind: string } | null;
  ports?: { port: string; sends: boolean; text: string; reason: string | null }[];
  /** Interface that it leaves the router by. */
  routed?: { interface: string; mac: string };
}

export interface Vtep {
  name: string;
  uplink: string;
  local: string;
  udpPort: number;
  vnis: { port: string; vid: number | null; vni: number; flood: string[] }[];
}

export interface Peer {
  vtep: string;
  address: string;
  kind: 'peer' | 'group' | 'stranger';
  resolved: boolean;
  learned: number;
  rxFrames: number;
  txFrames: number;
}

export interface Trace {
  port: string;
  bridge: string | null;
  tunnel: string | null;
  vid: number | null;
  ingressVid: number | null;
  frame: { text: string };
  stages: Stage[];
  verdict: 'delivered' | 'consumed' | 'dropped';
  reason: { number: number; name: string; sentence: string } | null;
  outputs: { port: string; tunnel?: string; text: string; hex: string }[];
}

export interface Fix {
  text: string;
  changes: { path: string; value: string | null }[];
}

export interface Explanation {
  trace: Trace;
  to: string | null;
  arrives: boolean;
  text: string;
  fix: Fix | null;
  alternatives: Fix[];
  hint: string | null;
}
