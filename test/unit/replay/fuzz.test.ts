/** A share of `npm run fuzz`, from fixed seeds: what the long run does is in test/fuzz. */
import { describe, expect, it } from 'vitest';
import { DROP_REASONS } from '../../../src/dataplane/reasons.ts';
import { BLOCK, fuzzCaptures } from '../../fuzz/captures.ts';
import { fuzzFabric } from '../../fuzz/fabric.ts';
import { type Fates, fuzzWorld } from '../../fuzz/frames.ts';
import { fuzz } from '../../fuzz/main.ts';

const WORLDS = 60;
const FRAMES = 5000;
const CAPTURES = 20_000;
const FABRICS = 10;
const FABRIC_FRAMES = 500;
/** Of frames for which the tunnels, the router and the offloads all have to look twice. */
const IN_FABRICS = [
  'IPVLAN_NOT_ROUTED',
  'IPVLAN_PRIVATE',
  'VXLAN_ECN',
  'VXLAN_FRAGMENT',
  'VXLAN_INNER_TAG',
  'VXLAN_LOOP',
  'VXLAN_MTU',
  'VXLAN_NESTED',
  'VXLAN_UNKNOWN_PEER',
  'ROUTE_MARTIAN',
  'ROUTE_TOO_BIG',
  'ROUTE_TTL',
  'ROUTE_UNREACHABLE',
  'TX_ERROR',
];
/**
 * Of a device that takes no more: the twins' devices take all; of a worker that ends: they have one. Of tunnels: dataplane/vxlan.test.ts; of the router: routing/fuzz.test.ts. Of
 * hooks, which are a program's.
 */
const NOT_HERE = /^(TX|VXLAN|ROUTE|WORKER)_|^IPVLAN_NOT_ROUTED$|_HOOK$/;

describe('fuzz', () => {
  it(`${WORLDS * FRAMES} frames through ${WORLDS} switches, and every reason to drop one occurs`, () => {
    const fates: Fates = {};
    for (let seed = 1; seed <= WORLDS; seed++) {
      for (const [fate, n] of Object.entries(fuzzWorld(seed, FRAMES))) fates[fate] = (fates[fate] ?? 0) + n;
    }
    const reasons = DROP_REASONS.map((reason) => reason.name).filter((name) => !NOT_HERE.test(name));
    expect(Object.keys(fates)).toEqual(expect.arrayContaining(reasons));
    expect(fates.delivered).toBeGreaterThan((WORLDS * FRAMES) / 4);
    expect(fates.floodCopies).toBeGreaterThan(WORLDS * FRAMES);
    expect(fates.consumed).toBeGreaterThan(0);
  });

  it(`${FABRICS * FABRIC_FRAMES} packets through ${FABRICS} switches that route, tunnel, mirror and translate`, () => {
    const fates: Fates = {};
    for (let seed = 1; seed <= FABRICS; seed++) {
      for (const [fate, n] of Object.entries(fuzzFabric(seed, FABRIC_FRAMES))) fates[fate] = (fates[fate] ?? 0) + n;
    }
    expect(Object.keys(fates)).toEqual(expect.arrayContaining(IN_FABRICS));
    expect(fates.delivered).toBeGreaterThan((FABRICS * FABRIC_FRAMES) / 10);
  });

  it(`${CAPTURES} damaged captures from the reader to the writer`, () => {
    for (let seed = 1; seed <= CAPTURES; seed += BLOCK) fuzzCaptures(seed, BLOCK);
  });

  it('the long run counts, and stops by time', async () => {
    const lines: string[] = [];
    const say = (line: string) => lines.push(line);
    expect(
      await fuzz({
        frames: 300,
        fabric: 100,
        captures: 700,
        changes: 3,
        broken: 5,
        datagrams: 500,
        routing: 300,
        seed: -5,
        seconds: 60,
        say,
      }),
    ).toBe(null);
    expect(lines).toEqual([
      'frames: 300 of 300',
      'fabric: 100 of 100',
      'captures: 500 of 700',
      'captures: 700 of 700',
      'changes: 3 of 3',
      'broken: 5 of 5',
      'datagrams: 500 of 500',
      'routing: 300 of 300',
    ]);
    lines.length = 0;
    expect(
      await fuzz({
        frames: 300,
        fabric: 1,
        captures: 10,
        changes: 9,
        broken: 1,
        datagrams: 1,
        routing: 1,
        seed: 1,
        seconds: 0,
        say,
      }),
    ).toBe(null);
    expect(lines).toEqual([
      'frames: 0 of 300, time is up',
      'fabric: 0 of 1, time is up',
      'captures: 0 of 10, time is up',
      'changes: 0 of 9, time is up',
      'broken: 0 of 1, time is up',
      'datagrams: 0 of 1, time is up',
      'routing: 0 of 1, time is up',
    ]);
  });
});
