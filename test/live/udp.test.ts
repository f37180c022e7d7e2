/** Two hosts whose TAPs are joined by a UDP link: namespace, TAP, UDP, UDP, TAP, namespace. */

import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { createPoller } from '../../src/adapters/poller.ts';
import { openTap } from '../../src/adapters/tap.ts';
import { openUdp } from '../../src/adapters/udp.ts';
import { createArena, release, slotsInUse } from '../../src/dataplane/arena.ts';
import { BATCH_FRAMES, createBatch } from '../../src/dataplane/batch.ts';
import { freePort } from '../free-port.ts';
import { liveObstacle, type Namespace } from './netns.ts';
import { useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const ALL = Int32Array.from({ length: BATCH_FRAMES }, (_, i) => i);

describe.skipIf(obstacle !== null)('UDP link between two TAPs', () => {
  const lab = useLab();

  it.each([
    ['127.0.0.1', '127.0.0.1', 'v4'],
    ['::1', '[::1]', 'v6'],
  ])('passes pings of every size over %s', async (host, text, label) => {
    const ports = [await freePort(host), await freePort(host)];
    const closers: (() => void)[] = [];
    const hosts: Namespace[] = [];
    const arenas = [];
    try {
      for (const n of [0, 1]) {
        const arena = createArena({ smallSlots: 512, largeSlots: 64 });
        arenas.push(arena);
        const device = lab.device(`${label}${n}`);
        const tap = await openTap(
          { device, mtu: 9000, offloads: 'off', queues: 1, persistent: false },
          { arena, events: { link: () => {}, readable: () => {} } },
        );
        const batch = createBatch();
        const move = (from: Adapter, to: Adapter) => {
          batch.count = 0;
          const got = from.receive(batch, 0, BATCH_FRAMES);
          to.send(batch, ALL, 0, got);
          for (let i = 0; i < got; i++) release(arena, batch.slot[i]);
        };
        const udp = await openUdp(
          { local: `${text}:${ports[n]}`, remote: `${text}:${ports[1 - n]}`, mtu: 9000 },
          { arena, events: { link: () => {}, readable: () => move(udp, tap) } },
        );
        const poller = createPoller((count) => {
          if (count > 0) {
            move(tap, udp);
            move(udp, tap);
          }
          poller.arm();
        });
        poller.add(tap.fd, 0);
        if (udp.fd >= 0) poller.add(udp.fd, 1);
        poller.arm();
        closers.push(
          poller.close,
          () => tap.close(),
          () => udp.close(),
        );
        const namespace = lab.namespace(`u${label}${n}`);
        namespace.adopt(device, { address: `10.8.0.${n + 1}/24`, mtu: 9000 });
        hosts.push(namespace);
      }
      expect(await hosts[0].ping('10.8.0.2')).toBe(3);
      expect(await hosts[1].ping('10.8.0.1', { size: 1472, dontFragment: true })).toBe(3);
      expect(await hosts[0].ping('10.8.0.2', { size: 8972, dontFragment: true, count: 20 })).toBe(20);
    } finally {
      for (const close of closers) close();
    }
    expect(arenas.map(slotsInUse)).toEqual([0, 0]);
  });
});
