/**
 * Refuse: a frame that has ended before the lanes look at it. It is in the ledger of its port, in no VLAN.
 */

import { type Batch, RX_DONE } from './batch.ts';
import type { Dataplane } from './dataplane.ts';
import { account } from './stages/account.ts';

export function refuse(dp: Dataplane, b: Batch, i: number, reason: number): void {
  b.rxFlags[i] = RX_DONE;
  b.reason[i] = reason;
  b.fid[i] = 0;
  b.vid[i] = 0;
  b.copies[i] = 0;
  account(dp, b, i, b.len[i]);
}
