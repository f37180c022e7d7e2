/**
 * Everything that a frame meets, in one object: tables, counters, arena, egress lists.
 *
 * Tables and counters are shared memory (`DataplaneShared` can be posted to another thread); arena and egress
 * belong to the forwarding thread. With several workers each has such an object: the first makes the tables, the others
 * join them, and what a worker writes all the time, its counters and samples, is its own.
 */

import { type ClassifyTable, createClassifyTable } from '../tables/classify-table.ts';
import { createFdb, type Fdb } from '../tables/fdb/fdb.ts';
import { createGate, type Gate, MAX_WORKERS, workerGate } from '../tables/gate.ts';
import { createIpvlanTable, type IpvlanTable } from '../tables/ipvlan-table.ts';
import { createMacvlanTable, type MacvlanTable } from '../tables/macvlan-table.ts';
import { createMirrorTable, type MirrorTable } from '../tables/mirror-table.ts';
import { createPortTable, MAX_PORTS, type PortTable } from '../tables/port-table.ts';
import { createRouterTable, type RouterTable } from '../tables/router-table.ts';
import { sharedInt32 } from '../tables/shared.ts';
import { createTranslateTable, type TranslateTable } from '../tables/translate-table.ts';
import { createVlanTable, MAX_FIDS, type VlanTable } from '../tables/vlan-table.ts';
import { createVxlanTables, type VxlanSize, type VxlanTables } from '../tables/vxlan-tables.ts';
import { type Arena, createArena } from './arena.ts';
import { BATCH_FRAMES, createEgress, type Egress } from './batch.ts';
import { type Counters, createCounters } from './counters.ts';
import { createDropSamples, type DropSamples } from './samples.ts';
import { createUnderlay, type Underlay } from './vxlan/underlay.ts';

export interface DataplaneShared {
  readonly ports: PortTable;
  readonly vlans: VlanTable;
  readonly fdb: Fdb;
  readonly mirrors: MirrorTable;
  readonly router: RouterTable;
  readonly translate: TranslateTable;
  readonly classify: ClassifyTable;
  readonly macvlan: MacvlanTable;
  readonly ipvlan: IpvlanTable;
  /** This worker's counters and samples, and each one's. */
  readonly counters: Counters;
  readonly countersOf: readonly Counters[];
  readonly vxlan: VxlanTables;
  /** LIMIT_*. */
  readonly limits: Int32Array;
  readonly samples: DropSamples;
  readonly samplesOf: readonly DropSamples[];
  /** How workers and control keep out of each other's way, and which of them this is. */
  readonly gate: Gate;
}

export interface Dataplane extends DataplaneShared {
  readonly arena: Arena;
  readonly egress: Egress;
  readonly underlay: Underlay;
  /** Control's answer to a frame from an address that no remote has, where any peer is welcome. */
  newPeer: NewPeer;
}

/** Makes a row for the remote with this address; -1 when there is no room. */
export type NewPeer = (vtep: number, a: number, b: number, c: number, d: number) => number;

/** Smallest MTU of all ports: shorter frames need no look at the MTU of each port. */
export const LIMIT_MIN_MTU = 0;
/** FDB entries above which the batch touches their records before it needs them, so that cache misses overlap. */
export const LIMIT_TOUCH = 1;
/** VTEPs in use: without any no frame is looked at for them. */
export const LIMIT_VTEPS = 2;
/** Smallest MTU of all tunnel ports: their frames are judged apart, so that other ports keep the fast lane. */
export const LIMIT_TUNNEL_MTU = 3;
/** Interfaces of the router: without any no frame is looked at for them. */
export const LIMIT_INTERFACES = 4;
/** Tunnels that answer for hosts: without any no frame is looked at for what hosts say. */
export const LIMIT_TOLD = 5;
/** Addresses of ipvlan children behind interfaces of the router: without any no packet is looked at for them. */
export const LIMIT_CHILDREN = 6;

export interface DataplaneSize {
  ports: number;
  fids: number;
  bridges: number;
  fdbEntries: number;
  tunnelRows: number;
  /** Interfaces of VLANs that there is room for. */
  interfaces: number;
  seed: number;
  smallSlots: number;
  largeSlots: number;
  batch: number;
  /**
   * Memory of the arena, at least `arenaBytes` long; shared memory of its own when left out. Where nobody else
   * looks at the frames an ArrayBuffer is better: V8 copies into and out of shared memory eight times slower
   * (1,514 bytes: 490 ns against 67).
   */
  arenaMemory?: ArrayBufferLike;
  vxlan: VxlanSize;
  /** Threads that forward. */
  workers: number;
}

/** Small slots of an arena whose ports keep none for themselves. */
export const SMALL_SLOTS = 2048;

const DEFAULT_SIZE: DataplaneSize = {
  ports: 64,
  fids: 4096,
  bridges: 4,
  fdbEntries: 65_536,
  tunnelRows: 8,
  interfaces: 64,
  seed: 0,
  smallSlots: SMALL_SLOTS,
  largeSlots: 64,
  batch: BATCH_FRAMES,
  vxlan: { vteps: 8, vnis: 64, tunnels: 8, remotes: 64, fdbEntries: 1024 },
  workers: 1,
};

/** Up to here a table is fast enough by itself; touching costs 10 ns a frame (bench S2). */
const TOUCH_ABOVE = 1 << 19;

/** Throws RangeError when a size is out of range. */
export function createDataplane(size: Partial<DataplaneSize> = {}): Dataplane {
  const s = { ...DEFAULT_SIZE, ...size };
  if (!(s.ports >= 1 && s.ports < MAX_PORTS)) throw new RangeError(`ports: ${s.ports} is not in 1..${MAX_PORTS - 1}`);
  if (!(s.fids >= 2 && s.fids <= MAX_FIDS)) throw new RangeError(`fids: ${s.fids} is not in 2..${MAX_FIDS}`);
  if (!(s.batch >= 1 && s.batch <= 65_535)) throw new RangeError(`batch: ${s.batch} is not in 1..65535`);
  if (!(s.workers >= 1 && s.workers <= MAX_WORKERS))
    throw new RangeError(`workers: ${s.workers} is not in 1..${MAX_WORKERS}`);
  const gate = createGate(s.workers);
  const shareGate = s.workers === 1 ? null : gate;
  const countersOf = createCounters(s.ports, s.fids, s.workers);
  const samplesOf = createDropSamples(s.workers);
  const shared: DataplaneShared = {
    ports: createPortTable(s.ports, s.tunnelRows),
    vlans: createVlanTable(s.fids, s.bridges, s.ports),
    fdb: createFdb({
      entries: s.fdbEntries,
      ports: s.ports,
      fids: s.fids,
      bridges: s.bridges,
      seed: s.seed,
      gate: shareGate,
    }),
    mirrors: createMirrorTable(s.ports, s.workers),
    router: createRouterTable(s.fids, s.ports, s.interfaces),
    translate: createTranslateTable(s.ports),
    classify: createClassifyTable(),
    macvlan: createMacvlanTable(s.ports),
    ipvlan: createIpvlanTable(s.ports),
    counters: countersOf[0],
    countersOf,
    vxlan: createVxlanTables(s.vxlan, s.ports, s.seed, shareGate, s.workers),
    limits: sharedInt32(8),
    samples: samplesOf[0],
    samplesOf,
    gate,
  };
  shared.limits[LIMIT_MIN_MTU] = 65_535;
  shared.limits[LIMIT_TUNNEL_MTU] = 65_535;
  shared.limits[LIMIT_TOUCH] = TOUCH_ABOVE;
  return { ...shared, ...ownParts(s, s.ports) };
}

type OwnSize = Pick<DataplaneSize, 'smallSlots' | 'largeSlots' | 'batch' | 'arenaMemory'>;

function ownParts(
  { smallSlots, largeSlots, batch, arenaMemory }: OwnSize,
  ports: number,
): Pick<Dataplane, 'arena' | 'egress' | 'underlay' | 'newPeer'> {
  return {
    arena: createArena({ smallSlots, largeSlots }, arenaMemory),
    egress: createEgress(ports, batch),
    underlay: createUnderlay(),
    newPeer: () => -1,
  };
}

/** What is another thread's to post: all but the parts of its own. */
export function sharedPart(dp: Dataplane): DataplaneShared {
  const { arena: _arena, egress: _egress, underlay: _underlay, newPeer: _newPeer, ...shared } = dp;
  return shared;
}

/** The data plane of worker `k` over the tables of another, which were posted to its thread. */
export function joinDataplane(shared: DataplaneShared, k: number, size: Partial<OwnSize> = {}): Dataplane {
  const { vxlan, router } = shared;
  const gate = workerGate(shared.gate, k);
  return {
    ...shared,
    ...ownParts({ ...DEFAULT_SIZE, ...size }, shared.ports.capacity),
    gate,
    fdb: { ...shared.fdb, gate },
    counters: shared.countersOf[k],
    samples: shared.samplesOf[k],
    mirrors: { ...shared.mirrors, counters: shared.mirrors.countersOf[k] },
    // What a port may give to control is metered by each worker.
    router: { ...router, meters: new Float64Array(router.meters.length) },
    vxlan: {
      ...vxlan,
      fdb: { ...vxlan.fdb, gate },
      vnis: { ...vxlan.vnis, counters: vxlan.vnis.countersOf[k] },
      remotes: { ...vxlan.remotes, counters: vxlan.remotes.countersOf[k] },
    },
  };
}

/** What `joinDataplane` gives a worker of its own, by path. */
const WORKERS_OWN = /^(counters|samples|mirrors\.counters|router\.meters|vxlan\.(vnis|remotes)\.counters)(\.|$)/;
/** The same of every worker. */
const OF_EACH = /(^|\.)(countersOf|samplesOf)\./;

/** Whether the array at this path is one that a worker has to itself: it stays as long as the worker. */
export function isWorkersOwn(path: string): boolean {
  return WORKERS_OWN.test(path) || OF_EACH.test(path);
}
