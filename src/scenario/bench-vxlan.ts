/**
 * VXLAN on the bench: the underlay port, a VTEP for every local address and UDP port that the file's VXLAN ports have,
 * and those ports as tunnels.
 *
 * A Linux VXLAN port accepts frames from anybody and learns who they are; a file whose policy is
 * `known_remotes_only` means the allow-list.
 */

import type { TunnelConfig, VtepConfig } from '../config/types/vxlan.ts';
import type { Control } from '../control/control.ts';
import { ControlError } from '../control/model.ts';
import { addVxlanEntry, appendVxlanEntry, deleteVxlanEntry, isFloodMac, vxlanEntries } from '../control/vxlan/fdb.ts';
import { segmentOf, tunnelNamed } from '../control/vxlan/names.ts';
import { addFlood, floodTargets, removeFlood, removeTunnel, setTunnel } from '../control/vxlan/tunnel-control.ts';
import type { VxlanEntryView } from '../control/vxlan/views.ts';
import { addVtep, allowPeer, removeVtep, setVtep } from '../control/vxlan/vtep-control.ts';
import type { UnderlaySpec, VxlanSpec } from './format.ts';

const ROOM = { maxEntries: 4096, peerMaxEntries: 0, overflow: 'fair' as const };

export class VxlanBench {
  readonly #control: Control;
  readonly #underlay: UnderlaySpec;
  readonly #anyPeer: boolean;
  readonly #specs = new Map<string, VxlanSpec>();
  readonly #neighbors = new Map<string, TunnelConfig['neighbors']>();

  constructor(control: Control, underlay: UnderlaySpec, anyPeer: boolean) {
    this.#control = control;
    this.#underlay = underlay;
    this.#anyPeer = anyPeer;
    // The file names every neighbor: any ARP or ND would be a difference.
    control.vxlan.announces = false;
  }

  /** Makes a port of the switch a tunnel, as its file says. */
  addTunnel(port: string, spec: VxlanSpec): void {
    const vtep = `${spec.local} ${spec.dstport}`;
    if (!this.#control.vxlan.vteps.has(vtep)) addVtep(this.#control, this.#vtep(vtep, spec), this.#owns(spec.local));
    for (const peer of spec.peers) allowPeer(this.#control, vtep, peer);
    setTunnel(this.#control, port, tunnelOf(vtep, spec));
    this.#specs.set(port, spec);
  }

  removeTunnel(port: string): void {
    if (this.#specs.delete(port)) removeTunnel(this.#control, port);
  }

  #owns(local: string): boolean {
    return this.#underlay.addresses.some(({ address }) => address === local);
  }

  #vtep(name: string, spec: VxlanSpec): VtepConfig {
    const { port, mac, vlan, mtu, addresses, neighbors, routes } = this.#underlay;
    const own = addresses.find(({ address }) => address === spec.local);
    const links = addresses.map(({ address, bits }) => ({ to: `${address}/${bits}`, via: null }));
    return {
      name,
      underlay: 'port',
      uplink: port,
      local: spec.local,
      prefix: own?.bits ?? 128,
      mac,
      vlan,
      udpPort: spec.dstport,
      mtu,
      peers: [],
      anyPeer: this.#anyPeer,
      nested: 'allow',
      udp6ZeroChecksum: spec.udp6ZeroRx,
      sourcePorts: { first: 49_152, last: 65_535 },
      neighbors,
      routes: [...links, ...routes],
      groupInterface: null,
      fdb: ROOM,
    };
  }

  /** `vxlan_set`. */
  set(port: string, patch: Partial<VxlanSpec>): void {
    const before = this.#specs.get(port);
    if (before === undefined) throw new ControlError(`port ${port} is no VXLAN port`);
    const { vni, local, dstport } = { ...before, ...patch };
    const spec = { ...before, vni, local, dstport };
    if (vni !== before.vni || local !== before.local || dstport !== before.dstport) this.#remake(port, spec);
    const after = { ...spec, ...patch };
    const tunnel = tunnelNamed(this.#control, port);
    if (patch.udp6ZeroRx !== undefined) {
      setVtep(this.#control, tunnel.vtep.name, { udp6ZeroChecksum: patch.udp6ZeroRx });
    }
    // What was appended since stays: only the former default goes, and the new one comes.
    const segment = segmentOf(tunnel);
    const kept = segment.flood.map(({ address }) => address);
    const floods = new Set(kept.filter((address) => !targets(spec).includes(address)));
    for (const address of targets(after)) floods.add(address);
    if (patch.floodRemotes === undefined) for (const address of spec.floodRemotes) floods.add(address);
    this.#specs.set(port, after);
    const { neighbors } = tunnel.settings;
    setTunnel(this.#control, port, { ...tunnelOf(tunnel.vtep.name, after), remotes: [...floods], neighbors });
  }

  /** Another VNI, local address or UDP port is another tunnel; what is configured moves to it, what was learned does not. */
  #remake(port: string, after: VxlanSpec): void {
    const before = this.#specs.get(port)!;
    const { vtep } = tunnelNamed(this.#control, port);
    const kept = this.entries(port).filter(({ kind }) => kind !== 'dynamic');
    const make = (spec: VxlanSpec) => {
      this.addTunnel(port, { ...spec, floodRemotes: [], defaultRemote: null, group: null });
      this.#specs.set(port, spec);
      for (const { mac, remote } of kept) if (remote !== null) this.append(port, mac, remote);
      this.settleNeighbors();
    };
    removeTunnel(this.#control, port);
    try {
      make(after);
    } catch (error) {
      make(before);
      throw error;
    }
    if (![...this.#control.vxlan.tunnels.values()].some((tunnel) => tunnel.vtep === vtep)) {
      removeVtep(this.#control, vtep.name);
    }
  }

  /** `neigh_add`, and with `mac` null `neigh_del`: a neighbor of the bridge is one of each of its tunnels. */
  setNeighbor(bridge: string, vid: number | null, address: string, mac: string | null): void {
    const aware = this.#control.bridge(bridge).settings.type !== 'unaware';
    const key = aware ? vid : null;
    const others = (this.#neighbors.get(bridge) ?? []).filter((each) => each.vid !== key || each.address !== address);
    if (mac === null && others.length === (this.#neighbors.get(bridge) ?? []).length) {
      throw new ControlError(`bridge ${bridge} has no neighbor ${address}`);
    }
    this.#neighbors.set(bridge, mac === null ? others : [...others, { vid: key, address, mac }]);
    this.settleNeighbors();
  }

  /** Every tunnel knows the neighbors of the bridge that it is in. */
  settleNeighbors(): void {
    for (const { port, settings } of [...this.#control.vxlan.tunnels.values()]) {
      const neighbors = this.#neighbors.get(port.bridge?.name ?? '') ?? [];
      setTunnel(this.#control, port.name, { ...settings, neighbors });
    }
  }

  add(port: string, mac: string, remote: string, kind: 'static' | 'external'): void {
    const tunnel = tunnelNamed(this.#control, port);
    const segment = segmentOf(tunnel);
    if (isFloodMac(mac)) {
      if (segment.flood.length !== 0) throw new ControlError(`port ${port} has a flood list already: append to it`);
      addFlood(this.#control, tunnel, segment, remote);
    } else {
      addVxlanEntry(this.#control, { port, vni: segment.vni, mac, remotes: [remote], kind });
    }
  }

  /** A host is at one place: what is there of it stays. */
  append(port: string, mac: string, remote: string): void {
    const isHost = !isFloodMac(mac) && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
    if (isHost) {
      if (!this.entries(port).some((entry) => entry.mac === mac)) this.add(port, mac, remote, 'static');
      return;
    }
    appendVxlanEntry(this.#control, port, segmentOf(tunnelNamed(this.#control, port)).vni, mac, remote);
  }

  remove(port: string, mac: string, remote: string | null): void {
    const segment = segmentOf(tunnelNamed(this.#control, port));
    if (isFloodMac(mac) && remote !== null) removeFlood(this.#control, segment, remote);
    else deleteVxlanEntry(this.#control, port, segment.vni, mac, remote);
  }

  /** Entries of a port, flood lists among them as those of the all-zero address, one per remote. */
  entries(port: string): (Omit<VxlanEntryView, 'remotes'> & { remote: string | null })[] {
    const tunnel = tunnelNamed(this.#control, port);
    const segment = segmentOf(tunnel);
    const base = { port, vtep: tunnel.vtep.name, vni: segment.vni, ageSeconds: 0 };
    const floods = segment.flood.map(({ address }) => ({
      ...base,
      mac: '00:00:00:00:00:00',
      remote: address,
      kind: 'static' as const,
    }));
    const entries = vxlanEntries(this.#control, port).flatMap(({ remotes, ...entry }) => {
      const each: (string | null)[] = remotes.length === 0 ? [null] : remotes;
      return each.map((remote) => ({ ...entry, remote }));
    });
    return [...floods, ...entries];
  }

  /** Everything that a refused change must leave alone. */
  snapshot(): unknown {
    return [...this.#specs].map(([port, spec]) => [
      port,
      spec,
      this.#control.ports.has(port) ? this.entries(port) : [],
    ]);
  }
}

function targets(spec: VxlanSpec): string[] {
  return [...spec.floodRemotes, ...[spec.defaultRemote, spec.group].filter((address) => address !== null)];
}

function tunnelOf(vtep: string, spec: VxlanSpec): TunnelConfig {
  const tunnel: TunnelConfig = {
    vtep,
    vnis: [{ vid: null, vni: spec.vni }],
    remotes: [...new Set(targets(spec))],
    flood: 'head-end',
    group: null,
    learning: spec.learning ? 'flood-and-learn' : 'control-plane',
    ageSeconds: spec.ageSeconds,
    ttl: spec.ttl,
    tos: spec.tos,
    // Over IPv6 Linux computes it unless told not to.
    udpChecksum: spec.udpChecksum || (spec.local.includes(':') && !spec.udp6ZeroTx),
    df: spec.df,
    flowLabel: 'flow',
    // Linux and Open vSwitch leave to the VLANs of the port what is in the inner frame.
    innerTag: 'keep',
    reservedBits: spec.reservedBits,
    suppress: spec.suppress,
    neighbors: [],
    // Neither Linux nor Open vSwitch learns them from what hosts say.
    maxNeighbors: 0,
    vlanMaxNeighbors: 0,
    neighborAgeSeconds: 300,
  };
  return { ...tunnel, remotes: floodTargets(tunnel) };
}
