/** A trace does what the switch does, says so, and leaves no trace of itself. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { createBatch, SHAPE_ALT } from '../../../src/dataplane/batch.ts';
import { createDataplane, type Dataplane } from '../../../src/dataplane/dataplane.ts';
import { slowLane } from '../../../src/dataplane/lanes/slow-lane.ts';
import { reasonName } from '../../../src/dataplane/reasons.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import { NO_RULES, ownDirectory } from '../../../src/runtime/directory-of.ts';
import { traceIn as ask } from '../../../src/trace/answer.ts';
import { TraceError } from '../../../src/trace/error.ts';
import { readFields, readHex } from '../../../src/trace/read-frame.ts';
import { trace } from '../../../src/trace/trace.ts';
import type { Trace } from '../../../src/trace/types.ts';
import { copyWorld, learnBefore, type World, worldOf } from '../../../src/trace/world.ts';
import { type Arrival, randomStory } from '../dataplane/world.ts';

const SWITCH = `
vlans: { 10: { name: red }, 20: {} }
ports:
  a: { adapter: memory, vlan: 10, mode: access }
  b: { adapter: memory, vlan: 10, mode: access, mtu: 600 }
  c: { adapter: memory, vlan: 20, mode: access, isolated: true }
  d: { adapter: memory, vlan: 20, mode: access, isolated: true }
  t: { adapter: memory, mode: trunk, vlans: '10,20' }
fdb:
  - { mac: '02:00:00:00:00:0b', vlan: 10, kind: blackhole }
  - { mac: '02:00:00:00:00:0c', vlan: 10, kind: local }
`;

function from(port: string, fields: string, learned: { mac: string; port: string; vid?: number }[] = []): Trace {
  const world = worldOf(loadConfig(SWITCH, 'test'));
  return ask(world, { port, bytes: readFields(fields), learned });
}

const stage = (found: Trace, name: string) => found.stages.find((each) => each.stage === name);

describe('trace', () => {
  it('tells the way of a flooded frame, stage by stage, with the bytes that leave', () => {
    const found = from('a', 'arp=10.0.0.1-10.0.0.2');
    expect(found.stages.map((each) => each.stage)).toEqual(['parse', 'classify', 'learn', 'lookup', 'egress']);
    expect(found).toMatchObject({ verdict: 'delivered', reason: null, vid: 10, bridge: 'loom0' });
    expect(stage(found, 'classify')?.text).toBe('VLAN 10 (red), the PVID of a; a is a member');
    expect(stage(found, 'learn')?.text).toBe('02:00:00:00:00:01 would be learned on a');
    expect(stage(found, 'learn')?.entry).toMatchObject({ mac: '02:00:00:00:00:01', port: 'a', kind: 'dynamic' });
    expect(stage(found, 'egress')?.ports).toEqual([
      { port: 'a', sends: false, text: 'it came from there', reason: 'LOOKUP_REFLECTION' },
      { port: 'b', sends: true, text: 'untagged', reason: null },
      { port: 'c', sends: false, text: 'no member of VLAN 10', reason: 'EGRESS_VLAN' },
      { port: 'd', sends: false, text: 'no member of VLAN 10', reason: 'EGRESS_VLAN' },
      { port: 't', sends: true, text: 'tagged 10', reason: null },
    ]);
    const bytes = Buffer.from(readFields('arp=10.0.0.1-10.0.0.2')).toString('hex');
    expect(found.outputs.map(({ port, hex }) => [port, hex])).toEqual([
      ['b', bytes],
      ['t', `${bytes.slice(0, 24)}8100000a${bytes.slice(24)}`],
    ]);
  });

  it('names the entry that decided', () => {
    const found = from('a', 'dst=02:00:00:00:00:02', [{ mac: '02:00:00:00:00:02', port: 't', vid: 10 }]);
    expect(stage(found, 'lookup')?.entry).toMatchObject({ port: 't', kind: 'dynamic', vid: 10 });
    expect(found.outputs.map((output) => output.port)).toEqual(['t']);
    expect(from('a', 'dst=02:00:00:00:00:0b').reason?.name).toBe('LOOKUP_BLACKHOLE');
    expect(from('a', 'src=02:00:00:00:00:0b').reason?.name).toBe('GUARD_BLACKHOLE_SOURCE');
    expect(from('a', 'dst=02:00:00:00:00:0c').verdict).toBe('consumed');
  });

  it('says why a port does not get it', () => {
    expect(from('a', 'vlan=10').reason?.name).toBe('INGRESS_FRAME_TYPE');
    expect(stage(from('t', 'vlan=30'), 'classify')?.text).toBe('bridge loom0 has no VLAN 30');
    const long = stage(from('a', 'len=700'), 'egress')?.ports ?? [];
    expect(long.find(({ port }) => port === 'b')).toMatchObject({ text: 'its MTU is 600', reason: 'EGRESS_TOO_LONG' });
    const apart = stage(from('c', 'dst=ff:ff:ff:ff:ff:ff'), 'egress')?.ports ?? [];
    expect(apart.find(({ port }) => port === 'd')).toMatchObject({ sends: false, reason: 'EGRESS_ISOLATED' });
    const gone = from('a', 'dst=02:00:00:00:00:01', [{ mac: '02:00:00:00:00:01', port: 'a' }]);
    expect(gone.reason?.name).toBe('LOOKUP_REFLECTION');
  });

  it('shows frames with the tags that a port with translation gives and takes', () => {
    const config = `
ports:
  a: { adapter: memory, mode: access, vlan: 200 }
  up: { adapter: memory, mode: trunk, vlans: 200, mtu: 3000, translate: [{ from: 100, to: 200 }] }
`;
    const world = worldOf(loadConfig(config, 'test'));
    const inward = trace(world, { port: 'up', bytes: readFields('vlan=100') });
    expect(stage(inward, 'parse')?.text).toContain('tagged: vlan 200, after translation');
    expect(inward).toMatchObject({ vid: 200, tagVid: 200, outputs: [{ port: 'a' }] });
    const outward = trace(world, { port: 'a', bytes: readFields('len=60') });
    expect(outward.outputs[0].hex.slice(24, 32)).toBe('81000064');
    const long = worldOf(loadConfig(config.replace('vlan: 200 }', 'vlan: 200, mtu: 3000 }'), 'test'));
    expect(trace(long, { port: 'a', bytes: readFields('len=3000') }).outputs[0].hex.slice(24, 32)).toBe('81000064');
  });

  it('shows the copies that mirrors make, beside what is delivered', () => {
    const [ports, fdb] = SWITCH.split('fdb:');
    const world = worldOf(
      loadConfig(
        `${ports}  m: { adapter: memory }\nfdb:${fdb}mirrors: [{ name: spy, selectSrc: [a], output: m }]\n`,
        'test',
      ),
    );
    const found = trace(world, { port: 'a', bytes: readFields('len=60') });
    expect(stage(found, 'mirror')?.text).toBe('a copy out of m');
    expect(found.mirrored).toMatchObject([{ port: 'm', hex: found.frame.hex }]);
    expect(found.outputs.map(({ port }) => port)).toEqual(['b', 't']);
    expect(trace(world, { port: 'c', bytes: readFields('len=60') }).mirrored).toEqual([]);
  });

  it('takes a part of a frame for what it is', () => {
    const world = worldOf(loadConfig(SWITCH, 'test'));
    const found = trace(world, { port: 'a', bytes: readFields('len=60'), wireLength: 1500 });
    expect(found.reason?.name).toBe('PARSE_TRUNCATED_CAPTURE');
    expect(found.frame).toMatchObject({ length: 1500 });
    expect(trace(world, { port: 'a', bytes: new Uint8Array(3) }).reason?.name).toBe('PARSE_RUNT');
  });

  it('refuses what is not there, and what no slot holds', () => {
    const world = worldOf(loadConfig(SWITCH, 'test'));
    expect(() => trace(world, { port: 'x', bytes: new Uint8Array(60) })).toThrow(TraceError);
    expect(() => trace(world, { port: 'a', bytes: new Uint8Array(70_000) })).toThrow(/at most/);
    expect(() => learnBefore(world, { mac: 'nonsense', port: 'a' })).toThrow(/MAC/);
    expect(() => learnBefore(world, { mac: '02:00:00:00:00:02', port: 'a', vid: 30 })).toThrow(/no VLAN 30/);
    expect(() => learnBefore(world, { mac: '02:00:00:00:00:02', port: 't' })).toThrow(/no PVID/);
  });

  it('happens on a copy: the switch that it was asked of is as before', () => {
    const config = loadConfig(SWITCH, 'test');
    const core = new SwitchCore({ ...sizeFor(config), nowMs: () => 5000 });
    configure(core, config);
    for (const { name } of config.ports) core.control.setLink(name, true);
    const { arena: _arena, egress: _egress, underlay: _underlay, newPeer: _newPeer, ...tables } = core.dp;
    const readable = { tables, directory: ownDirectory(core.control, config), statuses: [] };
    learnBefore(copyWorld(readable, 5000), { mac: '02:00:00:00:00:03', port: 'b' });
    const before = digest(tables);
    const found = ask(copyWorld(readable, 5000), { port: 'a', bytes: readFields('len=100'), learned: [] });
    expect(found).toEqual(from('a', 'len=100'));
    expect(digest(tables)).toBe(before);
  });

  it('tells from which interface to which a packet is routed, and why it is not', () => {
    const text = JSON.stringify({
      ports: {
        a: { adapter: 'memory', mode: 'access', vlan: 10 },
        b: { adapter: 'memory', mode: 'trunk', vlans: '20' },
      },
      interfaces: {
        v10: {
          vlan: 10,
          mac: '02:00:00:00:00:fe',
          addresses: ['10.0.10.1/24'],
          redirects: true,
          neighbors: { '10.0.10.77': '02:00:00:00:00:77' },
        },
        v20: { vlan: 20, addresses: ['10.0.20.1/24'], neighbors: { '10.0.20.2': '02:00:00:00:00:0b' } },
      },
      routes: [{ to: '10.9.0.0/16', via: '10.0.10.77' }],
    });
    const world = worldOf(loadConfig(text, 'test'));
    const at = (fields: string) =>
      ask(world, { port: 'a', bytes: readFields(`dst=02:00:00:00:00:fe,${fields}`), learned: [] });
    const routed = at('ip=10.0.10.5-10.0.20.2,udp=1-2');
    expect(stage(routed, 'route')?.text).toBe('10.0.20.2, come to v10: out of v20 to 02:00:00:00:00:0b');
    expect(routed.outputs.map(({ port }) => port)).toEqual(['b']);
    expect(routed.vid).toBe(20);
    expect(at('ip=10.0.10.5-172.16.0.1,udp=1-2').reason?.name).toBe('ROUTE_NO_ROUTE');
    const own = at('ip=10.0.10.5-10.0.20.1,udp=1-2');
    const forControl = '10.0.20.1, come to v10: for control, to an address of the switch';
    expect([own.verdict, stage(own, 'route')?.text]).toEqual(['consumed', forControl]);
    const unknown = stage(at('ip=10.0.10.5-10.0.20.9,udp=1-2'), 'route')?.text;
    expect(unknown).toBe('10.0.20.9, come to v10: for control, which asks for the MAC of the next hop first');
    const back = stage(at('ip=10.0.10.5-10.9.1.1,udp=1-2'), 'route')?.text;
    const redirects = 'which sends it on and tells its sender of the next hop (ICMP redirect)';
    expect(back).toBe(`10.9.1.1, come to v10: for control, ${redirects}`);
    expect(stage(at('arp=10.0.10.5-10.0.10.1'), 'route')?.text).toBe('to v10: for control');
    // Hosts of one subnet in two VLANs: the question stays in its broadcast domain.
    const arp = ask(world, { port: 'a', bytes: readFields('arp=10.0.10.5-10.0.10.9'), learned: [] });
    expect(arp.outputs).toEqual([]);
  });

  // The order of SLOW_STAGES, and everything else that a trace might do differently from a switch.
  it.each([1, 2, 3, 4, 5, 6])('is what the slow lane does, frame by frame (story %i)', (seed) => {
    const story = randomStory(seed, 400, seed * 15);
    const [real, copy] = [planeOf(story.ports), planeOf(story.ports)];
    story.setUp(real);
    story.setUp(copy);
    let nowMs = 0;
    for (const step of story.steps) {
      if (typeof step === 'function') {
        step(real);
        step(copy);
        continue;
      }
      if (step.gso !== 0 || step.csum !== 0) continue;
      nowMs = step.nowMs;
      const found = trace(numbered(copy, story.ports, nowMs), {
        port: `p${step.port}`,
        bytes: step.bytes,
        wireLength: step.truncated ? step.bytes.length + 1 : step.bytes.length,
      });
      const { reason, sent } = forward(real, step, story.ports);
      expect(found.reason?.name ?? null).toBe(reason);
      expect(found.outputs.map(({ port, hex }) => [port, hex])).toEqual(sent);
    }
    expect([...copy.fdb.stats]).toEqual([...real.fdb.stats]);
    expect([...copy.counters.portDrops]).toEqual([...real.counters.portDrops]);
  });
});

/** Of every array in it; comparing them one by one takes seconds. */
function digest(tables: object): string {
  const hash = createHash('sha256');
  const add = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) add(each);
    else hash.update(String(value));
  };
  add(tables);
  return hash.digest('hex');
}

function planeOf(ports: number): Dataplane {
  const size = { ports, fids: 12, bridges: 2, fdbEntries: 40, tunnelRows: 1, seed: 7 };
  return createDataplane({ ...size, smallSlots: 1, largeSlots: 1, batch: 1 });
}

/** Ports by number; the story has no other names. */
function numbered(dp: Dataplane, ports: number, nowMs: number): World {
  const port = { bridge: 'x', adapter: 'memory', mode: 'hybrid', pvid: 1, mtu: 1500, state: 'forwarding', ...NO_RULES };
  const named = Array.from({ length: ports }, (_, index) => ({ ...port, name: `p${index}`, index }));
  return {
    dp,
    directory: {
      name: 'x',
      bridges: [],
      ports: named,
      vlans: [],
      interfaces: [],
      routes: [],
      vrfs: [],
      macvlan: [],
      ipvlan: [],
      mirrors: [],
      vteps: [],
      tunnels: [],
    },
    nowMs,
  };
}

function forward(dp: Dataplane, frame: Arrival, ports: number): { reason: string | null; sent: string[][] } {
  const b = createBatch(1);
  const off = 128;
  dp.arena.bytes.set(frame.bytes, off);
  b.count = 1;
  b.off[0] = off;
  b.len[0] = frame.bytes.length;
  b.port[0] = frame.port;
  b.rxFlags[0] = frame.truncated ? 1 : 0;
  b.nowMs[0] = frame.nowMs;
  slowLane(dp, b, 0);
  const sent: string[][] = [];
  const hex = (at: number, length: number) => Buffer.from(dp.arena.bytes.subarray(at, at + length)).toString('hex');
  for (let p = 0; p < ports; p++) {
    if (dp.egress.count[p] === 0) continue;
    const alt = (dp.egress.list[p * dp.egress.stride] & SHAPE_ALT) !== 0;
    const main = hex(b.off[0], b.len[0]);
    sent.push([`p${p}`, alt ? hex(b.altHeadOff[0], b.altHeadLen[0]) + hex(b.altOff[0], b.altLen[0]) : main]);
  }
  dp.egress.count.fill(0);
  return { reason: b.reason[0] === 0 ? null : reasonName(b.reason[0]), sent };
}

describe('frames in words', () => {
  it('reads hex with and without separators', () => {
    expect([...readHex('0x0a0B')]).toEqual([10, 11]);
    expect([...readHex('0a:0b-0c 0d\n0e.0f')]).toEqual([10, 11, 12, 13, 14, 15]);
    for (const bad of ['', 'xy', '0a0', 'ab'.repeat(70_000)]) expect(() => readHex(bad)).toThrow(TraceError);
  });

  it('builds a frame from its fields', () => {
    const hex = (fields: string) => Buffer.from(readFields(fields)).toString('hex');
    expect(hex('len=16')).toBe('ffffffffffff02000000000188b50000');
    expect(hex('dst=02-00-00-00-00-09,svlan=5,vlan=10/7,type=0x0800')).toMatch(
      /^02000000000902000000000188a800058100e00a0800/,
    );
    expect(hex('ip=fe80::1-fe80::2,udp=1-2')).toMatch(/^.{24}86dd6/);
    expect(readFields('ip=10.0.0.1>10.0.0.2').length).toBe(60);
  });

  it.each([
    ['vlan=5000', 'vlan: 5000 is out of range; valid are 0-4095'],
    ['vlan=x', 'vlan: "x" is not a number; valid are 0-4095'],
    ['nonsense', /no field/],
    ['dst=1', /MAC/],
    ['vlan=4096', /0-4095/],
    ['vlan=1/8', /0-7/],
    ['vlan=1,vlan=2', /twice/],
    ['ip=10.0.0.1', /FROM-TO/],
    ['ip=10.0.0.1-fe80::1', /versions/],
    ['udp=1-2', /needs ip/],
    ['ip=10.0.0.1-10.0.0.2,udp=1-70000', /0-65535/],
    ['arp=10.0.0.1-x', /IPv4/],
    ['type=1,arp=10.0.0.1-10.0.0.2', /do not go together/],
    ['len=99999', /0-/],
  ])('refuses %s', (fields, why) => {
    expect(() => readFields(fields)).toThrow(why);
    expect(() => readFields(fields)).toThrow(TraceError);
  });
});
