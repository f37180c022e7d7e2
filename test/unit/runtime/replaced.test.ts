/** Threads that are started again after another build of the package has been installed. */

import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PortEvent } from '../../../src/api/events.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { buildStamp, REPLACED, requireSameBuild } from '../../../src/runtime/build-stamp.ts';
import { SwitchCore } from '../../../src/runtime/core.ts';
import type { LivePort } from '../../../src/runtime/live/port.ts';
import type { PollLoop } from '../../../src/runtime/poll-loop.ts';
import type { SideStart } from '../../../src/runtime/side-messages.ts';
import { SideWorkers } from '../../../src/runtime/side-workers.ts';
import { Supervisor } from '../../../src/runtime/supervisor.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('a thread of another build', () => {
  it('is told from one of the same', () => {
    expect(() => requireSameBuild(buildStamp)).not.toThrow();
    for (const other of ['0123456789abcdef', undefined]) expect(() => requireSameBuild(other)).toThrow(REPLACED);
  });

  it('is not started again, and its queues are closed once', async () => {
    vi.useFakeTimers();
    const starts: SideStart[] = [];
    const told: PortEvent[] = [];
    const closed: string[] = [];
    const portOf = (queueKey: number | null) =>
      ({
        queueKey,
        config: { bridge: null },
        adapter: { moreQueues: { optionsOf: () => ({}), close: (k: number) => closed.push(`${queueKey} ${k}`) } },
      }) as unknown as LivePort;
    const ports = [portOf(7), portOf(null)];
    const core = new SwitchCore({ ports: 8, fids: 8, fdbEntries: 64, workers: 3, smallSlots: 64, nowMs: () => 0 });
    const loop = { wakeable: () => 0 } as unknown as PollLoop;
    const hooks = { askLink: () => {}, counted: () => {} };
    const sides = new SideWorkers(core, 2, () => ports, loop, {
      ...hooks,
      start: (start) => starts.push(start),
      told: (event) => told.push(event),
    });
    const begun = sides.begin().catch((error: unknown) => error);
    const channels = [1, 2].map((worker) => {
      const { port1, port2 } = new MessageChannel();
      sides.joined(worker, port1);
      return port2;
    });
    expect(starts.map(({ worker, stamp }) => [worker, stamp])).toEqual([
      [1, buildStamp],
      [2, buildStamp],
    ]);
    sides.ended(1, REPLACED);
    sides.ended(2, 'broken');
    await begun;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(starts.map(({ worker }) => worker)).toEqual([1, 2, 2]);
    expect(told).toEqual([
      { event: 'worker', worker: 1, up: false, reason: `${REPLACED}; it stays down until the switch is restarted` },
      { event: 'worker', worker: 2, up: false, reason: 'broken' },
    ]);
    expect(closed).toEqual(['7 1']);
    // A port that comes later has no queue there either; that of the one which may come back is closed with the port.
    const later = portOf(8);
    await sides.open(later);
    sides.close(later);
    expect(closed).toEqual(['7 1', '8 1', '8 2']);
    sides.stop();
    expect(closed).toEqual(['7 1', '8 1', '8 2', '7 2']);
    for (const channel of channels) channel.close();
  });

  it('ends the switch when it is worker 0, at the first try', async () => {
    const code = `import { parentPort } from 'node:worker_threads';
      if (process.env.ETHERLOOM_TEST_REPLACED === '1') throw new Error('${REPLACED}');
      parentPort.postMessage({ type: 'ready', state: {} });
      parentPort.on('message', () => { throw new Error('broken'); });`;
    const config = loadConfig('{}', 'x');
    const events: PortEvent[] = [];
    let crashed: (why: string) => void = () => {};
    const crash = new Promise<string>((resolve) => {
      crashed = resolve;
    });
    const stood = () => ({ config, restarting: () => async () => {} });
    const hooks = { event: (event: PortEvent) => events.push(event), stood, crashed };
    const supervisor = new Supervisor(config, hooks, new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    await supervisor.ready;
    process.env.ETHERLOOM_TEST_REPLACED = '1';
    try {
      void supervisor.change({ do: 'poll' } as never).catch(() => {});
      expect(await crash).toContain(REPLACED);
      expect(events).toHaveLength(1);
    } finally {
      delete process.env.ETHERLOOM_TEST_REPLACED;
    }
  });
});
