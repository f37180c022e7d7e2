import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPages, createTree, lookup4, lookup6 } from '../../../src/tables/lpm/lpm.ts';
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
} from '../../../src/tables/lpm/update.ts';
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

it('says what a list says while pages and their runs come and go', () => {
  const route = fc.record({
    prefix: fc.integer({ min: 0, max: 0xffff }).map((low) => Uint8Array.of(10, 1, low >>> 8, low & 0xff)),
    length: fc.oneof(fc.constant(24), fc.integer({ min: 15, max: 24 }), fc.integer({ min: 15, max: 32 })),
    value: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(0xffff, 0x10000, 70_000)),
  });
  const plain = fc.record({
    prefix: fc.integer({ min: 0, max: 255 }).map((third) => Uint8Array.of(10, 1, third, 0)),
    length: fc.constant(24),
    value: fc.integer({ min: 1, max: 0xffff }),
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(plain, plain, plain, route), { minLength: 1, maxLength: 120 }), (routes) => {
      const rib = createRib4(createPages());
      growVrfs(rib, 1);
      const naive = new Naive();
      const agree = () => {
        for (const { prefix } of routes) {
          for (const last of [0, prefix[3]!, 255]) {
            const asked = Uint8Array.of(10, 1, prefix[2]!, last);
            expect(lookup(rib, 0, asked)).toBe(naive.lookup(0, asked));
          }
        }
      };
      for (const [i, { prefix, length, value }] of routes.entries()) {
        const one = { vrf: 0, prefix, length, value };
        expect(putPrefix(rib, 0, prefix, length, value)).toBe(naive.put(one));
        if (i % 32 === 31) agree();
      }
      agree();
      while (naive.routes.length > 0) {
        const { prefix, length } = naive.routes[0]!;
        expect(removePrefix(rib, 0, prefix, length)).toBe(naive.remove(naive.routes[0]!));
        if (naive.routes.length % 32 === 0) agree();
      }
      const { lines, end, free } = rib.pages!;
      expect(free.length).toBe(end);
      expect(lines.free.reduce((sum, rows, size) => sum + rows.length * size, 0)).toBe(lines.end);
    }),
    { numRuns: 40 },
  );
});

describe('blocks of IPv6 prefixes', () => {
  const blockOf = (rib: Rib) => rib.blocks!.count;

  it('say what a list says: ranges that nest, meet and overflow, in two tables', () => {
    const route = fc.record({
      vrf: fc.integer({ min: 0, max: 1 }),
      first: fc.constantFrom(0x20010db8, 0x20010db9, 0x20010dff, 0x20020db8),
      place: fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff)),
      length: fc.oneof(fc.integer({ min: 33, max: 48 }), fc.integer({ min: 20, max: 64 })),
      value: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constantFrom(0xfffe, 0xffff, 0x10000, 70_000)),
      add: fc.integer({ min: 0, max: 3 }),
    });
    const prefixOf = (first: number, place: number) => {
      const prefix = new Uint8Array(16);
      viewOf(prefix).setUint32(0, first);
      viewOf(prefix).setUint16(4, place);
      return prefix;
    };
    fc.assert(
      fc.property(fc.array(route, { maxLength: 90 }), (steps) => {
        const rib = createRib6(createTree());
        growVrfs(rib, 2);
        const naive = new Naive();
        for (const { first, place, add, ...rest } of steps) {
          const one = { prefix: prefixOf(first, place), ...rest };
          if (add > 0) expect(putPrefix(rib, one.vrf, one.prefix, one.length, one.value)).toBe(naive.put(one));
          else {
            const victim = naive.routes[(first + place) % (naive.routes.length + 1)] ?? one;
            expect(removePrefix(rib, victim.vrf, victim.prefix, victim.length)).toBe(naive.remove(victim));
          }
        }
        for (const { first, place, length } of steps) {
          const last = place | (0xffff >>> Math.min(16, Math.max(0, length - 32)));
          for (const at of [0, place, place - 1, place + 1, last, last + 1, 0xffff]) {
            const asked = prefixOf(first, at & 0xffff);
            for (const vrf of [0, 1]) expect(lookup(rib, vrf, asked)).toBe(naive.lookup(vrf, asked));
          }
        }
        for (const r of [...naive.routes]) removePrefix(rib, r.vrf, r.prefix, r.length);
        expect(blockOf(rib)).toBe(0);
        expect(rib.tree.tree.blocks.every((half) => half === 0)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('are found again while they become many and few', () => {
    const rib = createRib6(createTree());
    const prefix = new Uint8Array(16);
    const each = (visit: (value: number) => void) => {
      for (let i = 0; i < 3000; i++) {
        viewOf(prefix).setUint32(0, 0x20000000 + Math.imul(i % 1000, 0x9e3779b1) / 16);
        viewOf(prefix).setUint16(4, (i % 7) << 12);
        visit(i + 1);
      }
    };
    each((value) => putPrefix(rib, 0, prefix, 40, value));
    expect(blockOf(rib)).toBeGreaterThan(900);
    const all = new Map<string, number>();
    each((value) => all.set(prefix.join(), value));
    each(() => expect(lookup(rib, 0, prefix)).toBe(all.get(prefix.join())));
    each((value) => {
      if (value % 3 === 0) all.delete(prefix.join());
      if (value % 3 === 0) removePrefix(rib, 0, prefix, 40);
    });
    each(() => expect(lookup(rib, 0, prefix)).toBe(all.get(prefix.join()) ?? 0));
    each(() => removePrefix(rib, 0, prefix, 40));
    expect(blockOf(rib)).toBe(0);
  });

  it('give way to the tree where they have too many ranges', () => {
    const rib = createRib6(createTree());
    const prefix = new Uint8Array(16);
    viewOf(prefix).setUint32(0, 0x20010db8);
    const at = (place: number) => {
      viewOf(prefix).setUint16(4, place);
      return prefix;
    };
    for (let i = 0; i < 14; i++) putPrefix(rib, 0, at(i * 4096 + 16), 48, i + 1);
    expect(blockOf(rib)).toBe(1);
    for (let i = 0; i < 60; i++) putPrefix(rib, 0, at(i * 32), 48, i + 1);
    expect(blockOf(rib)).toBe(0);
    for (let i = 0; i < 60; i++) expect(lookup(rib, 0, at(i * 32))).toBe(i + 1);
    for (let i = 0; i < 60; i++) removePrefix(rib, 0, at(i * 32), 48);
    expect(blockOf(rib)).toBe(1);
    expect(lookup(rib, 0, at(13 * 4096 + 16))).toBe(14);
  });
});
