/**
 * Others who say that they have an address of an interface: what is told of them, and shown. Hosts that believe them send their packets there.
 */

import type { RouterTable } from '../../tables/router-table.ts';
import { formatMac, type Mac } from '../../wire/ethernet.ts';
import type { Interface } from './model.ts';

/** Shown for this long after it was heard last. */
const SHOWN_MS = 300_000;
/** Two that take turns are not told of more often. */
const TELL_MS = 10_000;
/** Addresses of an interface that are marked: a bit each. */
const MARKED = 32;

export class Claims {
  readonly #router: RouterTable;
  /** One line for people. */
  readonly #tell: (text: string) => void;

  constructor(router: RouterTable, tell: (text: string) => void) {
    this.#router = router;
    this.#tell = tell;
  }

  heard(iface: Interface, address: string, mac: Mac, nowMs: number): void {
    const before = iface.claims.get(address);
    const isKnown = before !== undefined && before.mac.high === mac.high && before.mac.low === mac.low;
    if (isKnown || (before !== undefined && ((nowMs - before.toldMs) | 0) < TELL_MS)) before.heardMs = nowMs;
    else {
      iface.claims.set(address, { mac, toldMs: nowMs, heardMs: nowMs });
      const isUsed = iface.neighbors.own.some((own) => own.address === address && own.state === 'used');
      const so = isUsed ? 'as well; hosts may send their packets there' : 'already; it is not used';
      this.#tell(`interface ${iface.name}: ${formatMac(mac.high, mac.low)} has its address ${address} ${so}`);
    }
    this.settle(iface, nowMs);
  }

  /** Writes what is shown; to be called now and then, since claims are forgotten and addresses tried again. */
  settle({ row, neighbors, claims }: Interface, nowMs: number): void {
    for (const [address, { heardMs }] of claims) if (((nowMs - heardMs) | 0) >= SHOWN_MS) claims.delete(address);
    let duplicates = 0;
    let claimed = 0;
    for (const [i, { address, state }] of neighbors.own.entries()) {
      const bit = i < MARKED ? 1 << i : 0;
      if (state === 'duplicate') {
        duplicates |= bit;
        // Should it be tried again and found free, nobody claims it.
        claims.delete(address);
      } else if (state === 'used' && claims.has(address)) claimed |= bit;
    }
    this.#router.duplicates[row] = duplicates;
    this.#router.claimed[row] = claimed;
  }
}
