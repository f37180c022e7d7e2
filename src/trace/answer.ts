/**
 * Questions answered: of a configuration, and of a running switch, whose tables are read from shared memory.
 */

import type { ReadableSwitch } from '../api/reader.ts';
import { sampleViews } from '../api/sample-view.ts';
import type { SwitchConfig } from '../config/types.ts';
import { arrives, arrivesText, type Explanation, explain } from './explain.ts';
import { type Question, questionOf } from './question.ts';
import { type Start, situationOf } from './situation.ts';
import { trace } from './trace.ts';
import type { Trace } from './types.ts';
import { withUnheard } from './unheard.ts';
import { copyWorld, type Learned, learnBefore, portNamed, type World, worldOf } from './world.ts';

export interface RunningSwitch {
  readonly readable: ReadableSwitch;
  /** What it runs. */
  readonly config: SwitchConfig;
  /** The clock that the FDB's times are of. */
  readonly nowMs: number;
}

export function traceIn(world: World, { port, bytes, wireLength, learned }: Question): Trace {
  for (const each of learned) learnBefore(world, each);
  return trace(world, { port, bytes, wireLength });
}

/** Throws TraceError, and ControlError for a configuration that fits no tables. */
export function explainConfig(config: SwitchConfig, question: Question): Explanation {
  return explainIn({ config, down: [], learned: withVids(worldOf(config), question.learned) }, question);
}

export function explainRunning({ readable, config, nowMs }: RunningSwitch, question: Question): Explanation {
  const world = copyWorld(readable, nowMs);
  const known = situationOf(readable, config, question.bytes, nowMs);
  const asked = withVids(world, question.learned);
  const macs = asked.map((each) => each.mac);
  const learned = [...known.learned.filter((each) => !macs.includes(each.mac)), ...asked];
  const explanation = explainIn({ ...known, learned }, question);
  const real = withUnheard(readable, traceIn(world, question));
  if (sameOutcome(real, explanation.trace)) return { ...explanation, trace: real };
  const found = { ...explanation, trace: real, fix: null, alternatives: [] };
  if (arrives(real, explanation.to)) return { ...found, arrives: true, text: arrivesText(real, explanation.to) };
  const text =
    'the switch does otherwise than its configuration says: what it has learned of remotes decides, or it is changing now';
  return { ...found, arrives: false, text };
}

function explainIn(situation: Start, { port, bytes, wireLength, to }: Question): Explanation {
  return explain(situation, { port, bytes, wireLength }, to ?? null).explanation;
}

/** `query` is that of /trace and /explain. Throws TraceError. */
export function traceRunning(running: RunningSwitch, query: URLSearchParams): Trace {
  const { readable, nowMs } = running;
  return withUnheard(readable, traceIn(copyWorld(readable, nowMs), asked(running, query)));
}

/** The same for /explain. */
export function explainAsked(running: RunningSwitch, query: URLSearchParams): Explanation {
  return explainRunning(running, asked(running, query));
}

function asked({ readable, nowMs }: RunningSwitch, query: URLSearchParams): Question {
  return questionOf(query, () => sampleViews(readable, nowMs));
}

/** The VLAN that is meant where none is said. */
function withVids(world: World, learned: readonly Learned[]): Learned[] {
  return learned.map((each) => {
    const vid = each.vid ?? portNamed(world, each.port).pvid;
    return { ...each, ...(vid === null ? {} : { vid }) };
  });
}

/** Where it goes, not with which bytes: a remote that was learned is not in the configuration. */
function sameOutcome(a: Trace, b: Trace): boolean {
  const outcome = ({ reason, outputs }: Trace) =>
    JSON.stringify([reason?.name, [...new Set(outputs.map(({ port, tunnel }) => `${port} ${tunnel}`))]]);
  return outcome(a) === outcome(b);
}
