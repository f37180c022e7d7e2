/** Everything that VXLAN looks up, in one object: plain typed arrays over shared memory, as all tables are. */

import { createFdb, type Fdb } from './fdb/fdb.ts';
import type { Gate } from './gate.ts';
import { createRemoteTable, type RemoteTable } from './remote-table.ts';
import { createVniTable, type VniTable } from './vni-table.ts';
import { createVtepTable, type VtepTable } from './vtep-table.ts';

export interface VxlanTables {
  readonly vteps: VtepTable;
  readonly vnis: VniTable;
  readonly remotes: RemoteTable;
  /** (VNI row, inner MAC) -> remote row. */
  readonly fdb: Fdb;
}

export interface VxlanSize {
  vteps: number;
  /** Rows of VNIs in all. */
  vnis: number;
  /** Tunnel ports. */
  tunnels: number;
  remotes: number;
  fdbEntries: number;
}

export function createVxlanTables(
  size: VxlanSize,
  ports: number,
  seed: number,
  gate: Gate | null,
  workers: number,
): VxlanTables {
  return {
    vteps: createVtepTable(size.vteps, ports),
    vnis: createVniTable(size.vnis + 1, ports, size.tunnels, workers),
    remotes: createRemoteTable(size.remotes, workers),
    // Remotes are its ports, VNIs its FIDs, VTEPs its bridges: each has room of its own, for which its remotes compete.
    fdb: createFdb({
      entries: size.fdbEntries,
      ports: size.remotes,
      fids: size.vnis + 1,
      bridges: size.vteps,
      // Another key than that of the bridges' table.
      seed: seed ^ 0x7650_6e61,
      gate,
    }),
  };
}
