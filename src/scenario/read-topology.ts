/**
 * Bridges and ports of a scenario file: the file's keys to this switch's settings, every default filled in.
 *
 * `lacks` collects the capability behind every key that asks for something this switch does not have, so that a
 * file that forgot to name it in `needs` is skipped all the same. A key that switches such a feature off is fine.
 */

import type { AcceptFrames, PortState, SecondaryVlan, TagConfig, TranslateRule } from '../config/types.ts';
import type { Value } from './document.ts';
import type { BridgeSpec, MirrorSpec, PortFlags, PortSpec, UnderlaySpec, VlanSpec } from './format.ts';
import { readUnderlay, readVxlan } from './read-vxlan.ts';

export const ACCEPTS = ['all', 'untagged', 'tagged'] as const satisfies readonly AcceptFrames[];
/** Spanning-tree states of 802.1D-1998 and what each is in 802.1Q. */
const STATES = {
  disabled: 'discarding',
  blocking: 'discarding',
  listening: 'discarding',
  discarding: 'discarding',
  learning: 'learning',
  forwarding: 'forwarding',
} as const satisfies Record<string, PortState>;
const STATE_NAMES = Object.keys(STATES) as (keyof typeof STATES)[];
export const OVERFLOWS = ['refuse', 'evict_lru'] as const;
const PROTOCOLS = ['802.1Q', '802.1ad'] as const;
export const MAX_AGE_SECONDS = 1_000_000;
export const MAX_LEARNED = 1_000_000;

/** Payload bytes of a tester's link. An MTU is a limit only where the file states one: see docs/scenarios.md. */
const LINK_MTU = 9600;

/** Keys that only say how multicast is treated: without snooping, or without multicast, they change nothing. */
export const MULTICAST_KEYS: ReadonlySet<string> = new Set([
  'mcast_snooping',
  'mcast_querier',
  'mcast_igmp_version',
  'mcast_mld_version',
  'mcast_vlan_snooping',
  'mcast_router',
  'mcast_max_groups',
  'mcast_always',
  'vlan_querier',
  'restrict_without_querier',
]);

/** Features that are absent here, by the key that turns them on. */
const ABSENT: Readonly<Record<string, string>> = {
  arp_termination: 'arp_termination',
  locked: 'port.locked',
  mab: 'port.mab',
  backup_port: 'port.backup',
};

const BRIDGE_KEYS: ReadonlySet<string> = new Set([
  'name',
  'vlan_filtering',
  'default_pvid',
  'vlan_protocol',
  'ageing_s',
  'fdb_max_learned',
  'fdb_overflow',
  'learning',
  'unknown_unicast_flood',
  'broadcast_flood',
  'stp_state_control',
  'mirrors',
  'private_vlans',
]);
const PORT_KEYS: ReadonlySet<string> = new Set([
  ...['name', 'kind', 'bridge', 'vlans', 'tunnel', 'vxlan', 'match', 'rewrite'],
]);

export interface Topology {
  bridges: BridgeSpec[];
  ports: PortSpec[];
  underlay: UnderlaySpec | null;
  snoops: boolean;
}

/** `strict`: what the reserved bits of VXLAN are to a file that says nothing of them. */
export function readTopology(at: Value, policy: readonly string[], strict: boolean, lacks: Set<string>): Topology {
  for (const key of at.keys()) if (!['bridges', 'ports', 'underlay'].includes(key)) lacks.add(`topology.${key}`);
  const bridges = at
    .at('bridges')
    .list()
    .map((bridge) => readBridge(bridge, policy, lacks));
  const names = bridges.map((bridge) => bridge.name);
  const ports = at
    .at('ports')
    .list()
    .map((port) => readPort(port, bridges, strict, lacks));
  refuseTwice(at.at('bridges'), names);
  refuseTwice(
    at.at('ports'),
    ports.map((port) => port.name),
  );
  const snoops = at
    .at('bridges')
    .list()
    .some((bridge) => bridge.at('mcast_snooping').flag(false));
  const underlay = at.at('underlay').missing ? null : readUnderlay(at.at('underlay'), LINK_MTU, lacks);
  if (underlay !== null && ports.some(({ name }) => name === underlay.port)) {
    throw at.at('underlay').at('port').error(`there is a port with the name "${underlay.port}"`);
  }
  if (policy.includes('group_replaces_unicast_flood')) {
    for (const { vxlan } of ports) {
      if (vxlan !== null && vxlan.group !== null) Object.assign(vxlan, { peers: vxlan.floodRemotes, floodRemotes: [] });
    }
  }
  const orphan = ports.find(({ vxlan }) => vxlan !== null && underlay === null);
  if (orphan !== undefined) throw at.error(`port ${orphan.name} is of kind vxlan, and there is no underlay`);
  return { bridges, ports, underlay, snoops };
}

function refuseTwice(at: Value, names: readonly string[]): void {
  names.forEach((name, index) => {
    if (names.indexOf(name) !== index) throw at.at(index).at('name').error(`there are two with the name "${name}"`);
  });
}

function readBridge(at: Value, policy: readonly string[], lacks: Set<string>): BridgeSpec {
  const aware = at.at('vlan_filtering').flag(false);
  const protocol = at.at('vlan_protocol').oneOf(PROTOCOLS, 'a VLAN protocol', '802.1Q');
  const evicts = policy.includes('fdb_overflow_evict_lru') ? 'evict_lru' : 'refuse';
  for (const key of at.keys()) if (!BRIDGE_KEYS.has(key)) noteAbsent('bridge', at.at(key), key, lacks);
  return {
    name: at.at('name').text(),
    type: aware ? (protocol === '802.1ad' ? 's-vlan' : 'c-vlan') : 'unaware',
    defaultPvid: at.at('default_pvid').whole(0, 4094, 1),
    ageSeconds: at.at('ageing_s').whole(0, MAX_AGE_SECONDS, 300),
    learning: at.at('learning').flag(true),
    unknownUnicastFlood: at.at('unknown_unicast_flood').flag(true),
    broadcastFlood: at.at('broadcast_flood').flag(true),
    fdbMaxLearned: at.at('fdb_max_learned').whole(0, MAX_LEARNED, 0),
    overflow: readOverflow(at.at('fdb_overflow'), evicts),
    mirrors: at.at('mirrors').list().map(readMirror),
    secondaries: readPrivateVlans(at.at('private_vlans')),
  };
}

/** `[{primary: 100, isolated: 101, communities: [102, 103]}]`; members are said by the ports. */
function readPrivateVlans(at: Value): Map<number, SecondaryVlan> {
  const found = new Map<number, SecondaryVlan>();
  for (const each of at.list()) {
    const primary = each.at('primary').whole(1, 4094);
    if (!each.at('isolated').missing) found.set(each.at('isolated').whole(1, 4094), { primary, kind: 'isolated' });
    for (const vid of each.at('communities').list()) found.set(vid.whole(1, 4094), { primary, kind: 'community' });
  }
  return found;
}

const MIRROR_KEYS: ReadonlySet<string> = new Set([
  ...['output', 'output_vlan', 'select_src', 'select_dst', 'select_all', 'select_vlan'],
]);

/** `output` is a port; a number, or `output_vlan`, is a VLAN. */
function readMirror(at: Value): MirrorSpec {
  for (const key of at.keys()) if (!MIRROR_KEYS.has(key)) throw at.at(key).error('is no key of a mirror');
  const names = (key: string) =>
    at.at(key).missing
      ? []
      : at
          .at(key)
          .list()
          .map((port) => port.text());
  const output = at.at('output');
  const isPort = !output.missing && typeof output.raw === 'string';
  const vlan = at.at('output_vlan').missing ? output : at.at('output_vlan');
  return {
    output: isPort ? output.text() : null,
    outputVlan: isPort ? null : vlan.whole(1, 4094),
    selectSrc: names('select_src'),
    selectDst: names('select_dst'),
    selectAll: at.at('select_all').flag(false),
    selectVlan: at
      .at('select_vlan')
      .list()
      .map((vid) => vid.whole(0, 4095)),
  };
}

/** Open vSwitch evicts the oldest entry of the port that holds most, which is the oldest of all where one port holds them. */
export function readOverflow(at: Value, otherwise?: (typeof OVERFLOWS)[number]): 'fair' | 'refuse' {
  return at.oneOf(OVERFLOWS, 'an overflow', otherwise) === 'evict_lru' ? 'fair' : 'refuse';
}

function readPort(at: Value, bridges: readonly BridgeSpec[], strict: boolean, lacks: Set<string>): PortSpec {
  const kind = at.at('kind').oneOf(['link', 'vxlan'], 'a kind of port', 'link');
  const names = bridges.map((bridge) => bridge.name);
  const bridgeName = at.at('bridge').missing ? null : at.at('bridge').oneOf(names, 'a bridge');
  const bridge = bridges.find((b) => b.name === bridgeName);
  const flags = readPortFlags(at, PORT_KEYS, lacks);
  if (kind === 'link' && flags.suppress === true) lacks.add('neigh_suppress of a link');
  return {
    name: at.at('name').text(),
    bridge: bridgeName,
    vlans: at.at('vlans').missing ? null : at.at('vlans').list().map(readVlan),
    tunnel: at.at('tunnel').missing ? null : readTunnel(at.at('tunnel'), bridge, lacks),
    translate: readRewrite(at.at('match'), at.at('rewrite')),
    vxlan: kind === 'vxlan' ? readVxlan(at.at('vxlan'), strict, lacks) : null,
    ...DEFAULT_FLAGS,
    ...flags,
  };
}

const DEFAULT_FLAGS: PortFlags = {
  accept: 'all',
  learning: true,
  unknownUnicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  isolated: false,
  splitHorizonGroup: 0,
  state: 'forwarding',
  mtu: LINK_MTU,
  suppress: false,
};

/** The flags that are written down; `others` are keys that somebody else reads. */
export function readPortFlags(at: Value, others: ReadonlySet<string>, lacks: Set<string>): Partial<PortFlags> {
  const flags: Partial<PortFlags> = {};
  for (const key of at.keys()) {
    const value = at.at(key);
    if (others.has(key) || value.missing) continue;
    if (key === 'accept') flags.accept = value.oneOf(ACCEPTS, 'a set of frame types');
    else if (key === 'learning') flags.learning = value.flag();
    else if (key === 'flood') flags.unknownUnicastFlood = value.flag();
    else if (key === 'mcast_flood') flags.multicastFlood = value.flag();
    else if (key === 'bcast_flood') flags.broadcastFlood = value.flag();
    else if (key === 'isolated') flags.isolated = value.flag();
    else if (key === 'split_horizon_group') flags.splitHorizonGroup = value.whole(0, 0x7fff_ffff);
    else if (key === 'stp_state') flags.state = STATES[value.oneOf(STATE_NAMES, 'a port state')];
    else if (key === 'neigh_suppress') flags.suppress = value.flag();
    else if (key === 'mtu') flags.mtu = value.whole(68, 65_535);
    else noteAbsent('port', value, key, lacks);
  }
  return flags;
}

/** A key of a feature that is not here: missing unless it is turned off, or only speaks of multicast. */
export function noteAbsent(of: string, value: Value, key: string, lacks: Set<string>): void {
  if (MULTICAST_KEYS.has(key)) return;
  const { raw } = value;
  const off = raw === null || raw === false || raw === 0 || (Array.isArray(raw) && raw.length === 0);
  if (!off) lacks.add(ABSENT[key] ?? `${of}.${key}`);
  else if (ABSENT[key] === undefined) lacks.add(`${of}.${key}`);
}

export function readVlan(at: Value): VlanSpec {
  return { vid: at.at('vid').whole(1, 4094), pvid: at.at('pvid').flag(false), untagged: at.at('untagged').flag(false) };
}

/** Tags that are compared, and what of them is taken off and put on. */
function readRewrite(match: Value, rewrite: Value): TranslateRule[] {
  if (match.missing && !rewrite.missing) throw rewrite.error('needs "match": the tags that are rewritten');
  if (match.missing) return [];
  const from = match.at('tags').list().map(readTag);
  const pop = rewrite.at('pop').whole(0, from.length, 0);
  const push = rewrite.at('push').missing ? [] : rewrite.at('push').list().map(readTag);
  return [{ from, to: [...push, ...from.slice(pop)] }];
}

function readTag(at: Value): TagConfig {
  const tpid = at.at('tpid').oneOf(['0x8100', '0x88a8'], 'a TPID', '0x8100');
  return { tpid: Number(tpid), vid: at.at('vid').whole(1, 4094) };
}

function readTunnel(at: Value, bridge: BridgeSpec | undefined, lacks: Set<string>): PortSpec['tunnel'] {
  const tpid = Number(at.at('tpid').missing ? 0x88a8 : at.at('tpid').raw);
  // The tag that is pushed is the bridge's own.
  if (bridge?.type !== (tpid === 0x88a8 ? 's-vlan' : 'c-vlan')) lacks.add(`tunnel_port of TPID 0x${tpid.toString(16)}`);
  const cvids = at.at('cvids').missing
    ? null
    : at
        .at('cvids')
        .list()
        .map((vid) => vid.whole(0, 4094));
  return { svid: at.at('svid').whole(1, 4094), cvids };
}
