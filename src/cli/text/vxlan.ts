/** VTEPs, peers and the VXLAN FDB as tables. */

import { heardFrom, isSilent, type PeerView, type VtepView, type VxlanEntryView } from '../../control/vxlan/views.ts';
import { table } from './table.ts';

export function vtepsText(vteps: readonly VtepView[]): string {
  const settings = table(
    ['VTEP', 'UNDERLAY', 'LOCAL', 'UDP', 'VLAN', 'MAC', 'MTU', 'ALLOW'],
    vteps.map((v) => [
      v.name,
      v.underlay === 'port' ? `port:${v.uplink}` : v.underlay,
      v.local,
      v.udpPort,
      v.vlan,
      v.mac,
      v.mtu,
      v.allow,
    ]),
  );
  const vnis = table(
    ['VNI', 'VTEP', 'PORT', 'VLAN', 'LEARNED', 'RX-FRAMES', 'TX-FRAMES', 'RX-ERRORS', 'UNSENT', 'FLOOD'],
    vteps.flatMap((v) =>
      v.vnis.map((n) => [
        n.vni,
        v.name,
        n.port,
        n.vid,
        n.learned,
        n.rxFrames,
        n.txFrames,
        n.rxErrors,
        n.txUnsent,
        n.flood.join(' ') || null,
      ]),
    ),
  );
  return `${settings}\n${vnis}`;
}

/** That its next hop is known says nothing of a peer which was never heard. */
function stateOf(p: PeerView): string {
  if (!p.resolved) return 'unresolved';
  if (isSilent(p)) return 'silent';
  return heardFrom(p) + p.txFrames === 0 ? 'unused' : 'reachable';
}

export function peersText(peers: readonly PeerView[]): string {
  return table(
    [
      'PEER',
      'VTEP',
      'KIND',
      'STATE',
      'PATH-MTU',
      'LEARNED',
      'RX-FRAMES',
      'TX-FRAMES',
      'UNKNOWN-VNI',
      'REFUSED',
      'RESERVED',
      'UNSENT',
    ],
    peers.map((p) => [
      p.address,
      p.vtep,
      p.kind,
      stateOf(p),
      p.pathMtu,
      p.learned,
      p.rxFrames,
      p.txFrames,
      p.unknownVni,
      p.refused,
      p.reservedBits,
      p.unsent,
    ]),
  );
}

export function vxlanFdbText(entries: readonly VxlanEntryView[]): string {
  return table(
    ['MAC', 'VNI', 'PORT', 'REMOTE', 'KIND', 'AGE'],
    entries.map((e) => [
      e.mac,
      e.vni,
      e.port,
      e.remotes.join(' ') || null,
      e.kind,
      e.kind === 'dynamic' ? `${Math.floor(e.ageSeconds)}s` : null,
    ]),
  );
}
