/** `classify:` compiled by who plans, as it comes to the forwarding thread. */
import { expect, it } from 'vitest';
import { compileClassification } from '../../../src/control/classify-control.ts';
import { applySteps } from '../../../src/control/plan/change.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { planOf, planPieces } from '../../../src/runtime/plan-pieces.ts';
import { load } from './random-config.ts';

type Config = ReturnType<typeof load>;
const FOLLOWER = { removing: () => {}, added: () => {} };

function config(count: number, more: object = {}): Config {
  const macs = Array.from({ length: count }, (_, n) => [`02:00:00:00:00:${n.toString(16).padStart(2, '0')}`, 1 + n]);
  const classify = {
    order: ['subnet', 'mac', 'protocol'],
    macs: Object.fromEntries([...macs, ['06:00:00:00:00:00/8', 5]]),
    subnets: { '10.1.0.0/16': 6, '2001:db8::/32': 7 },
    protocols: { arp: 8 },
  };
  const ports = { a: { adapter: 'memory', mode: 'trunk', vlans: '1-200', native: 1, classify: true } };
  return load({ ports, ...(count === 0 ? {} : { classify }), ...more });
}

function started(from: Config): SwitchCore {
  const core = new SwitchCore({ ports: 8, fids: 300, fdbEntries: 64, smallSlots: 8, largeSlots: 0, nowMs: () => 0 });
  configure(core, from);
  return core;
}

it.each([
  ['comes', 0, 150],
  ['changes', 150, 90],
  ['goes', 150, 0],
])('%s', (_, before, after) => {
  const [from, to] = [config(before), config(after)];
  const core = started(from);
  const sent = structuredClone(planPieces(from, plan(from, to)));
  let kept: ReturnType<typeof applySteps> | undefined;
  for (const steps = planOf(sent); kept === undefined; ) {
    const { done, value } = steps.next();
    if (done) kept = applySteps(core.control, value, FOLLOWER);
  }
  for (const _step of kept);
  expect(core.dp.classify).toEqual(compileClassification(to.classification));
  expect(core.control.classification).toEqual(to.classification);
});
