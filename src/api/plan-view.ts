/**
 * A plan as people and programs read it before it is applied: actions, memberships, and which addresses the switch
 * knows now and would forget.
 */

import type { SwitchConfig } from '../config/types.ts';
import type { FdbEntryView } from '../control/fdb-control.ts';
import { type Action, describe } from '../control/plan/action.ts';
import { type MembershipChanges, membershipChanges } from '../control/plan/memberships.ts';
import { emptyVids, hasVid, type VidSet, VidSets } from '../control/vid-set.ts';
import { fdbEntries } from './fdb-view.ts';
import type { ReadableSwitch } from './reader.ts';

/** Addresses that are named. */
const MAX_NAMED = 100;
const NONE = emptyVids();

export interface PlanView {
  actions: Action[];
  text: string[];
  memberships: MembershipChanges;
  forgotten: { count: number; entries: FdbEntryView[] };
  /** What it brings with it and may not be meant (cut-off.ts). */
  warnings?: string[] | undefined;
}

export function planView(
  readable: ReadableSwitch,
  from: SwitchConfig,
  to: SwitchConfig,
  actions: Action[],
  nowMs: number,
): PlanView {
  return {
    actions,
    text: actions.map(describe),
    memberships: membershipChanges(from, to),
    forgotten: forgottenBy(readable, actions, nowMs),
  };
}

function forgottenBy(readable: ReadableSwitch, actions: readonly Action[], nowMs: number): PlanView['forgotten'] {
  const ports = new Set<string>();
  const vlans = new Set<string>();
  const bridges = new Set<string>();
  const members = new Map<string, VidSet>();
  const sets = new VidSets();
  const entries = new Set<string>();
  for (const action of actions) {
    if (action.do === 'remove-port') ports.add(action.port);
    else if (action.do === 'remove-bridge') bridges.add(action.bridge);
    else if (action.do === 'remove-vlan') vlans.add(`${action.bridge} ${action.vid}`);
    else if (action.do === 'remove-member') members.set(action.port, sets.of(action.vids));
    else if (action.do === 'set-port' && (action.settings.state === 'discarding' || !action.settings.enabled))
      ports.add(action.port);
    else if (action.do === 'remove-entry')
      entries.add(`${action.entry.bridge} ${action.entry.vid} ${action.entry.mac}`);
  }
  const goes = ({ bridge, vid, mac, port }: FdbEntryView) =>
    bridges.has(bridge) ||
    vlans.has(`${bridge} ${vid}`) ||
    (port !== null && (ports.has(port) || (vid !== null && hasVid(members.get(port) ?? NONE, vid)))) ||
    entries.has(`${bridge} ${vid} ${mac}`);
  const forgotten: PlanView['forgotten'] = { count: 0, entries: [] };
  if (ports.size + vlans.size + bridges.size + members.size + entries.size === 0) return forgotten;
  for (const entry of fdbEntries(readable, {}, nowMs)) {
    if (!goes(entry)) continue;
    if (forgotten.count++ < MAX_NAMED) forgotten.entries.push(entry);
  }
  return forgotten;
}
