/**
 * Memberships, PVIDs and settings of a plan made ready aside, for all ports together: what the model will say of each port, rows of the VLAN
 * table, and words of the port table.
 *
 * Frames see all of it in one go. Port by port would not do: where two ports change places between two VLANs, the one that is first would be with
 * the other in a VLAN, which neither the old configuration nor the new one says; so would two of which one is isolated no more and the other is
 * now. So the go is made short: the model's objects are exchanged, words that differ written, and rows put in place as a few copies of memory,
 * which take microseconds also when they are made for the first time.
 *
 * Left to who carries out actions one by one: ports that go in the same plan, bridges where a membership is more than bits of the table, as
 * those of private VLANs, or with VLANs that come and go with their members, and settings that are more than a port's own words.
 */

import type { DataplaneShared } from '../../dataplane/dataplane.ts';
import { flushPort } from '../../tables/fdb/flush.ts';
import { compileLimits, compilePvid, pvidWord, reachesOthers } from '../compile.ts';
import type { Forgetting } from '../forget.ts';
import { asksCustomerVid, type Bridge, type Port, type PortSettings, stopsLearning } from '../model.ts';
import {
  emptyVids,
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
import { isByItself, StagedPortRows } from './staged-port-rows.ts';
import { type Column, StagedRows } from './staged-rows.ts';

/** Actions that are looked at in one step. */
const LOOKS = 256;

type SetPort = Extract<Action, { do: 'set-port' }>;
export type MemberAction = Extract<Action, { do: 'set-member' | 'remove-member' | 'set-pvid' }> | SetPort;
type OwnAction = Exclude<MemberAction, SetPort>;

/** The part of control that they are of. */
export interface Staging {
  readonly dp: DataplaneShared;
  readonly forgetting: Forgetting;
  readonly bridges: ReadonlyMap<string, Bridge>;
  readonly ports: ReadonlyMap<string, Port>;
  readonly router: { hasInterface(name: string): boolean } | null;
  readonly nowMs: () => number;
  layoutChanged(): void;
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
  /** What it will have; the very object from before where nothing is other. */
  members: MemberSet;
  settings: PortSettings;
  /** More than its PVID is another. */
  isSet: boolean;
  /** In which it is something else than before. */
  differing: VidSet;
}

const NONE = emptyVids();

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
    settingsBefore: [] as PortSettings[],
    pvids: [] as number[],
    pvidsBefore: [] as number[],
  };
  /** Those of them with other memberships. */
  readonly #moving: StagedPort[] = [];
  /** Those of them where more hangs on the PVID. */
  readonly #customers: Port[] = [];
  readonly #actions = new Set<Action>();
  /** By number of the port: VLANs that it leaves. */
  readonly #left = new Map<number, VidSet>();
  readonly #stopping: Port[] = [];
  /** Somebody reaches others than before. */
  #reach = false;
  #rows: StagedRows | null = null;
  #portRows: StagedPortRows | null = null;

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
      this.#takeSettings(control, port, port.bridge, own);
      this.#takeMembers(port, port.bridge, own.filter(isOwn), sets);
      yield 'small';
    }
    if (this.isEmpty) return;
    const columns: Column[] = [];
    for (const staged of this.#all) {
      const { port, before, members } = staged;
      if (members !== before.members) {
        columns.push(compare(staged));
        this.#moving.push(staged);
        const left = without(before.members.vids, members.vids);
        if (!isEmpty(left)) this.#left.set(port.index, left);
      }
      this.#makeReady(staged);
      yield 'small';
    }
    this.#portRows?.finish();
    if (columns.length === 0) return;
    this.#rows = new StagedRows(control.dp.vlans);
    yield* this.#rows.stage(columns);
  }

  #takeMembers(port: Port, bridge: Bridge, actions: readonly OwnAction[], sets: VidSets): void {
    if (actions.length === 0 || !isPlain(bridge) || !isPossible(port, bridge, actions, sets)) return;
    take(this.#staged(port, bridge), actions, sets);
    for (const action of actions) this.#actions.add(action);
  }

  #takeSettings({ dp }: Staging, port: Port, bridge: Bridge, actions: readonly MemberAction[]): void {
    for (const action of actions) {
      if (action.do !== 'set-port' || !isByItself(port, action.settings)) continue;
      const staged = this.#staged(port, bridge);
      // The PVID is an action of its own.
      staged.settings = { ...action.settings, pvid: staged.settings.pvid };
      staged.isSet = true;
      this.#actions.add(action);
      this.#portRows ??= new StagedPortRows(dp);
    }
  }

  #staged(port: Port, bridge: Bridge): StagedPort {
    let staged = this.#ports.get(port);
    if (staged === undefined) {
      const { members, settings } = port;
      staged = {
        ...{ port, bridge, before: { members, settings }, members, settings },
        ...{ isSet: false, differing: NONE },
      };
      this.#ports.set(port, staged);
      this.#all.push(staged);
    }
    return staged;
  }

  #makeReady({ port, before, members, settings, isSet }: StagedPort): void {
    this.#ready.ports.push(port);
    this.#ready.members.push(members);
    this.#ready.settings.push(settings);
    this.#ready.settingsBefore.push(before.settings);
    if (isSet) {
      this.#portRows!.add(port, settings);
      if (reachesOthers(before.settings, settings)) this.#reach = true;
      if (stopsLearning(before.settings, settings)) this.#stopping.push(port);
    }
    if (settings.pvid === before.settings.pvid) return;
    this.#ready.pvids.push(port.index, pvidWord(settings));
    this.#ready.pvidsBefore.push(port.index, pvidWord(before.settings));
    if (asksCustomerVid(settings)) this.#customers.push(port);
  }

  /** Puts all of it in place, where nothing of it has changed since. */
  commit(control: Staging): void {
    const { dp, forgetting } = control;
    if (forgetting.isBehind) {
      for (const { port, before, members } of this.#moving) {
        forgetting.rejoining(port.index, without(members.vids, before.members.vids));
      }
    }
    forgetting.forgetLater(this.#left);
    // Each port is a line of memory that nobody has read for a while: nothing else is touched.
    const { ports, members, settings, pvids } = this.#ready;
    for (let n = 0; n < ports.length; n++) {
      ports[n]!.members = members[n]!;
      ports[n]!.settings = settings[n]!;
    }
    this.#putPvids(dp, pvids);
    this.#rows?.put();
    for (const { index } of this.#stopping) flushPort(dp.fdb, index, control.nowMs());
    if (this.#portRows === null) return;
    this.#portRows.put();
    this.#settle(control);
  }

  /** Memberships as they were before `commit`, whatever else has changed since; nothing is forgotten for them. */
  takeBackMembers({ forgetting }: Staging): void {
    for (const { port, before, differing } of this.#moving) {
      forgetting.keep(port.index);
      port.members.putBack(before.members, differing);
    }
    this.#rows?.takeBack();
  }

  /** PVIDs and settings as they were before, when what else has changed them is taken back. */
  takeBackSettings(control: Staging): void {
    const { ports, settingsBefore, pvidsBefore } = this.#ready;
    for (let n = 0; n < ports.length; n++) ports[n]!.settings = settingsBefore[n]!;
    this.#putPvids(control.dp, pvidsBefore);
    if (this.#portRows === null) return;
    this.#portRows.takeBack();
    this.#settle(control);
  }

  /** Numbers of ports, and behind each the word. */
  #putPvids(dp: DataplaneShared, words: readonly number[]): void {
    for (let n = 0; n < words.length; n += 2) dp.ports.pvid[words[n]!] = words[n + 1]!;
    for (const port of this.#customers) compilePvid(dp, port);
  }

  /** What is made of the settings of all ports. */
  #settle(control: Staging): void {
    if (this.#reach) control.layoutChanged();
    else compileLimits(control.dp, control.ports.values());
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

function isOwn(action: MemberAction): action is OwnAction {
  return action.do !== 'set-port';
}

/** What is not is for who carries it out to refuse, or to make possible. */
function isPossible(port: Port, bridge: Bridge, actions: readonly OwnAction[], sets: VidSets): boolean {
  return actions.every((action) => {
    if (action.do === 'set-pvid') return action.pvid === null || hasVid(bridge.vids, action.pvid);
    return isWithin(sets.of(action.vids), action.do === 'set-member' ? bridge.vids : port.members.vids);
  });
}

function take(staged: StagedPort, actions: readonly OwnAction[], sets: VidSets): void {
  for (const action of actions) {
    if (action.do === 'remove-member') leave(staged, sets.of(action.vids));
    else if (action.do === 'set-member') membersOf(staged).add(sets.of(action.vids), action.untagged);
    else staged.settings = { ...staged.settings, pvid: action.pvid };
  }
}

/** To be written to. */
function membersOf(staged: StagedPort): MemberSet {
  if (staged.members === staged.before.members) staged.members = staged.members.copy();
  return staged.members;
}

/** A PVID among them becomes none. */
function leave(staged: StagedPort, vids: VidSet): void {
  membersOf(staged).remove(vids);
  if (hasPvidIn(staged.settings, vids)) staged.settings = { ...staged.settings, pvid: null };
}

function hasPvidIn({ pvid }: PortSettings, vids: VidSet): boolean {
  return pvid !== null && hasVid(vids, pvid);
}

function compare(staged: StagedPort): Column {
  const { port, bridge, members } = staged;
  staged.differing = members.differing(port.members);
  return { bridge, port: port.index, members, vids: staged.differing };
}
