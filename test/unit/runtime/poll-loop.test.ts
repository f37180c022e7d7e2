/** The poll loop's order and what it asks of ports; the descriptors are UDP sockets that stay readable. */

import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { native, nativeAvailable } from '../../../src/adapters/native.ts';
import { waitedNs, wakePoller } from '../../../src/adapters/poller.ts';
import { POLL_PRESETS } from '../../../src/config/poll.ts';
import { PollLoop } from '../../../src/runtime/poll-loop.ts';

const available = nativeAvailable();
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A descriptor that is readable from now on. */
async function readable(): Promise<number> {
  const fd = native().udpOpen(LOOPBACK, 0, 0, 0, 49_152, 65_535, 1, 1450);
  closers.push(() => native().udpClose(fd));
  const sender = createSocket('udp4');
  await new Promise((sent) => sender.send('x', native().udpPort(fd), '127.0.0.1', sent));
  sender.close();
  return fd;
}

interface Turn {
  port: number;
  max: number;
}

/** Turns until there are `count`; `frames` says what each one gives. */
async function turns(
  ports: number,
  count: number,
  frames: (turn: number) => number,
  policy = POLL_PRESETS.throughput,
): Promise<Turn[]> {
  const seen: Turn[] = [];
  const done = new Promise<void>((resolve) => {
    const loop = new PollLoop(
      (port, max) => {
        seen.push({ port, max });
        if (seen.length === count) {
          loop.stop();
          resolve();
        }
        return frames(seen.length - 1);
      },
      policy,
      () => {},
    );
    closers.push(() => loop.stop());
    void (async () => {
      const fds = await Promise.all(Array.from({ length: ports }, readable));
      fds.forEach((fd, port) => void loop.add(port, fd));
    })();
  });
  await done;
  return seen.slice(0, count);
}

describe.skipIf(!available.ok)('the poll loop', () => {
  it('is woken by others, does what they left until there is no more, and sleeps again', async () => {
    let times = 0;
    const loop = new PollLoop(
      () => 0,
      POLL_PRESETS.throughput,
      () => {},
    );
    closers.push(() => loop.stop());
    const id = loop.wakeable(() => ++times % 3 !== 0);
    for (let round = 1; round <= 3; round++) {
      expect(wakePoller(id)).toBe(true);
      await expect.poll(() => times, { timeout: 60_000 }).toBe(round * 3);
    }
    const before = waitedNs(loop.sleep);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(waitedNs(loop.sleep) - before).toBeGreaterThan(100_000_000n);
    expect(times).toBe(9);
  });

  it('gives every readable port its turn, another one first in each round', async () => {
    const seen = await turns(3, 30, () => 5);
    for (let at = 3; at + 3 <= 30; at += 3) {
      expect(new Set(seen.slice(at, at + 3).map(({ port }) => port)).size).toBe(3);
    }
    const firsts = seen.filter((_, i) => i % 3 === 0).map(({ port }) => port);
    expect(new Set(firsts).size).toBe(3);
  });

  it.each(['throughput', 'latency'] as const)('reads bursts as large as the policy %s has them', async (mode) => {
    const policy = POLL_PRESETS[mode];
    const seen = await turns(1, 10, () => policy.burst, policy);
    expect(new Set(seen.map(({ max }) => max))).toEqual(new Set([policy.burst]));
  });

  it('serves a port once in a round, by however many descriptors it is readable', async () => {
    const seen: number[] = [];
    await new Promise<void>((done) => {
      const loop = new PollLoop(
        (port) => {
          seen.push(port);
          if (seen.length < 20) return 5;
          loop.stop();
          done();
          return 5;
        },
        POLL_PRESETS.throughput,
        () => {},
      );
      closers.push(() => loop.stop());
      void (async () => {
        const [a, b, ...more] = (await Promise.all([1, 2, 3, 4].map(readable))) as [number, number, ...number[]];
        loop.add(0, a, more);
        loop.add(1, b);
      })();
    });
    for (let at = 2; at < 20; at += 2) expect(new Set(seen.slice(at, at + 2)).size).toBe(2);
  });

  it('leaves a descriptor alone that is readable and gives nothing, until it is told to look again', async () => {
    let polls = 0;
    const loop = new PollLoop(
      () => {
        polls++;
        return 0;
      },
      POLL_PRESETS.latency,
      () => {},
    );
    closers.push(() => loop.stop());
    loop.add(0, await readable());
    const quiet = async () => {
      let before = -1;
      while (before !== polls) {
        before = polls;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await quiet();
    expect(polls).toBe(64);
    loop.retry();
    await quiet();
    expect(polls).toBe(128);
  });

  it('is stopped from inside a turn', async () => {
    await turns(2, 1, () => 1);
  });

  it('tells how long other work kept it from its ports, and not how long it waited', async () => {
    const stops: number[] = [];
    const loop = new PollLoop(
      () => 1,
      POLL_PRESETS.throughput,
      (us) => stops.push(us),
    );
    closers.push(() => loop.stop());
    loop.add(0, native().udpOpen(LOOPBACK, 0, 0, 0, 49_152, 65_535, 1, 1450));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(stops).toEqual([]);
    const end = performance.now() + 20;
    while (performance.now() < end);
    loop.add(1, await readable());
    while (stops.length < 100) await new Promise((resolve) => setImmediate(resolve));
    expect(stops[0]).toBeGreaterThanOrEqual(19_000);
    // Another process may take the processor for a while, not all the time.
    expect(stops.slice(1).filter((us) => us < 19_000).length).toBeGreaterThan(90);
  });

  it('tells how long it has waited', async () => {
    const loop = new PollLoop(
      () => 0,
      POLL_PRESETS.throughput,
      () => {},
    );
    closers.push(() => loop.stop());
    loop.add(0, native().udpOpen(LOOPBACK, 0, 0, 0, 49_152, 65_535, 1, 1450));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(Atomics.load(loop.sleep, 0)).toBeGreaterThan(5_000_000n);
  });
});
