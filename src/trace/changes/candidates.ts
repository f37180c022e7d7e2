/**
 * What might be changed, given how a frame ended: for every drop reason the settings that its rule asks.
 *
 * A candidate removes one hindrance; whether the frame then arrives is found out by tracing it, and if another
 * hindrance comes to light, that has candidates of its own.
 */

import type { InterfaceConfig } from '../../config/types/routing.ts';
import type { PortConfig, ReservedMacPolicy } from '../../config/types.ts';
import { RESERVED_MASKS } from '../../control/compile.ts';
import { VID_MAX } from '../../wire/vlan.ts';
import { customerVid, type Frame, frameOf } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import type { Trace } from '../types.ts';
import {
  allowStaticViolations,
  becomeTrunk,
  becomeTunnel,
  bridgeConfig,
  type Change,
  carryCustomerVid,
  classifyTo,
  join,
  moveBridge,
  portConfig,
  setBridgeKey,
  setKey,
} from './change.ts';
import { ruleChanges } from './classify.ts';
import { bridgeOf, egressChanges } from './egress.ts';
import { isIn } from './group.ts';
import { gatewayChanges } from './interface.ts';
import { ipvlanChanges, routedChildChanges } from './ipvlan.ts';
import { macvlanChanges } from './macvlan.ts';
import { endMirrors, selectChanges } from './mirror.ts';
import { missingGateway } from './missing.ts';
import { acceptAll, entryChanges, FEW, forwarding, isTooLong, longer, upChanges, vidsOf } from './port.ts';
import { joinTrunk } from './private-vlan.ts';
import { nextHopChanges, routeChanges } from './route.ts';
import { translateTo } from './translate.ts';
import { tunnelChanges, tunnelEntryChanges } from './tunnel.ts';

/** More than a gateway and an outgoing interface that are missing. */
const SWITCHED_COST = 3;

/** From strict to open. */
const POLICIES: readonly ReservedMacPolicy[] = ['c-vlan', 's-vlan', 'tpmr', 'transparent'];

/** Changes that remove what kept the frame from being delivered, or from `to` where that is said. */
export function candidates(s: Situation, trace: Trace, to: string | null): Change[] {
  const port = portConfig(s, trace.tunnel ?? trace.port);
  const target = to === null ? undefined : portConfig(s, to);
  if (port === undefined) return [];
  if (trace.reason?.name.startsWith('VXLAN_')) return tunnelChanges(s, trace, target);
  const bridge = s.config.bridges.find(({ name }) => name === port.bridge);
  const frame = frameOf(trace);
  if (bridge === undefined) return ofNoBridge(s, trace, port, frame, target);
  if (trace.stages.some(({ waits }) => waits === true)) return nextHopChanges(s, frame.bytes);
  const lacking = missingGateway(s, trace, port, frame);
  const gateway = [...gatewayChanges(s, frame, trace.vid), ...lacking];
  const copies = target === undefined ? [] : copyChanges(s, trace, target);
  const elsewhere = target !== undefined && target.bridge !== null && target.bridge !== port.bridge;
  const away = elsewhere ? moves(port, target, s, trace.vid) : [];
  const child = routedChildChanges(s, frame, trace.vid, target);
  const others = [...child, ...ofReason(s, trace, port, frame, target), ...copies, ...away];
  // A packet for another subnet is meant to be routed: what would have it switched is the second choice.
  const dearer = lacking.length > 0 && s.config === s.file ? SWITCHED_COST : 0;
  return [...gateway, ...others.map((change) => (dearer === 0 ? change : { ...change, cost: change.cost + dearer }))];
}

/** Where the target is the output of a mirror, a copy is what may arrive there. */
function copyChanges(s: Situation, trace: Trace, target: PortConfig): Change[] {
  if (!s.config.mirrors.some(({ output }) => output === target.name)) return [];
  return [...upChanges(s, target), ...selectChanges(s, trace, target)];
}

/** The port is one of a group or an underlay, or was forgotten. */
function ofNoBridge(
  s: Situation,
  trace: Trace,
  port: PortConfig,
  frame: Frame,
  target: PortConfig | undefined,
): Change[] {
  if ([...s.config.macvlan, ...s.config.ipvlan].some((group) => isIn(group, port.name))) {
    return ofGroup(s, trace, port, frame, target);
  }
  if (trace.reason?.name !== 'INGRESS_PORT_DOWN') return [];
  const up = upChanges(s, port);
  if (up.length > 0) return up;
  const bridges = s.config.bridges.filter(({ name }) => target === undefined || name === target.bridge);
  return bridges.map((bridge) => moveBridge(port, bridge, target === undefined ? 1 : (vidsOf(target)[0] ?? 1)));
}

/** Whatever the reason: where a frame for one port goes to another, there is none. */
function ofGroup(s: Situation, trace: Trace, port: PortConfig, frame: Frame, target: PortConfig | undefined): Change[] {
  const own = [...upChanges(s, port), ...(trace.reason?.name === 'PARSE_TOO_LONG' ? longer(port, frame) : [])];
  // What is wrong with the frame itself no group mends.
  if (own.length > 0 || trace.reason?.name.startsWith('PARSE_')) return own;
  const changes = [...macvlanChanges(s, port, frame, target), ...ipvlanChanges(s, port, frame, target)];
  const others = target === undefined ? groupMates(s, port) : [target];
  for (const each of others)
    changes.push(...upChanges(s, each), ...(isTooLong(each, frame) ? longer(each, frame) : []));
  const iface = interfaceOf(s, port.name);
  if (iface === undefined) return changes;
  // What it sends is for the router, whatever its MAC says.
  const sent = Buffer.from(frame.bytes);
  sent.set(Buffer.from(iface.mac.replaceAll(':', ''), 'hex'));
  if (trace.stages.some(({ waits }) => waits === true)) return nextHopChanges(s, sent);
  if (trace.reason?.name.startsWith('ROUTE_')) return [...changes, ...routeChanges(s, trace.reason.name, sent, target)];
  return frame.routed === null ? changes : [...changes, ...egressChanges(s, trace, port, frame, target)];
}

function groupMates({ config }: Situation, { name }: PortConfig): PortConfig[] {
  const groups = [...config.macvlan, ...config.ipvlan].filter((group) => isIn(group, name));
  return config.ports
    .filter((port) => port.name !== name && groups.some((group) => isIn(group, port.name)))
    .slice(0, FEW);
}

/** The interface that is the parent of the port. */
export function interfaceOf({ config }: Situation, port: string): InterfaceConfig | undefined {
  const group = config.ipvlan.find((each) => each.mode !== 'l2' && isIn(each, port));
  return config.interfaces.find((each) => each.name === group?.parent);
}

function ofReason(
  s: Situation,
  trace: Trace,
  port: PortConfig,
  frame: Frame,
  target: PortConfig | undefined,
): Change[] {
  const bridge = bridgeConfig(s, port.bridge);
  const vid = frame.tagVid ?? port.pvid;
  switch (trace.reason?.name) {
    case 'PARSE_TOO_LONG':
      return longer(port, frame);
    case 'INGRESS_PORT_DOWN':
      return upChanges(s, port);
    case 'INGRESS_MIRROR_OUTPUT':
      return [endMirrors(s, port)];
    case 'INGRESS_PORT_STATE':
      return [forwarding(port)];
    case 'INGRESS_FRAME_TYPE':
      return frameType(s, port, frame, target);
    case 'INGRESS_NO_PVID':
      return wantedVids(s, port, target).map((each) => classifyTo(s, port, each));
    case 'INGRESS_VLAN':
      return [
        ...ruleChanges(s, port, frame, wantedVids(s, port, target)),
        ...(vid === null ? [] : ingressVlan(s, port, frame, vid, target)),
        ...translateTo(s, port, frame, wantedVids(s, port, target)),
      ];
    case 'INGRESS_VID_RESERVED':
      return wantedVids(s, port, target).map((each) => becomeTunnel(port, each));
    case 'INGRESS_RESERVED_MAC':
      return reservedMac(s, port, frame);
    case 'INGRESS_TUNNEL_CVID': {
      const cvid = customerVid(frame);
      return [
        ...(cvid === null ? [] : carryCustomerVid(port, cvid, target === undefined ? [] : vidsOf(target))),
        ...(port.pvid === null ? [] : carryCustomerVid(port, null)),
      ];
    }
    case 'GUARD_STATIC_VIOLATION':
      return [
        allowStaticViolations(s.config, bridge),
        ...entryChanges(s, port.bridge, trace.vid, frame.src, port.name),
      ];
    case 'GUARD_BLACKHOLE_SOURCE':
      return entryChanges(s, port.bridge, trace.vid, frame.src, null);
    case 'LOOKUP_BLACKHOLE':
      return [
        ...entryChanges(s, bridgeOf(s, port, frame), trace.vid, frame.dst, null),
        ...tunnelEntryChanges(s, frame.dst),
      ];
    default:
      if (trace.reason?.name.startsWith('ROUTE_')) return routeChanges(s, trace.reason.name, frame.bytes, target);
      return egressChanges(s, trace, port, frame, target);
  }
}

function frameType(s: Situation, port: PortConfig, frame: Frame, target: PortConfig | undefined): Change[] {
  if (frame.tagVid === null) {
    const native = port.mode === 'trunk' && port.pvid === null;
    const others = native ? wantedVids(s, port, target).map((each) => classifyTo(s, port, each)) : [];
    return [acceptAll(port), ...others];
  }
  const trunk = port.mode === 'access' && port.pvid !== null && frame.tagVid <= VID_MAX;
  return [acceptAll(port), ...(trunk ? [becomeTrunk(port, frame.tagVid)] : [])];
}

function ingressVlan(
  s: Situation,
  port: PortConfig,
  frame: Frame,
  vid: number,
  target: PortConfig | undefined,
): Change[] {
  if (port.privateTrunk !== null) return joinTrunk(bridgeConfig(s, port.bridge), port, vid);
  const exists = bridgeConfig(s, port.bridge).vlans.some((vlan) => vlan.vid === vid);
  const open = exists && port.ingressFiltering;
  const untagged = frame.tagVid === null;
  return [
    join(s, port, vid),
    ...(open ? [setKey(port, 'ingressFiltering', false, `${port.name} had no ingress filtering`)] : []),
    ...(untagged ? wantedVids(s, port, target).map((each) => classifyTo(s, port, each)) : []),
    ...(!untagged && port.mode === 'access' && port.pvid !== null ? [becomeTrunk(port, vid)] : []),
  ];
}

function reservedMac(s: Situation, port: PortConfig, frame: Frame): Change[] {
  const bridge = bridgeConfig(s, port.bridge);
  const bit = 1 << (Number.parseInt(frame.dst.slice(-2), 16) & 0xf);
  const policy = POLICIES.find((each) => (RESERVED_MASKS[each] & bit) === 0);
  if (policy === undefined) return [];
  const condition = `the reserved addresses of bridge ${bridge.name} were those of ${policy}`;
  return [setBridgeKey(s.config, bridge, 'reservedMac', policy, condition)];
}

function moves(port: PortConfig, target: PortConfig, s: Situation, vid: number | null): Change[] {
  const [here, there] = [bridgeConfig(s, port.bridge), bridgeConfig(s, target.bridge)];
  const vids = vidsOf(target);
  return [moveBridge(target, here, vid ?? port.pvid), moveBridge(port, there, vids[0] ?? null)];
}

/** VLANs that untagged frames of `port` might belong to. */
function wantedVids({ config }: Situation, port: PortConfig, target: PortConfig | undefined): number[] {
  const near = config.ports.filter((each) => each.bridge === port.bridge && each !== port).slice(0, FEW);
  const wanted = target === undefined ? [port, ...near].flatMap(vidsOf) : [...vidsOf(target), ...vidsOf(port)];
  return [...new Set(wanted)].slice(0, FEW);
}
