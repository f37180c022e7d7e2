/**
 * The router by name: its interfaces, which write the router table. What prefixes lead to is in route-table.ts, what frames
 * ask of it in packets.ts.
 *
 * An interface is a port of the switch that nothing is plugged into: frames of the router come from it, so that it
 * has a place in the ledger and reaches what its bridge reaches. It is a member of no VLAN, so nothing is ever sent
 * to it: frames for its MAC are local (FDB), and questions to the VLAN are heard by the stage of that name.
 */

import type { InterfaceConfig, RouteConfig, VrfConfig } from '../../config/types/routing.ts';
import { type DataplaneShared, LIMIT_INTERFACES } from '../../dataplane/dataplane.ts';
import { neighborUsed, setStaticNeighbor, startNeighbors, tickNeighbors } from '../../protocols/neighbor.ts';
import { createNeighbors, ownOf } from '../../protocols/neighbor-state.ts';
import { createTokenBucket } from '../../protocols/token-bucket.ts';
import { hasBit, setBit } from '../../tables/bitmap.ts';
import { findEntry } from '../../tables/fdb/entries.ts';
import { RELAY_STATS } from '../../tables/router-table.ts';
import { addressBytes, addressText } from '../../wire/address.ts';
import { type Mac, parseMac } from '../../wire/ethernet.ts';
import { linkLocalAddress } from '../../wire/ipv6.ts';
import type { Control } from '../control.ts';
import { addEntry, deleteEntry, entryKind } from '../fdb-control.ts';
import { ControlError, type RouterControl } from '../model.ts';
import { AdjacencyRows } from './adjacency.ts';
import { createAdvertiser, dueAdvertisement } from './advertise.ts';
import { Claims } from './claims.ts';
import type { Interface, Waiting } from './model.ts';
import { RouterPackets, type Send } from './packets.ts';
import { ownBit, relayKinds } from './prefixes.ts';
import { REDIRECTS_AT_ONCE, REDIRECTS_PER_SECOND } from './redirect.ts';
import { RouteTable } from './route-table.ts';

export class Router implements RouterControl {
  readonly control: Control;
  readonly dp: DataplaneShared;
  readonly rows: AdjacencyRows;
  readonly routes: RouteTable;
  readonly packets: RouterPackets;
  readonly interfaces = new Map<string, Interface>();
  readonly byRow: (Interface | undefined)[] = [];
  /** Told of others who have an own address; one line for people. */
  tell: (text: string) => void = () => {};
  readonly #claims: Claims;

  constructor(control: Control, send: Send) {
    this.control = control;
    this.dp = control.dp;
    this.rows = new AdjacencyRows(control.dp.router, () => this.tablesMoved());
    this.routes = new RouteTable(this);
    this.packets = new RouterPackets(this, send);
    this.#claims = new Claims(control.dp.router, (text) => this.tell(text));
    control.router = this;
  }

  // ---- interfaces

  addInterface(config: InterfaceConfig): void {
    this.control.together(() => this.#add(config));
  }

  #add(config: InterfaceConfig): void {
    const { control } = this;
    const { router, vlans } = control.dp;
    if (this.interfaces.has(config.name)) throw new ControlError(`interface ${config.name} exists`);
    const bridge = control.bridge(config.bridge);
    const mac = parseMac(config.mac);
    if (mac === null) throw new ControlError(`${config.mac} is not a MAC address`);
    let row = 1;
    while (this.byRow[row] !== undefined) row++;
    if (row >= router.fid.length) throw new ControlError(`no room for another interface (${router.fid.length - 1})`);
    const fid = control.fidOf(bridge, config.vid);
    if (router.ifaceOf[fid] !== 0) throw new ControlError(`VLAN ${config.vid} has an interface already`);
    const vrf = this.routes.vrf(config.vrf);
    const port = control.addPort(config.name, config.bridge, {
      mode: 'access',
      ingressFiltering: false,
      learning: false,
      mtu: 65_535,
    });
    if (config.vid !== null) control.setPvid(config.name, config.vid);
    // On an unaware bridge every port is a member.
    setBit(vlans.member, vlans.width, fid, port.index, false);
    addEntry(control, localEntry(config), true);
    const neighbors = createNeighbors<Waiting>({
      mac,
      addresses: [...config.addresses, `${addressText(linkLocalAddress(mac.high, mac.low))}/64`],
      router: true,
      learnRequests: true,
      detectDuplicates: config.detectDuplicates,
    });
    const made: Interface = {
      row,
      name: config.name,
      config,
      mac,
      vrf,
      port: port.index,
      fid,
      neighbors,
      advertiser: config.routerAdvertisements ? createAdvertiser(config, mac) : null,
      rows: this.routes.connect(config, vrf, row),
      ownBits: config.addresses.map((text) => ownBit(text, vrf)),
      hosts: new Set(),
      claims: new Map(),
      announce: true,
      redirects: createTokenBucket(REDIRECTS_PER_SECOND, REDIRECTS_AT_ONCE, control.nowMs()),
    };
    this.interfaces.set(config.name, made);
    this.byRow[row] = made;
    this.#markOwn(made);
    control.dp.limits[LIMIT_INTERFACES] = this.interfaces.size;
    router.fid[row] = fid;
    router.vid[row] = config.vid ?? 0;
    router.port[row] = port.index;
    router.vrf[row] = vrf;
    router.macHigh[row] = mac.high;
    router.macLow[row] = mac.low;
    router.mtu[row] = config.mtu;
    router.duplicates[row] = 0;
    router.claimed[row] = 0;
    router.relay[row] = relayKinds(config);
    router.redirects[row] = config.redirects ? 1 : 0;
    router.redirects[0] += router.redirects[row]!;
    router.relayed.fill(0, row * RELAY_STATS, (row + 1) * RELAY_STATS);
    for (const { address, mac: text } of config.neighbors) {
      this.packets.act(made, setStaticNeighbor(neighbors, address, parseMac(text)!));
    }
    this.#serve(fid, row);
    control.setLink(config.name, true);
    control.settleGroups();
    control.tablesMoved();
  }

  setInterface(config: InterfaceConfig): void {
    const iface = this.interface(config.name);
    const { router } = this.dp;
    const { row } = iface;
    iface.config = config;
    addEntry(this.control, localEntry(config), true);
    router.mtu[row] = config.mtu;
    router.redirects[0] -= router.redirects[row]!;
    router.redirects[row] = config.redirects ? 1 : 0;
    router.redirects[0] += router.redirects[row]!;
    // Hosts are told the MTU.
    if (iface.advertiser !== null) iface.advertiser = createAdvertiser(config, iface.mac);
  }

  removeInterface(name: string): void {
    const iface = this.interface(name);
    const { control } = this;
    this.#serve(iface.fid, 0);
    for (const address of [...iface.hosts]) this.routes.neighborLost(iface, address);
    this.packets.forget(iface);
    this.routes.disconnect(iface);
    const { bridge, vid, mac } = iface.config;
    if (entryKind(control, bridge, vid, mac) === 'local') deleteEntry(control, bridge, vid, mac);
    control.removePort(name);
    this.interfaces.delete(name);
    this.byRow[iface.row] = undefined;
    this.dp.router.redirects[0] -= this.dp.router.redirects[iface.row]!;
    this.dp.router.redirects[iface.row] = 0;
    this.#unmarkOwn();
    control.dp.limits[LIMIT_INTERFACES] = this.interfaces.size;
    control.settleGroups();
  }

  interface(name: string): Interface {
    const iface = this.interfaces.get(name);
    if (iface === undefined) throw new ControlError(`no interface ${name}`);
    return iface;
  }

  hasInterface(name: string): boolean {
    return this.interfaces.has(name);
  }

  interfaceRow(name: string): number {
    return this.interfaces.get(name)?.row ?? 0;
  }

  interfaceIn(fid: number): string | null {
    const iface = this.byRow[this.dp.router.ifaceOf[fid]];
    return iface?.fid === fid ? iface.name : null;
  }

  ownerOfMac(fid: number, { high, low }: Mac): string | null {
    const iface = this.byRow[this.dp.router.ifaceOf[fid]];
    return iface !== undefined && iface.mac.high === high && iface.mac.low === low ? iface.name : null;
  }

  configuration(): { vrfs: VrfConfig[]; interfaces: InterfaceConfig[]; routes: RouteConfig[] } {
    return {
      vrfs: this.routes.declaredVrfs(),
      interfaces: [...this.interfaces.values()].map(({ config }) => config),
      routes: this.routes.list(),
    };
  }

  /** Own addresses are announced again where the port's link came up. */
  linkUp(port: number): void {
    const { vlans } = this.control.dp;
    for (const iface of this.interfaces.values()) {
      if (hasBit(vlans.member, vlans.width, iface.fid, port)) iface.announce = true;
    }
  }

  vlanChanged(fid: number): void {
    const { router, vlans } = this.control.dp;
    const own = this.byRow[router.ifaceOf[fid]]?.fid === fid;
    if (!own) router.ifaceOf[fid] = vlans.fdbFid[fid] === fid ? 0 : router.ifaceOf[vlans.fdbFid[fid]];
  }

  /** The interface is the VLAN's, and that of the VLANs whose primary it is. */
  #serve(fid: number, row: number): void {
    const { router, vlans } = this.dp;
    router.ifaceOf[fid] = row;
    for (const vlan of this.control.vlanByFid[fid]!.bridge.secondaries) {
      if (vlans.fdbFid[vlan.fid] === fid) router.ifaceOf[vlan.fid] = row;
    }
  }

  /** Which sources may be own addresses: a bit each, so that nearly every frame needs no second lookup. */
  #markOwn({ ownBits }: Interface): void {
    const { own } = this.control.dp.router;
    for (const bit of ownBits) own[bit >>> 5] |= 1 << (bit & 31);
  }

  /** Others may have had a bit of the one that is gone. */
  #unmarkOwn(): void {
    this.control.dp.router.own.fill(0);
    for (const iface of this.interfaces.values()) this.#markOwn(iface);
  }

  neighborKnown(iface: Interface, address: string, mac: Mac): void {
    this.routes.neighborKnown(iface, address, mac);
  }

  neighborLost(iface: Interface, address: string): void {
    this.routes.neighborLost(iface, address);
  }

  addressClaimed(iface: Interface, address: string, mac: Mac): void {
    this.#claims.heard(iface, address, mac, this.nowMs());
  }

  tablesMoved(): void {
    this.control.tablesMoved();
  }

  portName(index: number): string {
    for (const port of this.control.ports.values()) if (port.index === index) return port.name;
    return '';
  }

  nowMs(): number {
    return this.control.nowMs();
  }

  /** Whether the interface of the VLAN has the address. */
  hasAddress(fid: number, address: string): boolean {
    const iface = this.byRow[this.dp.router.ifaceOf[fid]];
    const bytes = iface === undefined ? null : addressBytes(address);
    return iface !== undefined && bytes !== null && ownOf(iface.neighbors, bytes) !== undefined;
  }

  /** Repeats, ages, announces; call about once a second. */
  tick(nowMs: number): void {
    if (this.interfaces.size === 0) return;
    this.rows.eachUsed((row, address) => {
      const iface = this.byRow[row];
      if (iface !== undefined) neighborUsed(iface.neighbors, address, nowMs);
    });
    for (const iface of this.interfaces.values()) {
      // Whatever took it: without its entry an interface gets no frame, and no configuration says that it is missing.
      const { high, low } = iface.mac;
      if (findEntry(this.dp.fdb, iface.fid, high, low, nowMs)?.kind !== 'local') {
        addEntry(this.control, localEntry(iface.config), true);
      }
      if (iface.announce && reaches(this.dp, iface)) {
        iface.announce = false;
        this.packets.act(iface, startNeighbors(iface.neighbors, nowMs));
      }
      this.packets.act(iface, tickNeighbors(iface.neighbors, nowMs));
      this.#claims.settle(iface, nowMs);
      const advertisement = iface.advertiser === null ? null : dueAdvertisement(iface.advertiser, nowMs);
      if (advertisement !== null) this.packets.emit(iface, advertisement);
    }
  }
}

/** Ports of its VLAN that are up. */
function reaches({ ports, vlans }: DataplaneShared, iface: Interface): boolean {
  for (let w = 0; w < ports.width; w++) {
    if ((ports.reach[iface.port * ports.width + w] & vlans.member[iface.fid * vlans.width + w]) !== 0) return true;
  }
  return false;
}

function localEntry(config: InterfaceConfig) {
  return { bridge: config.bridge, vid: config.vid, mac: config.mac, port: null, kind: 'local' as const };
}
