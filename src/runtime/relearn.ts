/**
 * Addresses that were known before a restart: by name in a file, by number in shared memory for the forwarding thread,
 * which takes them in slices so that frames go on.
 */

import { fdbEntries } from '../api/fdb-view.ts';
import type { ReadableSwitch } from '../api/reader.ts';
import type { FdbEntryView } from '../control/fdb-control.ts';
import { relearn } from '../tables/fdb/learn.ts';
import { parseMac } from '../wire/ethernet.ts';
import type { SwitchCore } from './core.ts';

/** FID | MAC bytes 0..1 | MAC bytes 2..5 | port | age in ms */
export const RELEARN_WORDS = 5;
const SLICE = 2048;
/** Ages are 32 bits of milliseconds, and the longest ageing time is below this. */
const MAX_AGE_MS = 2 ** 30;

export type Known = Pick<FdbEntryView, 'bridge' | 'vid' | 'mac' | 'port' | 'ageSeconds'>;

/** What is learned now. */
export function* learnedBy({ readable, nowMs }: { readable: ReadableSwitch; nowMs(): number }): Generator<Known> {
  for (const entry of fdbEntries(readable, {}, nowMs())) if (entry.kind === 'dynamic') yield entry;
}

/** What of it names ports and VLANs that there are, oldest first. `awaySeconds`: since it was written down. */
export function relearnRowsOf({ directory }: ReadableSwitch, known: readonly Known[], awaySeconds: number): Int32Array {
  const ports = new Map(directory.ports.map(({ name, index, bridge }) => [`${bridge} ${name}`, index]));
  const fids = new Map(
    directory.vlans.flatMap(({ bridge, vid, fid, secondary }) =>
      secondary === undefined ? [[`${bridge} ${vid}`, fid] as const] : [],
    ),
  );
  const rows = new Int32Array(new SharedArrayBuffer(known.length * RELEARN_WORDS * 4));
  let n = 0;
  for (const { bridge, vid, mac, port, ageSeconds } of [...known].sort((a, b) => b.ageSeconds - a.ageSeconds)) {
    const address = parseMac(mac);
    const index = ports.get(`${bridge} ${port}`);
    const fid = fids.get(`${bridge} ${vid}`);
    const ageMs = (ageSeconds + awaySeconds) * 1000;
    if (address === null || index === undefined || fid === undefined || ageMs > MAX_AGE_MS) continue;
    rows.set([fid, address.high, address.low, index, ageMs], n * RELEARN_WORDS);
    n++;
  }
  return rows.subarray(0, n * RELEARN_WORDS);
}

export async function relearnRows(core: SwitchCore, rows: Int32Array): Promise<void> {
  const { fdb, vlans, ports } = core.dp;
  for (let at = 0; at < rows.length; ) {
    const now = core.control.nowMs();
    const end = Math.min(at + SLICE * RELEARN_WORDS, rows.length);
    core.exclusively(() => {
      for (; at < end; at += RELEARN_WORDS) {
        const [fid, high, low, port, ageMs] = rows.subarray(at, at + RELEARN_WORDS);
        // What has expired meanwhile is not learned to be swept at once.
        if (fid >= vlans.capacity || port >= ports.capacity || ageMs >= fdb.fidAgeMs[fid]) continue;
        relearn(fdb, fid, high, low, port, (now - ageMs) | 0);
      }
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
}
