/**
 * A plan on its way to the forwarding thread: in pieces of shared memory. A message with a large plan would be copied by the
 * thread that receives it in one go, and frames would wait; so it reads a piece at a time. What goes one by one it reads when it comes to it,
 * and keeps none of it: what lives through collections of the heap is what makes them long.
 */

import { NO_CLASSIFICATION } from '../config/classify.ts';
import type { SwitchConfig } from '../config/types.ts';
import { type ReadyClassification, readyClassification } from '../control/classify-control.ts';
import type { Action } from '../control/plan/action.ts';
import { type Piecemeal, piecemealOf } from '../control/plan/piecemeal.ts';
import { atOnce, type Pieces, type Replacement, type Step } from '../control/plan/pieces.ts';
import { configStands, type Stands } from '../control/plan/stands.ts';

/** What gives numbers to names, or changes what a port says of itself: who reads tables on another thread has to be told. */
const NUMBERING: ReadonlySet<Action['do']> = new Set([
  ...([
    'add-port',
    'remove-port',
    'set-port',
    'add-interface',
    'remove-interface',
    'add-bridge',
    'remove-bridge',
  ] as const),
  ...(['add-mirror', 'remove-mirror', 'add-vtep', 'remove-vtep'] as const),
]);
/** Actions of one piece: some tens of microseconds. */
const PIECE = 32;

export interface PlanPieces {
  count: number;
  /** Numbers or what ports say of themselves may be others afterwards. */
  numbers: boolean;
  /** Lists of actions as JSON, one behind the other. */
  bytes: Uint8Array;
  /** Where each piece ends. */
  early: Uint32Array;
  rest: Uint32Array;
  late: Uint32Array;
  /** What is compiled before it is sent: a list of it would be long. */
  classification: ReadyClassification | null;
}

/** `stands` is the configuration before it. */
export function planPieces(stands: SwitchConfig, actions: readonly Action[]): PlanPieces {
  const { early, rest, late, count } = atOnce(
    piecemealOf(
      whenAsked(() => configStands(stands)),
      actions,
    ),
  );
  let classification: ReadyClassification | null = null;
  const sent = rest.map((action): Action => {
    if (action.do !== 'set-classification') return action;
    classification =
      'table' in action.classification ? action.classification : readyClassification(action.classification);
    return { do: action.do, classification: NO_CLASSIFICATION };
  });
  const encoder = new TextEncoder();
  const pieces: Uint8Array[] = [];
  let at = 0;
  const ends = (all: readonly (Action | Replacement)[]) => {
    const found: number[] = [];
    for (let n = 0; n < all.length; n += PIECE) {
      const piece = encoder.encode(JSON.stringify(all.slice(n, n + PIECE)));
      pieces.push(piece);
      at += piece.length;
      found.push(at);
    }
    return shared32(found);
  };
  const parts = { early: ends(allOf(early)), rest: ends(sent), late: ends(allOf(late)) };
  const bytes = new Uint8Array(new SharedArrayBuffer(at));
  at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  const numbers = actions.some((action) => NUMBERING.has(action.do));
  return { count, numbers, bytes, ...parts, classification };
}

/** For a small plan nobody asks, and for a large configuration it takes long to make. */
function whenAsked(make: () => Stands): Stands {
  let made: Stands | undefined;
  const stands = () => {
    made ??= make();
    return made;
  };
  return {
    hasVlan: (bridge, vid) => stands().hasVlan(bridge, vid),
    hasPort: (bridge, port) => stands().hasPort(bridge, port),
    isOwnMac: (bridge, vid, mac) => stands().isOwnMac(bridge, vid, mac),
    vtepOf: (port, vni) => stands().vtepOf(port, vni),
    isConnected: (route) => stands().isConnected(route),
  };
}

/** In steps; what goes one by one is read later. */
export function* planOf({
  count,
  bytes,
  early,
  rest,
  late,
  classification,
}: PlanPieces): Generator<Step, Piecemeal, void> {
  const restBegins = early.at(-1) ?? 0;
  const lateBegins = rest.at(-1) ?? restBegins;
  const actions: Action[] = [];
  const planned = piecesOf(bytes, restBegins, rest);
  for (let n = 0; n < planned.count; n++) {
    for (const action of planned.read(n) as Action[]) {
      if (action.do === 'set-classification' && classification !== null) action.classification = classification;
      actions.push(action);
    }
    yield 'small';
  }
  return { count, rest: actions, early: piecesOf(bytes, 0, early), late: piecesOf(bytes, lateBegins, late) };
}

function allOf({ count, read }: Pieces): (Action | Replacement)[] {
  return Array.from({ length: count }, (_, n) => read(n)).flat();
}

function piecesOf(bytes: Uint8Array, begin: number, ends: Uint32Array): Pieces {
  const read = (n: number) => {
    const from = n === 0 ? begin : ends[n - 1]!;
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + from, ends[n]! - from).toString());
  };
  return { count: ends.length, read };
}

/** Words that are not copied when they are posted. */
function shared32(words: readonly number[]): Uint32Array {
  const all = new Uint32Array(new SharedArrayBuffer(words.length * Uint32Array.BYTES_PER_ELEMENT));
  all.set(words);
  return all;
}
