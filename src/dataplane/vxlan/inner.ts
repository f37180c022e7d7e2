import { PEER_COUNTERS, PEER_REFUSED, PEER_RX_BYTES, PEER_RX_FRAMES } from '../../tables/remote-table.ts';
import {
  VNI_COUNTERS,
  VNI_FLAGS,
  VNI_KEEPS_TAG,
  VNI_RX_BYTES,
  VNI_RX_ERRORS,
  VNI_RX_FRAMES,
  VNI_TAG,
  VNI_WORDS,
} from '../../tables/vni-table.ts';
import { VTEP_ANY_MAC, VTEP_NESTED } from '../../tables/vtep-table.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { PROTO_UDP } from '../../wire/ipv4.ts';
import { UDP_BYTES } from '../../wire/udp.ts';
import { isTagType } from '../../wire/vlan.ts';
import { type Batch, RX_DONE } from '../batch.ts';
import { PORT_COUNTERS, RX_BYTES, RX_FRAMES } from '../counters.ts';
import type { Dataplane } from '../dataplane.ts';
import { GSO_IN_TUNNEL } from '../offload/needs.ts';
import {
  DROP_NONE,
  REASON_COUNT,
  VXLAN_ECN,
  VXLAN_INNER_MALFORMED,
  VXLAN_INNER_TAG,
  VXLAN_LOOP,
  VXLAN_NESTED,
} from '../reasons.ts';
import { sampleDrop } from '../samples.ts';
import { takeOuterEcn } from './ecn.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;
const IPV6_BYTES = 40;

/** The row is the inner frame, on the tunnel port. */
export function enterTunnel(
  b: Batch,
  i: number,
  inner: number,
  end: number,
  port: number,
  vni: number,
  peer: number,
): void {
  const outerBytes = inner - b.off[i];
  // What the sender left to be completed lies in the inner frame now, or was the outer header's.
  const start = (b.csum[i] & 0xffff) - outerBytes;
  if (b.csum[i] !== 0) b.csum[i] = start > 0 ? b.csum[i] - outerBytes : 0;
  b.gso[i] = b.csum[i] === 0 ? 0 : b.gso[i] & ~GSO_IN_TUNNEL;
  b.off[i] = inner;
  b.len[i] = end - inner;
  b.port[i] = port;
  b.rxFlags[i] = 0;
  b.vni[i] = vni;
  b.remote[i] = peer;
  b.sourceHash[i] = 0;
}

/** What the inner frame may not be. */
export function judgeInner(dp: Dataplane, b: Batch, i: number, vtep: number, vni: number, ecn: number): number {
  const view = dp.arena.view;
  const { vteps, vnis } = dp.vxlan;
  const off = b.off[i];
  const len = b.len[i];
  const end = off + len;
  if (len < ETHERNET_HEADER) return VXLAN_INNER_MALFORMED;
  let at = off + 12;
  let type = view.getUint16(at);
  if (isTagType(type) && (vnis.words[vni * VNI_WORDS + VNI_FLAGS] & VNI_KEEPS_TAG) === 0) return VXLAN_INNER_TAG;
  const high = view.getUint16(off + 6);
  // The MAC of sockets stands for nothing: a host may have it.
  const hasMac = (vteps.flags[vtep] & VTEP_ANY_MAC) === 0;
  if (hasMac && high === vteps.macHigh[vtep] && view.getInt32(off + 8) === vteps.macLow[vtep] && high !== 0) {
    return VXLAN_LOOP;
  }
  while (isTagType(type) && at + 6 <= end) {
    at += TAG;
    type = view.getUint16(at);
  }
  const ip = at + 2;
  if ((vteps.flags[vtep] & VTEP_NESTED) === 0 && isVxlan(view, ip, end, type, vteps.udpPort[vtep])) return VXLAN_NESTED;
  return ecn !== 0 && !takeOuterEcn(view, ip, end, type, ecn) ? VXLAN_ECN : DROP_NONE;
}

/** Whether the packet at `ip` is a UDP datagram to the port. */
function isVxlan(view: DataView, ip: number, end: number, type: number, udpPort: number): boolean {
  let udp = ip + IPV6_BYTES;
  if (type === ETHERTYPE_IPV4) {
    if (end - ip < 28 || view.getUint8(ip + 9) !== PROTO_UDP || (view.getUint16(ip + 6) & 0x1fff) !== 0) return false;
    udp = ip + ((view.getUint8(ip) & 0xf) << 2);
  } else if (type !== ETHERTYPE_IPV6 || end - ip < 48 || view.getUint8(ip + 6) !== PROTO_UDP) {
    return false;
  }
  return udp + UDP_BYTES <= end && view.getUint16(udp + 2) === udpPort;
}

/** Into the VLAN, with its tag where the tunnel port carries several. */
export function admit(dp: Dataplane, b: Batch, i: number, vni: number, peer: number): void {
  const { vnis, remotes } = dp.vxlan;
  const len = b.len[i];
  vnis.counters[vni * VNI_COUNTERS + VNI_RX_FRAMES]++;
  vnis.counters[vni * VNI_COUNTERS + VNI_RX_BYTES] += len;
  if (peer >= 0) {
    remotes.counters[peer * PEER_COUNTERS + PEER_RX_FRAMES]++;
    remotes.counters[peer * PEER_COUNTERS + PEER_RX_BYTES] += len;
  }
  const tag = vnis.words[vni * VNI_WORDS + VNI_TAG];
  if (tag === 0) return;
  const view = dp.arena.view;
  const off = b.off[i];
  const a = view.getInt32(off);
  const c = view.getInt32(off + 4);
  const d = view.getInt32(off + 8);
  view.setInt32(off - TAG, a);
  view.setInt32(off, c);
  view.setInt32(off + 4, d);
  view.setInt32(off + 8, tag);
  b.off[i] = off - TAG;
  b.len[i] = len + TAG;
  if (b.csum[i] !== 0) b.csum[i] += TAG;
}

/** A drop of the tunnel port. */
export function refuse(dp: Dataplane, b: Batch, i: number, vni: number, peer: number, reason: number): void {
  const { port: ports, fid: fids, portDrops, fidDrops } = dp.counters;
  const port = b.port[i];
  const len = b.len[i];
  b.rxFlags[i] = RX_DONE;
  b.reason[i] = reason;
  b.fid[i] = 0;
  b.vid[i] = 0;
  b.copies[i] = 0;
  ports[port * PORT_COUNTERS + RX_FRAMES]++;
  ports[port * PORT_COUNTERS + RX_BYTES] += len;
  fids[RX_FRAMES]++;
  fids[RX_BYTES] += len;
  portDrops[port * REASON_COUNT + reason]++;
  fidDrops[reason]++;
  sampleDrop(dp.samples, dp.arena, b, i, reason, 0);
  dp.vxlan.vnis.counters[vni * VNI_COUNTERS + VNI_RX_ERRORS]++;
  if (peer >= 0) dp.vxlan.remotes.counters[peer * PEER_COUNTERS + PEER_REFUSED]++;
}
