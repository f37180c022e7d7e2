/**
 * ARP and ND suppression (RFC 9161 section 3): a question for a host that is known to be behind a tunnel is answered
 * here, and does not go into the tunnel. Known means three things: the tunnel suppresses, its neighbors name the
 * address in that VLAN, and the FDB has the neighbor's MAC behind it. Any other question goes on as if nothing had been.
 */

import type { Batch } from '../dataplane/batch.ts';
import { suppressionAnswer } from '../protocols/suppress.ts';
import { findEntry } from '../tables/fdb-entries.ts';
import { type Mac, parseMac } from '../wire/ethernet.ts';
import type { Control } from './control.ts';
import type { Tunnel } from './vxlan-model.ts';

const ADDRESSES_BYTES = 12;
const TAG_BYTES = 4;

export class Suppression {
  readonly #control: Control;
  readonly #inject: (port: number, frame: Uint8Array) => boolean;

  constructor(control: Control, inject: (port: number, frame: Uint8Array) => boolean) {
    this.#control = control;
    this.#inject = inject;
  }

  /** Frame i of the batch is a question to its VLAN. */
  punted(memory: Uint8Array, b: Batch, i: number): void {
    const frame = memory.slice(b.off[i], b.off[i] + b.len[i]);
    const tagBytes = b.tagLen[i];
    const bare = tagBytes === 0 ? frame : without(frame, tagBytes);
    const bridge = this.#control.portByIndex[b.port[i]]?.bridge;
    const vid = b.vid[i];
    for (const tunnel of this.#control.vxlan.tunnels.values()) {
      if (tunnel.port.bridge !== bridge || !tunnel.settings.suppress) continue;
      const find = (address: string) => {
        const mac = this.#known(tunnel, b.fid[i], vid, address, b.nowMs[i]);
        return mac === null ? null : { mac };
      };
      const answer = suppressionAnswer(new DataView(bare.buffer), 0, bare.length, find);
      if (answer === null) continue;
      const { settings, index } = tunnel.port;
      const isTagged = vid !== 0 && settings.pvid !== vid;
      this.#inject(index, isTagged ? tagged(answer, this.#control.dp.ports.pushTpid[index], vid) : answer);
      return;
    }
    this.#inject(b.port[i], frame);
  }

  #known({ port, settings }: Tunnel, fid: number, vid: number, address: string, nowMs: number): Mac | null {
    const neighbor = settings.neighbors.find((each) => (each.vid ?? 0) === vid && each.address === address);
    const mac = neighbor === undefined ? null : parseMac(neighbor.mac);
    if (mac === null) return null;
    const entry = findEntry(this.#control.dp.fdb, fid, mac.high, mac.low, nowMs);
    return entry !== null && entry.port === port.index ? mac : null;
  }
}

function without(frame: Uint8Array, tagBytes: number): Uint8Array {
  const bare = new Uint8Array(frame.length - tagBytes);
  bare.set(frame.subarray(0, ADDRESSES_BYTES));
  bare.set(frame.subarray(ADDRESSES_BYTES + tagBytes), ADDRESSES_BYTES);
  return bare;
}

function tagged(frame: Uint8Array, tpid: number, vid: number): Uint8Array {
  const out = new Uint8Array(frame.length + TAG_BYTES);
  out.set(frame.subarray(0, ADDRESSES_BYTES));
  out.set([tpid >> 8, tpid & 0xff, vid >> 8, vid & 0xff], ADDRESSES_BYTES);
  out.set(frame.subarray(ADDRESSES_BYTES), ADDRESSES_BYTES + TAG_BYTES);
  return out;
}
