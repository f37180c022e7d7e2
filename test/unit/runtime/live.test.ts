/** A live switch on datagram sockets, which needs no privilege: opens all or nothing, forwards, reads. */

import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { StableReads } from '../../../src/api/reader.ts';
import type { WorkerLoad } from '../../../src/api/worker-view.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { ForwardingThread, StartError } from '../../../src/runtime/forwarding-thread.ts';
import { unsuited } from '../../../src/runtime/live/adapters.ts';
import { LiveSwitch, OpenError } from '../../../src/runtime/live/live.ts';
import { planPieces } from '../../../src/runtime/plan-pieces.ts';
import { Supervisor } from '../../../src/runtime/supervisor.ts';
import { createGate, enterBatch, leaveBatch, workerGate } from '../../../src/tables/gate.ts';
import { freePort } from '../../free-port.ts';
import { closeAll, frame, peer, threePorts, udp, until } from '../api/world.ts';

afterEach(closeAll);

const port = (local: number, remote: number, vlan: number) => udp(local, remote, { mode: 'access', vlan });

describe('a live switch', () => {
  it('forwards within a VLAN, learns, and tells about it', async () => {
    const { peers, get, send } = await threePorts();
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'flooded');
    send(1, frame(1, 2));
    await until(() => peers[0]!.got.length === 1, 'unicast');
    expect(peers[1]!.got[0]).toEqual(frame(2, 1));
    expect(peers[2]!.got).toEqual([]);

    const fdb = (await get('/fdb?port=p1')).body as unknown as { entries: object[] };
    expect(fdb.entries).toMatchObject([{ mac: '02:00:00:00:00:01', vid: 10, port: 'p1', kind: 'dynamic' }]);
    expect(((await get('/v1/fdb?mac=0200.0000.0002')).body as unknown as typeof fdb).entries).toHaveLength(1);
    expect(((await get('/v1/fdb?vlan=20')).body as unknown as typeof fdb).entries).toEqual([]);
    const { ports } = (await get('/v1/ports')).body as unknown as { ports: object[] };
    expect(ports[0]).toMatchObject({
      name: 'p1',
      link: 'up',
      offloads: 'none',
      offloadsWhy: null,
      rxFrames: 1,
      txFrames: 1,
      learned: 1,
      untagged: [10],
      tagged: [],
    });
    expect((await get('/ledger')).body).toMatchObject({
      switch: 'sw',
      balanced: true,
      total: { received: 2, delivered: 2 },
    });
    send(2, frame(9, 3));
    const drops = async () => ((await get('/v1/drops')).body as unknown as { drops: object[] }).drops;
    await until(async () => (await drops()).length > 0, 'a drop');
    expect(await drops()).toMatchObject([{ port: 'p3', reason: 'EGRESS_NO_PORT', frames: 1 }]);
    expect((await get('/v1/vlans')).body).toMatchObject({
      vlans: [{ vid: 10, untagged: ['p1', 'p2'], learned: 2 }, { vid: 20 }],
    });
  });

  it('refuses questions it does not know', async () => {
    const { get } = await threePorts();
    expect(await get('/nothing')).toMatchObject({ status: 404 });
    expect(await get('/ports?vlan=1')).toEqual({ status: 400, body: { error: '/ports has no filter "vlan"' } });
    for (const query of ['vlan=0', 'vlan=4095', 'vlan=1e2', 'port=p9', 'mac=x', 'bridge=y', 'nonsense=1']) {
      expect(await get(`/v1/fdb?${query}`), query).toMatchObject({ status: 400 });
    }
  });

  it('opens no port when one cannot be opened', async () => {
    const taken = await peer();
    const [free, remote] = [await freePort(), await freePort()];
    const ports = { good: port(free, remote, 1), bad: port(taken.port, remote, 1) };
    const config = loadConfig(JSON.stringify({ ports }), 'test.json');
    const hooks = { event: () => {}, told: () => {}, tablesMoved: () => {} };
    const live = new LiveSwitch(config, hooks);
    await expect(live.open()).rejects.toThrow(OpenError);
    const again = new LiveSwitch(config, hooks);
    await expect(again.open()).rejects.toThrow(/^port bad \(udp 127\.0\.0\.1:\d+\): another program uses this address/);
    // The port that opened is closed: its address is free.
    const socket = createSocket('udp4');
    await new Promise<void>((done, fail) => {
      socket.once('error', fail);
      socket.bind({ address: '127.0.0.1', port: free, exclusive: true }, done);
    });
    socket.close();
  });

  it('tells what ports say of themselves where that has changed', async () => {
    const switchOf = (enabled: boolean) => {
      const ports = Array.from({ length: 100 }, (_, n) => [
        `m${n}`,
        { adapter: 'memory', mtu: enabled ? 1500 : 1400, enabled: enabled || n !== 70 },
      ]);
      return loadConfig(JSON.stringify({ ports: Object.fromEntries(ports) }), 'test.json');
    };
    const told: string[][] = [];
    const live = new LiveSwitch(switchOf(true), {
      event: () => {},
      told: (statuses) => told.push(statuses.map(({ name, linkReason }) => `${name} ${linkReason}`)),
      tablesMoved: () => {},
    });
    await live.open();
    live.statuses();
    const change = async (from: boolean, to: boolean) => {
      const stands = switchOf(from);
      await live.change({ do: 'apply', plan: planPieces(stands, plan(stands, switchOf(to))) });
    };
    await change(true, false);
    expect(told).toEqual([['m70 turned off']]);
    await change(false, true);
    expect(told.slice(1)).toEqual([['m70 no device']]);
    live.close();
  });

  it('takes tap, udp and memory only', () => {
    const config = loadConfig('ports: { m: { adapter: memory }, c: { adapter: pcap, file: a.pcap } }', 'test.yaml');
    expect(unsuited(config.ports)).toMatch(/^ports\.c\.adapter: "pcap" is not for a running switch/);
    expect(unsuited(config.ports.slice(0, 1))).toBeNull();
  });

  it('hashes with another seed at every start, unless one is configured', () => {
    const hooks = { event: () => {}, told: () => {}, tablesMoved: () => {} };
    const seed = (text: string) => [...new LiveSwitch(loadConfig(text, 'x'), hooks).core.dp.fdb.seed].join();
    expect(seed('{ switch: { hashSeed: 7 } }')).toBe(seed('{ switch: { hashSeed: 7 } }'));
    expect(seed('{}')).not.toBe(seed('{}'));
  });
});

describe('a forwarding thread', () => {
  const config = loadConfig('{}', 'x');
  const entry = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const start = (code: string, crashed: (why: string) => void = () => {}) =>
    new ForwardingThread(config, { event: () => {}, crashed }, entry(code));
  const READY = `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ type: 'ready', state: {} });`;

  it('that dies is reported, with the place', async () => {
    const crash = new Promise<string>((resolve) => {
      void start(`${READY} setTimeout(() => { throw new Error('broken'); }, 10)`, resolve);
    });
    expect(await crash).toMatch(/^broken \(at /);
  });

  it('tells of some ports what they say of themselves, and of others that they are gone', async () => {
    const thread = start(`
      import { parentPort } from 'node:worker_threads';
      const post = (message) => parentPort.postMessage(message);
      post({ type: 'ready', state: { statuses: [{ name: 'a', detail: 'old' }, { name: 'b', detail: 'old' }] } });
      parentPort.on('message', ({ type, id }) => {
        if (type === 'stop') return parentPort.close();
        post({ type: 'statuses', statuses: [{ name: 'b', detail: 'new' }, { name: 'c', detail: 'new' }] });
        post({ type: 'changed', id, numbers: { ports: new Map([['b', 0], ['c', 1]]) } });
      });`);
    await thread.ready;
    await thread.change({ do: 'reset-counters' });
    expect(thread.state.statuses.map(({ name, detail }) => `${name} ${detail}`)).toEqual(['b new', 'c new']);
    await thread.stop();
  });

  it('that ends by itself is reported', async () => {
    const crash = new Promise<string>((resolve) => {
      void start(`${READY} setTimeout(() => process.exit(3), 10)`, resolve);
    });
    expect(await crash).toBe('it exited with 3');
  });

  it('that cannot start says why, with the exit status', async () => {
    const failed = start(
      `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ type: 'failed', message: 'port p1: no', status: 1 });`,
    ).ready.catch((error: unknown) => error);
    expect(await failed).toMatchObject({ name: 'StartError', message: 'port p1: no', status: 1 });
    await expect(start(`throw new Error('early')`).ready).rejects.toThrow(StartError);
  });

  it('that is told to stop does, and is no crash', async () => {
    let crashes = 0;
    const thread = start(
      `${READY} parentPort.on('message', () => { parentPort.postMessage({ type: 'stopped' }); parentPort.close(); });`,
      () => crashes++,
    );
    await thread.ready;
    expect(await thread.stop()).toBe(true);
    expect(await thread.stop()).toBe(true);
    expect(crashes).toBe(0);
  });

  it('that does not stop is ended', async () => {
    const thread = start(`${READY} for (;;);`);
    await thread.ready;
    expect(await thread.stop()).toBe(false);
  });
});

describe('stable reads', () => {
  it('do not return what was read while a batch was counted', () => {
    const gate = createGate(2);
    let calls = 0;
    const value = new StableReads(gate).read(() => {
      if (++calls < 3) {
        const other = workerGate(gate, 1);
        enterBatch(other);
        leaveBatch(other);
      }
      return calls;
    });
    expect(value).toBe(3);
    // What one worker counts does not wait for another.
    enterBatch(gate);
    expect(new StableReads(gate).each((k) => k)).toEqual([0, 1]);
  });

  it('end, even when the other thread is stuck in a batch', () => {
    const gate = createGate(1);
    enterBatch(gate);
    const reads = new StableReads(gate);
    const begin = performance.now();
    for (let i = 0; i < 1000; i++) expect(reads.read(() => i)).toBe(i);
    expect(performance.now() - begin).toBeLessThan(50_000); // a tenth of a second for all, not for each
  });
});

describe('a supervisor', () => {
  const config = loadConfig('{}', 'x');
  const entry = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const READY = `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ type: 'ready', state: {} });`;

  it('starts forwarding again with what stands, three times a minute', async () => {
    const events: object[] = [];
    let remembered = 0;
    let taught = 0;
    const between: WorkerLoad[] = [];
    const over = await new Promise<string>((crashed) => {
      const supervisor = new Supervisor(
        config,
        {
          event: (event) => {
            events.push(event);
            if (event.event === 'worker' && !event.up) setTimeout(() => between.push(...supervisor.workers()), 0);
          },
          stood: () => ({
            config,
            restarting: () => {
              remembered++;
              return async () => void taught++;
            },
          }),
          crashed,
        },
        entry(`${READY} setTimeout(() => { throw new Error('broken'); }, 10)`),
      );
    });
    expect(over).toMatch(/^broken \(at /);
    expect([remembered, taught]).toEqual([3, 3]);
    expect(between.map(({ worker, up, restarts }) => ({ worker, up, restarts }))).toEqual(
      [0, 1, 2].map((restarts) => ({ worker: 0, up: false, restarts })),
    );
    const worker = { event: 'worker', worker: 0 };
    const down = { ...worker, up: false, reason: expect.stringMatching(/^broken/) };
    const up = { ...worker, up: true, reason: '' };
    expect(events).toEqual([down, up, down, up, down, up]);
  });

  it('does not start what was never served', async () => {
    const over = await new Promise<string>((crashed) => {
      const hooks = { event: () => {}, stood: () => null, crashed };
      new Supervisor(config, hooks, entry(`${READY} setTimeout(() => process.exit(3), 10)`));
    });
    expect(over).toBe('it exited with 3');
  });
});
