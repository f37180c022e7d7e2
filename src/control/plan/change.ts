/**
 * A plan carried out whole or not at all.
 *
 * What frames can see of it changes in one go between two batches. What they cannot see, VLANs that have no members yet or none any
 * more and addresses that were learned by memberships that have ended, comes before and after it in steps between which frames go on:
 * thousands of VLANs take longer than frames may wait. So do many routes and entries, each of which is seen by itself (piecemeal.ts), and many ports
 * (ports-apart.ts).
 *
 * What can stop a plan half-way is want of room in the tables. Then it is planned back from where it got to; only
 * what was learned on a port that went and came again is gone.
 */

import type { SwitchConfig } from '../../config/types.ts';
import { META_FLUSHES } from '../../tables/fdb/fdb.ts';
import { needsSweep, sweepSlice } from '../../tables/fdb/sweep.ts';
import type { Control } from '../control.ts';
import type { PlacedPort } from '../model.ts';
import { addVid, emptyVids, type VidSet, VidSets } from '../vid-set.ts';
import type { Action } from './action.ts';
import { apply, type Prepared, routerOf } from './apply.ts';
import { type Piecemeal, piecemealOf, type ReplaceRoute } from './piecemeal.ts';
import { plan } from './plan.ts';
import { portsApart } from './ports-apart.ts';
import { type MemberAction, StagedMembers } from './staged-members.ts';
import { modelStands } from './stands.ts';

/** What goes along with a port's place in the tables: its adapter. Also told while a plan is taken back. */
export interface PortFollower {
  /** The port is about to go. */
  removing(port: string): void;
  /** The port has its place. */
  added(port: PlacedPort): void;
}

/** Several may be done in one go, or frames must have their turn first: what has gone before took its time, or what comes will. */
export type Step = 'small' | 'turn';

/** Actions that are sorted in one step. */
const PLAN_PIECE = 32;
/** Flushes that may add up before what they left behind is swept (tables/fdb/flush.ts), and slots of a slice. */
const MOST_FLUSHES = 4000;
const SWEEP_SLOTS = 16_384;

/** `now` reads back what stands; `before` is what stood, and is asked for only when the plan has to be taken back. */
export function applyWhole(
  control: Control,
  actions: readonly Action[],
  now: () => SwitchConfig,
  before: () => SwitchConfig,
  ports: PortFollower,
): void {
  for (const _ of applySteps(control, actions, now, before, ports));
}

/**
 * The same in steps, each to be made while nobody forwards. Throws when it is refused, which is before the first step behind what
 * frames see; then everything is as it was. A large plan may be in order already, and what is seen one by one be read as it is wanted.
 */
export function* applySteps(
  control: Control,
  actions: readonly Action[] | Piecemeal,
  now: () => SwitchConfig,
  before: () => SwitchConfig,
  ports: PortFollower,
): Generator<Step, void, void> {
  let behind: readonly Action[];
  const progress = { torn: false };
  try {
    behind = yield* seenSteps(control, actions, ports, progress);
  } catch (error) {
    // A single action that throws has changed nothing.
    if (countOf(actions) > 1) {
      control.rewriteMembers();
      const back = plan(now(), before());
      // Frames must not see what is torn: first of all it is mended.
      behind = yield* progress.torn ? mendingSteps(control, back, ports) : seenSteps(control, back, ports);
      yield* behindSteps(control, behind);
    } else for (const _ of control.forgetting.slices());
    throw error;
  }
  yield* behindSteps(control, behind);
}

/** All that frames may see; returns what is left to do. `progress.torn` while some of what they see at once is done. */
function* seenSteps(
  control: Control,
  actions: readonly Action[] | Piecemeal,
  ports: PortFollower,
  progress = { torn: false },
): Generator<Step, readonly Action[], void> {
  const sets = new VidSets();
  const staged = new StagedMembers();
  const inOrder = 'rest' in actions ? actions : yield* piecemealOf(modelStands(control), actions);
  const { early, late, rest, count } = inOrder;
  const { ahead, visible: all, behind, members } = yield* partsOf(control, rest, sets);
  const { apart, rest: visible } = portsApart(control, all);
  // Of few actions nothing has been made ready: no turn of the event loop for it, which waits for the frames that have come.
  const pause = count <= PLAN_PIECE && ahead.length === 0 && members.length === 0 ? 'small' : 'turn';
  for (const action of ahead) {
    apply(control, action);
    yield 'small';
  }
  yield* oneByOne(control, early);
  for (const action of apart) {
    carryOut(control, [action], ports, { sets });
    yield 'small';
  }
  if (visible.length > 0) {
    for (const _ of staged.stage(control, members, sets)) yield 'small';
    yield pause;
    progress.torn = true;
    carryOut(control, visible, ports, { sets, staged });
    progress.torn = false;
    yield pause;
  }
  yield* oneByOne(control, late);
  return behind;
}

/** The way back from a plan that failed in the middle of what frames see at once: that first, without a turn of theirs. */
function* mendingSteps(
  control: Control,
  actions: readonly Action[],
  ports: PortFollower,
): Generator<Step, readonly Action[], void> {
  const sets = new VidSets();
  const { early, late, rest } = atOnce(piecemealOf(modelStands(control), actions));
  const { ahead, visible, behind } = atOnce(partsOf(control, rest, sets));
  for (const action of ahead) apply(control, action);
  carryOut(control, visible, ports, { sets });
  yield 'turn';
  yield* oneByOne(control, early);
  yield* oneByOne(control, late);
  return behind;
}

function countOf(actions: readonly Action[] | Piecemeal): number {
  return 'rest' in actions ? actions.count : actions.length;
}

/** All steps without a pause. */
export function atOnce<T>(steps: Generator<Step, T, void>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function* oneByOne(control: Control, actions: Iterable<Action | ReplaceRoute>): Generator<Step, void, void> {
  for (const action of actions) {
    if (action.do === 'replace-route') routerOf(control).routes.replace(action.route);
    else apply(control, action);
    yield 'small';
  }
}

/** What frames do not see any more. */
function* behindSteps(control: Control, actions: readonly Action[]): Generator<Step, void, void> {
  for (const _ of control.forgetting.slices()) yield 'small';
  for (const action of actions) {
    apply(control, action);
    yield 'small';
    if (control.dp.fdb.meta[META_FLUSHES] > MOST_FLUSHES) yield* sweep(control);
  }
}

/** All memberships of VLANs that are removed later end. */
interface Emptying {
  do: 'empty-vlans';
  bridge: string;
  vids: VidSet;
}

interface Parts {
  ahead: readonly Action[];
  visible: readonly (Action | Emptying)[];
  behind: readonly Action[];
  /** Those of `visible` that change memberships. */
  members: readonly MemberAction[];
}

/**
 * VLANs that come before they have members, and go when they have none any more; all in the order of the plan where there is no room
 * for both. And the sets of VLANs are read.
 */
function* partsOf(control: Control, actions: readonly Action[], sets: VidSets): Generator<Step, Parts, void> {
  const gone = new Set<string>();
  for (const action of actions) if (action.do === 'remove-bridge') gone.add(action.bridge);
  const ahead: Action[] = [];
  const visible: (Action | Emptying)[] = [];
  const behind: Action[] = [];
  const members: MemberAction[] = [];
  const emptied = new Map<string, VidSet>();
  for (const [n, action] of actions.entries()) {
    if (n % PLAN_PIECE === 0) yield 'small';
    if (action.do === 'set-member' || action.do === 'remove-member') {
      sets.of(action.vids);
      members.push(action);
    } else if (action.do === 'add-port') {
      sets.of(action.tagged);
      sets.of(action.untagged);
    }
    const isVlan = action.do === 'add-vlan' || action.do === 'remove-vlan';
    if (!isVlan || gone.has(action.bridge) || !isUnseen(control, action)) visible.push(action);
    else if (action.do === 'add-vlan') ahead.push(action);
    else {
      const { bridge, vid } = action;
      let vids = emptied.get(bridge);
      if (vids === undefined) {
        vids = emptyVids();
        emptied.set(bridge, vids);
        visible.push({ do: 'empty-vlans', bridge, vids });
      }
      addVid(vids, vid);
      behind.push(action);
    }
  }
  const fits = ahead.length <= control.freeVlans;
  return fits ? { ahead, visible, behind, members } : { ahead: [], visible: actions, behind: [], members };
}

/** Nothing else than the VLAN itself comes or goes with it. */
function isUnseen({ bridges }: Control, action: Extract<Action, { do: 'add-vlan' | 'remove-vlan' }>): boolean {
  const bridge = bridges.get(action.bridge);
  // Among private VLANs it decides who learns where.
  if (bridge === undefined || bridge.secondaries.size > 0) return false;
  if (action.do === 'remove-vlan') return bridge.vlans.has(action.vid);
  return !bridge.vlans.has(action.vlan.vid) && action.vlan.secondary === undefined;
}

function carryOut(control: Control, actions: Parts['visible'], ports: PortFollower, prepared: Prepared): void {
  const carry = () => {
    for (const action of actions) {
      if (action.do === 'empty-vlans') {
        control.emptyVlans(action.bridge, action.vids);
        continue;
      }
      if (action.do === 'remove-port') ports.removing(action.port);
      apply(control, action, prepared);
      if (action.do === 'add-port') ports.added(action.port);
    }
    prepared.staged?.commit(control);
  };
  control.together(carry, true);
}

function* sweep({ dp, nowMs }: Control): Generator<Step, void, void> {
  const now = nowMs();
  while (needsSweep(dp.fdb, now) && !sweepSlice(dp.fdb, now, SWEEP_SLOTS)) yield 'turn';
}
