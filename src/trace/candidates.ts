/**
 * What might be changed, given how a frame ended: for every drop reason the settings that its rule asks.
 *
 * A candidate removes one hindrance; whether the frame then arrives is found out by tracing it, and if another
 * hindrance comes to light, that has candidates of its own.
 */

import type { PortConfig, ReservedMacPolicy } from '../config/types.ts';
import { RESERVED_MASKS } from '../control/compile.ts';
import { IPV6_BYTES } from '../wire/ipv6.ts';
import { UDP_BYTES } from '../wire/udp.ts';
import { countTags, FIRST_TAG, TAG_BYTES, TPID_C, tciVid, VID_MAX, VID_MIN } from '../wire/vlan.ts';
import { VXLAN_BYTES } from '../wire/vxlan.ts';
import {
  addEntry,
  allowStaticViolations,
  becomeTrunk,
  becomeTunnel,
  bridgeConfig,
  type Change,
  carryCustomerVid,
  classifyTo,
  endMirrors,
  forget,
  join,
  linkUp,
  moveBridge,
  moveEntry,
  portConfig,
  removeEntry,
  setBridgeKey,
  setKey,
} from './change.ts';
import { privateVlanChanges } from './private-vlan-changes.ts';
import { routeChanges } from './route-changes.ts';
import type { Situation } from './situation.ts';
import { mapVlan, tunnelChanges } from './tunnel-changes.ts';
import type { Trace, TracePort } from './types.ts';

const ETHERNET_HEADER = 14;
const MAX_MTU = 65_535;
/** Ports and VLANs looked at where any would do. */
const FEW = 8;
/** From strict to open. */
const POLICIES: readonly ReservedMacPolicy[] = ['c-vlan', 's-vlan', 'tpmr', 'transparent'];

/** The frame's fields that settings are about. */
interface Frame {
  readonly bytes: Buffer;
  readonly dst: string;
  readonly src: string;
  /** VID of the tag that the port takes for one; null without it, and for a priority tag. */
  readonly tagVid: number | null;
}

/** Changes that remove what kept the frame from being delivered, or from `to` where that is said. */
export function candidates(s: Situation, trace: Trace, to: string | null): Change[] {
  const port = portConfig(s, trace.tunnel ?? trace.port);
  const target = to === null ? undefined : portConfig(s, to);
  if (port === undefined) return [];
  if (trace.reason?.name.startsWith('VXLAN_')) return tunnelChanges(s, trace, target);
  const bridge = s.config.bridges.find(({ name }) => name === port.bridge);
  if (bridge === undefined) return ofNoBridge(s, trace, port, target);
  const frame = frameOf(trace);
  const away = target !== undefined && target.bridge !== port.bridge ? moves(port, target, s, trace.vid) : [];
  return [...ofReason(s, trace, port, frame, target), ...away];
}

/** The port is an underlay, or was forgotten. */
function ofNoBridge(s: Situation, trace: Trace, port: PortConfig, target: PortConfig | undefined): Change[] {
  if (trace.reason?.name !== 'INGRESS_PORT_DOWN') return [];
  const up = upChanges(s, port);
  if (up.length > 0) return up;
  const bridges = s.config.bridges.filter(({ name }) => target === undefined || name === target.bridge);
  return bridges.map((bridge) => moveBridge(port, bridge, target === undefined ? 1 : (vidsOf(target)[0] ?? 1)));
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
      return wantedVids(s, port, target).map((each) => classifyTo(port, each));
    case 'INGRESS_VLAN':
      return [...unclassified(s, port, frame), ...(vid === null ? [] : ingressVlan(s, port, frame, vid, target))];
    case 'INGRESS_VID_RESERVED':
      return wantedVids(s, port, target).map((each) => becomeTunnel(port, each));
    case 'INGRESS_RESERVED_MAC':
      return reservedMac(s, port, frame);
    case 'INGRESS_TUNNEL_CVID': {
      const cvid = customerVid(frame);
      return [
        ...(cvid === null ? [] : [carryCustomerVid(port, cvid)]),
        ...(port.pvid === null ? [] : [carryCustomerVid(port, null)]),
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
      return entryChanges(s, port.bridge, trace.vid, frame.dst, null);
    default:
      if (trace.reason?.name.startsWith('ROUTE_')) return routeChanges(s, trace.reason.name, frame.bytes);
      return egressChanges(s, trace, port, frame, target);
  }
}

/** The frame got as far as egress, or was for the switch itself. */
function egressChanges(
  s: Situation,
  trace: Trace,
  port: PortConfig,
  frame: Frame,
  target: PortConfig | undefined,
): Change[] {
  const ports = trace.stages.find((stage) => stage.stage === 'egress')?.ports;
  const entry = trace.stages.find((stage) => stage.stage === 'lookup')?.entry ?? null;
  const elsewhere = entry !== null && target !== undefined && entry.port !== target.name;
  if (entry !== null && (elsewhere || entry.port === null || entry.port === port.name)) {
    const known = entryChanges(s, port.bridge, entry.vid, frame.dst, target?.name ?? null);
    const learned = entry.kind === 'dynamic' && entry.port !== null ? [forget(entry.mac, entry.vid, entry.port)] : [];
    const back = entry.port === port.name && !elsewhere ? [hairpin(port)] : [];
    return [...back, ...known, ...learned];
  }
  const open = (ports ?? []).filter((each) => !each.sends && (target === undefined || each.port === target.name));
  // Where any port would do, the one that it came from is the last that is meant.
  const others = open.filter((each) => each.port !== port.name || target !== undefined || open.length === 1);
  return others.slice(0, FEW).flatMap((each) => hindranceChanges(s, trace, port, frame, each));
}

function hindranceChanges(s: Situation, trace: Trace, port: PortConfig, frame: Frame, out: TracePort): Change[] {
  const to = portConfig(s, out.port);
  if (to === undefined) return [];
  switch (out.reason) {
    case 'LOOKUP_REFLECTION':
      return [hairpin(to)];
    case 'EGRESS_PORT_DOWN':
      return upChanges(s, to);
    case 'EGRESS_MIRROR_OUTPUT':
      return [endMirrors(s, to)];
    case 'EGRESS_PORT_STATE':
      return [forwarding(to)];
    case 'EGRESS_TOO_LONG':
      return longer(to, frame);
    case 'EGRESS_ISOLATED':
      return apart(port, to);
    case 'EGRESS_PRIVATE_VLAN':
      return privateVlanChanges(bridgeConfig(s, port.bridge), port, to, trace.vid);
    case 'EGRESS_VLAN':
      return trace.vid === null ? [] : [...otherVlan(port, to, frame, trace.vid), ...unclassified(s, port, frame)];
    default:
      return flooding(s, trace, frame, to, out);
  }
}

/** The target is not in the frame's VLAN: it joins, or the frame's port moves to one of its VLANs. */
function otherVlan(port: PortConfig, to: PortConfig, frame: Frame, vid: number): Change[] {
  const moves = frame.tagVid === null ? vidsOf(to).map((each) => classifyTo(port, each)) : [];
  // A VNI has to be the other side's as well.
  return to.tunnel === null ? [join(to, vid), ...moves] : [...moves, mapVlan(to, vid)];
}

/** Rules say which VLAN the frame is in: the port goes without them, or into a VLAN that they name. */
function unclassified({ config }: Situation, port: PortConfig, frame: Frame): Change[] {
  if (!port.classify || frame.tagVid !== null) return [];
  const { macs, subnets, protocols } = config.classification;
  const named = new Set([...macs, ...subnets, ...protocols].map(({ vid }) => vid));
  const joins = [...named].filter((each) => !port.members.some(({ vid }) => vid === each)).slice(0, FEW);
  const off = setKey(port, 'classify', false, `${port.name} gave frames its own VLAN whatever they are`);
  return [off, ...(port.mode === 'access' ? [] : joins.map((each) => join(port, each)))];
}

const FLOOD_KEYS = [
  ['unknown-unicast', 'unknownUnicastFlood'],
  ['multicast', 'multicastFlood'],
  ['broadcast', 'broadcastFlood'],
] as const;

function flooding(s: Situation, trace: Trace, frame: Frame, to: PortConfig, out: TracePort): Change[] {
  const [kind, key] = FLOOD_KEYS.find(([each]) => out.text.includes(each)) ?? [];
  if (key === undefined) return [];
  const bridge = bridgeConfig(s, to.bridge);
  const changes: Change[] = [];
  if (!to[key]) changes.push(setKey(to, key, true, `${to.name} took ${kind} floods`));
  if (!bridge[key]) {
    changes.push(setBridgeKey(s.config, bridge, key, true, `bridge ${bridge.name} flooded ${kind} frames`));
  }
  if (key === 'unknownUnicastFlood') changes.push(addEntry(to, trace.vid, frame.dst));
  return changes;
}

function frameType(s: Situation, port: PortConfig, frame: Frame, target: PortConfig | undefined): Change[] {
  if (frame.tagVid === null) {
    const native = port.mode === 'trunk' && port.pvid === null;
    const others = native ? wantedVids(s, port, target).map((each) => classifyTo(port, each)) : [];
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
  const exists = bridgeConfig(s, port.bridge).vlans.some((vlan) => vlan.vid === vid);
  const open = exists && port.ingressFiltering;
  const untagged = frame.tagVid === null;
  return [
    join(port, vid),
    ...(open ? [setKey(port, 'ingressFiltering', false, `${port.name} had no ingress filtering`)] : []),
    ...(untagged ? wantedVids(s, port, target).map((each) => classifyTo(port, each)) : []),
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

/** Configured entries of an address: gone, or on `port`. */
function entryChanges(
  s: Situation,
  bridge: string | null,
  vid: number | null,
  mac: string,
  port: string | null,
): Change[] {
  const at = s.config.fdbEntries.findIndex((e) => e.bridge === bridge && e.vid === vid && e.mac === mac);
  const entry = s.config.fdbEntries[at];
  if (entry === undefined) return [];
  const movable = port !== null && entry.port !== null && entry.port !== port;
  return [...(movable ? [moveEntry(entry, at, port)] : []), removeEntry(entry, at)];
}

function apart(from: PortConfig, to: PortConfig): Change[] {
  const changes: Change[] = [];
  if (from.isolated && to.isolated) {
    for (const each of [to, from]) changes.push(setKey(each, 'isolated', false, `${each.name} were not isolated`));
  }
  if (from.splitHorizonGroup !== 0 && from.splitHorizonGroup === to.splitHorizonGroup) {
    for (const each of [to, from]) {
      const condition = `${each.name} were not in split-horizon group ${from.splitHorizonGroup}`;
      changes.push(setKey(each, 'splitHorizonGroup', 0, condition));
    }
  }
  return changes;
}

function moves(port: PortConfig, target: PortConfig, s: Situation, vid: number | null): Change[] {
  const [here, there] = [bridgeConfig(s, port.bridge), bridgeConfig(s, target.bridge)];
  const vids = vidsOf(target);
  return [moveBridge(target, here, vid ?? port.pvid), moveBridge(port, there, vids[0] ?? null)];
}

function longer(port: PortConfig, { bytes }: Frame): Change[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const mtu = bytes.length - ETHERNET_HEADER - countTags(view, FIRST_TAG, bytes.length) * TAG_BYTES;
  if (mtu > MAX_MTU) return [];
  return [setKey(port, 'mtu', mtu, `the MTU of ${port.name} were ${mtu} instead of ${port.mtu}`)];
}

/** Off by configuration, or by its link. */
function upChanges({ down }: Situation, port: PortConfig): Change[] {
  return [
    ...(port.enabled ? [] : [setKey(port, 'enabled', true, `${port.name} were enabled`)]),
    ...(down.includes(port.name) ? [linkUp(port)] : []),
  ];
}

const forwarding = (port: PortConfig) => setKey(port, 'state', 'forwarding', `${port.name} were forwarding`);
const hairpin = (port: PortConfig) => setKey(port, 'hairpin', true, `${port.name} sent back what came from it`);
const acceptAll = (port: PortConfig) =>
  setKey(port, 'acceptFrames', 'all', `${port.name} took frames with and without a tag`);

/** VLANs of a port, those of its untagged frames first. */
function vidsOf(port: PortConfig): number[] {
  const untagged = port.members.filter((member) => member.untagged).map((member) => member.vid);
  const all = [...(port.pvid === null ? [] : [port.pvid]), ...untagged, ...port.members.map((member) => member.vid)];
  return [...new Set(all)].slice(0, FEW);
}

/** VLANs that untagged frames of `port` might belong to. */
function wantedVids({ config }: Situation, port: PortConfig, target: PortConfig | undefined): number[] {
  const near = config.ports.filter((each) => each.bridge === port.bridge && each !== port).slice(0, FEW);
  const wanted = target === undefined ? [port, ...near].flatMap(vidsOf) : [...vidsOf(target), ...vidsOf(port)];
  return [...new Set(wanted)].slice(0, FEW);
}

function frameOf({ frame, tunnel, tagVid }: Trace): Frame {
  const outer = Buffer.from(frame.hex, 'hex');
  const bytes = tunnel === null ? outer : innerOf(outer);
  return { bytes, dst: macAt(bytes, 0), src: macAt(bytes, 6), tagVid };
}

/** What the data plane took out of its tunnel: behind Ethernet, IP, UDP and VXLAN. */
function innerOf(outer: Buffer): Buffer {
  const packet = FIRST_TAG + 2 + (outer.readUInt16BE(FIRST_TAG) === TPID_C ? TAG_BYTES : 0);
  const header = outer[packet] >>> 4 === 6 ? IPV6_BYTES : (outer[packet] & 0xf) * 4;
  return outer.subarray(packet + header + UDP_BYTES + VXLAN_BYTES);
}

/** VID that a list of customer VLANs is asked for. */
function customerVid({ bytes }: Frame): number | null {
  if (bytes.length < FIRST_TAG + TAG_BYTES + 2 || bytes.readUInt16BE(FIRST_TAG) !== TPID_C) return null;
  const vid = tciVid(bytes.readUInt16BE(FIRST_TAG + 2));
  return vid >= VID_MIN && vid <= VID_MAX ? vid : null;
}

function macAt(bytes: Buffer, at: number): string {
  return bytes
    .subarray(at, at + 6)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');
}
