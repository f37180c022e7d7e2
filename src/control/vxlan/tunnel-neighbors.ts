/**
 * Neighbors behind one tunnel, by VLAN and address: what hosts said of themselves (learned), and what a control plane
 * says of them (told). Whether the FDB has them there is for who asks.
 *
 * Learned ones stand in the order in which they were last heard of, so that ageing takes from the front. A full table
 * refuses newcomers: who cannot be learned is asked for through the tunnel as ever, and who is known stays known. One
 * MAC address has a share of its own, so that no host takes it all.
 */

import type { TunnelConfig } from '../../config/types/vxlan.ts';
import type { AddressClaim, KnownHost } from '../../protocols/suppress.ts';
import { formatMac, type Mac } from '../../wire/ethernet.ts';

export type NeighborLimits = Pick<
  TunnelConfig,
  'suppress' | 'maxNeighbors' | 'vlanMaxNeighbors' | 'neighborAgeSeconds'
>;

export interface TunnelNeighbor {
  /** 0 on an unaware bridge. */
  readonly vid: number;
  readonly address: string;
  readonly mac: Mac;
  readonly isRouter: boolean;
  readonly kind: 'dynamic' | 'external';
  /** When it was last heard of, in ms; 0 for one that was told. */
  readonly heardMs: number;
}

/** Addresses of one MAC address in a VLAN. */
const HOST_MAX_NEIGHBORS = 64;
export const MAX_TOLD_NEIGHBORS = 16_384;

export class TunnelNeighbors {
  readonly #learned = new Map<string, TunnelNeighbor>();
  readonly #told = new Map<string, TunnelNeighbor>();
  /** Learned ones by VLAN, and by VLAN and MAC address. */
  readonly #counts = new Map<string, number>();
  #limits: NeighborLimits = { suppress: false, maxNeighbors: 0, vlanMaxNeighbors: 0, neighborAgeSeconds: 0 };

  /** What is learned begins anew where there is less room. */
  setLimits(limits: NeighborLimits): void {
    const { maxNeighbors, vlanMaxNeighbors } = this.#limits;
    const isLess = limits.maxNeighbors < maxNeighbors || limits.vlanMaxNeighbors < vlanMaxNeighbors;
    if (isLess || !limits.suppress) {
      this.#learned.clear();
      this.#counts.clear();
    }
    this.#limits = limits;
  }

  /** A host behind the tunnel says so. Who is somebody else now is believed at once. */
  learn(vid: number, { address, mac, isRouter }: AddressClaim, nowMs: number): void {
    this.expire(nowMs);
    const key = keyOf(vid, address);
    const there = this.#learned.get(key);
    if (there !== undefined) this.#drop(key, there);
    const isSame = there !== undefined && there.mac.high === mac.high && there.mac.low === mac.low;
    const router = isRouter ?? (isSame ? there.isRouter : null);
    if (router === null || !this.#hasRoom(vid, mac)) return;
    this.#learned.set(key, { vid, address, mac, isRouter: router, kind: 'dynamic', heardMs: nowMs });
    this.#count(vid, mac, 1);
  }

  /** Somebody who is not behind the tunnel has the address. */
  forget(vid: number, address: string): void {
    const key = keyOf(vid, address);
    const there = this.#learned.get(key);
    if (there !== undefined) this.#drop(key, there);
  }

  /** False when there are too many. */
  tell(vid: number, address: string, mac: Mac, isRouter: boolean): boolean {
    const key = keyOf(vid, address);
    if (!this.#told.has(key) && this.#told.size >= MAX_TOLD_NEIGHBORS) return false;
    this.#told.set(key, { vid, address, mac, isRouter, kind: 'external', heardMs: 0 });
    return true;
  }

  /** False when it was not told. */
  untell(vid: number, address: string): boolean {
    return this.#told.delete(keyOf(vid, address));
  }

  find(vid: number, address: string, nowMs: number): KnownHost | null {
    this.expire(nowMs);
    const key = keyOf(vid, address);
    return this.#told.get(key) ?? this.#learned.get(key) ?? null;
  }

  expire(nowMs: number): void {
    const ageMs = this.#limits.neighborAgeSeconds * 1000;
    for (const [key, neighbor] of this.#learned) {
      if (((nowMs - neighbor.heardMs) | 0) <= ageMs) return;
      this.#drop(key, neighbor);
    }
  }

  list(nowMs: number): TunnelNeighbor[] {
    this.expire(nowMs);
    return [...this.#told.values(), ...this.#learned.values()];
  }

  #hasRoom(vid: number, mac: Mac): boolean {
    const { maxNeighbors, vlanMaxNeighbors } = this.#limits;
    if (this.#learned.size >= maxNeighbors || (this.#counts.get(`${vid}`) ?? 0) >= vlanMaxNeighbors) return false;
    return (this.#counts.get(hostKey(vid, mac)) ?? 0) < HOST_MAX_NEIGHBORS;
  }

  #drop(key: string, { vid, mac }: TunnelNeighbor): void {
    this.#learned.delete(key);
    this.#count(vid, mac, -1);
  }

  #count(vid: number, mac: Mac, by: 1 | -1): void {
    for (const key of [`${vid}`, hostKey(vid, mac)]) {
      const count = (this.#counts.get(key) ?? 0) + by;
      if (count === 0) this.#counts.delete(key);
      else this.#counts.set(key, count);
    }
  }
}

function keyOf(vid: number, address: string): string {
  return `${vid} ${address}`;
}

function hostKey(vid: number, mac: Mac): string {
  return `${vid} ${formatMac(mac.high, mac.low)}`;
}
