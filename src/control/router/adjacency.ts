/**
 * Adjacency rows as control keeps them: which row is whose, and how many routes lead to it.
 *
 * A neighbor has one row per interface, shared by all routes by way of it and by its own host route, so that finding it
 * or losing it is one write. Rows are given out again when nothing leads to them.
 */

import {
  ADJ_FORWARD,
  ADJ_FREE,
  ADJ_GROUP,
  ADJ_RESOLVE,
  type Adjacencies,
  groupMember,
  growAdjacencies,
  growMembers,
  makeReady,
  type RouterTable,
} from '../../tables/router-table.ts';
import { addressBytes } from '../../wire/address.ts';
import type { Mac } from '../../wire/ethernet.ts';

export class AdjacencyRows {
  readonly adj: Adjacencies;
  readonly #table: RouterTable;
  /** Address of a neighbor's row; null for rows of any other kind. */
  readonly addressOf: (string | null)[] = [null];
  readonly #byNeighbor = new Map<string, number>();
  readonly #shared = new Map<number, number>();
  readonly #uses: number[] = [0];
  readonly #free: number[] = [];
  readonly #moved: () => void;
  #members = 0;

  /** `moved` is called when the columns have new memory. */
  constructor(table: RouterTable, moved: () => void) {
    this.#table = table;
    this.adj = table.adj;
    this.#moved = moved;
  }

  /** A row that one route leads to. */
  take(kind: number, iface: number): number {
    const row = this.#free.pop() ?? this.#uses.length;
    if (growAdjacencies(this.adj, row)) this.#moved();
    this.addressOf[row] = null;
    this.#uses[row] = 1;
    this.adj.iface[row] = iface;
    this.adj.used[row] = 0;
    this.adj.kind[row] = kind;
    makeReady(this.#table, row);
    return row;
  }

  /** The one row of a kind that leads to no interface, one use more. */
  takeShared(kind: number): number {
    const known = this.#shared.get(kind);
    if (known !== undefined) {
      this.#uses[known]++;
      return known;
    }
    const row = this.take(kind, 0);
    this.#shared.set(kind, row);
    return row;
  }

  /** The row of a neighbor, one use more. */
  takeNeighbor(iface: number, address: string): number {
    const key = neighborKey(iface, address);
    const known = this.#byNeighbor.get(key);
    if (known !== undefined) {
      this.#uses[known]++;
      return known;
    }
    const row = this.take(ADJ_RESOLVE, iface);
    this.addressOf[row] = address;
    const bytes = addressBytes(address)!;
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 4) this.adj.address[row * 4 + at / 4] = view.getInt32(at);
    this.adj.addressBytes[row] = bytes.length;
    this.#byNeighbor.set(key, row);
    return row;
  }

  /** A row of several, each of which it uses. */
  takeGroup(rows: readonly number[]): number {
    const row = this.take(ADJ_GROUP, 0);
    growMembers(this.adj, this.#members + rows.length);
    this.adj.members.set(rows, this.#members);
    this.adj.first[row] = this.#members;
    this.adj.count[row] = rows.length;
    this.#members += rows.length;
    this.#moved();
    return row;
  }

  /** One use less; the last one frees the row, and what a group leads to. */
  release(row: number): void {
    if (--this.#uses[row] > 0) return;
    const { adj } = this;
    if (adj.kind[row] === ADJ_GROUP) {
      const first = adj.first[row];
      for (const member of [...adj.members.subarray(first, first + adj.count[row])]) this.release(member);
      this.#closeGap(first, adj.count[row]);
    }
    const address = this.addressOf[row];
    if (address !== null && address !== undefined) this.#byNeighbor.delete(neighborKey(adj.iface[row], address));
    if (this.#shared.get(adj.kind[row]) === row) this.#shared.delete(adj.kind[row]);
    this.addressOf[row] = null;
    adj.addressBytes[row] = 0;
    adj.kind[row] = ADJ_FREE;
    makeReady(this.#table, row);
    this.#free.push(row);
  }

  /** The members of all groups stand in one row without gaps. */
  #closeGap(first: number, count: number): void {
    const { adj } = this;
    adj.members.copyWithin(first, first + count, this.#members);
    this.#members -= count;
    for (let row = 1; row < this.#uses.length; row++) {
      if (adj.kind[row] === ADJ_GROUP && adj.first[row] > first) adj.first[row] -= count;
    }
  }

  rowOf(iface: number, address: string): number {
    return this.#byNeighbor.get(neighborKey(iface, address)) ?? 0;
  }

  /** The row of a group that a flow takes. */
  memberOf(group: number, hash: number): number {
    return groupMember(this.adj, group, hash);
  }

  /** Frames go to `mac` from now on, or wait for an answer where it is null. */
  setMac(row: number, mac: Mac | null): void {
    const { adj } = this;
    if (mac !== null) {
      adj.macHigh[row] = mac.high;
      adj.macLow[row] = mac.low;
    }
    adj.kind[row] = mac === null ? ADJ_RESOLVE : ADJ_FORWARD;
    makeReady(this.#table, row);
  }

  /** Calls back for every neighbor that frames went to since the last time. */
  eachUsed(used: (iface: number, address: string) => void): void {
    for (let row = 1; row < this.#uses.length; row++) {
      if (this.adj.used[row] === 0) continue;
      this.adj.used[row] = 0;
      const address = this.addressOf[row];
      if (address !== null && address !== undefined) used(this.adj.iface[row], address);
    }
  }
}

function neighborKey(iface: number, address: string): string {
  return `${iface} ${address}`;
}
