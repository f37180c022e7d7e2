/**
 * Ways to make a scenario ask for something false. Each gives copies of the scenario with exactly one thing changed,
 * and every one of them has to fail: a runner that lets one pass sees nothing.
 */
import type { FrameSpec, Scenario, Step } from '../../../src/scenario/format.ts';

export interface Broken {
  /** What was done to it, and in which step it must show. */
  how: string;
  scenario: Scenario;
  /** From 1; what is false shows here, or, where it changes what is sent later, never before. */
  step: number;
}

type Send = Extract<Step, { kind: 'send' }>;

function withStep(scenario: Scenario, at: number, step: Step, frames?: Map<string, FrameSpec>): Scenario {
  return { ...scenario, steps: scenario.steps.map((s, i) => (i === at ? step : s)), frames: frames ?? scenario.frames };
}

export function* breakings(scenario: Scenario): Generator<Broken> {
  for (const [at, step] of scenario.steps.entries()) {
    const broken = (how: string, to: Step, frames?: Map<string, FrameSpec>): Broken => ({
      how: `${scenario.id} step ${at + 1}: ${how}`,
      scenario: withStep(scenario, at, to, frames),
      step: at + 1,
    });
    if (step.kind === 'send') yield* breakSend(scenario, step, broken);
    if (step.kind === 'check_fdb') {
      for (const match of step.has) {
        yield broken(`lacks ${match.mac}`, { ...step, has: [], lacks: [match], counts: [] });
      }
      for (const match of step.lacks)
        yield broken(`has ${match.mac}`, { ...step, has: [match], lacks: [], counts: [] });
      for (const [i, count] of step.counts.entries()) {
        for (const n of [count.n - 1, count.n + 1]) {
          yield broken(`count ${n}`, { ...step, counts: step.counts.with(i, { ...count, n }) });
        }
      }
    }
    if (step.kind === 'check_vxlan_fdb') {
      for (const match of step.has) yield broken(`lacks ${match.mac}`, { ...step, has: [], lacks: [match] });
      for (const match of step.lacks) yield broken(`has ${match.mac}`, { ...step, has: [match], lacks: [] });
    }
    if (step.kind === 'check_entropy') yield broken('more ports', { ...step, leastDistinct: step.frames.length + 1 });
    if (step.kind === 'check_counter') {
      for (const [i, counter] of step.expect.entries()) {
        for (const value of [counter.value - 1, counter.value + 1]) {
          yield broken(`counter ${value}`, { ...step, expect: step.expect.with(i, { ...counter, value }) });
        }
      }
    }
    if (step.kind === 'config_must_fail') yield broken('may succeed', { ...step, kind: 'config' });
    const { operations } = step.kind === 'config' ? step : { operations: [] };
    // Most changes succeed; one that did nothing could be refused as well.
    if (operations.length !== 0) yield broken('has to fail', { ...step, kind: 'config_must_fail' } as Step);
  }
}

function* breakSend(
  scenario: Scenario,
  step: Send,
  broken: (how: string, to: Step, frames?: Map<string, FrameSpec>) => Broken,
): Generator<Broken> {
  if (step.strict) {
    for (const [i, { port, frame }] of step.expect.entries()) {
      yield broken(`${frame} on ${port} not expected`, { ...step, expect: step.expect.toSpliced(i, 1) });
    }
  }
  for (const [i, wanted] of step.expect.entries()) {
    const frame = scenario.frames.get(wanted.frame)!;
    const expect = (change: Partial<typeof wanted>) => ({
      ...step,
      expect: step.expect.with(i, { ...wanted, ...change }),
    });
    yield broken('once more', expect({ times: wanted.times + 1 }));
    const other = scenario.ports.find((p) => !step.expect.some((e) => e.port === p.name));
    if (other !== undefined) yield broken(`by ${other.name} instead`, expect({ port: other.name }));
    for (const at of [0, 6, 12, 15, frame.bytes.length - 1]) {
      if (at >= frame.bytes.length || (frame.mask !== null && (frame.mask[at]! & 1) === 0)) continue;
      const bytes = Buffer.from(frame.bytes);
      bytes[at]! ^= 1;
      yield replaced(`bit of byte ${at}`, bytes);
    }
    if (frame.bytes.length > 60) yield replaced('a byte less', frame.bytes.subarray(0, frame.bytes.length - 1));
    yield replaced('a byte more', Buffer.concat([frame.bytes, Buffer.from([1])]));

    function replaced(how: string, bytes: Buffer): Broken {
      const frames = new Map(scenario.frames).set('broken', {
        ...frame,
        name: 'broken',
        bytes,
        mask: null,
        checks: [],
      });
      return broken(`${wanted.frame}: ${how}`, expect({ frame: 'broken' }), frames);
    }
  }
  const sent = step.frame;
  for (const { name } of scenario.ports) {
    if (step.expect.some((e) => e.port === name)) continue;
    yield broken(`${sent} out of ${name}`, {
      ...step,
      expect: [...step.expect, { port: name, frame: sent, times: 1 }],
    });
  }
}
