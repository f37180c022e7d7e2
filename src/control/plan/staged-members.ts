/**
 * Memberships and PVIDs of a plan made ready aside, for all ports together: what the model will say of each port, and rows of the VLAN table.
 *
 * Frames see all of it in one go. Port by port would not do: where two ports change places between two VLANs, the one that is first would be with
 * the other in a VLAN, which neither the old configuration nor the new one says. So the go is made short: the model's objects are exchanged, PVIDs
 * written, and rows put in place as a few copies of memory, which take microseconds also when they are made for the first time.
 *
 * Left to who carries out actions one by one: ports that go in the same plan, and bridges where a membership is more than bits of the table, as
 * those of private VLANs, or with VLANs that come and go with their members.
 */

import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import { compilePvid, pvidWord } from '../compile.ts';
import type { Forgetting } from '../forget.ts';
import { asksCustomerVid, type Bridge, type Port, type PortSettings } from '../model.ts';
import {
  hasVid,
  haveCommon,
  isEmpty,
  isWithin,
  type MemberSet,
  type VidSet,
  type VidSets,
  without,
} from '../vid-set.ts';
import type { Action } from './action.ts';
import { type Column, StagedRows } from './staged-rows.ts';

/** Actions that are looked at in one step. */
const LOOKS = 256;

export type MemberAction = Extract<Action, { do: 'set-member' | 'remove-member' | 'set-pvid' }>;

/** The part of control that they are of. */
export interface Staging {
  readonly dp: DataplaneShared;
  readonly forgetting: Forgetting;
  readonly bridges: ReadonlyMap<string, Bridge>;
  readonly ports: ReadonlyMap<string, Port>;
  readonly router: { hasInterface(name: string): boolean } | null;
}

export interface MemberChanges {
  readonly actions: readonly MemberAction[];
  /** VLANs that lose all members before they are removed, by bridge. */
  readonly emptied: ReadonlyMap<string, VidSet>;
  /** Ports that go. */
  readonly leaving: ReadonlySet<string>;
}

interface StagedPort {
  readonly port: Port;
  readonly bridge: Bridge;
  readonly before: { readonly members: MemberSet; readonly settings: PortSettings };
  /** What it will have. */
  readonly members: MemberSet;
  settings: PortSettings;
  /** Null: none. */
  joins: VidSet | null;
  /** In which it is something else than before. */
  differing: VidSet;
}

/** Whether memberships of the bridge are nothing but bits of the table. */
export function isPlain({ settings, secondaries, unlisted }: Bridge): boolean {
  return settings.type !== 'unaware' && secondaries.size === 0 && unlisted.size === 0;
}

export class StagedMembers {
  readonly #ports = new Map<Port, StagedPort>();
  readonly #all: StagedPort[] = [];
  /** Of all of them; PVIDs behind the numbers of the ports that get another. */
  readonly #ready = {
    ports: [] as Port[],
    members: [] as MemberSet[],
    settings: [] as PortSettings[],
    pvids: [] as number[],
  };
  /** Those of them where more hangs on the PVID. */
  readonly #customers: Port[] = [];
  readonly #actions = new Set<Action>();
  /** By number of the port: VLANs that it leaves. */
  readonly #left = new Map<number, VidSet>();
  #rows: StagedRows | null = null;

  /** Those of the actions that are not done by putting this in place. In steps. */
  *othersOf(actions: readonly Action[]): Generator<'small', readonly Action[]> {
    const others: Action[] = [];
    for (const [n, action] of actions.entries()) {
      if (n % LOOKS === 0) yield 'small';
      if (!this.#actions.has(action)) others.push(action);
    }
    return others;
  }

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** In steps. */
  *stage(control: Staging, { actions, emptied, leaving }: MemberChanges, sets: VidSets): Generator<'small', void> {
    const { bridges, ports, router } = control;
    for (const [name, vids] of emptied) {
      const bridge = bridges.get(name)!;
      for (const port of ports.values()) {
        if (port.bridge !== bridge || leaving.has(port.name)) continue;
        // Interfaces of these VLANs go, and with them what they have.
        if (router?.hasInterface(port.name)) continue;
        if (!haveCommon(port.members.vids, vids) && !hasPvidIn(port.settings, vids)) continue;
        leave(this.#staged(port, bridge), vids);
        yield 'small';
      }
    }
    for (const [name, own] of yield* byPort(actions)) {
      const port = ports.get(name);
      if (port === undefined || port.bridge === null || leaving.has(name)) continue;
      if (!isPlain(port.bridge) || !isPossible(port, port.bridge, own, sets)) continue;
      take(this.#staged(port, port.bridge), own, sets);
      for (const action of own) this.#actions.add(action);
      yield 'small';
    }
    if (this.isEmpty) return;
    const columns: Column[] = [];
    for (const staged of this.#all) {
      columns.push(compare(staged));
      const left = without(staged.before.members.vids, staged.members.vids);
      if (!isEmpty(left)) this.#left.set(staged.port.index, left);
      this.#makeReady(staged);
      yield 'small';
    }
    this.#rows = new StagedRows(control.dp.vlans);
    yield* this.#rows.stage(columns);
  }

  #staged(port: Port, bridge: Bridge): StagedPort {
    let staged = this.#ports.get(port);
    if (staged === undefined) {
      const { members, settings } = port;
      staged = {
        ...{ port, bridge, before: { members, settings }, members: members.copy(), settings },
        ...{ joins: null, differing: members.vids },
      };
      this.#ports.set(port, staged);
      this.#all.push(staged);
    }
    return staged;
  }

  #makeReady({ port, before, members, settings }: StagedPort): void {
    this.#ready.ports.push(port);
    this.#ready.members.push(members);
    this.#ready.settings.push(settings);
    if (settings === before.settings) return;
    this.#ready.pvids.push(port.index, pvidWord(settings));
    if (asksCustomerVid(settings)) this.#customers.push(port);
  }

  /** Puts all of it in place, where nothing of it has changed since. */
  commit({ dp, forgetting }: Staging): void {
    if (forgetting.isBehind) {
      for (const { port, joins } of this.#all) if (joins !== null) forgetting.rejoining(port.index, joins);
    }
    forgetting.forgetLater(this.#left);
    // Each port is a line of memory that nobody has read for a while: nothing else is touched.
    const { ports, members, settings, pvids } = this.#ready;
    for (let n = 0; n < ports.length; n++) {
      ports[n]!.members = members[n]!;
      ports[n]!.settings = settings[n]!;
    }
    for (let n = 0; n < pvids.length; n += 2) dp.ports.pvid[pvids[n]!] = pvids[n + 1]!;
    for (const port of this.#customers) compilePvid(dp, port);
    this.#rows?.put();
  }

  /** Memberships as they were before `commit`, whatever else has changed since; nothing is forgotten for them. */
  takeBackMembers({ forgetting }: Staging): void {
    for (const { port, before, differing } of this.#all) {
      forgetting.keep(port.index);
      port.members.putBack(before.members, differing);
    }
    this.#rows?.takeBack();
  }

  /** The same of PVIDs. */
  takeBackPvids({ dp }: Staging): void {
    for (const { port, before, settings } of this.#all) {
      if (settings === before.settings) continue;
      port.settings = { ...port.settings, pvid: before.settings.pvid };
      compilePvid(dp, port);
    }
  }
}

function* byPort(actions: readonly MemberAction[]): Generator<'small', Map<string, MemberAction[]>> {
  const all = new Map<string, MemberAction[]>();
  for (const [n, action] of actions.entries()) {
    if (n % LOOKS === 0) yield 'small';
    const known = all.get(action.port);
    if (known === undefined) all.set(action.port, [action]);
    else known.push(action);
  }
  return all;
}

/** What is not is for who carries it out to refuse, or to make possible. */
function isPossible(port: Port, bridge: Bridge, actions: readonly MemberAction[], sets: VidSets): boolean {
  return actions.every((action) => {
    if (action.do === 'set-pvid') return action.pvid === null || hasVid(bridge.vids, action.pvid);
    return isWithin(sets.of(action.vids), action.do === 'set-member' ? bridge.vids : port.members.vids);
  });
}

function take(staged: StagedPort, actions: readonly MemberAction[], sets: VidSets): void {
  for (const action of actions) {
    if (action.do === 'remove-member') leave(staged, sets.of(action.vids));
    else if (action.do === 'set-member') staged.members.add(sets.of(action.vids), action.untagged);
    else staged.settings = { ...staged.settings, pvid: action.pvid };
  }
}

/** A PVID among them becomes none. */
function leave(staged: StagedPort, vids: VidSet): void {
  staged.members.remove(vids);
  if (hasPvidIn(staged.settings, vids)) staged.settings = { ...staged.settings, pvid: null };
}

function hasPvidIn({ pvid }: PortSettings, vids: VidSet): boolean {
  return pvid !== null && hasVid(vids, pvid);
}

function compare(staged: StagedPort): Column {
  const { port, bridge, members } = staged;
  const joins = without(members.vids, port.members.vids);
  staged.joins = isEmpty(joins) ? null : joins;
  staged.differing = members.differing(port.members);
  return { bridge, port: port.index, members, vids: staged.differing };
}
