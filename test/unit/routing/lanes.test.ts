/** The route lane and the slow lane tell the same story: frames out, counters, tables, columns. */
import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { frameStart, takeFor } from '../../../src/dataplane/arena.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../../../src/dataplane/batch.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import { forwardBatch, forwardBatchSlowly } from '../../../src/dataplane/pipeline.ts';
import { transmit } from '../../../src/dataplane/transmit.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import { listEntries } from '../../../src/tables/fdb/entries.ts';
import { ethernetFrame, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { writeIpv4Checksum } from '../../../src/wire/ipv4.ts';
import { Random } from '../dataplane/world.ts';
import { viewOf } from '../wire/bytes.ts';

const GW = ['02:00:00:00:00:f1', '02:00:00:00:00:f2', '02:00:00:00:00:f3'];
const HOSTS = Array.from({ length: 6 }, (_, n) => `02:00:00:00:00:0${n + 1}`);
const CONFIG = {
  switch: { hashSeed: 1, fdb: { ageSeconds: 10, maxEntries: 200 } },
  ports: {
    a: { adapter: 'memory', mode: 'access', vlan: 10 },
    t: { adapter: 'memory', mode: 'trunk', vlans: '10,20,30', native: 10 },
    h: { adapter: 'memory', mode: 'hybrid', pvid: 20, tagged: 30, untagged: '10,20' },
    n: { adapter: 'memory', mode: 'trunk', vlans: '20,30', mtu: 300 },
    x: { adapter: 'memory', mode: 'trunk', vlans: '10,20', translate: [{ from: 7, to: 20 }] },
  },
  interfaces: {
    v10: {
      vlan: 10,
      mac: GW[0],
      addresses: ['10.0.10.1/24'],
      neighbors: { '10.0.10.2': HOSTS[0], '10.0.10.3': HOSTS[1] },
    },
    v20: {
      vlan: 20,
      mac: GW[1],
      addresses: ['10.0.20.1/24', '2001:db8:20::1/64'],
      mtu: 600,
      neighbors: {
        '10.0.20.2': HOSTS[2],
        '10.0.20.3': HOSTS[3],
        '2001:db8:20::2': HOSTS[2],
        '2001:db8:20::3': HOSTS[3],
      },
    },
    v30: {
      vlan: 30,
      mac: GW[2],
      addresses: ['10.0.30.1/24', '2001:db8::1/64'],
      redirects: true,
      neighbors: { '10.0.30.2': HOSTS[4], '2001:db8::2': HOSTS[4] },
    },
  },
  routes: [
    { to: '10.9.0.0/16', via: '10.0.30.2' },
    { to: '10.8.0.0/16', via: ['10.0.10.2', '10.0.20.2'] },
    { to: '10.7.0.0/16', type: 'blackhole' },
    { to: '2001:db8:8000::/33', via: '2001:db8::2' },
    { to: '2001:db8:9000::/40', via: ['2001:db8:20::2', '2001:db8:20::3', '2001:db8::2'] },
    { to: '2001:db8:9000:77::/64', type: 'unreachable' },
  ],
};

interface Arrival {
  port: number;
  bytes: Uint8Array;
  nowMs: number;
  gso: number;
  csum: number;
}

function story(seed: number, frames: number, odd: number): Arrival[] {
  const r = new Random(seed);
  let nowMs = r.pick([0, 0x7fffff00]);
  let port = 0;
  let src = 0;
  return Array.from({ length: frames }, () => {
    if (r.chance(30)) port = r.below(5);
    if (r.chance(40)) src = r.below(HOSTS.length);
    if (r.chance(5)) nowMs = (nowMs + r.pick([1, 99, 100, 2000, 11_000])) | 0;
    const vid = r.pick([10, 20, 30, 7, 0]);
    const isTagged = port === 0 ? r.chance(odd) : r.chance(70);
    const tags = isTagged ? [{ vid, pcp: r.below(8), dei: r.below(2) }] : [];
    const to = r.chance(100 - odd / 2) ? r.pick(GW) : r.pick([...HOSTS, 'ff:ff:ff:ff:ff:ff']);
    const dst = r.pick([
      '10.0.10.2',
      '10.0.10.3',
      '10.0.20.2',
      '10.0.20.3',
      '10.0.30.2',
      '10.9.1.1',
      '10.8.0.1',
      '10.7.0.1',
      '10.0.10.1',
      '9.9.9.9',
      '10.0.20.255',
    ]);
    const from = r.chance(100 - odd / 3)
      ? r.pick(['10.0.10.2', '10.0.20.3', '10.5.5.5'])
      : r.pick(['127.0.0.1', '10.0.20.1', '230.0.0.1', '0.0.0.0']);
    const ttl = r.chance(100 - odd) ? 64 : r.below(3);
    const size = r.chance(90 - odd) ? r.below(60) : r.pick([0, 250, 270, 560, 590, 1400, 1480]);
    const packet = r.chance(60)
      ? udpIpv4({ src: from, dst, ttl, tos: r.below(256) }, r.below(65536), 2, new Uint8Array(size))
      : udpIpv6(
          {
            src: r.chance(100 - odd / 3)
              ? r.pick(['2001:db8::5', '2001:db8:20::3'])
              : r.pick(['::', '::1', 'fe80::1', 'ff02::1', '2001:db8:20::1']),
            dst: r.chance(100 - odd / 2)
              ? r.pick([
                  '2001:db8::2',
                  '2001:db8:20::2',
                  '2001:db8:20::3',
                  '2001:db8:8001::1',
                  '2001:db8:9000::1',
                  '2001:db8:9000::7:1',
                ])
              : r.pick([
                  '2001:db8::6',
                  '2001:db8:20::1',
                  '2001:db8:9000:77::1',
                  '2002::1',
                  'fe80::5',
                  'ff05::1',
                  '::1',
                  '::',
                ]),
            ttl,
            tos: r.below(256),
          },
          r.below(65536),
          2,
          new Uint8Array(size),
        );
    if (r.chance(odd / 3)) {
      packet[r.below(packet[0]! >>> 4 === 6 ? 40 : 20)] = r.below(256);
      if (r.chance(50) && packet[0]! >>> 4 === 4 && (packet[0]! & 15) === 5) writeIpv4Checksum(viewOf(packet), 0);
    }
    const bytes = ethernetFrame({ dst: to, src: HOSTS[src]!, tags }, packet[0]! >>> 4 === 6 ? 0x86dd : 0x0800, packet);
    return {
      port,
      bytes: r.chance(odd / 5) ? bytes.subarray(0, r.below(bytes.length + 1)) : bytes,
      nowMs,
      gso: r.chance(odd / 6) ? 0x0101 | (200 << 16) : 0,
      csum: r.chance(20) ? 34 | (6 << 16) : 0,
    };
  });
}

type Forward = (dp: Dataplane, b: Batch, first: number) => number;

function tell(arrivals: Arrival[], forward: Forward, size: number) {
  const config = loadConfig(JSON.stringify(CONFIG), 'test');
  const core = new SwitchCore({
    ...sizeFor(config),
    fids: 64,
    ports: 32,
    fdbEntries: 400,
    nowMs: () => 0,
    batch: size,
    smallSlots: size + 4,
    largeSlots: 1,
  });
  configure(core, config);
  for (const { name } of config.ports) core.control.setLink(name, true);
  const { dp, batch: b } = core;
  const slots = Array.from({ length: size }, () => takeFor(dp.arena, 1900));
  const sent: string[][] = config.ports.map(() => []);
  const verdicts: string[] = [];
  for (let at = 0; at < arrivals.length; at += size) {
    const part = arrivals.slice(at, at + size);
    part.forEach(({ port, bytes, nowMs, gso, csum }, i) => {
      const off = frameStart(dp.arena, slots[i]!);
      dp.arena.bytes.set(bytes, off);
      b.slot[i] = slots[i]!;
      b.off[i] = off;
      b.len[i] = bytes.length;
      b.port[i] = port;
      b.rxFlags[i] = 0;
      b.nowMs[i] = nowMs;
      b.gso[i] = gso;
      b.csum[i] = csum;
    });
    b.count = part.length;
    for (let next = 0; next < b.count; ) {
      next = forward(dp, b, next);
      if (b.punted >= 0) verdicts.push(`punt ${b.puntKind} ${at + b.punted}`);
    }
    for (let i = 0; i < b.count; i++) {
      verdicts.push(
        `${at + i} ${b.port[i]} ${b.fid[i]} ${b.reason[i]} ${b.copies[i]} ${b.rxFlags[i]} ${b.fid[i] && b.vid[i]}`,
      );
    }
    for (const p of sent.keys()) {
      const send = (_: Batch, list: Int32Array, start: number, count: number) => {
        for (let k = start; k < start + count; k++) sent[p]!.push(hexOf(dp, b, list[k]!));
        return count;
      };
      transmit(dp, b, p, { lastError: 0, send });
    }
  }
  const { counters, router, fdb } = dp;
  return {
    sent,
    // A frame that ends the call comes in another order with another batch size.
    verdicts: size === 1 ? verdicts : verdicts.sort(),
    counters: [counters.port, counters.fid, counters.portDrops, counters.fidDrops].map((c) => [...c]),
    used: [...router.adj.used],
    fdb: [...listEntries(fdb, arrivals.at(-1)!.nowMs)].map((row) => JSON.stringify(row)),
  };
}

function hexOf(dp: Dataplane, b: Batch, word: number): string {
  const i = word & INDEX_MASK;
  const hex = (at: number, length: number) => Buffer.from(dp.arena.bytes.subarray(at, at + length)).toString('hex');
  if (word < SHAPE_ALT) return `${b.gso[i]} ${b.csum[i]} ${hex(b.off[i]!, b.len[i]!)}`;
  return `alt ${hex(b.altHeadOff[i]!, b.altHeadLen[i]!)}${hex(b.altOff[i]!, b.altLen[i]!)}`;
}

it.each([0, 0, 5, 10, 20, 40, 60])('agree (%i per cent out of the ordinary)', (odd) => {
  for (let seed = 1; seed <= 3; seed++) {
    const arrivals = story(seed * 100 + odd, 400, odd);
    const slow = tell(arrivals, forwardBatchSlowly, 64);
    expect(tell(arrivals, forwardBatch, 64), `seed ${seed}`).toEqual(slow);
    for (const size of [7, 256]) {
      expect(tell(arrivals, forwardBatch, size).sent, `seed ${seed}, by ${size}`).toEqual(slow.sent);
    }
    expect(tell(arrivals, forwardBatch, 1).counters, `seed ${seed}, by 1`).toEqual(slow.counters);
  }
});

it('takes ordinary packets', () => {
  const arrivals = story(1, 2000, 0);
  const { sent } = tell(arrivals, forwardBatch, 64);
  expect(sent.flat().length).toBeGreaterThan(500);
});
