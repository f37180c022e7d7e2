/**
 * ARP and ND suppression (RFC 9161 section 3): a question for a host that is known to be behind a tunnel is answered
 * here, and does not go into the tunnel. Known means three things: the tunnel suppresses, its neighbors (configured,
 * told or learned) name the address in that VLAN, and the FDB has the neighbor's MAC behind it. Any other question goes
 * on as if nothing had been.
 *
 * Learned is what a host says of itself: the MAC address that it names is the frame's source, and the FDB has that on
 * the port that the frame came by. What is said on any other port ends what was learned of the address.
 */

import type { Batch } from '../../dataplane/batch.ts';
import { addressClaim, type KnownHost, suppressionAnswer } from '../../protocols/suppress.ts';
import { findEntry } from '../../tables/fdb/entries.ts';
import { etherSrcHigh, etherSrcLow, type Mac, parseMac } from '../../wire/ethernet.ts';
import type { Control } from '../control.ts';
import type { Tunnel } from './model.ts';

const ADDRESSES_BYTES = 12;
const TAG_BYTES = 4;

/** What suppression asks of its switch. */
export interface SuppressionAround {
  readonly control: Control;
  readonly inject: (port: number, frame: Uint8Array) => boolean;
  /** Whether the address is the switch's own in that VLAN: it answers by itself. */
  readonly isOwn: (fid: number, address: string) => boolean;
}

export class Suppression {
  readonly #around: SuppressionAround;

  constructor(around: SuppressionAround) {
    this.#around = around;
  }

  /** Frame i of the batch goes to its VLAN, and is a question or says who has an address. */
  punted(memory: Uint8Array, b: Batch, i: number): void {
    const { control, inject, isOwn } = this.#around;
    const frame = memory.slice(b.off[i], b.off[i] + b.len[i]);
    const bare = withoutTag(frame, b.tagLen[i]);
    const view = new DataView(bare.buffer);
    this.#note(view, b, i);
    const vid = b.vid[i];
    for (const tunnel of this.#tunnelsBeside(b.port[i])) {
      const find = (address: string) =>
        isOwn(b.fid[i], address) ? null : this.#known(tunnel, b.fid[i], vid, address, b.nowMs[i]);
      const answer = suppressionAnswer(view, 0, bare.length, find);
      if (answer === null) continue;
      const { settings, index } = tunnel.port;
      const isTagged = vid !== 0 && settings.pvid !== vid;
      inject(index, isTagged ? tagged(answer, control.dp.ports.pushTpid[index], vid) : answer);
      return;
    }
    inject(b.port[i], frame);
  }

  /** Frame i of the batch came out of a tunnel, is on its way, and may say who has an address. */
  heard(memory: Uint8Array, b: Batch, i: number): void {
    const bare = withoutTag(memory.slice(b.off[i], b.off[i] + b.len[i]), b.tagLen[i]);
    this.#note(new DataView(bare.buffer), b, i);
  }

  /** Ageing: call about once a second. */
  tick(nowMs: number): void {
    for (const { neighbors } of this.#around.control.vxlan.tunnels.values()) neighbors.expire(nowMs);
  }

  #note(view: DataView, b: Batch, i: number): void {
    const claim = addressClaim(view, 0, view.byteLength);
    if (claim === null) return;
    const { mac, address } = claim;
    if (etherSrcHigh(view, 0) !== mac.high || etherSrcLow(view, 0) !== mac.low) return;
    if (!this.#isBehind(b.port[i], b.fid[i], mac, b.nowMs[i])) return;
    for (const { port, neighbors } of this.#tunnelsBeside(b.port[i])) {
      if (port.index === b.port[i]) neighbors.learn(b.vid[i], claim, b.nowMs[i]);
      else neighbors.forget(b.vid[i], address);
    }
  }

  /** Tunnels that suppress, in the bridge of the port. */
  #tunnelsBeside(port: number): Tunnel[] {
    const { vxlan, portByIndex } = this.#around.control;
    const bridge = portByIndex[port]?.bridge ?? null;
    if (bridge === null) return [];
    return [...vxlan.tunnels.values()].filter((each) => each.port.bridge === bridge && each.settings.suppress);
  }

  #known(tunnel: Tunnel, fid: number, vid: number, address: string, nowMs: number): KnownHost | null {
    const { port, settings, neighbors } = tunnel;
    const configured = settings.neighbors.find((each) => (each.vid ?? 0) === vid && each.address === address);
    const mac = configured === undefined ? null : parseMac(configured.mac);
    const host = mac === null ? neighbors.find(vid, address, nowMs) : { mac };
    return host !== null && this.#isBehind(port.index, fid, host.mac, nowMs) ? host : null;
  }

  #isBehind(port: number, fid: number, mac: Mac, nowMs: number): boolean {
    return findEntry(this.#around.control.dp.fdb, fid, mac.high, mac.low, nowMs)?.port === port;
  }
}

function withoutTag(frame: Uint8Array, tagBytes: number): Uint8Array {
  if (tagBytes === 0) return frame;
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
