/**
 * Control: the only writer of tables besides learning.
 *
 * Every operation is checked against the model first and throws `ControlError` before anything is written, so
 * that a refused change leaves nothing half-applied. It runs between batches on the forwarding thread: frames
 * see the old or the new, never a mix. Operations are by name; numbers stay inside.
 */

import { NO_CLASSIFICATION } from '../config/classify.ts';
import { POLL_PRESETS } from '../config/poll.ts';
import type { IpvlanConfig, MacvlanConfig } from '../config/types/groups.ts';
import type { ClassificationConfig, PollConfig, VlanConfig } from '../config/types.ts';
import { clearPortCounters } from '../dataplane/counters.ts';
import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { createClassifyTable } from '../tables/classify-table.ts';
import { flushPort } from '../tables/fdb/flush.ts';
import { TUNNEL_ROW } from '../tables/port-table.ts';
import { addBridge, removeBridge, setBridge } from './bridge-control.ts';
import { adoptClassification, compileClassification, configOf, type ReadyClassification } from './classify-control.ts';
import { clearPort, compileLimits, compilePort, compilePvid, compileReach } from './compile.ts';
import { compileMirrors } from './compile-mirrors.ts';
import { CustomerRows } from './customer-rows.ts';
import { checkVid, Domains, UNAWARE_VID } from './domains.ts';
import { Forgetting } from './forget.ts';
import { compileGroups } from './groups/compile-groups.ts';
import { MemberSets } from './member-sets.ts';
import {
  type Bridge,
  type BridgeSettings,
  ControlError,
  DEFAULT_PORT,
  type Mirror,
  type Port,
  type PortSettings,
  type PortTunnel,
  type RouterControl,
  rewritesTags,
  stopsLearning,
  type Vlan,
} from './model.ts';
import { enterBridge, leaveBridge, settleSuppression } from './port-place.ts';
import { settlePrivateVlans } from './private-vlans.ts';
import { compileTranslation } from './translate-control.ts';
import { MemberSet, oneVid, type VidSet } from './vid-set.ts';
import { createVxlanModel, requireNoVtep } from './vxlan/model.ts';

export interface ControlOptions {
  /** The switch's clock, in milliseconds; only differences count. */
  nowMs: () => number;
}

export class Control {
  readonly dp: DataplaneShared;
  readonly nowMs: () => number;
  readonly bridges = new Map<string, Bridge>();
  readonly ports = new Map<string, Port>();
  readonly mirrors = new Map<string, Mirror>();
  /** Names by number, for reading tables back. */
  readonly portByIndex: (Port | undefined)[] = [];
  readonly vlanByFid: Domains['byFid'];
  /** Told when tables have been moved to new memory. */
  onTablesMoved: () => void = () => {};
  /** Told when a port has come, gone, or changed. */
  onPortsChanged: () => void = () => {};
  readonly forgetting: Forgetting;
  readonly vxlan = createVxlanModel();
  poll: PollConfig = POLL_PRESETS.throughput;
  /** Told when it is another. */
  onPollChanged: () => void = () => {};
  /** Where there is none, interfaces and routes are refused. */
  router: RouterControl | null = null;
  macvlan: readonly MacvlanConfig[] = [];
  ipvlan: readonly IpvlanConfig[] = [];
  /** What is in force, compiled. */
  classified: ReadyClassification = { table: createClassifyTable(), from: NO_CLASSIFICATION };
  private readonly customerRows: CustomerRows;
  private readonly domains: Domains;
  private readonly memberSets: MemberSets;
  /** What is done once, at the end of changes that are made together; null outside of them. */
  private waiting: { layout: boolean; tables: boolean } | null = null;

  constructor(dp: DataplaneShared, options: ControlOptions) {
    this.dp = dp;
    this.forgetting = new Forgetting(dp.fdb, dp.vlans);
    this.nowMs = options.nowMs;
    this.domains = new Domains(this);
    this.memberSets = new MemberSets(this, this.domains);
    this.customerRows = new CustomerRows(dp.ports.tunnelCvids.length / TUNNEL_ROW);
    this.vlanByFid = this.domains.byFid;
  }

  // ---- bridges

  addBridge(name: string, settings: Partial<BridgeSettings> = {}): Bridge {
    return addBridge(this, this.domains, name, settings);
  }

  /** Changes settings of a bridge; its type only while it has no ports. */
  setBridge(name: string, patch: Partial<BridgeSettings>): void {
    setBridge(this, this.domains, this.bridge(name), patch);
  }

  removeBridge(name: string): void {
    removeBridge(this, this.domains, this.bridge(name));
  }

  bridge(name: string): Bridge {
    const bridge = this.bridges.get(name);
    if (bridge === undefined) throw new ControlError(`no bridge ${name}`);
    return bridge;
  }

  portsOf(bridge: Bridge): Port[] {
    return [...this.ports.values()].filter((port) => port.bridge === bridge);
  }

  // ---- VLANs

  addVlan(bridgeName: string, vid: number, settings: Partial<Omit<VlanConfig, 'vid'>> = {}): Vlan {
    const { name = `vlan${vid}`, fdbMaxEntries = 0, secondary } = settings;
    const bridge = this.bridge(bridgeName);
    checkVid(bridge, vid);
    const vlan = bridge.vlans.get(vid) ?? this.domains.make(bridge, vid, name, true);
    vlan.name = name;
    this.list(bridge, vlan);
    vlan.fdbMaxEntries = fdbMaxEntries;
    this.dp.fdb.fidLimit[vlan.fid] = fdbMaxEntries;
    vlan.secondary = secondary;
    if (secondary !== undefined) bridge.secondaries.add(vlan);
    settlePrivateVlans(this, bridge);
    return vlan;
  }

  /** Removes a VLAN and every membership in it. */
  removeVlan(bridgeName: string, vid: number): void {
    const bridge = this.bridge(bridgeName);
    const vlan = bridge.vlans.get(vid);
    if (vlan === undefined || vid === UNAWARE_VID) throw new ControlError(`bridge ${bridgeName} has no VLAN ${vid}`);
    const owner = this.router?.interfaceIn(vlan.fid) ?? null;
    if (owner !== null) throw new ControlError(`VLAN ${vid} has the interface ${owner}; remove the interface first`);
    this.list(bridge, vlan);
    for (const port of this.ports.values()) {
      if (port.bridge !== bridge) continue;
      if (port.members.has(vid)) this.removeMember(port.name, vid);
      // A PVID needs no membership.
      if (port.settings.pvid === vid) this.setPvid(port.name, null);
    }
    this.domains.drop(bridge, vlan);
  }

  /** The VLAN stays without ports, too. */
  private list(bridge: Bridge, vlan: Vlan): void {
    vlan.configured = true;
    bridge.unlisted.delete(vlan);
  }

  // ---- ports

  /** Attaches a port; `bridge` null leaves it alone. It starts with its link down. */
  addPort(name: string, bridgeName: string | null, settings: Partial<PortSettings> = {}): Port {
    if (this.ports.has(name)) throw new ControlError(`port ${name} exists`);
    const bridge = bridgeName === null ? null : this.bridge(bridgeName);
    let index = 0;
    while (this.portByIndex[index] !== undefined) index++;
    if (index >= this.dp.ports.capacity) throw new ControlError(`no room for another port (${this.dp.ports.capacity})`);
    this.forgetting.now();
    const port: Port = {
      index,
      name,
      bridge: null,
      settings: { ...DEFAULT_PORT, ...settings },
      members: new MemberSet(),
      up: false,
      mirrorOutput: false,
      tunnelRow: -1,
      tunnel: null,
    };
    this.customerRows.settle(port);
    this.ports.set(name, port);
    this.portByIndex[index] = port;
    clearPortCounters(this.dp.countersOf, index);
    enterBridge(this, port, bridge);
    if (rewritesTags(port.settings)) this.writeTranslation();
    return port;
  }

  /** Changes settings of a port. */
  setPort(name: string, patch: Partial<PortSettings>): void {
    const port = this.port(name);
    const before = port.settings;
    port.settings = { ...before, ...patch };
    try {
      this.customerRows.settle(port);
    } catch (error) {
      port.settings = before;
      throw error;
    }
    if (stopsLearning(before, port.settings)) flushPort(this.dp.fdb, port.index, this.nowMs());
    compilePort(this.dp, port);
    if (rewritesTags(before) || rewritesTags(port.settings)) this.writeTranslation();
    this.layoutChanged();
  }

  /** How who drives this switch waits for frames. */
  setPoll(poll: PollConfig): void {
    this.poll = poll;
    this.onPollChanged();
  }

  /** VLANs of untagged frames by what they are, for all ports that ask for it. */
  setClassification(what: ClassificationConfig | ReadyClassification): void {
    this.classified = 'table' in what ? what : { table: compileClassification(what), from: what };
    adoptClassification(this.dp.classify, this.classified.table);
    this.tablesMoved();
  }

  get classification(): ClassificationConfig {
    return configOf(this.classified);
  }

  /** Ports or interfaces of groups may have come or gone. */
  settleGroups(): void {
    if (this.waiting !== null) this.waiting.layout = true;
    else if (this.macvlan.length !== 0 || this.ipvlan.length !== 0) compileGroups(this);
  }

  /** Rules of all ports that have some. */
  private writeTranslation(): void {
    if (compileTranslation(this.dp.translate, this.ports.values())) this.tablesMoved();
  }

  removePort(name: string): void {
    const port = this.port(name);
    if (port.tunnel !== null) throw new ControlError(`port ${name} is a tunnel`);
    requireNoVtep(this.vxlan, name);
    leaveBridge(this, this.memberSets, port);
    this.customerRows.release(port);
    clearPort(this.dp, port.index);
    this.ports.delete(name);
    this.portByIndex[port.index] = undefined;
    if (rewritesTags(port.settings)) this.writeTranslation();
    this.layoutChanged();
  }

  /** Puts the port into another bridge, or into none; its member set starts empty there. */
  movePort(name: string, bridgeName: string | null): void {
    const port = this.port(name);
    const bridge = bridgeName === null ? null : this.bridge(bridgeName);
    if (port.bridge === bridge) return;
    leaveBridge(this, this.memberSets, port);
    enterBridge(this, port, bridge);
    if (rewritesTags(port.settings)) this.writeTranslation();
  }

  /** Link up or down; down forgets what was learned on the port. */
  setLink(name: string, up: boolean): void {
    const port = this.port(name);
    if (port.up === up) return;
    port.up = up;
    if (up) this.router?.linkUp(port.index);
    else flushPort(this.dp.fdb, port.index, this.nowMs());
    compilePort(this.dp, port);
    this.layoutChanged();
    if (port.bridge === null) this.vxlan.onUplink(name, up);
  }

  /** Ports or mirrors have changed: what mirrors copy, and whom each port reaches. */
  layoutChanged(): void {
    if (this.waiting !== null) {
      this.waiting.layout = true;
      return;
    }
    if (this.mirrors.size !== 0 || this.dp.mirrors.inForce[0] !== 0) compileMirrors(this);
    this.settleGroups();
    compileLimits(this.dp, this.ports.values());
    compileReach(this.dp, this.ports.values());
    this.onPortsChanged();
  }

  port(name: string): Port {
    const port = this.ports.get(name);
    if (port === undefined) throw new ControlError(`no port ${name}`);
    return port;
  }

  /** Carries out many changes with one pass over the FDB (forget.ts), and over all ports, instead of one for each. */
  together(changes: () => void, later = false): void {
    if (this.waiting !== null) {
      changes();
      return;
    }
    const waiting = { layout: false, tables: false };
    this.waiting = waiting;
    try {
      this.forgetting.together(changes, later);
    } finally {
      this.waiting = null;
      if (waiting.layout) this.layoutChanged();
      if (waiting.tables) this.tablesMoved();
    }
  }

  /** Tables have new memory: who reads them is told, once for changes that are made together. */
  tablesMoved(): void {
    if (this.waiting !== null) this.waiting.tables = true;
    else this.onTablesMoved();
  }

  /** Makes the port a tunnel, changes what it carries, or (null) makes it a port like any other. */
  setPortTunnel(name: string, tunnel: PortTunnel | null): void {
    const port = this.port(name);
    port.tunnel = tunnel;
    this.recompile(port);
    if (port.bridge !== null) settleSuppression(this, port.bridge);
  }

  /** Writes the port anew after something that its rows are made of has changed. */
  recompile(port: Port): void {
    compilePort(this.dp, port);
    compileLimits(this.dp, this.ports.values());
    compileReach(this.dp, this.ports.values());
  }

  // ---- member sets

  /** Makes the port a member of the VLAN (made where it does not exist), leaving untagged or tagged. */
  setMember(portName: string, vid: number, untagged: boolean): void {
    const port = this.port(portName);
    if (port.bridge !== null) checkVid(port.bridge, vid);
    this.setMembers(portName, oneVid(vid), untagged);
  }

  /** The same of many VLANs: all or none. */
  setMembers(portName: string, vids: VidSet, untagged: boolean): void {
    this.memberSets.join(this.port(portName), vids, untagged);
  }

  /** Ends a membership; entries on the port in that VLAN go, a PVID of that VLAN becomes none. */
  removeMember(portName: string, vid: number): void {
    const port = this.port(portName);
    if (port.bridge === null || !port.members.has(vid))
      throw new ControlError(`port ${portName} is not in VLAN ${vid}`);
    this.removeMembers(portName, oneVid(vid));
  }

  /** The same of many VLANs: all or none. */
  removeMembers(portName: string, vids: VidSet): void {
    this.memberSets.leave(this.port(portName), vids);
  }

  /** Rows of the VLAN table that are free. */
  get freeVlans(): number {
    return this.domains.free;
  }

  /** The VID for untagged frames of the port, null drops them. The port need not be a member. */
  setPvid(portName: string, pvid: number | null): void {
    const port = this.port(portName);
    const bridge = port.bridge;
    if (bridge === null) throw new ControlError(`port ${portName} is in no bridge`);
    if (pvid !== null) {
      checkVid(bridge, pvid);
      if (!bridge.vlans.has(pvid)) this.domains.make(bridge, pvid, `vlan${pvid}`, false);
    }
    const before = port.settings.pvid === null ? undefined : bridge.vlans.get(port.settings.pvid);
    port.settings = { ...port.settings, pvid };
    compilePvid(this.dp, port);
    if (before !== undefined) this.memberSets.dropUnused(bridge, before);
  }

  /** FID under which the addresses of a VLAN are known, by name and number; VID null on an unaware bridge. */
  fdbFidOf(bridge: Bridge, vid: number | null): number {
    return this.dp.vlans.fdbFid[this.fidOf(bridge, vid)];
  }

  /** FID of a VLAN by name and number; VID null on an unaware bridge. */
  fidOf(bridge: Bridge, vid: number | null): number {
    if (vid === null && bridge.settings.type !== 'unaware')
      throw new ControlError(`bridge ${bridge.name} needs a VLAN`);
    const vlan = bridge.vlans.get(vid ?? UNAWARE_VID);
    if (vlan === undefined) throw new ControlError(`bridge ${bridge.name} has no VLAN ${vid}`);
    return vlan.fid;
  }
}
