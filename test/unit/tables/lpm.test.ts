import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPages, createTree, lookup4, lookup6 } from '../../../src/tables/lpm.ts';
import {
  createRib4,
  createRib6,
  eachPrefix,
  findPrefix,
  growVrfs,
  putPrefix,
  type Rib,
  removePrefix,
  sharedArrays,
} from '../../../src/tables/lpm-update.ts';
import { sharePrefix } from '../../../src/wire/address.ts';
import { viewOf } from '../wire/bytes.ts';

interface Route {
  vrf: number;
  prefix: Uint8Array;
  length: number;
  value: number;
}

/** What a lookup means, in the plainest way. */
class Naive {
  routes: Route[] = [];
  put(route: Route): number {
    const before = this.remove(route);
    this.routes.push(route);
    return before;
  }
  remove({ vrf, prefix, length }: Route): number {
    const at = this.routes.findIndex(
      (r) => r.vrf === vrf && r.length === length && sharePrefix(r.prefix, prefix, length),
    );
    return at < 0 ? 0 : this.routes.splice(at, 1)[0]!.value;
  }
  lookup(vrf: number, address: Uint8Array): number {
    let best: Route | null = null;
    for (const route of this.routes) {
      if (route.vrf !== vrf || !sharePrefix(route.prefix, address, route.length)) continue;
      if (best === null || route.length > best.length) best = route;
    }
    return best?.value ?? 0;
  }
}

const lookup = (rib: Rib, vrf: number, address: Uint8Array) =>
  rib.addressBytes === 4
    ? lookup4(rib.pages!.lpm, vrf, viewOf(address).getUint32(0))
    : lookup6(rib.tree.tree, vrf, viewOf(address), 0);

const createRib = (bytes: 4 | 16) => (bytes === 4 ? createRib4(createPages()) : createRib6(createTree()));

const key = (r: Route) => {
  const masked = r.prefix.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 * (i + 1) - r.length))));
  return `${r.vrf} ${masked.join('.')}/${r.length}=${r.value}`;
};

/** Few distinct bytes, so that prefixes nest and collide. */
const address = (bytes: number) =>
  fc
    .array(fc.constantFrom(0, 1, 0x0f, 0x10, 0x80, 0xff), { minLength: bytes, maxLength: bytes })
    .map((a) => Uint8Array.from(a));

describe.each([4, 16] as const)('longest prefix of %i bytes', (bytes) => {
  it('is what a list says, through additions and removals', () => {
    const route = fc.record({
      vrf: fc.integer({ min: 0, max: 2 }),
      prefix: address(bytes),
      length: fc.integer({ min: 0, max: bytes * 8 }),
      value: fc.integer({ min: 1, max: 1000 }),
    });
    const step = fc.record({ add: fc.boolean(), again: fc.nat(), route });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120 }),
        fc.array(address(bytes), { minLength: 5 }),
        (steps, addresses) => {
          const rib = createRib(bytes);
          growVrfs(rib, 3);
          const naive = new Naive();
          for (const { add, again, route } of steps) {
            if (add) expect(putPrefix(rib, route.vrf, route.prefix, route.length, route.value)).toBe(naive.put(route));
            else {
              const victim = naive.routes[again % (naive.routes.length + 1)] ?? route;
              expect(removePrefix(rib, victim.vrf, victim.prefix, victim.length)).toBe(naive.remove(victim));
            }
          }
          expect(rib.count).toBe(naive.routes.length);
          const asked = [...addresses, ...naive.routes.map((r) => r.prefix)];
          for (const vrf of [0, 1, 2]) {
            for (const a of asked) expect(lookup(rib, vrf, a)).toBe(naive.lookup(vrf, a));
            const listed: string[] = [];
            eachPrefix(rib, vrf, (prefix, length, value) =>
              listed.push(key({ vrf, prefix: prefix.slice(), length, value })),
            );
            expect(listed.sort()).toEqual(
              naive.routes
                .filter((r) => r.vrf === vrf)
                .map(key)
                .sort(),
            );
          }
          for (const r of naive.routes) expect(findPrefix(rib, r.vrf, r.prefix, r.length)).toBe(r.value);
          for (const r of [...naive.routes]) removePrefix(rib, r.vrf, r.prefix, r.length);
          expect(rib.count).toBe(0);
          expect(sharedArrays(rib)[0]!.every((word) => word === 0)).toBe(true);
          expect(rib.tree.tree.roots.every((word) => word === 0)).toBe(true);
          if (rib.pages !== null) expect(rib.pages.free.length).toBe(rib.pages.end);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('takes back all memory of what was removed', () => {
    const rib = createRib(bytes);
    const prefix = new Uint8Array(bytes);
    const fill = (each: (length: number) => void) => {
      for (let i = 0; i < 3000; i++) {
        viewOf(prefix).setUint32(0, Math.imul(i, 0x9e3779b1) >>> 0);
        each(17 + (i % (bytes * 8 - 16)));
      }
    };
    fill((length) => putPrefix(rib, 0, prefix, length, 7));
    const ends = () => [rib.tree.nodeRows.end, rib.tree.valueRows.end, rib.pages?.end, rib.pages?.lines.end];
    const grown = ends();
    for (let round = 0; round < 3; round++) {
      fill((length) => removePrefix(rib, 0, prefix, length));
      fill((length) => putPrefix(rib, 0, prefix, length, 7));
    }
    expect(ends()).toEqual(grown);
  });
});

it('changes a default route without a look at the pages of longer ones', () => {
  const rib = createRib4(createPages());
  const prefix = Uint8Array.of(10, 0, 0, 0);
  for (let i = 0; i < 2000; i++) {
    viewOf(prefix).setUint32(0, Math.imul(i, 0x9e3779b1) >>> 0);
    putPrefix(rib, 0, prefix, 17 + (i % 16), 7);
  }
  const outside = Uint8Array.of(prefix[0]!, prefix[1]!, prefix[2]! ^ 0x80, 1);
  expect(lookup(rib, 0, outside)).toBe(0);
  const { lpm } = rib.pages!;
  const before = lpm.lines.slice();
  putPrefix(rib, 0, Uint8Array.of(0, 0, 0, 0), 0, 9);
  expect([lookup(rib, 0, outside), lookup(rib, 0, Uint8Array.of(1, 2, 3, 4))]).toEqual([9, 9]);
  putPrefix(rib, 0, outside, 16, 11);
  expect(lookup(rib, 0, outside)).toBe(11);
  removePrefix(rib, 0, outside, 16);
  removePrefix(rib, 0, Uint8Array.of(0, 0, 0, 0), 0);
  expect(lookup(rib, 0, outside)).toBe(0);
  expect(lpm.lines).toEqual(before);
});

it('finds every prefix again while pages and their runs take more and more memory', () => {
  const rib = createRib4(createPages());
  const prefix = new Uint8Array(4);
  const each = (visit: (length: number, value: number) => void) => {
    for (let i = 0; i < 6000; i++) {
      viewOf(prefix).setUint32(0, ((i % 300) << 16) | ((Math.floor(i / 300) * 13) << 8) | (i & 3));
      visit(i % 5 === 0 ? 32 : 24, i + 1);
    }
  };
  each((length, value) => {
    putPrefix(rib, 0, prefix, length, value);
    expect(lookup(rib, 0, prefix)).toBe(value);
  });
  each((_length, value) => expect(lookup(rib, 0, prefix)).toBe(value));
});
