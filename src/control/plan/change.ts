/**
 * A plan carried out whole or not at all.
 *
 * What frames can see of it changes in one go between two batches. What they cannot see, VLANs that have no members yet or none any
 * more and addresses that were learned by memberships that have ended, comes before and after it in steps between which frames go on:
 * thousands of VLANs take longer than frames may wait. So do many routes and entries, each of which is seen by itself (piecemeal.ts), and many ports
 * (ports-apart.ts).
 *
 * What can stop a plan half-way is want of room in the tables. Then it goes back the way it came, in steps as there; only what was learned on a
 * port that went and came again is gone.
 */

import { META_FLUSHES } from '../../tables/fdb/fdb.ts';
import { needsSweep, sweepSlice } from '../../tables/fdb/sweep.ts';
import type { Control } from '../control.ts';
import { addVid, emptyVids, type VidSet, VidSets } from '../vid-set.ts';
import type { Action } from './action.ts';
import { apply } from './apply.ts';
import { OneByOne } from './one-by-one.ts';
import { OneGo, type PortFollower } from './one-go.ts';
import { type Piecemeal, piecemealOf } from './piecemeal.ts';
import { inOnePiece, type Pieces, type Step } from './pieces.ts';
import { portsApart } from './ports-apart.ts';
import { isPlain, type MemberAction, type MemberChanges, StagedMembers } from './staged-members.ts';
import { modelStands } from './stands.ts';

/** Actions that are sorted in one step. */
const PLAN_PIECE = 32;
/** Flushes that may add up before what they left behind is swept (tables/fdb/flush.ts), and slots of a slice. */
const MOST_FLUSHES = 4000;
const SWEEP_SLOTS = 16_384;

export function applyWhole(control: Control, actions: readonly Action[], ports: PortFollower): void {
  for (const _ of applySteps(control, actions, ports));
}

/**
 * The same in steps, each to be made while nobody forwards. Throws when it is refused, which is before the first step behind what
 * frames see; then everything is as it was, after as many steps. A large plan may be in order already, and what is seen one by one be read as it
 * is wanted.
 */
export function* applySteps(
  control: Control,
  actions: readonly Action[] | Piecemeal,
  ports: PortFollower,
): Generator<Step, void, void> {
  const done: TakeBack[] = [];
  let behind: readonly Action[];
  try {
    behind = yield* seenSteps(control, actions, ports, done);
  } catch (error) {
    for (const takeBack of done.reverse()) yield* takeBack();
    yield* forgetSteps(control);
    throw error;
  }
  yield* behindSteps(control, behind);
}

/** The way back over a part of a plan, as far as it was done. */
type TakeBack = () => Iterable<Step>;

/** All that frames may see; returns what is left to do. */
function* seenSteps(
  control: Control,
  actions: readonly Action[] | Piecemeal,
  ports: PortFollower,
  done: TakeBack[],
): Generator<Step, readonly Action[], void> {
  const sets = new VidSets();
  const inOrder = 'rest' in actions ? actions : yield* piecemealOf(modelStands(control), actions);
  const { early, late, rest, count } = inOrder;
  const { ahead, visible: all, behind, members } = yield* partsOf(control, rest, sets);
  const { apart, rest: visible } = portsApart(control, all);
  yield* oneByOne(control, inOnePiece(ahead), done);
  yield* oneByOne(control, early, done);
  for (const port of apart) yield* inOneGo(new OneGo(control, ports, sets), port, 'small', done);
  const staged = new StagedMembers();
  yield* staged.stage(control, members, sets);
  const others = yield* staged.othersOf(visible);
  if (others.length > 0 || !staged.isEmpty) {
    // Of few actions nothing has been made ready: no turn of the event loop for it, which waits for the frames that have come.
    const pause = count <= PLAN_PIECE && ahead.length === 0 && staged.isEmpty ? 'small' : 'turn';
    yield pause;
    yield* inOneGo(new OneGo(control, ports, sets, staged), others, pause, done);
  }
  yield* oneByOne(control, late, done);
  return behind;
}

function* oneByOne(control: Control, pieces: Pieces, done: TakeBack[]): Generator<Step, void, void> {
  const actions = new OneByOne(control, pieces);
  done.push(() => actions.back());
  yield* actions.forth();
}

function* inOneGo(go: OneGo, actions: readonly Action[], pause: Step, done: TakeBack[]): Generator<Step, void, void> {
  go.make(actions);
  done.push(function* () {
    go.takeBack();
    yield pause;
  });
  yield pause;
}

function* forgetSteps({ forgetting }: Control): Generator<Step, void, void> {
  for (const _ of forgetting.slices()) yield 'small';
}

/** What frames do not see any more. */
function* behindSteps(control: Control, actions: readonly Action[]): Generator<Step, void, void> {
  yield* forgetSteps(control);
  for (const action of actions) {
    apply(control, action);
    yield 'small';
    if (control.dp.fdb.meta[META_FLUSHES] > MOST_FLUSHES) yield* sweep(control);
  }
}

interface Parts {
  ahead: readonly Action[];
  visible: readonly Action[];
  behind: readonly Action[];
  /** What changes memberships: of `visible`, and in VLANs that are removed behind. */
  members: MemberChanges;
}

/**
 * VLANs that come before they have members, and go when they have none any more; all in the order of the plan where there is no room
 * for both. And the sets of VLANs are read.
 */
function* partsOf(control: Control, actions: readonly Action[], sets: VidSets): Generator<Step, Parts, void> {
  const gone = new Set<string>();
  for (const action of actions) if (action.do === 'remove-bridge') gone.add(action.bridge);
  const ahead: Action[] = [];
  const visible: Action[] = [];
  const behind: Action[] = [];
  const members: MemberAction[] = [];
  const emptied = new Map<string, VidSet>();
  const leaving = new Set<string>();
  for (const [n, action] of actions.entries()) {
    if (n % PLAN_PIECE === 0) yield 'small';
    if (action.do === 'set-member' || action.do === 'remove-member') {
      sets.of(action.vids);
      members.push(action);
    } else if (action.do === 'set-pvid' || action.do === 'set-port') members.push(action);
    else if (action.do === 'remove-port') leaving.add(action.port);
    else if (action.do === 'add-port') {
      sets.of(action.tagged);
      sets.of(action.untagged);
    }
    const isVlan = action.do === 'add-vlan' || action.do === 'remove-vlan';
    if (!isVlan || gone.has(action.bridge) || !isUnseen(control, action)) visible.push(action);
    else if (action.do === 'add-vlan') ahead.push(action);
    else {
      const { bridge, vid } = action;
      const vids = emptied.get(bridge) ?? emptyVids();
      emptied.set(bridge, vids);
      addVid(vids, vid);
      behind.push(action);
    }
  }
  if (ahead.length <= control.freeVlans) {
    return { ahead, visible, behind, members: { actions: members, emptied, leaving } };
  }
  return { ahead: [], visible: actions, behind: [], members: { actions: members, emptied: new Map(), leaving } };
}

/** Nothing else than the VLAN itself comes or goes with it. */
function isUnseen({ bridges }: Control, action: Extract<Action, { do: 'add-vlan' | 'remove-vlan' }>): boolean {
  const bridge = bridges.get(action.bridge);
  // Among private VLANs it decides who learns where.
  if (bridge === undefined || !isPlain(bridge)) return false;
  if (action.do === 'remove-vlan') return bridge.vlans.has(action.vid);
  return !bridge.vlans.has(action.vlan.vid) && action.vlan.secondary === undefined;
}

function* sweep({ dp, nowMs }: Control): Generator<Step, void, void> {
  const now = nowMs();
  while (needsSweep(dp.fdb, now) && !sweepSlice(dp.fdb, now, SWEEP_SLOTS)) yield 'turn';
}
