/**
 * A scenario as it is run: what docs/scenarios.md describes, read and checked.
 *
 * Names inside are those of this switch; the words of the file (`vlan_filtering`, `flood`) end in read-*.ts. What
 * the file asks for and this switch lacks is in `missing`, and then nothing else of it has been looked at closely.
 */

import type { Place } from '../config/error.ts';
import type { FdbOverflow } from '../config/types/fdb.ts';
import type { DfMode } from '../config/types/vxlan.ts';
import type {
  AcceptFrames,
  BridgeType,
  MirrorConfig,
  PortState,
  SecondaryVlan,
  TranslateRule,
} from '../config/types.ts';

export interface Scenario {
  file: string;
  id: string;
  title: string;
  level: string;
  /** Capabilities and policies that this switch does not have; empty = it can be run. */
  missing: string[];
  /** Noise that is tolerated: names as in the file. */
  ignore: string[];
  bridges: BridgeSpec[];
  ports: PortSpec[];
  /** Null: the file has none. */
  underlay: UnderlaySpec | null;
  /** Frames of VTEPs that nobody named are taken. */
  anyPeer: boolean;
  steps: Step[];
  frames: Map<string, FrameSpec>;
}

export interface BridgeSpec {
  name: string;
  type: BridgeType;
  /** 0 = ports start without a VLAN. */
  defaultPvid: number;
  ageSeconds: number;
  learning: boolean;
  unknownUnicastFlood: boolean;
  broadcastFlood: boolean;
  /** 0 = no limit but the switch's own. */
  fdbMaxLearned: number;
  overflow: FdbOverflow;
  mirrors: MirrorSpec[];
  /** Secondaries of private VLANs, by VID. */
  secondaries: Map<number, SecondaryVlan>;
}

/** As `MirrorConfig`, without its name and its bridge. */
export type MirrorSpec = Omit<MirrorConfig, 'name' | 'bridge'>;

export interface VlanSpec {
  vid: number;
  pvid: boolean;
  untagged: boolean;
}

/** What `set_port` can change. */
export interface PortFlags {
  accept: AcceptFrames;
  learning: boolean;
  unknownUnicastFlood: boolean;
  multicastFlood: boolean;
  broadcastFlood: boolean;
  isolated: boolean;
  splitHorizonGroup: number;
  state: PortState;
  mtu: number;
  /** ARP and ND are answered for hosts behind it: VXLAN ports only. */
  suppress: boolean;
}

export interface PortSpec extends PortFlags {
  name: string;
  bridge: string | null;
  /** Null: the bridge's default VLAN. */
  vlans: VlanSpec[] | null;
  tunnel: { svid: number; cvids: number[] | null } | null;
  /** Tag rewriting: one rule, or none. */
  translate: TranslateRule[];
  /** Null: a link. */
  vxlan: VxlanSpec | null;
}

/** What `vxlan_set` can change. */
export interface VxlanSpec {
  vni: number;
  local: string;
  dstport: number;
  learning: boolean;
  ttl: number | 'inherit';
  tos: number | 'inherit';
  df: DfMode;
  udpChecksum: boolean;
  udp6ZeroRx: boolean;
  udp6ZeroTx: boolean;
  floodRemotes: string[];
  /** May send although floods do not go to them. */
  peers: string[];
  defaultRemote: string | null;
  group: string | null;
  ageSeconds: number;
  reservedBits: string;
  /** Flag of the port: `neigh_suppress`. */
  suppress: boolean;
}

export interface UnderlaySpec {
  port: string;
  mac: string;
  vlan: number | null;
  mtu: number;
  addresses: { address: string; bits: number }[];
  neighbors: { address: string; mac: string }[];
  routes: { to: string; via: string | null }[];
}

export interface FrameSpec {
  name: string;
  bytes: Buffer;
  /** Bits that are compared; null = all. */
  mask: Buffer | null;
  checks: FrameCheck[];
}

export type FrameCheck = 'ipv4_header_checksum_valid' | 'udp_checksum_zero_or_valid' | 'udp_checksum_present_and_valid';

export interface Expectation {
  port: string;
  frame: string;
  times: number;
}

/** One change by the file's own name, with the arguments as written (checked by read-operations.ts). */
export interface Operation {
  op: string;
  args: Record<string, unknown>;
}

export interface FdbMatch {
  mac?: string;
  port?: string;
  /** 0 means none. */
  vlan?: number;
  kind?: string;
  sticky?: boolean;
}

export interface VxlanMatch {
  mac?: string;
  remote?: string;
  kind?: string;
  vni?: number;
}

interface StepBase {
  place: Place;
  /** What the file says about the step, for people. */
  why: string;
}

export type Step = StepBase &
  (
    | { kind: 'send'; port: string; frame: string; times: number; expect: Expectation[]; strict: boolean }
    | { kind: 'config' | 'config_must_fail'; operations: Operation[] }
    | { kind: 'advance'; seconds: number }
    | {
        kind: 'check_fdb';
        bridge: string;
        has: FdbMatch[];
        lacks: FdbMatch[];
        counts: { match: FdbMatch; n: number }[];
      }
    | { kind: 'check_vxlan_fdb'; port: string; has: VxlanMatch[]; lacks: VxlanMatch[] }
    | { kind: 'check_entropy'; frames: string[]; leastDistinct: number; stable: boolean }
    | { kind: 'check_counter'; of: { bridge: string } | { port: string }; expect: CounterValue[] }
  );

export interface CounterValue {
  /** As in the file, without `_delta`. */
  name: string;
  delta: boolean;
  value: number;
}
