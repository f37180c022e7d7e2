/**
 * What the route stage found out, in words: from which interface to which, or why not.
 */

import type { Batch } from '../../dataplane/batch.ts';
import { DROP_NONE } from '../../dataplane/reasons.ts';
import { TO_LOCAL } from '../../dataplane/stages/lookup.ts';
import { lookup4, lookup6 } from '../../tables/lpm/lpm.ts';
import { ADJ_FORWARD, ADJ_GROUP, ADJ_RESOLVE } from '../../tables/router-table.ts';
import { formatMac } from '../../wire/ethernet.ts';
import { ipv4Dst, ipv4Text } from '../../wire/ipv4.ts';
import { ipv6Text } from '../../wire/ipv6-text.ts';
import type { Told } from '../types.ts';
import { entryOf, portName, type World } from '../world.ts';

/** Null where the frame is not for an interface of the router. */
export function observeRoute({ dp, ...world }: World, b: Batch) {
  const from = dp.router.ifaceOf[b.fid[0]];
  const isRouted = b.to[0] === TO_LOCAL && from !== 0;
  const packet = b.off[0] + 14 + b.tagLen[0];
  return (reason: number): Told | null => {
    if (!isRouted) return null;
    const name = portName({ dp, ...world }, dp.router.port[from]);
    const { view } = dp.arena;
    const version = b.off[0] + b.len[0] - packet >= 20 ? view.getUint16(packet - 2) : 0;
    const to =
      version === 0x0800 ? ipv4Text(view, packet + 16) : version === 0x86dd ? ipv6Text(view, packet + 24) : null;
    const what = to === null ? `to ${name}` : `${to}, come to ${name}`;
    if (b.copies[0] !== 0) return { text: `${what}: a child's, to ${portName({ dp, ...world }, b.to[0])}` };
    const handed = dp.router.port[dp.router.ifaceOf[b.fid[0]]] === b.port[0];
    if (reason !== DROP_NONE && !handed) return { text: what };
    if (!handed) {
      if (to === null) return { text: `${what}: for control` };
      const { adj, lpm4, lpm6, vrf } = dp.router;
      const row =
        version === 0x86dd
          ? lookup6(lpm6, vrf[from], view, packet + 24)
          : lookup4(lpm4, vrf[from], ipv4Dst(view, packet));
      const waits = adj.kind[row] === ADJ_RESOLVE || adj.kind[row] === ADJ_GROUP;
      const isBack = dp.router.redirects[from] !== 0 && adj.iface[row] === from;
      return { text: `${what}: for control, ${whyPunted(adj.kind[row], isBack)}`, ...(waits ? { waits } : {}) };
    }
    const out = portName({ dp, ...world }, b.port[0]) ?? '';
    const mac = formatMac(b.dstHigh[0], b.dstLow[0]);
    const entry = entryOf({ dp, ...world }, b.fid[0], b.dstHigh[0], b.dstLow[0]);
    return { text: `${what}: out of ${out} to ${mac}`, entry, routed: { interface: out, mac } };
  };
}

function whyPunted(kind: number, isBack: boolean): string {
  if (kind === ADJ_RESOLVE || kind === ADJ_GROUP) return 'which asks for the MAC of the next hop first';
  if (kind === ADJ_FORWARD && isBack) return 'which sends it on and tells its sender of the next hop (ICMP redirect)';
  return kind === ADJ_FORWARD ? 'which cuts it up' : 'to an address of the switch';
}
