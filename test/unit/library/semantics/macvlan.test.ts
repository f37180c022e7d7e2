/** macvlan groups: who gets what, as drivers/net/macvlan.c has it; and how they are configured and changed. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../../src/index.ts';
import { A, BROADCAST, checkAll, frame, GROUP, made, tagged, told, vidsOf } from './frames.ts';

afterEach(checkAll);

type Groups = NonNullable<ConfigInput['macvlan']>;
const OUTSIDE = '02:00:00:00:00:99';
const HOST = '02:00:00:00:00:01';
const MACS: Record<string, string> = {
  b1: '02:00:00:00:01:01',
  b2: '02:00:00:00:01:02',
  v1: '02:00:00:00:02:01',
  v2: '02:00:00:00:02:02',
  p1: '02:00:00:00:03:01',
  p2: '02:00:00:00:03:02',
  s1: '02:00:00:00:04:01',
};
const MODES = { b: 'bridge', v: 'vepa', p: 'private', s: 'source' } as const;
const SPOKEN = '02:00:00:00:00:77';

function group(more: Partial<Groups[string]> = {}): Groups[string] {
  const children = Object.fromEntries(
    Object.entries(MACS).map(([name, mac]) => {
      const mode = MODES[name[0] as keyof typeof MODES];
      return [name, { mode, macs: [mac], ...(mode === 'source' && { sources: [SPOKEN] }) }];
    }),
  );
  return { parent: 'up', children, ...more };
}

const HOSTED = { host: { port: 'h', mac: HOST } };

function world(more: Partial<Groups[string]> = {}) {
  const names = ['up', ...Object.keys(MACS), ...(more.host === undefined ? [] : ['h'])];
  return made(Object.fromEntries(names.map((name) => [name, {}])), { macvlan: { lan: group(more) } });
}

const of = (name: string) => MACS[name] ?? (name === 'h' ? HOST : name);

describe('a macvlan group', () => {
  it.each([
    // from outside
    ['up', OUTSIDE, 'b1', 'b1'],
    ['up', OUTSIDE, 'p1', 'p1'],
    ['up', OUTSIDE, 's1', 'MACVLAN_NO_CHILD'],
    ['up', OUTSIDE, A, 'MACVLAN_NO_CHILD'],
    ['up', OUTSIDE, BROADCAST, 'F b1 b2 v1 v2 p1 p2'],
    ['up', OUTSIDE, GROUP, 'F b1 b2 v1 v2 p1 p2'],
    // from an address that a child in source mode listens to: also there
    ['up', SPOKEN, A, 's1'],
    ['up', SPOKEN, 'b1', 'F b1 s1'],
    ['up', SPOKEN, BROADCAST, 'F b1 b2 v1 v2 p1 p2 s1'],
    // sent back by a switch that reflects
    ['up', 'v1', BROADCAST, 'F b1 b2 v2'],
    ['up', 'b1', BROADCAST, 'F v1 v2'],
    ['up', 'p1', BROADCAST, 'p1'],
    ['up', 's1', BROADCAST, 's1'],
    ['up', 'v1', 'v2', 'v2'],
    // between children
    ['b1', 'b1', 'b2', 'b2'],
    ['b1', 'b1', 'b1', 'LOOKUP_REFLECTION'],
    ['b1', SPOKEN, 'b2', 'F b2 s1'],
    ['b1', 'b1', 'v1', 'up'],
    ['b1', 'b1', BROADCAST, 'F up b2'],
    ['v1', 'v1', 'v2', 'up'],
    ['v1', 'v1', 'b1', 'up'],
    ['v1', 'v1', BROADCAST, 'up'],
    ['p1', 'p1', 'p2', 'up'],
    ['p1', 'p1', GROUP, 'up'],
    ['s1', 's1', 'b1', 'up'],
    ['b1', A, OUTSIDE, 'up'],
  ])('at %s from %s to %s: %s', (port, src, dst, expected) => {
    expect(told(world(), port, frame({ src: of(src), dst: of(dst) }))).toBe(expected);
  });

  it.each([
    ['up', OUTSIDE, A, 'h', 'h'],
    ['up', OUTSIDE, 'h', 'h', 'h'],
    ['up', OUTSIDE, BROADCAST, 'F b1 b2 v1 v2 p1 p2 h', 'F b1 b2 v1 v2 p1 p2 h'],
    ['h', 'h', 'b1', 'up', 'b1'],
    ['h', 'h', 's1', 'up', 's1'],
    ['h', 'h', BROADCAST, 'up', 'F up b1 b2 v1 v2 p1 p2 s1'],
    ['p1', 'p1', 'h', 'up', 'h'],
    ['p1', 'p1', BROADCAST, 'up', 'F up h'],
    ['b1', 'b1', BROADCAST, 'F up b2', 'F up b2 h'],
  ])('with a host, at %s from %s to %s: %s; with hostAccess: %s', (port, src, dst, without, withAccess) => {
    const bytes = frame({ src: of(src), dst: of(dst) });
    expect(told(world(HOSTED), port, bytes)).toBe(without);
    const names = (text: string) => text.split(' ').sort().join(' ');
    expect(names(told(world({ ...HOSTED, hostAccess: true }), port, bytes))).toBe(names(withAccess));
  });

  it('with passthru gives its only child all unicast', () => {
    const children = { p: { mode: 'passthru' as const, macs: [A] } };
    const sw = made({ up: {}, p: {} }, { macvlan: { lan: { parent: 'up', children } } });
    expect(told(sw, 'up', frame({ src: OUTSIDE, dst: HOST }))).toBe('p');
    expect(told(sw, 'up', frame({ src: OUTSIDE }))).toBe('p');
    expect(told(sw, 'p', frame({ src: A, dst: HOST }))).toBe('up');
  });

  it('of a VLAN puts the tag on at the parent and takes it off at children', () => {
    const children = { x: { macs: [of('b1')] }, y: { macs: [of('b2')] } };
    const sw = made({ up: {}, x: {}, y: {} }, { macvlan: { lan: { parent: 'up', vlan: 10, children } } });
    expect(told(sw, 'up', tagged(10, { src: OUTSIDE }))).toBe('F x y');
    expect(['x', 'y'].map((port) => vidsOf(sw.port(port).receive()[0]!))).toEqual([[], []]);
    expect(told(sw, 'x', frame({ src: of('b1') }))).toBe('F up y');
    expect(['up', 'y'].map((port) => vidsOf(sw.port(port).receive()[0]!))).toEqual([[10], []]);
    expect(told(sw, 'x', frame({ src: of('b1'), dst: OUTSIDE }))).toBe('up');
    expect(vidsOf(sw.port('up').receive()[0]!)).toEqual([10]);
    expect(told(sw, 'up', tagged(11, { src: OUTSIDE }))).toBe('MACVLAN_NO_GROUP');
    expect(told(sw, 'up', frame({ src: OUTSIDE }))).toBe('MACVLAN_NO_GROUP');
  });

  it('without a VLAN takes the tags that no other group has, as payload', () => {
    const macvlan: Groups = {
      plain: { parent: 'up', children: { x: { macs: [of('b1')] } } },
      ten: { parent: 'up', vlan: 10, children: { y: { macs: [of('b1')] } } },
    };
    const sw = made({ up: {}, x: {}, y: {} }, { macvlan });
    expect(told(sw, 'up', tagged(10, { src: OUTSIDE, dst: of('b1') }))).toBe('y');
    expect(told(sw, 'up', tagged(11, { src: OUTSIDE, dst: of('b1') }))).toBe('x');
    expect(vidsOf(sw.port('x').receive()[0]!)).toEqual([11]);
  });
});

describe('macvlan in a configuration', () => {
  const ports = { up: {}, x: {}, y: {} };
  const x = { macs: [A] };
  it.each<[string, Groups, RegExp]>([
    ['a port that is not there', { g: { parent: 'upp', children: {} } }, /no port "upp".*"up"/],
    ['a MAC twice', { g: { parent: 'up', children: { x, y: x } } }, /is an address of x already/],
    ['a group MAC', { g: { parent: 'up', children: { x: { macs: [BROADCAST] } } } }, /not the address of one station/],
    ['no MAC', { g: { parent: 'up', children: { x: {} } } }, /mode bridge needs an address/],
    ['passthru beside others', { g: { parent: 'up', children: { x: { mode: 'passthru' }, y: x } } }, /only child/],
    ['sources without the mode', { g: { parent: 'up', children: { x: { ...x, sources: [A] } } } }, /mode source/],
    ['hostAccess without a host', { g: { parent: 'up', hostAccess: true, children: { x } } }, /needs a "host"/],
    ['a child of two', { g: { parent: 'up', children: { x } }, k: { parent: 'y', children: { x } } }, /already/],
    ['two groups of one VLAN', { g: { parent: 'up', children: {} }, k: { parent: 'up', children: {} } }, /group g has/],
  ])('is refused with %s', (_, macvlan, problem) => {
    expect(() => made(ports, { macvlan })).toThrow(problem);
  });

  it('is refused with mirrors of its ports, and with VLANs of its ports', () => {
    const macvlan = { g: { parent: 'up', children: { x } } };
    const mirrors = [{ name: 'm', selectSrc: ['x'], output: 'y' }];
    expect(() => made(ports, { macvlan, mirrors })).toThrow(/mirrors do not copy/);
    expect(() => made({ ...ports, x: { vlan: 3 } }, { macvlan })).toThrow(/in no bridge; remove "vlan"/);
  });

  it('changes on a running switch, and ports come and go', () => {
    const all = { up: { adapter: 'memory' as const }, x: { adapter: 'memory' as const } };
    const sw = made(ports);
    expect(told(sw, 'up', frame({ dst: OUTSIDE }))).toBe('F x y');
    const apply = (rest: ConfigInput) => sw.apply(rest);
    apply({ ports: all, macvlan: { g: { parent: 'up', children: { x } } } });
    expect(told(sw, 'up', frame({ src: OUTSIDE, dst: A }))).toBe('x');
    apply({ ports: all, macvlan: { g: { parent: 'up', children: { x: { macs: [OUTSIDE] } } } } });
    expect(told(sw, 'up', frame({ src: HOST, dst: A }))).toBe('MACVLAN_NO_CHILD');
    apply({ ports: all });
    expect(told(sw, 'up', frame({ src: HOST, dst: A }))).toBe('F x');
  });
});
