/**
 * What tunnels do after the lanes: learn who is behind which remote, and send what is in the tunnel ports' lists, both
 * in the order of the frames, so that a frame sees exactly what the frames before it taught.
 *
 * A frame teaches only when its port and VLAN took it (802.1Q section 8.7, RFC 7348 section 4.1): not when it was
 * dropped before its destination was looked up.
 */

import { GENERATION_SHIFT, generationOf, keyHigh, probe, startSlot } from '../../tables/fdb.ts';
import { learnSource, REFRESH_MS, refreshSource } from '../../tables/fdb-learn.ts';
import { VNI_FLAGS, VNI_LEARNS, VNI_WORDS } from '../../tables/vni-table.ts';
import { type Batch, INDEX_MASK } from '../batch.ts';
import { type Dataplane, LIMIT_VTEPS } from '../dataplane.ts';
import { DROP_NONE, LOOKUP_REFLECTION } from '../reasons.ts';
import { encap } from './encap.ts';
import { flushUnderlay, type SenderOf } from './flush-underlay.ts';

/** Ports whose lists are under way, and how far. */
const MAX_TUNNELS = 4096;
const waiting = new Int32Array(MAX_TUNNELS);
const sent = new Int32Array(MAX_TUNNELS);

/** Learns from rows [first, end), sends the lists of all tunnel ports and empties them, and flushes the underlay. */
export function serveTunnels(dp: Dataplane, b: Batch, first: number, end: number, senderOf: SenderOf): void {
  if (dp.limits[LIMIT_VTEPS] === 0) return;
  const { egress } = dp;
  const { tunnelOf } = dp.vxlan.vnis;
  let tunnels = 0;
  for (let p = 0; p < egress.count.length; p++) {
    if (egress.count[p] === 0 || tunnelOf[p] < 0) continue;
    waiting[tunnels] = p;
    sent[tunnels++] = 0;
  }
  for (let i = first; i < end; i++) {
    if (b.rxFlags[i] === 0 && tunnelOf[b.port[i]] >= 0) learnRemote(dp, b, i);
    for (let t = 0; t < tunnels; t++) {
      const port = waiting[t];
      if (sent[t] === egress.count[port]) continue;
      const word = egress.list[port * egress.stride + sent[t]];
      if ((word & INDEX_MASK) !== i) continue;
      sent[t]++;
      encap(dp, b, word, port, senderOf);
    }
  }
  for (let t = 0; t < tunnels; t++) egress.count[waiting[t]] = 0;
  flushUnderlay(dp, senderOf);
}

/** (VNI, inner source) -> remote. */
function learnRemote(dp: Dataplane, b: Batch, i: number): void {
  const { fdb, vnis } = dp.vxlan;
  const vni = b.vni[i];
  const remote = b.remote[i];
  const reason = b.reason[i];
  if (remote < 0 || b.fid[i] === 0 || (reason !== DROP_NONE && reason < LOOKUP_REFLECTION)) return;
  if ((vnis.words[vni * VNI_WORDS + VNI_FLAGS] & VNI_LEARNS) === 0) return;
  const view = dp.arena.view;
  const off = b.off[i];
  const macHigh = view.getUint16(off + 6);
  const low = view.getInt32(off + 8);
  if ((macHigh | low) === 0) return;
  const high = keyHigh(macHigh, vni);
  const now = b.nowMs[i];
  const start = startSlot(fdb, low, high);
  const slot = probe(fdb, low, high, start);
  if (slot >= 0 && fdb.rec[(slot << 2) + 3] === ((generationOf(fdb, remote, vni) << GENERATION_SHIFT) | remote)) {
    if ((now - fdb.rec[(slot << 2) + 2]) >>> 0 >= REFRESH_MS) refreshSource(fdb, slot, remote, now);
    return;
  }
  learnSource(fdb, slot, low, high, start, remote, now);
}
