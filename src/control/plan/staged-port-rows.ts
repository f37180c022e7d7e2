/**
 * Words of the port table that other settings change, made ready aside: each port is compiled into columns that nobody reads, and what differs is
 * written when all of it is put in place.
 */

import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import { PRIORITY_WORDS } from '../../tables/port-table.ts';
import { compilePort } from '../compile.ts';
import { asksCustomerVid, type Port, type PortSettings, rewritesTags } from '../model.ts';

/** Words of a column, by their place in it. */
interface Words {
  readonly live: Int32Array;
  readonly at: number[];
  readonly before: number[];
  readonly after: number[];
}

/** Whether its settings are words of its own alone: no rows of customers, no rules of all ports, no paths of a tunnel. */
export function isByItself({ bridge, tunnel, settings }: Port, after: PortSettings): boolean {
  return (
    bridge !== null && tunnel === null && ![settings, after].some((each) => asksCustomerVid(each) || rewritesTags(each))
  );
}

export class StagedPortRows {
  readonly #dp: DataplaneShared;
  /** Where ports are compiled to. */
  readonly #aside: DataplaneShared;
  readonly #flags: Words & { readonly ports: Port[] };
  readonly #mtu: Words;
  readonly #tpid: Words;
  readonly #limit: Words;
  readonly #priority: Words;
  readonly #flood: Words;

  constructor(dp: DataplaneShared) {
    const { ports, fdb } = dp;
    this.#dp = dp;
    this.#flags = { ...wordsOf(ports.flags), ports: [] };
    this.#mtu = wordsOf(ports.mtu);
    this.#tpid = wordsOf(ports.tpid);
    this.#limit = wordsOf(fdb.portLimit);
    this.#priority = wordsOf(ports.priority);
    this.#flood = wordsOf(ports.flood);
    const { capacity } = ports;
    const column = () => new Int32Array(capacity);
    this.#aside = {
      ...dp,
      fdb: { ...fdb, portLimit: column() },
      ports: {
        ...ports,
        ...{
          flags: column(),
          bridge: column(),
          vlanBase: column(),
          pvid: column(),
          tpid: column(),
          pushTpid: column(),
        },
        ...{ mtu: column(), reservedMac: column(), tunnelRow: column() },
        priority: new Int32Array(capacity * PRIORITY_WORDS),
        flood: Int32Array.from(ports.flood),
      },
    };
  }

  /** The port as it will be. */
  add(port: Port, settings: PortSettings): void {
    const { index } = port;
    const { ports, fdb } = this.#aside;
    compilePort(this.#aside, { ...port, settings });
    // Also where they are the same: with another link they may differ.
    add(this.#flags, index, ports.flags);
    this.#flags.ports.push(port);
    note(this.#mtu, index, ports.mtu);
    note(this.#tpid, index, ports.tpid);
    note(this.#limit, index, fdb.portLimit);
    for (let w = index * PRIORITY_WORDS; w < (index + 1) * PRIORITY_WORDS; w++) note(this.#priority, w, ports.priority);
  }

  /** All ports have been added. */
  finish(): void {
    for (let w = 0; w < this.#flood.live.length; w++) note(this.#flood, w, this.#aside.ports.flood);
  }

  /** The ports have their settings. */
  put(): void {
    this.#putFlags(this.#flags.before, this.#flags.after);
    for (const words of this.#others()) put(words, words.after);
    this.#turnFlood();
  }

  /** They have those again that they had before `put`. */
  takeBack(): void {
    this.#putFlags(this.#flags.after, this.#flags.before);
    for (const words of this.#others()) put(words, words.before);
    this.#turnFlood();
  }

  /** A link may have come or gone since they were compiled. */
  #putFlags(from: readonly number[], to: readonly number[]): void {
    const { live, at, ports } = this.#flags;
    for (let n = 0; n < at.length; n++) {
      if (live[at[n]!] === from[n]) live[at[n]!] = to[n]!;
      else compilePort(this.#dp, ports[n]!);
    }
  }

  /** Bits of other ports may have changed. */
  #turnFlood(): void {
    const { live, at, before, after } = this.#flood;
    for (let n = 0; n < at.length; n++) live[at[n]!] ^= before[n]! ^ after[n]!;
  }

  #others(): readonly Words[] {
    return [this.#mtu, this.#tpid, this.#limit, this.#priority];
  }
}

function wordsOf(live: Int32Array): Words {
  return { live, at: [], before: [], after: [] };
}

function note(words: Words, place: number, aside: Int32Array): void {
  if (words.live[place] !== aside[place]) add(words, place, aside);
}

function add({ live, at, before, after }: Words, place: number, aside: Int32Array): void {
  at.push(place);
  before.push(live[place]!);
  after.push(aside[place]!);
}

function put({ live, at }: Words, words: readonly number[]): void {
  for (let n = 0; n < at.length; n++) live[at[n]!] = words[n]!;
}
