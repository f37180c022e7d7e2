/**
 * Tunnels around the stages: what an outer frame is before it is a frame of a tunnel port, and what a tunnel port makes
 * of the frames in its list. Both are done by the data plane; here they are told.
 */

import type { Batch } from '../../dataplane/batch.ts';
import { RX_DONE, RX_PUNTED } from '../../dataplane/batch.ts';
import { LIMIT_VTEPS } from '../../dataplane/dataplane.ts';
import { DROP_NONE } from '../../dataplane/reasons.ts';
import { decapBatch } from '../../dataplane/vxlan/decap.ts';
import { serveTunnels } from '../../dataplane/vxlan/tunnels.ts';
import { findEntry } from '../../tables/fdb/entries.ts';
import { REMOTE_ADDRESS, REMOTE_FLAGS, REMOTE_IPV6, REMOTE_LIST, REMOTE_WORDS } from '../../tables/remote-table.ts';
import { VIDS, VNI_SHIFTED, VNI_WORDS } from '../../tables/vni-table.ts';
import { formatMac, isGroupMac } from '../../wire/ethernet.ts';
import { formatIpv4 } from '../../wire/ipv4.ts';
import { ipv6Text } from '../../wire/ipv6-text.ts';
import { keeper, reasonView } from '../output.ts';
import type { TraceOutput, TraceStage } from '../types.ts';
import { portName, type World } from '../world.ts';

/** Null where the port is no underlay. Afterwards the batch holds the inner frame, or the row is done with. */
export function decapStage(world: World, b: Batch): TraceStage | null {
  const { dp } = world;
  const outer = b.port[0];
  if (dp.limits[LIMIT_VTEPS] === 0 || dp.vxlan.vteps.firstOf[outer] < 0) return null;
  decapBatch(dp, b);
  const done = (b.rxFlags[0] & RX_DONE) !== 0;
  const reason = done ? (reasonView(b.reason[0])?.name ?? null) : null;
  if (b.port[0] !== outer) {
    const from = b.remote[0] < 0 ? 'a peer that is not known' : remoteText(world, b.remote[0]);
    const text = `VNI ${vniOf(world, b.vni[0])} from ${from}: a frame of tunnel ${portName(world, b.port[0])}`;
    return { stage: 'decap', text, reason };
  }
  const punted = (b.rxFlags[0] & RX_PUNTED) !== 0;
  return { stage: 'decap', text: punted ? 'for the VTEP itself' : 'not taken out of its tunnel', reason };
}

/** What leaves by tunnel ports, one after the other; null where none is in the frame's way. */
export function encapStage(world: World, b: Batch): { stage: TraceStage; outputs: TraceOutput[] } | null {
  const { dp } = world;
  const { count } = dp.egress;
  const { tunnelOf } = dp.vxlan.vnis;
  const tunnels = [...count.keys()].filter((port) => count[port] !== 0 && tunnelOf[port] >= 0);
  if (tunnels.length === 0) return null;
  const whole = count.slice();
  const outputs: TraceOutput[] = [];
  const texts: string[] = [];
  for (const port of tunnels) {
    const way = wayOf(world, b, port);
    count.fill(0);
    count[port] = whole[port];
    const before = outputs.length;
    serveTunnels(dp, b, 0, 1, (underlay) => keeper(world, underlay, outputs, portName(world, port)));
    const copies = outputs.length - before;
    const sent = copies === 0 ? 'nothing leaves' : copies === 1 ? 'one outer frame' : `${copies} outer frames`;
    texts.push(`${portName(world, port)}: ${way}; ${sent}`);
  }
  count.set(whole);
  for (const port of tunnels) count[port] = 0;
  const reason = b.reason[0] === DROP_NONE ? null : (reasonView(b.reason[0])?.name ?? null);
  return { stage: { stage: 'encap', text: texts.join('. '), reason }, outputs };
}

function wayOf(world: World, b: Batch, port: number): string {
  const { vnis, fdb } = world.dp.vxlan;
  const vni = vnis.rowOf[vnis.tunnelOf[port] * VIDS + b.vid[0]];
  if (vni === 0) return 'its VLAN has no VNI';
  const name = `VNI ${vniOf(world, vni)}`;
  const [high, low] = [b.dstHigh[0], b.dstLow[0]];
  if (isGroupMac(high)) return `${name}, to every remote of its list`;
  const entry = findEntry(fdb, vni, high, low, world.nowMs);
  if (entry === null) return `${name}, ${formatMac(high, low)} is behind no known remote`;
  const where = entry.port < 0 ? 'nowhere' : remoteText(world, entry.port);
  return `${name}, ${formatMac(high, low)} is behind ${where} (${entry.kind})`;
}

function vniOf({ dp }: World, row: number): number {
  return dp.vxlan.vnis.words[row * VNI_WORDS + VNI_SHIFTED] >>> 8;
}

function remoteText({ dp }: World, row: number): string {
  const { words } = dp.vxlan.remotes;
  const at = row * REMOTE_WORDS;
  const flags = words[at + REMOTE_FLAGS];
  if ((flags & REMOTE_LIST) !== 0) return 'several remotes';
  if ((flags & REMOTE_IPV6) === 0) return formatIpv4(words[at + REMOTE_ADDRESS] >>> 0);
  const view = new DataView(new ArrayBuffer(16));
  for (let w = 0; w < 4; w++) view.setInt32(w * 4, words[at + REMOTE_ADDRESS + w]);
  return ipv6Text(view, 0);
}
