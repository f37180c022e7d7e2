/** Captures of a switch: what is taken, what is said about it, and that tshark reads it. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { CaptureBlocks } from '../../../src/capture/blocks.ts';
import { Feed } from '../../../src/capture/feed.ts';
import { CAPTURE_DROP, CAPTURE_IN, CAPTURE_OUT } from '../../../src/capture/record.ts';
import { createRing } from '../../../src/capture/ring.ts';
import type { TapSpec } from '../../../src/capture/tap.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { FilterError } from '../../../src/filter/error.ts';
import { OPT_COMMENT, OPT_EPB_FLAGS } from '../../../src/pcap/pcapng-format.ts';
import { OptionWalk } from '../../../src/pcap/pcapng-options.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import { vniOf } from '../../../src/tables/vni-table.ts';
import { bytesOf } from '../wire/bytes.ts';

const TEXT = `
ports:
  p1: { adapter: memory, mode: access, vlan: 10 }
  p2: { adapter: memory, mode: trunk, vlans: '10,20' }
  p3: { adapter: memory, mode: access, vlan: 10 }
  m: { adapter: memory }
mirrors: [{ name: watch, output: m, selectDst: [p3] }]
`;
const EVERYTHING = CAPTURE_IN | CAPTURE_OUT | CAPTURE_DROP;

/** A switch whose ports take everything, and what a capture of it says. */
class World {
  readonly core: SwitchCore;
  readonly adapters = new Map<string, MemoryAdapter>();
  feed!: Feed;
  blocks = new CaptureBlocks();
  #next = 0;

  constructor(spec: Partial<TapSpec> = {}, ringBytes = 1 << 20, most = 0) {
    const config = loadConfig(TEXT, 'test');
    this.core = new SwitchCore({ ...sizeFor(config), nowMs: () => 1000, timeUs: () => 1_700_000_000_123_456 });
    configure(this.core, config);
    for (const { name } of config.ports) {
      const events = { link: () => {}, readable: () => {} };
      const adapter = new MemoryAdapter({ mtu: 1500 }, { arena: this.core.dp.arena, events });
      adapter.onFrame = () => true;
      this.adapters.set(name, adapter);
      this.core.attach(name, adapter);
    }
    this.feed = this.start(spec, ringBytes, most);
  }

  start(spec: Partial<TapSpec>, ringBytes = 1 << 20, most = 0): Feed {
    const ring = createRing(ringBytes);
    const whole = { ports: [], directions: EVERYTHING, filter: '', snapLen: 65_535, ...spec };
    this.core.capturing.start(this.#next++, whole, ring);
    const names = {
      nameOf: (port: number) => this.core.control.portByIndex[port]?.name ?? '?',
      vniOf: (port: number, vid: number) => vniOf(this.core.dp.vxlan.vnis, port, vid),
    };
    return new Feed({ rings: [ring], application: 'test', names, most });
  }

  send(port: string, ...hex: string[]): void {
    for (const frame of hex) this.adapters.get(port)!.push(bytesOf(frame));
    this.core.poll(this.core.control.port(port).index);
  }

  /** `port direction comment`, and the bytes. */
  seen(): { line: string; hex: string }[] {
    const seen: { line: string; hex: string }[] = [];
    const reader = this.blocks.take(this.feed.take(1 << 20));
    const walk = new OptionWalk();
    while (reader?.next() === true) {
      let comment = '';
      let direction = '';
      walk.begin(reader.view, reader.optionsOffset, reader.optionsLength, true);
      while (walk.next()) {
        const value = reader.buffer.subarray(walk.valueOffset, walk.valueOffset + walk.valueLength);
        if (walk.code === OPT_COMMENT) comment = Buffer.from(value).toString();
        if (walk.code === OPT_EPB_FLAGS) direction = value[0] === 1 ? 'in' : 'out';
      }
      const name = reader.interfaces[reader.interfaceId]!.name;
      const bytes = reader.buffer.subarray(reader.offset, reader.offset + reader.capLen);
      seen.push({ line: `${name} ${direction} ${comment}`, hex: Buffer.from(bytes).toString('hex') });
    }
    return seen;
  }

  lines(): string[] {
    return this.seen().map(({ line }) => line);
  }
}

const A = '02000000000a';
const B = '02000000000b';
const frame = (dst: string, src: string, tag = '', body = '00'.repeat(46)) => `${dst}${src}${tag}88b5${body}`;

describe('capture', () => {
  it('takes what comes, what leaves and what is dropped, and says what became of it', () => {
    const world = new World();
    world.send('p1', frame('ffffffffffff', A));
    expect(world.lines()).toEqual([
      'p1 in vlan 10; flood to 2 ports',
      'm out vlan 10; from p1',
      'p2 out vlan 10; from p1',
      'p3 out vlan 10; from p1',
    ]);
    world.send('p2', frame(A, B, '8100000a'), frame(A, B, '81000014'));
    expect(world.lines()).toEqual([
      'p2 in vlan 10; forward to p1',
      'p2 in vlan 20; drop EGRESS_NO_PORT: The frame is to be flooded, and no other port of its VLAN takes it.',
      'p1 out vlan 10; from p2',
      'p2 in vlan 20; drop EGRESS_NO_PORT: The frame is to be flooded, and no other port of its VLAN takes it.',
    ]);
    world.send('p3', 'ffff');
    expect(world.lines()[0]).toMatch(/^p3 in drop PARSE_RUNT: /);
  });

  it('keeps frames as they came and as they left', () => {
    const world = new World({ ports: ['p1', 'p2'], directions: CAPTURE_IN | CAPTURE_OUT });
    const sent = frame('ffffffffffff', A);
    world.send('p1', sent);
    const [came, left] = world.seen();
    expect(came!.hex).toBe(sent);
    expect(left!.hex).toBe(frame('ffffffffffff', A, '8100000a'));
  });

  it('by port, direction and filter', () => {
    const flood = frame('ffffffffffff', A);
    const lines = (spec: Partial<TapSpec>) => {
      const world = new World(spec);
      world.send('p1', flood, frame(B, A));
      world.send('p2', frame('ffffffffffff', B, '81000014'));
      return world.lines().map((line) => line.split(' ').slice(0, 2).join(' '));
    };
    expect(lines({ ports: ['p1'] })).toEqual(['p1 in', 'p1 in']);
    expect(lines({ directions: CAPTURE_DROP })).toEqual(['p2 in']);
    expect(lines({ ports: ['p3'], directions: CAPTURE_OUT, filter: 'broadcast' })).toEqual(['p3 out']);
    expect(lines({ directions: CAPTURE_OUT, filter: 'vlan 10' })).toEqual(['p2 out', 'p2 out']);
    expect(lines({ filter: 'vlan 20' })).toEqual(['p2 in', 'p2 in']);
    expect(lines({ filter: 'tcp' })).toEqual([]);
    expect(() => new World({ filter: 'tcp and' })).toThrow(FilterError);
  });

  it('cuts to the snap length and says how long the frame was', () => {
    const world = new World({ snapLen: 20, directions: CAPTURE_IN | CAPTURE_OUT });
    world.send('p1', frame('ffffffffffff', A));
    const reader = new CaptureBlocks().take(world.feed.take(1 << 20))!;
    const lengths = [];
    while (reader.next()) lengths.push([reader.capLen, reader.origLen]);
    expect(lengths).toEqual([
      [20, 60],
      [20, 60],
      [20, 64],
      [20, 60],
    ]);
  });

  it('tells the VNI of VXLAN', () => {
    const world = new World({ directions: CAPTURE_IN });
    const outer = '4500003c00000000401100000a0000010a000002c00012b500280000';
    world.send('p1', `ffffffffffff${A}0800${outer}0800000000138800${frame(B, A)}`);
    expect(world.lines()).toEqual(['p1 in vlan 10 vni 5000; flood to 2 ports']);
  });

  it('loses what nobody reads, says how much, and forwards all the same', () => {
    const world = new World({ directions: CAPTURE_IN }, 1024);
    for (let n = 0; n < 50; n++) world.send('p1', frame('ffffffffffff', A));
    const blocks = new CaptureBlocks();
    blocks.take(world.feed.take(1 << 20));
    expect(blocks.frames).toBe(8);
    expect(blocks.lost).toBe(42);
    world.send('p1', frame('ffffffffffff', A));
    expect(blocks.take(world.feed.take(1 << 20))).not.toBe(null);
    expect(blocks.frames).toBe(9);
  });

  it('ends after so many frames', () => {
    const world = new World({ directions: CAPTURE_IN }, 1 << 20, 3);
    world.send('p1', ...Array.from({ length: 5 }, () => frame('ffffffffffff', A)));
    expect(world.lines()).toHaveLength(3);
    expect(world.feed.isComplete).toBe(true);
  });

  it('follows a port that comes and goes, and several captures at once', () => {
    const world = new World({ ports: ['p1', 'later'], directions: CAPTURE_IN });
    const second = world.start({ ports: ['p2'], directions: CAPTURE_OUT });
    world.send('p1', frame('ffffffffffff', A));
    expect(world.lines()).toEqual(['p1 in vlan 10; flood to 2 ports']);
    expect(new CaptureBlocks().take(second.take(1 << 20))?.next()).toBe(true);
    world.core.detach('p1');
    world.core.control.removePort('p1');
    world.core.control.addPort('later', 'loom0', { mode: 'access' });
    world.core.control.setMember('later', 10, true);
    world.core.control.setPvid('later', 10);
    world.core.attach('later', world.adapters.get('p1')!);
    world.send('p3', frame('ffffffffffff', B));
    world.adapters.get('p1')!.push(bytesOf(frame('ffffffffffff', A)));
    world.core.poll(world.core.control.port('later').index);
    expect(world.lines()).toEqual(['later in vlan 10; flood to 2 ports']);
    world.core.capturing.stop(0);
    world.core.capturing.stop(1);
    expect(world.core.capturing.isIdle).toBe(true);
  });

  it('comes in pieces of any size', () => {
    const world = new World({ directions: CAPTURE_IN });
    world.send('p1', ...Array.from({ length: 20 }, () => frame('ffffffffffff', A)));
    const bytes = world.feed.take(1 << 20);
    for (const size of [1, 7, 64, 1000]) {
      const blocks = new CaptureBlocks();
      let frames = 0;
      for (let at = 0; at < bytes.length; at += size) {
        const reader = blocks.take(bytes.subarray(at, at + size));
        while (reader?.next() === true) frames++;
      }
      expect([frames, blocks.frames]).toEqual([20, 20]);
    }
    expect(() => new CaptureBlocks().take(Buffer.alloc(64, 0xff))).toThrow('no capture');
  });

  it.skipIf(spawnSync('tshark', ['--version']).status !== 0)('is read by tshark', () => {
    const world = new World();
    world.send('p1', frame('ffffffffffff', A));
    world.send('p2', frame(A, B, '81000014'));
    const fields = ['frame.interface_name', 'frame.packet_flags_direction', 'frame.time_epoch', 'frame.comment'];
    const file = join(mkdtempSync(join(tmpdir(), 'etherloom-capture-')), 'capture.pcapng');
    writeFileSync(file, world.feed.take(1 << 20));
    const args = ['-n', '-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    rmSync(dirname(file), { recursive: true });
    expect(status, stderr).toBe(0);
    const lines = stdout.split('\n').filter(Boolean);
    expect(lines[0]).toMatch(/^p1\t(0x0*1|1)\t1700000000\.123456000\tvlan 10; flood to 2 ports$/);
    expect(lines[1]).toMatch(/^m\t(0x0*2|2)\t1700000000\.123456000\tvlan 10; from p1$/);
    expect(lines.at(-1)).toMatch(/\tvlan 20; drop EGRESS_NO_PORT: /);
  });
});
