/** The macvlan lane is only a way to be fast: whatever the groups and the frames, what leaves and what is counted is as by the slow lane. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/dataplane/batch.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import { createMacvlanLane } from '../../../src/dataplane/lanes/macvlan-lane.ts';
import { slowLane } from '../../../src/dataplane/lanes/slow-lane.ts';
import { forwardBatch, forwardBatchSlowly } from '../../../src/dataplane/pipeline.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { load } from '../control/random-config.ts';
import { type Arrival, tellGroups } from './group-world.ts';
import { Random } from './world.ts';

const PORTS = ['up', 'up2', 'h', 'h2', 'a', 'b', 'c', 'd', 'e', 'f', 'bridged'];
const MODES = ['bridge', 'bridge', 'bridge', 'vepa', 'private', 'source'];
const mac = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;

function randomGroups(r: Random, odd: number): object {
  const child = (n: number) => {
    const mode = r.chance(odd) ? r.pick(MODES) : 'bridge';
    const macs = [mac(n), ...(r.chance(30) ? [mac(n + 32)] : [])];
    return { mode, macs, ...(mode === 'source' ? { sources: [mac(r.below(8))] } : {}) };
  };
  const vlan = r.chance(50) ? { vlan: 10 } : {};
  const host = r.chance(50) ? { host: { port: 'h', mac: mac(7) }, hostAccess: r.chance(50) } : {};
  const passthru = r.chance(odd);
  return {
    one: {
      parent: 'up',
      children: passthru ? { a: { mode: 'passthru' } } : { a: child(1), b: child(2), c: child(3) },
      ...vlan,
      ...host,
    },
    two: { parent: r.pick(['up', 'up2']), vlan: 20, children: { d: child(1), e: child(5) } },
    three: { parent: 'up2', children: { f: child(6) }, host: { port: 'h2', mac: mac(8) } },
  };
}

function randomFrames(r: Random, frames: number, odd: number): Arrival[] {
  let port = 'up';
  return Array.from({ length: frames }, () => {
    if (r.chance(20)) port = r.pick(PORTS);
    const group = r.chance(odd);
    const address = () => Buffer.from(mac(1 + r.below(9) + (r.chance(20) ? 32 : 0)).replaceAll(':', ''), 'hex');
    const dst = group ? Buffer.from(r.pick(['ffffffffffff', '01005e000001']), 'hex') : address();
    const src = r.chance(odd) && r.chance(20) ? Buffer.from('010000000001', 'hex') : address();
    const tagged = port.startsWith('up') ? r.chance(60) : r.chance(odd);
    const tag = tagged ? [0x81, 0, r.pick([0, 0x60]), r.pick([10, 10, 20, 20, 0, 30])] : [];
    const length = r.chance(odd) ? r.pick([0, 2, 1500, 1501, 1504, 1900]) : r.pick([4, 46, 200, 1500]);
    const payload = Buffer.alloc(length, r.below(256));
    const bytes = Buffer.concat([dst, src, Buffer.from(tag), Buffer.from([8, 0]), payload]);
    const isCut = r.chance(odd) && r.chance(20);
    return {
      port,
      bytes: isCut ? bytes.subarray(0, r.below(18)) : bytes,
      gso: r.chance(odd) && length > 100 ? 1 | (1 << 8) | (100 << 16) : 0,
      csum: r.chance(30) && bytes.length > 60 ? 34 | (6 << 16) : 0,
    };
  });
}

/** What leaves and what is counted. */
function tell(seed: number, frames: number, odd: number, size: number, forward: typeof forwardBatch): unknown {
  const r = new Random(seed);
  const config = load({
    ports: Object.fromEntries(
      PORTS.map((name) => [
        name,
        { adapter: 'memory', mtu: r.chance(odd) ? 1400 : 1500, ...(r.chance(odd / 4) ? { enabled: false } : {}) },
      ]),
    ),
    macvlan: randomGroups(r, odd),
  });
  const core = new SwitchCore({ ports: 16, fids: 8, fdbEntries: 64, smallSlots: 256, seed: 1, nowMs: () => 0 });
  configure(core, config);
  for (const name of PORTS) core.control.setLink(name, true);
  return tellGroups(core, PORTS, randomFrames(r, frames, odd), size, forward);
}

describe('the macvlan lane', () => {
  it.each([0, 10, 60])('agrees with the slow lane, %s percent odd', (odd) => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(1, 3, 32, 256), (seed, size) => {
        expect(tell(seed, 200, odd, size, forwardBatch)).toEqual(tell(seed, 200, odd, size, forwardBatchSlowly));
      }),
      { numRuns: 15, seed: odd },
    );
  });

  it('is used', () => {
    let fast = 0;
    let frames = 0;
    const counting = (dp: Dataplane, b: Batch) => {
      const lane = createMacvlanLane(dp, b);
      b.punted = -1;
      b.learned = -1;
      for (let i = 0; i < b.count; ) {
        const next = lane(i);
        fast += next - i;
        i = next;
        if (i < b.count) slowLane(dp, b, i++);
      }
      frames += b.count;
      return b.count;
    };
    for (let seed = 0; seed < 5; seed++) tell(seed, 200, 0, 64, counting);
    expect(fast / frames).toBeGreaterThan(0.4);
    expect(fast / frames).toBeLessThan(0.95);
  });
});
