/** What might be changed for a frame that got as far as egress: port by port, what keeps it from leaving there. */

import type { PortConfig } from '../../config/types.ts';
import type { Frame } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import type { Trace, TracePort } from '../types.ts';
import {
  addEntry,
  bridgeConfig,
  type Change,
  classifyTo,
  forget,
  join,
  portConfig,
  setBridgeKey,
  setKey,
} from './change.ts';
import { ruleChanges } from './classify.ts';
import { moveInterface } from './interface.ts';
import { endMirrors } from './mirror.ts';
import { entryChanges, FEW, forwarding, hairpin, longer, upChanges, vidsOf } from './port.ts';
import { joinTrunk, privateVlanChanges } from './private-vlan.ts';
import { translateTo } from './translate.ts';
import { longerPath, mapVlan, remapVni } from './tunnel.ts';

/** The frame got as far as egress, or was for the switch itself. */
export function egressChanges(
  s: Situation,
  trace: Trace,
  port: PortConfig,
  frame: Frame,
  target: PortConfig | undefined,
): Change[] {
  const ports = trace.stages.find((stage) => stage.stage === 'egress')?.ports;
  const decides = frame.routed === null ? 'lookup' : 'route';
  const entry = trace.stages.find((stage) => stage.stage === decides)?.entry ?? null;
  const elsewhere = entry !== null && target !== undefined && entry.port !== target.name;
  if (entry !== null && (elsewhere || entry.port === null || (entry.port === port.name && frame.routed === null))) {
    const known = entryChanges(s, bridgeOf(s, port, frame), entry.vid, frame.dst, target?.name ?? null);
    const learned = entry.kind === 'dynamic' && entry.port !== null ? [forget(entry.mac, entry.vid, entry.port)] : [];
    const back = entry.port === port.name && !elsewhere && frame.routed === null ? [hairpin(port)] : [];
    const stay = target === undefined || frame.routed === null ? [] : moveInterfaceTo(s, frame, target);
    return [...back, ...known, ...learned, ...stay];
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
      return to.tunnel === null ? longer(to, frame) : longerPath(s, to, frame.bytes.length);
    case 'EGRESS_ISOLATED':
      return apart(port, to);
    case 'EGRESS_PRIVATE_VLAN':
      return privateVlanChanges(bridgeConfig(s, port.bridge), port, to, trace.vid);
    case 'EGRESS_VLAN':
      return trace.vid === null ? [] : otherVlan(s, port, to, frame, trace.vid);
    default:
      return flooding(s, trace, frame, to, out);
  }
}

/** The target is not in the frame's VLAN: it joins, or the frame gets into one of the target's VLANs. */
function otherVlan(s: Situation, port: PortConfig, to: PortConfig, frame: Frame, vid: number): Change[] {
  // A VNI has to be the other side's as well.
  const joins =
    to.privateTrunk !== null
      ? joinTrunk(bridgeConfig(s, to.bridge), to, vid)
      : to.tunnel === null
        ? [join(s, to, vid)]
        : [];
  const maps = to.tunnel === null || to.tunnel.vnis.some((each) => each.vid === null) ? [] : [mapVlan(to, vid)];
  if (frame.routed !== null) return [...joins, ...moveInterfaceTo(s, frame, to), ...maps];
  const wanted = vidsOf(to);
  const untagged = frame.tagVid === null;
  const moves = port.tunnel?.vnis.some((each) => each.vid !== null)
    ? wanted.flatMap((each) => remapVni(port, vid, each))
    : wanted.flatMap((each) => (untagged ? [classifyTo(s, port, each)] : []));
  return [...joins, ...moves, ...ruleChanges(s, port, frame, wanted), ...translateTo(s, port, frame, wanted), ...maps];
}

/** The interface that the packet leaves by, into a VLAN of the port. */
function moveInterfaceTo(s: Situation, frame: Frame, to: PortConfig): Change[] {
  const by = s.config.interfaces.find(({ name }) => name === frame.routed?.interface);
  return by === undefined ? [] : vidsOf(to).map((vid) => moveInterface(by, vid));
}

/** The bridge in which the destination was looked up. */
export function bridgeOf({ config }: Situation, port: PortConfig, { routed }: Frame): string | null {
  return config.interfaces.find(({ name }) => name === routed?.interface)?.bridge ?? port.bridge;
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
