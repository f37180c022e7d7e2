/**
 * Runs a scenario, step by step, up to the first difference.
 *
 * A scenario that passes with whole bursts and sends any burst is run once more frame by frame: the result of a
 * switch does not depend on how frames fall into batches. After the last step the ledger has to balance for every
 * port and VLAN, and no frame memory may be missing.
 */

import { type FdbEntryView, fdbEntries } from '../control/fdb-control.ts';
import { ControlError } from '../control/model.ts';
import { DROP_REASONS, REASON_COUNT } from '../dataplane/reasons.ts';
import { Bench } from './bench.ts';
import { compareFrames } from './compare.ts';
import { readCounter } from './counters.ts';
import type { FdbMatch, Scenario, Step, VxlanMatch } from './format.ts';
import { outerSourcePort } from './frame-checks.ts';
import { isNoise } from './noise.ts';
import { operate, snapshot } from './operations.ts';

export interface Difference {
  /** From 1; null: after the last step, or in setting up. */
  step: number | null;
  line: number | null;
  /** What the step does: `send f1 on p1`. */
  doing: string;
  /** The file's remark on the step. */
  why: string;
  message: string;
  detail: string[];
  port?: string;
  expected?: string;
  got?: string;
  offset?: number;
  /** What the switch says of the frame of this step, where it dropped it. */
  drops?: Record<string, number>;
}

export type Result =
  | { result: 'pass' }
  | { result: 'skip'; missing: string[] }
  | { result: 'fail'; difference: Difference };

/** Frames forwarded together in the first run. */
const BURST = 256;

export function runScenario(scenario: Scenario): Result {
  if (scenario.missing.length !== 0) return { result: 'skip', missing: scenario.missing };
  const bursts = scenario.steps.some((step) => step.kind === 'send' && step.times > 1);
  const difference = firstDifference(scenario, BURST);
  if (difference !== null) return { result: 'fail', difference };
  if (bursts) {
    const single = firstDifference(scenario, 1);
    if (single !== null) {
      const message = `only when frames are forwarded one by one: ${single.message}`;
      return { result: 'fail', difference: { ...single, message } };
    }
  }
  return { result: 'pass' };
}

/** `burst` frames at most are forwarded together. */
export function firstDifference(scenario: Scenario, burst: number): Difference | null {
  const around = { step: null, line: null, why: '', detail: [] };
  let bench: Bench;
  try {
    bench = new Bench(scenario, burst);
  } catch (error) {
    return { ...around, doing: 'setting up', message: explain(error) };
  }
  const run = new Run(scenario, bench);
  for (const [index, step] of scenario.steps.entries()) {
    let found: Found | null;
    try {
      found = run.step(step);
    } catch (error) {
      found = { message: explain(error) };
    }
    if (found !== null) {
      return { step: index + 1, line: step.place.line, doing: doing(step), why: step.why, detail: [], ...found };
    }
  }
  const unsound = bench.unsound();
  return unsound === null ? null : { ...around, doing: 'after the last step', message: unsound };
}

function explain(error: unknown): string {
  if (error instanceof ControlError) return `the switch refused: ${error.message}`;
  return `the switch threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
}

function doing(step: Step): string {
  switch (step.kind) {
    case 'send':
      return `send ${step.frame} on ${step.port}${step.times === 1 ? '' : `, ${step.times} times`}`;
    case 'config':
    case 'config_must_fail':
      return `${step.kind} ${step.operations.map((o) => o.op).join(', ') || 'comment'}`;
    case 'advance':
      return `advance ${step.seconds} s`;
    default:
      return step.kind;
  }
}

/** A difference, without where it is. */
type Found = Omit<Difference, 'step' | 'line' | 'doing' | 'why' | 'detail'> & { detail?: string[] };

class Run {
  readonly #scenario: Scenario;
  readonly #bench: Bench;
  /** Counters that are asked for as growth, as they were at the start. */
  readonly #baseline = new Map<string, number>();
  /** Port that a frame was last sent on, and the UDP source ports that came of it, by its name. */
  readonly #sentOn = new Map<string, string>();
  readonly #sourcePorts = new Map<string, number[]>();

  constructor(scenario: Scenario, bench: Bench) {
    this.#scenario = scenario;
    this.#bench = bench;
    for (const step of scenario.steps) {
      if (step.kind !== 'check_counter') continue;
      for (const { name } of step.expect) this.#baseline.set(key(step.of, name), this.#counter(step.of, name));
    }
  }

  step(step: Step): Found | null {
    switch (step.kind) {
      case 'send':
        return this.#send(step);
      case 'config':
        for (const operation of step.operations) operate(this.#bench, operation);
        return null;
      case 'config_must_fail':
        return this.#mustFail(step);
      case 'advance':
        this.#bench.wait(step.seconds * 1000);
        return null;
      case 'check_fdb':
        return this.#checkFdb(step);
      case 'check_vxlan_fdb':
        return this.#checkVxlanFdb(step);
      case 'check_entropy':
        return this.#checkEntropy(step);
      case 'check_counter':
        return this.#checkCounter(step);
    }
  }

  #send(step: Extract<Step, { kind: 'send' }>): Found | null {
    const { frames, ignore } = this.#scenario;
    const { portDrops } = this.#bench.core.dp.counters;
    const row = this.#bench.core.control.ports.get(step.port)?.index ?? -1;
    const rowOf = () => (row < 0 ? [] : [...portDrops.subarray(row * REASON_COUNT, (row + 1) * REASON_COUNT)]);
    const before = rowOf();
    const captured = this.#bench.send(step.port, frames.get(step.frame)!.bytes, step.times);
    this.#sentOn.set(step.frame, step.port);
    const sources = this.#sourcePorts.get(step.frame) ?? [];
    for (const { bytes } of captured) {
      const source = outerSourcePort(bytes);
      if (source !== null && !sources.includes(source)) sources.push(source);
    }
    this.#sourcePorts.set(step.frame, sources);
    const tolerates = (frame: Buffer) => !step.strict || isNoise(frame, ignore);
    const difference = compareFrames(step.expect, frames, captured, tolerates);
    if (difference === null) return null;
    const drops: Record<string, number> = {};
    const detail = [...difference.detail];
    for (const { number, name, sentence } of DROP_REASONS) {
      const n = (rowOf()[number] ?? 0) - (before[number] ?? 0);
      if (n === 0) continue;
      drops[name] = n;
      detail.push(`dropped   ${name}: ${sentence}`);
    }
    return { ...difference, detail, ...(Object.keys(drops).length === 0 ? {} : { drops }) };
  }

  #mustFail(step: Extract<Step, { operations: unknown }>): Found | null {
    const before = snapshot(this.#bench);
    try {
      for (const operation of step.operations) operate(this.#bench, operation);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      if (snapshot(this.#bench) === before) return null;
      return { message: `the switch refused (${error.message}), but something has changed` };
    }
    return { message: 'the switch accepted what it has to refuse' };
  }

  #checkFdb(step: Extract<Step, { kind: 'check_fdb' }>): Found | null {
    const entries = fdbEntries(this.#bench.core.control, step.bridge);
    const found = (match: FdbMatch) => entries.filter((entry) => isMatch(entry, match));
    for (const match of step.has) {
      if (found(match).length !== 0) continue;
      const same = match.mac === undefined ? [] : found({ mac: match.mac });
      const instead = same.length === 0 ? 'it has none of that address' : `it has ${same.map(entryText).join('; ')}`;
      return { message: `${step.bridge} has no entry ${matchText(match)}; ${instead}` };
    }
    for (const match of step.lacks) {
      const [entry] = found(match);
      if (entry !== undefined)
        return { message: `${step.bridge} has an entry that it should not have: ${entryText(entry)}` };
    }
    for (const { match, n } of step.counts) {
      const count = found(match).length;
      if (count !== n) return { message: `${step.bridge} has ${count} entries ${matchText(match)}, expected ${n}` };
    }
    return null;
  }

  #checkVxlanFdb(step: Extract<Step, { kind: 'check_vxlan_fdb' }>): Found | null {
    const entries = this.#bench.vxlan?.entries(step.port) ?? [];
    const found = (match: VxlanMatch) =>
      entries.some(
        (entry) =>
          (match.mac === undefined || entry.mac === match.mac) &&
          (match.remote === undefined || entry.remote === match.remote) &&
          (match.kind === undefined || entry.kind === match.kind) &&
          (match.vni === undefined || entry.vni === match.vni),
      );
    const text = entries.map(({ mac, remote, kind }) => `${mac} at ${remote} (${kind})`).join('; ') || 'none';
    for (const match of step.has) {
      if (!found(match)) return { message: `${step.port} has no VXLAN entry ${matchText(match)}; it has ${text}` };
    }
    for (const match of step.lacks) {
      if (found(match)) return { message: `${step.port} has a VXLAN entry ${matchText(match)}; it has ${text}` };
    }
    return null;
  }

  /** Sends every frame once more where it was sent before, and looks at the outer source ports of all. */
  #checkEntropy(step: Extract<Step, { kind: 'check_entropy' }>): Found | null {
    const all = new Set<number>();
    for (const name of step.frames) {
      const port = this.#sentOn.get(name);
      if (port === undefined) return { message: `${name} has not been sent before` };
      const seen = new Set(this.#sourcePorts.get(name));
      for (const { bytes } of this.#bench.send(port, this.#scenario.frames.get(name)!.bytes, 1)) {
        const source = outerSourcePort(bytes);
        if (source !== null) seen.add(source);
      }
      if (seen.size === 0) return { message: `${name} did not leave in a UDP datagram` };
      if (step.stable && seen.size !== 1) {
        return { message: `${name} left with several source ports: ${[...seen].join(', ')}` };
      }
      for (const source of seen) all.add(source);
    }
    if (all.size >= step.leastDistinct) return null;
    return { message: `the flows left with ${all.size} source ports, expected at least ${step.leastDistinct}` };
  }

  #checkCounter(step: Extract<Step, { kind: 'check_counter' }>): Found | null {
    for (const { name, delta, value } of step.expect) {
      const now = this.#counter(step.of, name) - (delta ? this.#baseline.get(key(step.of, name))! : 0);
      if (now === value) continue;
      const owner = 'bridge' in step.of ? step.of.bridge : step.of.port;
      return { message: `${name} of ${owner} ${delta ? 'grew by' : 'is'} ${now}, expected ${value}` };
    }
    return null;
  }

  #counter(of: { bridge: string } | { port: string }, name: string): number {
    return readCounter(this.#bench.core.control, of, name);
  }
}

function key(of: { bridge: string } | { port: string }, name: string): string {
  return 'bridge' in of ? `bridge ${of.bridge} ${name}` : `port ${of.port} ${name}`;
}

function isMatch(entry: FdbEntryView, match: FdbMatch): boolean {
  const { mac, port, vlan, kind, sticky } = match;
  // A sticky entry is a static one with a promise more; an entry of no port is the bridge's own.
  const kinds = entry.kind === 'sticky' ? ['sticky', 'static'] : [entry.kind];
  return (
    (mac === undefined || entry.mac === mac) &&
    (port === undefined || (entry.port ?? entry.bridge) === port) &&
    (vlan === undefined || (entry.vid ?? 0) === vlan) &&
    (kind === undefined || kinds.includes(kind as FdbEntryView['kind'])) &&
    (sticky === undefined || (entry.kind === 'sticky') === sticky)
  );
}

function matchText(match: FdbMatch | VxlanMatch): string {
  const words = Object.entries(match).map(([name, value]) => (name === 'mac' ? value : `${name} ${value}`));
  return words.join(' ') || 'of any kind';
}

function entryText({ mac, port, bridge, vid, kind }: FdbEntryView): string {
  return `${mac} on ${port ?? bridge}${vid === null ? '' : ` vlan ${vid}`} (${kind})`;
}
