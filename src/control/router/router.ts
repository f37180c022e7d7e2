/**
 * The router by name: interfaces of VLANs, VRFs, routes. It writes the router table; what frames ask of it is in
 * router/packets.ts.
 *
 * An interface is a port of the switch that nothing is plugged into: frames of the router come from it, so that it
 * has a place in the ledger and reaches what its bridge reaches. It is a member of no VLAN, so nothing is ever sent
 * to it: frames for its MAC are local (FDB), and questions to the VLAN are heard by the stage of that name.
 */

import type { InterfaceConfig, NextHopConfig, RouteConfig, RouteKind, VrfConfig } from '../../config/types.ts';
import { type DataplaneShared, LIMIT_INTERFACES } from '../../dataplane/dataplane.ts';
import { neighborUsed, setStaticNeighbor, startNeighbors, tickNeighbors } from '../../protocols/neighbor.ts';
import { createNeighbors, ownOf } from '../../protocols/neighbor-state.ts';
import { createTokenBucket } from '../../protocols/token-bucket.ts';
import { hasBit, setBit } from '../../tables/bitmap.ts';
import { lookup4, lookup6 } from '../../tables/lpm/lpm.ts';
import {
  createRib4,
  createRib6,
  findPrefix,
  growVrfs,
  putPrefix,
  type Rib,
  removePrefix,
  sharedArrays,
} from '../../tables/lpm/update.ts';
import {
  ADJ_BLACKHOLE,
  ADJ_BROADCAST,
  ADJ_LOCAL,
  ADJ_PROHIBITED,
  ADJ_RESOLVE,
  ADJ_UNREACHABLE,
  RELAY_STATS,
} from '../../tables/router-table.ts';
import { addressBytes, addressText } from '../../wire/address.ts';
import { type Mac, parseMac } from '../../wire/ethernet.ts';
import { linkLocalAddress } from '../../wire/ipv6.ts';
import type { Control } from '../control.ts';
import { addEntry, deleteEntry, entryKind } from '../fdb-control.ts';
import { ControlError, type RouterControl } from '../model.ts';
import { AdjacencyRows } from './adjacency.ts';
import { createAdvertiser, dueAdvertisement } from './advertise.ts';
import type { Interface, Waiting } from './model.ts';
import { RouterPackets, type Send } from './packets.ts';
import { isLinkLocal, ownBit, ownPrefixes, prefixOf, relayKinds, routeKey } from './prefixes.ts';
import { REDIRECTS_AT_ONCE, REDIRECTS_PER_SECOND } from './redirect.ts';
import { VrfNumbers } from './vrf-numbers.ts';

const KINDS: Record<Exclude<RouteKind, 'via'>, number> = {
  blackhole: ADJ_BLACKHOLE,
  unreachable: ADJ_UNREACHABLE,
  prohibited: ADJ_PROHIBITED,
};

export class Router implements RouterControl {
  readonly control: Control;
  readonly dp: DataplaneShared;
  readonly rows: AdjacencyRows;
  readonly packets: RouterPackets;
  readonly interfaces = new Map<string, Interface>();
  readonly byRow: (Interface | undefined)[] = [];
  readonly rib4: Rib;
  readonly rib6: Rib;
  readonly #vrfs = new VrfNumbers();
  #declared: readonly VrfConfig[] = [];
  readonly #routes = new Map<string, { route: RouteConfig; row: number }>();

  constructor(control: Control, send: Send) {
    this.control = control;
    this.dp = control.dp;
    const { router } = control.dp;
    this.rows = new AdjacencyRows(router, () => control.tablesMoved());
    this.rib4 = createRib4(router.lpm4);
    this.rib6 = createRib6(router.lpm6);
    this.packets = new RouterPackets(this, send);
    control.router = this;
  }

  // ---- interfaces

  addInterface(config: InterfaceConfig): void {
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
    const vrf = this.#vrf(config.vrf);
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
      rows: this.#connect(config, vrf, row),
      ownBits: config.addresses.map((text) => ownBit(text, vrf)),
      hosts: new Set(),
      announce: true,
      redirects: createTokenBucket(REDIRECTS_PER_SECOND, REDIRECTS_AT_ONCE, control.nowMs()),
    };
    this.interfaces.set(config.name, made);
    this.#vrfs.enter(config.vrf);
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
    for (const address of [...iface.hosts]) this.neighborLost(iface, address);
    this.packets.forget(iface);
    this.#disconnect(iface);
    const { bridge, vid, mac } = iface.config;
    if (entryKind(control, bridge, vid, mac) === 'local') deleteEntry(control, bridge, vid, mac);
    control.removePort(name);
    this.interfaces.delete(name);
    this.#vrfs.leave(iface.config.vrf);
    this.byRow[iface.row] = undefined;
    this.dp.router.redirects[0] -= this.dp.router.redirects[iface.row]!;
    this.dp.router.redirects[iface.row] = 0;
    this.#unmarkOwn();
    control.dp.limits[LIMIT_INTERFACES] = this.interfaces.size;
    control.settleGroups();
    this.#tellMoved();
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
      vrfs: [...this.#declared],
      interfaces: [...this.interfaces.values()].map(({ config }) => config),
      routes: [...this.#routes.values()].map(({ route }) => route),
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

  /** The prefixes of an interface; the rows they lead to. */
  #connect(config: InterfaceConfig, vrf: number, row: number): number[] {
    const resolve = this.rows.take(ADJ_RESOLVE, row);
    const local = this.rows.take(ADJ_LOCAL, row);
    const broadcast = this.rows.take(ADJ_BROADCAST, row);
    for (const { bytes, length, kind } of ownPrefixes(config)) {
      const to = kind === ADJ_LOCAL ? local : kind === ADJ_BROADCAST ? broadcast : resolve;
      putPrefix(this.ribOf(bytes), vrf, bytes, length, to);
    }
    return [resolve, local, broadcast];
  }

  #disconnect(iface: Interface): void {
    for (const { bytes, length } of ownPrefixes(iface.config)) {
      const rib = this.ribOf(bytes);
      if (iface.rows.includes(findPrefix(rib, iface.vrf, bytes, length))) removePrefix(rib, iface.vrf, bytes, length);
    }
    for (const row of iface.rows) this.rows.release(row);
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

  // ---- routes

  addRoute(route: RouteConfig): void {
    if (this.#routes.has(routeKey(route))) throw new ControlError(`route ${route.prefix} exists`);
    if (this.isConnected(route)) throw new ControlError(`${route.prefix} is a prefix of an interface`);
    this.#put(route);
  }

  isConnected(route: RouteConfig): boolean {
    const vrf = this.#vrfs.find(route.vrf);
    if (vrf === undefined || this.#routes.has(routeKey(route))) return false;
    const { bytes, length } = prefixOf(route.prefix);
    const row = findPrefix(this.ribOf(bytes), vrf, bytes, length);
    return row !== 0 && !this.#isHost(row, bytes, length);
  }

  /** Whether a neighbor's own prefix leads to the row, where no route does: routes go before it. */
  #isHost(row: number, bytes: Uint8Array, length: number): boolean {
    return length === bytes.length * 8 && this.rows.addressOf[row] === addressText(bytes);
  }

  /** The route in the place of the one that its prefix has: there is always one of them. */
  replaceRoute(route: RouteConfig): void {
    const before = this.#routes.get(routeKey(route));
    if (before === undefined) throw new ControlError(`no route ${route.prefix}`);
    this.#put(route);
    this.rows.release(before.row);
  }

  #put(route: RouteConfig): void {
    const { bytes, length } = prefixOf(route.prefix);
    const vrf = this.#vrf(route.vrf);
    const row = route.kind === 'via' ? this.#rowVia(route.via) : this.rows.takeShared(KINDS[route.kind]);
    const before = putPrefix(this.ribOf(bytes), vrf, bytes, length, row);
    const key = routeKey(route);
    if (!this.#routes.has(key)) {
      this.#vrfs.enter(route.vrf);
      if (before !== 0) this.#hideHost(before);
    }
    this.#routes.set(key, { route, row });
    this.#tellMoved();
  }

  removeRoute(route: RouteConfig): void {
    const key = routeKey(route);
    const row = this.#routes.get(key)?.row;
    if (row === undefined) throw new ControlError(`no route ${route.prefix}`);
    const { bytes, length } = prefixOf(route.prefix);
    const vrf = this.#vrf(route.vrf);
    removePrefix(this.ribOf(bytes), vrf, bytes, length);
    this.#routes.delete(key);
    this.#vrfs.leave(route.vrf);
    this.rows.release(row);
    if (length === bytes.length * 8) this.#showHost(vrf, bytes);
    this.#tellMoved();
  }

  /** A route has the prefix of the neighbor that the row is of. */
  #hideHost(row: number): void {
    this.byRow[this.rows.adj.iface[row]]!.hosts.delete(this.rows.addressOf[row]!);
    this.rows.release(row);
  }

  /** A neighbor with the address has its prefix again. */
  #showHost(vrf: number, bytes: Uint8Array): void {
    const { lpm4, lpm6 } = this.dp.router;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const row = bytes.length === 4 ? lookup4(lpm4, vrf, view.getUint32(0)) : lookup6(lpm6, vrf, view, 0);
    const iface = this.rows.addressOf[row] === null ? this.byRow[this.rows.adj.iface[row]] : undefined;
    const address = addressText(bytes);
    const mac = iface?.neighbors.entries.get(address)?.mac;
    if (iface !== undefined && mac !== undefined && mac !== null) this.neighborKnown(iface, address, mac);
  }

  #rowVia(via: readonly NextHopConfig[]): number {
    const rows = via.map((hop) => {
      const iface = this.interface(hop.interface);
      const row = this.rows.takeNeighbor(iface.row, hop.address);
      const mac = iface.neighbors.entries.get(hop.address)?.mac;
      if (mac !== undefined && mac !== null) this.rows.setMac(row, mac);
      return row;
    });
    return rows.length === 1 ? rows[0]! : this.rows.takeGroup(rows);
  }

  /** Their tables are there from now on, whoever comes to be in them. */
  declareVrfs(vrfs: readonly VrfConfig[]): void {
    for (const { name } of vrfs) this.#vrf(name);
    this.#vrfs.declare(vrfs.map(({ name }) => name));
    this.#declared = vrfs;
  }

  ribOf(bytes: Uint8Array): Rib {
    return bytes.length === 4 ? this.rib4 : this.rib6;
  }

  #vrf(name: string): number {
    const known = this.#vrfs.find(name);
    if (known !== undefined) return known;
    const vrf = this.#vrfs.take(name);
    growVrfs(this.rib4, vrf + 1);
    growVrfs(this.rib6, vrf + 1);
    this.#tellMoved();
    return vrf;
  }

  readonly #told: (Int32Array | Uint16Array)[] = [];

  /** Other threads read the prefixes: they are given new memory when there is some. A removal may need some too. */
  #tellMoved(): void {
    const now = [...sharedArrays(this.rib4), ...sharedArrays(this.rib6)];
    if (now.every((words, i) => words === this.#told[i])) return;
    this.#told.splice(0, now.length, ...now);
    this.control.tablesMoved();
  }

  // ---- neighbors

  /** A neighbor answered: its row leads to it, and it gets a host route where its address is connected. */
  neighborKnown(iface: Interface, address: string, mac: Mac): void {
    const bytes = addressBytes(address)!;
    const rib = this.ribOf(bytes);
    const bits = bytes.length * 8;
    if (!iface.hosts.has(address) && !isLinkLocal(bytes) && findPrefix(rib, iface.vrf, bytes, bits) === 0) {
      iface.hosts.add(address);
      putPrefix(rib, iface.vrf, bytes, bits, this.rows.takeNeighbor(iface.row, address));
      this.#tellMoved();
    }
    const row = this.rows.rowOf(iface.row, address);
    if (row !== 0) this.rows.setMac(row, mac);
  }

  neighborLost(iface: Interface, address: string): void {
    const row = this.rows.rowOf(iface.row, address);
    if (row === 0) return;
    this.rows.setMac(row, null);
    if (!iface.hosts.delete(address)) return;
    const bytes = addressBytes(address)!;
    removePrefix(this.ribOf(bytes), iface.vrf, bytes, bytes.length * 8);
    this.rows.release(row);
    this.#tellMoved();
  }

  /** Somebody else has an own address. */
  addressTaken(iface: Interface): void {
    let bits = 0;
    iface.neighbors.own.forEach(({ state }, i) => {
      if (i < 32 && state === 'duplicate') bits |= 1 << i;
    });
    this.dp.router.duplicates[iface.row] = bits;
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
      if (iface.announce && reaches(this.dp, iface)) {
        iface.announce = false;
        this.packets.act(iface, startNeighbors(iface.neighbors, nowMs));
      }
      this.packets.act(iface, tickNeighbors(iface.neighbors, nowMs));
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
