/** Flush the underlay batch: what encapsulation has made leaves by its ports, in runs of one port. */

import type { Dataplane } from '../dataplane.ts';
import { sendGenerated } from '../generate.ts';
import type { Sender } from '../transmit.ts';

export type SenderOf = (port: number) => Sender | null;

export function flushUnderlay(dp: Dataplane, senderOf: SenderOf): void {
  const { batch, list } = dp.underlay;
  const n = batch.count;
  for (let from = 0; from < n; ) {
    const port = batch.port[from];
    let to = from + 1;
    while (to < n && batch.port[to] === port) to++;
    sendGenerated(dp, batch, port, list, from, to - from, senderOf(port));
    from = to;
  }
  batch.count = 0;
}
