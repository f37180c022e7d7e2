/**
 * Egress port by port: who gets the frame and in which shape, and what keeps it from everybody else.
 *
 * Who sends is read from the egress lists afterwards. Why the others do not is asked beforehand, of the same bits
 * that the stage tests, while the frame has the length it came with.
 */

import { type Batch, SHAPE_ALT } from '../../dataplane/batch.ts';
import * as R from '../../dataplane/reasons.ts';
import { whyNot } from '../../dataplane/stages/egress.ts';
import { tooLong } from '../../dataplane/stages/frame-length.ts';
import { TO_FLOOD, TO_LOCAL } from '../../dataplane/stages/lookup.ts';
import { hasBit } from '../../tables/bitmap.ts';
import { FLOOD_BROADCAST, FLOOD_MULTICAST, PORT_VXLAN } from '../../tables/port-table.ts';
import type { Told, TracePort } from '../types.ts';
import { bridgeOf, portName, vlanOf, type World } from '../world.ts';

/** Null where a child of a group has been given the frame before. */
export function observeEgress(world: World, b: Batch): (reason: number) => Told | null {
  if (b.copies[0] !== 0) return () => null;
  const to = b.to[0];
  const asked = candidates(world, b).map((p) => ({ p, reason: hindrance(world, b, p) }));
  return (reason) => {
    if (to === TO_LOCAL) return { text: 'for the switch itself: it goes nowhere else' };
    const ports = asked.map((port) => portTold(world, b, port.p, port.reason));
    const sends = ports.filter((port) => port.sends).length;
    if (to >= 0) {
      if (ports.length === 0) return { text: 'the entry names no port', ports };
      return { text: ports[0].sends ? `out of ${ports[0].port}` : `not out of ${ports[0].port}`, ports };
    }
    const kind = floodKind(TO_FLOOD - to);
    if (reason === R.DROP_NONE && sends === 0) return { text: `${kind} flood: the switch alone hears it`, ports };
    const heard = b.punted === 0 ? ', and the switch hears it' : '';
    return {
      text: reason === R.DROP_NONE ? `${kind} flood to ${count(sends)}${heard}` : `${kind} flood: no port takes it`,
      ports,
    };
  };
}

function count(ports: number): string {
  return ports === 1 ? 'one port' : `${ports} ports`;
}

/** The destination's port, or every port of the bridge. */
function candidates(world: World, b: Batch): number[] {
  const { directory } = world;
  const to = b.to[0];
  if (to >= 0) return directory.ports.filter((port) => port.index === to).map((port) => port.index);
  const bridge = bridgeOf(world, b.port[0]);
  // Nothing is ever sent to an interface of the router.
  const interfaces = new Set(directory.interfaces.map((each) => each.port));
  return directory.ports.flatMap(({ bridge: on, index }) => (on === bridge && !interfaces.has(index) ? [index] : []));
}

/** A drop reason, -1 for a flooding flag, 0 for nothing. */
const FLOODING_OFF = -1;

function hindrance({ dp }: World, b: Batch, to: number): number {
  const { ports, vlans } = dp;
  const from = b.port[0];
  const fid = b.fid[0];
  if (!hasBit(ports.reach, ports.width, from, to) || !hasBit(vlans.member, vlans.width, fid, to)) {
    return whyNot(dp, fid, from, to);
  }
  if (b.to[0] < 0 && !hasBit(ports.flood, ports.width, TO_FLOOD - b.to[0], to)) return FLOODING_OFF;
  if (!tooLong(dp, b, 0, to)) return R.DROP_NONE;
  return b.to[0] === to && (ports.flags[to] & PORT_VXLAN) !== 0 ? R.VXLAN_MTU : R.EGRESS_TOO_LONG;
}

function portTold(world: World, b: Batch, to: number, hindered: number): TracePort {
  const port = portName(world, to) ?? String(to);
  const { egress, vlans } = world.dp;
  const start = to * egress.stride;
  const word = egress.list.subarray(start, start + egress.count[to]).find((each) => (each & ~SHAPE_ALT) === 0);
  if (word !== undefined) {
    const untagged = hasBit(vlans.untagged, vlans.width, b.fid[0], to);
    const vid = vlanOf(world, b.fid[0])?.vid ?? null;
    return {
      port,
      sends: true,
      text: vid === null ? 'as it is' : untagged ? 'untagged' : `tagged ${vid}`,
      reason: null,
    };
  }
  if (hindered === FLOODING_OFF) {
    return { port, sends: false, text: `takes no ${floodKind(TO_FLOOD - b.to[0])} floods`, reason: null };
  }
  return { port, sends: false, text: hinderedText(world, b, to, hindered), reason: R.reasonName(hindered) };
}

function hinderedText(world: World, b: Batch, to: number, reason: number): string {
  switch (reason) {
    case R.LOOKUP_REFLECTION:
      return 'it came from there';
    case R.EGRESS_PORT_DOWN:
      return 'its link is down';
    case R.EGRESS_MIRROR_OUTPUT:
      return 'it is the output of a mirror';
    case R.EGRESS_PORT_STATE:
      return 'it is not forwarding';
    case R.EGRESS_ISOLATED:
      return `kept apart from ${portName(world, b.port[0])}`;
    case R.EGRESS_PRIVATE_VLAN:
      return `a host that ${privateName(world, b.fid[0])} does not reach`;
    case R.EGRESS_TOO_LONG:
    case R.VXLAN_MTU:
      return `its MTU is ${world.dp.ports.mtu[to]}`;
    case R.EGRESS_VLAN: {
      const vid = vlanOf(world, b.fid[0])?.vid ?? null;
      return vid === null ? 'it is on another bridge' : `no member of VLAN ${vid}`;
    }
    default:
      return R.reasonName(reason);
  }
}

/** `isolated VLAN 101` */
function privateName(world: World, fid: number): string {
  return `${vlanOf(world, fid)?.secondary?.kind ?? 'private'} VLAN ${vlanOf(world, fid)?.vid}`;
}

function floodKind(kind: number): string {
  if (kind === FLOOD_BROADCAST) return 'broadcast';
  return kind === FLOOD_MULTICAST ? 'multicast' : 'unknown-unicast';
}
