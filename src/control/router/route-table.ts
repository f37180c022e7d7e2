/**
 * What prefixes lead to, in every VRF: subnets and addresses of interfaces, configured routes, and a prefix of full
 * length for each neighbor that is known. A route may not have the prefix of an interface. It goes before the prefix of
 * a neighbor, which has it again when the route is gone.
 */

import type { InterfaceConfig, NextHopConfig, RouteConfig, RouteKind, VrfConfig } from '../../config/types/routing.ts';
import type { DataplaneShared } from '../../dataplane/dataplane.ts';
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
} from '../../tables/router-table.ts';
import { addressBytes, addressText } from '../../wire/address.ts';
import type { Mac } from '../../wire/ethernet.ts';
import { ControlError, type RoutesControl } from '../model.ts';
import type { AdjacencyRows } from './adjacency.ts';
import type { Interface } from './model.ts';
import { isLinkLocal, ownPrefixes, prefixOf, routeKey } from './prefixes.ts';
import { VrfNumbers } from './vrf-numbers.ts';

const KINDS: Record<Exclude<RouteKind, 'via'>, number> = {
  blackhole: ADJ_BLACKHOLE,
  unreachable: ADJ_UNREACHABLE,
  prohibited: ADJ_PROHIBITED,
};

/** What routes ask of their router. */
interface Around {
  readonly dp: DataplaneShared;
  readonly rows: AdjacencyRows;
  readonly byRow: readonly (Interface | undefined)[];
  interface(name: string): Interface;
  /** Tables have other memory than before. */
  tablesMoved(): void;
}

export class RouteTable implements RoutesControl {
  readonly rib4: Rib;
  readonly rib6: Rib;
  readonly #around: Around;
  readonly #rows: AdjacencyRows;
  readonly #vrfs = new VrfNumbers();
  #declared: readonly VrfConfig[] = [];
  readonly #routes = new Map<string, { route: RouteConfig; row: number }>();
  readonly #told: (Int32Array | Uint16Array)[] = [];

  constructor(around: Around) {
    this.#around = around;
    this.#rows = around.rows;
    this.rib4 = createRib4(around.dp.router.lpm4);
    this.rib6 = createRib6(around.dp.router.lpm6);
  }

  // ---- VRFs

  /** Their tables are there from now on, whoever comes to be in them. */
  declareVrfs(vrfs: readonly VrfConfig[]): void {
    for (const { name } of vrfs) this.vrf(name);
    this.#vrfs.declare(vrfs.map(({ name }) => name));
    this.#declared = vrfs;
  }

  declaredVrfs(): VrfConfig[] {
    return [...this.#declared];
  }

  /** The number of the VRF, which has tables from now on. */
  vrf(name: string): number {
    const known = this.#vrfs.find(name);
    if (known !== undefined) return known;
    const vrf = this.#vrfs.take(name);
    growVrfs(this.rib4, vrf + 1);
    growVrfs(this.rib6, vrf + 1);
    this.#tellMoved();
    return vrf;
  }

  // ---- interfaces

  /** The prefixes of an interface; the rows they lead to. */
  connect(config: InterfaceConfig, vrf: number, row: number): number[] {
    const resolve = this.#rows.take(ADJ_RESOLVE, row);
    const local = this.#rows.take(ADJ_LOCAL, row);
    const broadcast = this.#rows.take(ADJ_BROADCAST, row);
    for (const { bytes, length, kind } of ownPrefixes(config)) {
      const to = kind === ADJ_LOCAL ? local : kind === ADJ_BROADCAST ? broadcast : resolve;
      putPrefix(this.#ribOf(bytes), vrf, bytes, length, to);
    }
    this.#vrfs.enter(config.vrf);
    return [resolve, local, broadcast];
  }

  disconnect(iface: Interface): void {
    for (const { bytes, length } of ownPrefixes(iface.config)) {
      const rib = this.#ribOf(bytes);
      if (iface.rows.includes(findPrefix(rib, iface.vrf, bytes, length))) removePrefix(rib, iface.vrf, bytes, length);
    }
    for (const row of iface.rows) this.#rows.release(row);
    this.#vrfs.leave(iface.config.vrf);
    this.#tellMoved();
  }

  // ---- routes

  list(): RouteConfig[] {
    return [...this.#routes.values()].map(({ route }) => route);
  }

  add(route: RouteConfig): void {
    if (this.#routes.has(routeKey(route))) throw new ControlError(`route ${route.prefix} exists`);
    if (this.isConnected(route)) throw new ControlError(`${route.prefix} is a prefix of an interface`);
    this.#put(route);
  }

  isConnected(route: RouteConfig): boolean {
    const vrf = this.#vrfs.find(route.vrf);
    if (vrf === undefined || this.#routes.has(routeKey(route))) return false;
    const { bytes, length } = prefixOf(route.prefix);
    const row = findPrefix(this.#ribOf(bytes), vrf, bytes, length);
    return row !== 0 && !this.#isHost(row, bytes, length);
  }

  /** The route in the place of the one that its prefix has: there is always one of them. */
  replace(route: RouteConfig): void {
    const before = this.#routes.get(routeKey(route));
    if (before === undefined) throw new ControlError(`no route ${route.prefix}`);
    this.#put(route);
    this.#rows.release(before.row);
  }

  remove(route: RouteConfig): void {
    const key = routeKey(route);
    const row = this.#routes.get(key)?.row;
    if (row === undefined) throw new ControlError(`no route ${route.prefix}`);
    const { bytes, length } = prefixOf(route.prefix);
    const vrf = this.vrf(route.vrf);
    removePrefix(this.#ribOf(bytes), vrf, bytes, length);
    this.#routes.delete(key);
    this.#vrfs.leave(route.vrf);
    this.#rows.release(row);
    if (length === bytes.length * 8) this.#showHost(vrf, bytes);
    this.#tellMoved();
  }

  #put(route: RouteConfig): void {
    const { bytes, length } = prefixOf(route.prefix);
    const vrf = this.vrf(route.vrf);
    const row = route.kind === 'via' ? this.#rowVia(route.via) : this.#rows.takeShared(KINDS[route.kind]);
    const before = putPrefix(this.#ribOf(bytes), vrf, bytes, length, row);
    const key = routeKey(route);
    if (!this.#routes.has(key)) {
      this.#vrfs.enter(route.vrf);
      if (before !== 0) this.#hideHost(before);
    }
    this.#routes.set(key, { route, row });
    this.#tellMoved();
  }

  #rowVia(via: readonly NextHopConfig[]): number {
    const rows = via.map((hop) => {
      const iface = this.#around.interface(hop.interface);
      const row = this.#rows.takeNeighbor(iface.row, hop.address);
      const mac = iface.neighbors.entries.get(hop.address)?.mac;
      if (mac !== undefined && mac !== null) this.#rows.setMac(row, mac);
      return row;
    });
    return rows.length === 1 ? rows[0]! : this.#rows.takeGroup(rows);
  }

  // ---- neighbors

  /** A neighbor answered: its row leads to it, and it gets a host route where its address is connected. */
  neighborKnown(iface: Interface, address: string, mac: Mac): void {
    const bytes = addressBytes(address)!;
    const rib = this.#ribOf(bytes);
    const bits = bytes.length * 8;
    if (!iface.hosts.has(address) && !isLinkLocal(bytes) && findPrefix(rib, iface.vrf, bytes, bits) === 0) {
      iface.hosts.add(address);
      putPrefix(rib, iface.vrf, bytes, bits, this.#rows.takeNeighbor(iface.row, address));
      this.#tellMoved();
    }
    const row = this.#rows.rowOf(iface.row, address);
    if (row !== 0) this.#rows.setMac(row, mac);
  }

  neighborLost(iface: Interface, address: string): void {
    const row = this.#rows.rowOf(iface.row, address);
    if (row === 0) return;
    this.#rows.setMac(row, null);
    if (!iface.hosts.delete(address)) return;
    const bytes = addressBytes(address)!;
    removePrefix(this.#ribOf(bytes), iface.vrf, bytes, bytes.length * 8);
    this.#rows.release(row);
    this.#tellMoved();
  }

  /** Whether a neighbor's own prefix leads to the row, where no route does: routes go before it. */
  #isHost(row: number, bytes: Uint8Array, length: number): boolean {
    return length === bytes.length * 8 && this.#rows.addressOf[row] === addressText(bytes);
  }

  /** A route has the prefix of the neighbor that the row is of. */
  #hideHost(row: number): void {
    this.#interfaceOf(row)!.hosts.delete(this.#rows.addressOf[row]!);
    this.#rows.release(row);
  }

  /** A neighbor with the address has its prefix again. */
  #showHost(vrf: number, bytes: Uint8Array): void {
    const { lpm4, lpm6 } = this.#around.dp.router;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const row = bytes.length === 4 ? lookup4(lpm4, vrf, view.getUint32(0)) : lookup6(lpm6, vrf, view, 0);
    const iface = this.#rows.addressOf[row] === null ? this.#interfaceOf(row) : undefined;
    const address = addressText(bytes);
    const mac = iface?.neighbors.entries.get(address)?.mac;
    if (iface !== undefined && mac !== undefined && mac !== null) this.neighborKnown(iface, address, mac);
  }

  #interfaceOf(row: number): Interface | undefined {
    return this.#around.byRow[this.#rows.adj.iface[row]];
  }

  #ribOf(bytes: Uint8Array): Rib {
    return bytes.length === 4 ? this.rib4 : this.rib6;
  }

  /** Other threads read the prefixes: they are given new memory when there is some. A removal may need some too. */
  #tellMoved(): void {
    const now = [...sharedArrays(this.rib4), ...sharedArrays(this.rib6)];
    if (now.every((words, i) => words === this.#told[i])) return;
    this.#told.splice(0, now.length, ...now);
    this.#around.tablesMoved();
  }
}
