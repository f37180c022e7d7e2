/**
 * Changes: one key of a configuration, an entry of the FDB, or a link, with the words for it.
 *
 * A change is a function from one situation to another. Its condition reads after "delivered if …"; its path and
 * value are what to write into the file.
 */

import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { BridgeConfig, PortConfig, SwitchConfig, VlanMembership } from '../../config/types.ts';
import { compressVlans } from '../../config/vlan-range.ts';
import type { Situation } from '../situation.ts';

export interface Change {
  /** Where in the configuration; `link p1` and `learned MAC` are not in it. */
  readonly path: string;
  /** What is there to be, as in a file; null: the entry goes. */
  readonly value: string | null;
  /** "VLAN 20 were among the VLANs of trunk p3" */
  readonly condition: string;
  /** Keys that it touches: smaller is better. */
  readonly cost: number;
  readonly make: (before: Situation) => Situation;
}

type Patch = Partial<PortConfig>;

/** Service VLANs looked at. */
const FEW = 8;

export function changePort(port: PortConfig, patch: Patch, words: Omit<Change, 'make'>): Change {
  return { ...words, make: (s) => withPorts(s, (each) => (each.name === port.name ? { ...each, ...patch } : each)) };
}

/** One key of a port, which is called the same in the file. */
export function setKey<K extends keyof PortConfig>(
  port: PortConfig,
  key: K,
  value: PortConfig[K] & (string | number | boolean),
  condition: string,
): Change {
  return changePort(port, { [key]: value } as Patch, {
    path: `ports.${port.name}.${key}`,
    value: String(value),
    condition,
    cost: 1,
  });
}

/** One key of a bridge; the default bridge is `switch:` in the file. */
export function setBridgeKey<K extends keyof BridgeConfig>(
  config: SwitchConfig,
  bridge: BridgeConfig,
  key: K,
  value: BridgeConfig[K] & (string | boolean),
  condition: string,
): Change {
  const make = (s: Situation) =>
    withBridges(s, (each) => (each.name === bridge.name ? { ...each, [key]: value } : each));
  return { path: `${bridgePath(config, bridge)}.${key}`, value: String(value), condition, cost: 1, make };
}

export function allowStaticViolations(config: SwitchConfig, bridge: BridgeConfig): Change {
  return {
    path: `${bridgePath(config, bridge)}.fdb.staticViolation`,
    value: 'forward',
    condition: 'frames that claim a configured address were forwarded',
    cost: 1,
    make: (s) =>
      withBridges(s, (each) =>
        each.name === bridge.name ? { ...each, fdb: { ...each.fdb, staticViolation: 'forward' } } : each,
      ),
  };
}

/** Makes the port a member of a VLAN, in the way of its mode. */
export function join(s: Situation, port: PortConfig, vid: number): Change {
  const { name, mode } = port;
  if (mode !== 'trunk' && mode !== 'hybrid') return moveTo(s, port, vid);
  const untagged = port.pvid === vid;
  const members = withMember(port.members, vid, untagged);
  const list = mode === 'trunk' ? members : members.filter((member) => member.untagged === untagged);
  const key = mode === 'trunk' ? 'vlans' : untagged ? 'untagged' : 'tagged';
  return changePort(
    port,
    { members },
    {
      path: `ports.${name}.${key}`,
      value: compressVlans(list.map((member) => member.vid)),
      condition: `VLAN ${vid} were among the VLANs of ${mode} ${name}`,
      cost: 1,
    },
  );
}

/** Gives untagged frames of the port another VLAN, in the way of its mode. */
export function classifyTo(s: Situation, port: PortConfig, vid: number): Change {
  const { name, mode, acceptFrames } = port;
  if (mode !== 'trunk' && mode !== 'hybrid') return moveTo(s, port, vid);
  if (mode === 'hybrid') return setKey(port, 'pvid', vid, `the PVID of ${name} were ${vid}`);
  // A trunk without native takes only tagged frames unless it says otherwise; with one, all.
  const accepts = port.pvid === null && acceptFrames === 'tagged' ? 'all' : acceptFrames;
  const members = withMember(port.members, vid, true);
  return changePort(
    port,
    { pvid: vid, members, acceptFrames: accepts },
    {
      path: `ports.${name}.native`,
      value: String(vid),
      condition: `VLAN ${vid} were the native VLAN of trunk ${name}`,
      cost: 1,
    },
  );
}

function isPrivate(mode: PortConfig['mode']): boolean {
  return mode === 'promiscuous' || mode === 'private-host';
}

/** A port of a private VLAN becomes one of a VLAN like any other, or the reverse. */
function changeMode(port: PortConfig, mode: PortConfig['mode'], vid: number, vids: readonly number[]): Change {
  return changePort(
    port,
    {
      mode,
      pvid: vid,
      members: [...vids].sort((a, b) => a - b).map((each) => ({ vid: each, untagged: true })),
      acceptFrames: 'untagged',
      ingressFiltering: true,
      privateTrunk: null,
      tunnelCvids: null,
      serviceVlans: [],
    },
    {
      path: `ports.${port.name}`,
      value: `{ mode: ${mode}, vlan: ${vid} }`,
      condition: `${port.name} were in VLAN ${vid} instead of ${port.pvid}`,
      cost: 2,
    },
  );
}

/** Another VLAN for a port that has one, in the mode that ports of that VLAN have. */
function moveTo(s: Situation, port: PortConfig, vid: number): Change {
  const vlans = s.config.bridges.find(({ name }) => name === port.bridge)?.vlans ?? [];
  const secondary = vlans.find((each) => each.vid === vid)?.secondary;
  const secondaries = vlans.filter((each) => each.secondary?.primary === vid).map((each) => each.vid);
  if (secondary !== undefined) {
    const { kind, primary } = secondary;
    return changeMode(port, 'private-host', vid, kind === 'isolated' ? [primary] : [primary, vid]);
  }
  if (secondaries.length > 0) return changeMode(port, 'promiscuous', vid, [vid, ...secondaries]);
  if (isPrivate(port.mode)) return changeMode(port, 'access', vid, [vid]);
  const was = port.pvid === null || port.pvid === vid ? '' : ` instead of ${port.pvid}`;
  return changePort(
    port,
    { pvid: vid, members: [{ vid, untagged: true }] },
    {
      path: `ports.${port.name}.vlan`,
      value: String(vid),
      condition: `${port.name} were in VLAN ${vid}${was}`,
      cost: 1,
    },
  );
}

/** An access port that gets tagged frames becomes a trunk with its VLAN as the native one. */
export function becomeTrunk(port: PortConfig, vid: number): Change {
  const members = withMember(port.members, vid, vid === port.pvid);
  const vids = compressVlans(members.map((member) => member.vid));
  return changePort(
    port,
    { mode: 'trunk', members, acceptFrames: 'all', tunnelCvids: null, serviceVlans: [] },
    {
      path: `ports.${port.name}`,
      value: `{ mode: trunk, native: ${port.pvid}, vlans: '${vids}' }`,
      condition: `${port.name} were a trunk of VLANs ${vids} with native VLAN ${port.pvid}`,
      cost: 2,
    },
  );
}

/** Tags become payload, the frame's own VLAN ID does not matter. */
export function becomeTunnel(port: PortConfig, vid: number): Change {
  const patch: Patch = { mode: 'dot1q-tunnel', pvid: vid, members: [{ vid, untagged: true }], acceptFrames: 'all' };
  return changePort(
    port,
    { ...patch, tunnelCvids: null, serviceVlans: [] },
    {
      path: `ports.${port.name}`,
      value: `{ mode: dot1q-tunnel, vlan: ${vid} }`,
      condition: `${port.name} were a dot1q-tunnel of VLAN ${vid}, which carries any tag`,
      cost: 3,
    },
  );
}

/** Into a service VLAN, with the tag. */
function serveCustomerVid(port: PortConfig, cvid: number, vid: number): Change {
  return changePort(
    port,
    {
      members: withMember(port.members, vid, true),
      serviceVlans: [...port.serviceVlans, { cvid, vid, keepTag: true }].sort((a, b) => a.cvid - b.cvid),
    },
    {
      path: `ports.${port.name}.serviceVlans.${cvid}`,
      value: String(vid),
      condition: `customer VLAN ${cvid} went to service VLAN ${vid} at ${port.name}`,
      cost: 1,
    },
  );
}

/** `cvid` null: any frame. `wanted`: service VLANs that would do, beside those that others go to. */
export function carryCustomerVid(port: PortConfig, cvid: number | null, wanted: readonly number[] = []): Change[] {
  if (cvid !== null && port.serviceVlans.length > 0) {
    const vids = [...new Set([...wanted, ...port.serviceVlans.map(({ vid }) => vid)])];
    return vids.slice(0, FEW).map((vid) => serveCustomerVid(port, cvid, vid));
  }
  const cvids = cvid === null ? null : [...(port.tunnelCvids ?? []), cvid].sort((a, b) => a - b);
  return [
    changePort(
      port,
      { tunnelCvids: cvids, serviceVlans: [] },
      {
        path: `ports.${port.name}.cvids`,
        value: cvids === null ? null : compressVlans(cvids),
        condition:
          cvid === null
            ? `${port.name} had no list of customer VLANs`
            : `customer VLAN ${cvid} were among the cvids of ${port.name}`,
        cost: 1,
      },
    ),
  ];
}

/** To another bridge. There its VLANs are the same; between aware and unaware it has the one that is asked for. */
export function moveBridge(port: PortConfig, bridge: BridgeConfig, vid: number | null): Change {
  const settings: Patch =
    bridge.type === 'unaware'
      ? {
          mode: 'access',
          members: [],
          pvid: null,
          acceptFrames: 'all',
          ingressFiltering: false,
          tunnelCvids: null,
          serviceVlans: [],
        }
      : port.members.length > 0 || vid === null
        ? {}
        : { members: [{ vid, untagged: true }], pvid: vid, acceptFrames: 'untagged', ingressFiltering: true };
  return changePort(
    port,
    { ...settings, bridge: bridge.name },
    {
      path: `ports.${port.name}.bridge`,
      value: bridge.name,
      condition: `${port.name} were on bridge ${bridge.name} instead of ${port.bridge ?? 'none'}`,
      cost: 2,
    },
  );
}

export function linkUp(port: PortConfig): Change {
  return {
    path: `link ${port.name}`,
    value: 'up',
    condition: `the link of ${port.name} were up`,
    cost: 1,
    make: (s) => ({ ...s, down: s.down.filter((name) => name !== port.name) }),
  };
}

export function removeEntry(entry: FdbEntryConfig, at: number): Change {
  return {
    path: `fdb[${at}]`,
    value: null,
    condition: `${entry.mac} had no ${entry.kind} entry${entry.vid === null ? '' : ` in VLAN ${entry.vid}`}`,
    cost: 1,
    make: (s) => withEntries(s, (all) => all.filter((each) => !isSame(each, entry))),
  };
}

export function moveEntry(entry: FdbEntryConfig, at: number, port: string): Change {
  return {
    path: `fdb[${at}].port`,
    value: port,
    condition: `the ${entry.kind} entry of ${entry.mac} were on ${port} instead of ${entry.port ?? 'no port'}`,
    cost: 1,
    make: (s) => withEntries(s, (all) => all.map((each) => (isSame(each, entry) ? { ...entry, port } : each))),
  };
}

/** A whole entry for one key of another kind: dearer. */
export function addEntry(port: PortConfig, vid: number | null, mac: string): Change {
  const entry: FdbEntryConfig = { bridge: port.bridge!, vid, mac, port: port.name, kind: 'static' };
  return {
    path: 'fdb[]',
    value: `{ mac: '${mac}', ${vid === null ? '' : `vlan: ${vid}, `}port: ${port.name}, kind: static }`,
    condition: `${mac} had a static entry on ${port.name}`,
    cost: 2,
    make: (s) => withEntries(s, (all) => [...all, entry]),
  };
}

/** What was learned goes, as by ageing or `fdb del`. */
export function forget(mac: string, vid: number | null, port: string): Change {
  return {
    path: `learned ${mac}`,
    value: null,
    condition: `${mac} were not known on ${port} any more`,
    cost: 1,
    make: (s) => ({
      ...s,
      learned: s.learned.filter((each) => each.mac !== mac || each.port !== port || (each.vid ?? null) !== vid),
    }),
  };
}

export function portConfig({ config }: Situation, name: string): PortConfig | undefined {
  return config.ports.find((port) => port.name === name);
}

/** The port is in a bridge. */
export function bridgeConfig({ config }: Situation, name: string | null): BridgeConfig {
  return config.bridges.find((bridge) => bridge.name === name)!;
}

function bridgePath(config: SwitchConfig, bridge: BridgeConfig): string {
  return bridge.name === config.bridges[0].name ? 'switch' : `bridges.${bridge.name}`;
}

function withMember(members: readonly VlanMembership[], vid: number, untagged: boolean): VlanMembership[] {
  return [...members.filter((member) => member.vid !== vid), { vid, untagged }].sort((a, b) => a.vid - b.vid);
}

function isSame(a: FdbEntryConfig, b: FdbEntryConfig): boolean {
  return a.bridge === b.bridge && a.vid === b.vid && a.mac === b.mac;
}

function withPorts(s: Situation, change: (port: PortConfig) => PortConfig): Situation {
  const ports = s.config.ports.map(change);
  // Every VLAN that a port names exists, as it does when a file is read.
  const bridges = s.config.bridges.map((bridge) => {
    const vids = new Set(bridge.vlans.map((vlan) => vlan.vid));
    const missing = new Set<number>();
    for (const { bridge: on, pvid, members } of bridge.type === 'unaware' ? [] : ports) {
      if (on !== bridge.name) continue;
      for (const vid of [...members.map((member) => member.vid), ...(pvid === null ? [] : [pvid])]) {
        if (!vids.has(vid)) missing.add(vid);
      }
    }
    if (missing.size === 0) return bridge;
    const added = [...missing].map((vid) => ({ vid, name: `vlan${vid}`, fdbMaxEntries: 0 }));
    return { ...bridge, vlans: [...bridge.vlans, ...added].sort((a, b) => a.vid - b.vid) };
  });
  return { ...s, config: { ...s.config, ports, bridges } };
}

function withBridges(s: Situation, change: (bridge: BridgeConfig) => BridgeConfig): Situation {
  return { ...s, config: { ...s.config, bridges: s.config.bridges.map(change) } };
}

function withEntries(s: Situation, change: (entries: FdbEntryConfig[]) => FdbEntryConfig[]): Situation {
  return { ...s, config: { ...s.config, fdbEntries: change(s.config.fdbEntries) } };
}
