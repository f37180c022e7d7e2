/** The addon's edges: arguments that no caller should pass, threads that come and go, an addon that is not there. */

import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from '../../../src/adapters/adapter.ts';
import { LINK_DOWN, LINK_UP, native, nativeAvailable } from '../../../src/adapters/native.ts';
import { offloadNames, tunBits } from '../../../src/adapters/offload-names.ts';
import { createPoller, createSleep, waitedNs, wakePoller } from '../../../src/adapters/poller.ts';

const available = nativeAvailable();
if (!available.ok) console.warn(`skipped: the addon: ${available.why}`);

/** As root, with the programs that set limits. */
const mayLimit =
  process.getuid?.() === 0 && ['setpriv', 'prlimit'].every((program) => spawnSync(program, ['--version']).status === 0);
if (!mayLimit) console.warn('skipped: limits need root, setpriv and prlimit (util-linux)');

const ADDON = fileURLToPath(new URL('../../../native/build/Release/etherloom.node', import.meta.url));
/** What nobody waits for, when it is woken. */
const WAIT_MS = 10_000;
const run = promisify(execFile);
const script = (name: string) => fileURLToPath(new URL(`./${name}`, import.meta.url));

describe('offload names', () => {
  it('translate to the bits of linux/if_tun.h', () => {
    expect(tunBits(0)).toBe(0);
    expect(tunBits(OFFLOAD_CSUM)).toBe(0x01);
    expect(tunBits(OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6)).toBe(0x07);
    expect(tunBits(OFFLOAD_CSUM | OFFLOAD_USO)).toBe(0x61);
    expect(tunBits(OFFLOAD_TSO4)).toBe(0); // the kernel segments nothing whose checksum it must leave finished
  });
  it('are words for people', () => {
    expect(offloadNames(0)).toBe('none');
    expect(offloadNames(OFFLOAD_CSUM | OFFLOAD_TSO6)).toBe('csum tso6');
  });
});

describe.skipIf(!available.ok)('native addon', () => {
  it.each([1, 2])('meets hostile arguments with errors, never a crash (seed %i)', async (seed) => {
    const { stdout } = await run(process.execPath, [script('native-hostile.mjs'), ADDON, String(seed), '10000']);
    const { returned, threw } = JSON.parse(stdout);
    expect(returned).toBeGreaterThan(1000);
    expect(threw).toBeGreaterThan(1000);
  });

  it('works in several threads, is woken across them, and closes or keeps what a terminated one left open', async () => {
    const { stdout } = await run(process.execPath, [script('native-workers.mjs'), ADDON, String(WAIT_MS)]);
    const { ms, message, opened, left, taken, released } = JSON.parse(stdout);
    expect(ms).toBeLessThan(WAIT_MS);
    expect(message).toBe('from the callback');
    expect(opened).toBeGreaterThan(0);
    expect(left).toBe(0);
    const isRoot = process.getuid?.() === 0;
    expect(taken).toEqual(isRoot ? ['second', LINK_DOWN, true] : []);
    expect(released).toEqual(isRoot ? [0, 1, 0] : [0, 0, 0]);
  });

  it.skipIf(!mayLimit)('says which step found no descriptor or memory left, and leaves nothing open', async () => {
    const without = ['--inh-caps', '-ipc_lock', '--bounding-set', '-ipc_lock', process.execPath];
    const { stdout } = await run('setpriv', [...without, script('native-limits.mjs'), ADDON]);
    const { answers, states, umem, ring } = JSON.parse(stdout) as {
      answers: Record<string, string[]>;
      states: number[];
      umem: string;
      ring: string;
    };
    for (const [kind, all] of Object.entries(answers)) {
      expect([kind, all.at(-1)]).toEqual([kind, 'open']);
      for (const answer of all.slice(0, -1))
        expect([kind, answer]).toEqual([kind, expect.stringMatching(/^EMFILE \w/)]);
    }
    // Links are what they were while no descriptor was left.
    expect(states).toEqual([LINK_UP, LINK_UP, LINK_UP]);
    expect(umem).toBe('ENOBUFS setsockopt(XDP_UMEM_REG)');
    expect(ring).toBe('ENOMEM setsockopt(PACKET_RX_RING)');
  });

  it('loses no wake-up that comes while it takes the one before', async () => {
    const { stdout } = await run(process.execPath, [script('native-wakes.mjs'), ADDON, '20000']);
    expect(JSON.parse(stdout)).toEqual({ woken: 20_000 });
  });

  it('reads and writes columns and arenas in shared memory', () => {
    const shared = (words: number) => new Int32Array(new SharedArrayBuffer(words * 4));
    const arena = new Uint8Array(new SharedArrayBuffer(4096));
    const call = () =>
      native().tapReadBurst(
        0,
        arena,
        shared(4),
        shared(4),
        shared(4),
        shared(4),
        0,
        4,
        1024,
        9999,
        false,
        false,
        shared(2),
      );
    expect(call).toThrow(/fd 0 is not an open TAP/); // the descriptor is judged before the arrays
    const id = native().pollerCreate(() => {}, shared(4), shared(4));
    expect(native().pollerWait(id, 0, shared(4))).toBe(0);
    native().pollerClose(id);
  });

  it('names the argument that is wrong', () => {
    expect(() => native().tapOpen('', 0)).toThrow(/name must have 1 to 15 bytes/);
    expect(() => native().tapOpen('x/y', 0)).toThrow(RangeError);
    expect(() => native().tapOpen('x', 8)).toThrow(/flags must be an integer from 0 to 7/);
    expect(() => native().tapState(1.5)).toThrow(/fd must be an integer/);
    expect(() => native().tapStates(new Int32Array(2), new Int32Array(1))).toThrow(/states has less room/);
    expect(() => native().pollerWait(10 ** 9, 0, new Int32Array(1))).toThrow(/poller 1000000000 is closed/);
    const words = new Int32Array(4);
    expect(() => (native().pollerCreate as (...args: unknown[]) => void)(5, words, words)).toThrow(TypeError);
    expect(() => native().pollerCreate(() => {}, words, words)).toThrow(/sleep must have 4 words of shared memory/);
    expect(() => (native().ifInfo as unknown as () => void)()).toThrow(/expected 1 arguments, got 0/);
  });

  it('knows interfaces by name', () => {
    expect(native().ifInfo('lo')).toMatchObject({ index: 1, mtu: expect.any(Number) });
    expect(native().ifInfo('el-none')).toBeNull();
    expect(() => native().ifSetMtu('el-none', 1500)).toThrow(expect.objectContaining({ code: 'ENODEV', errno: -19 }));
  });
});

describe.skipIf(!available.ok)('poller', () => {
  it('calls back once per arming, when woken', async () => {
    let calls = 0;
    const poller = createPoller(() => calls++);
    const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
    expect(wakePoller(poller.id)).toBe(true);
    await settle();
    expect(calls).toBe(0);
    poller.arm();
    await settle();
    expect(calls).toBe(1);
    wakePoller(poller.id);
    wakePoller(poller.id);
    await settle();
    expect(calls).toBe(1);
    poller.arm();
    await settle();
    expect(calls).toBe(2);
    poller.close();
    expect(wakePoller(poller.id)).toBe(false);
    expect(() => poller.arm()).toThrow(/closed/);
  });

  it('may be armed again and closed from inside the callback', async () => {
    let calls = 0;
    const poller = createPoller(() => {
      if (++calls === 3) return poller.close();
      poller.arm();
      wakePoller(poller.id);
    });
    poller.arm();
    wakePoller(poller.id);
    while (calls < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(3);
  });

  it('sleeps for the event loop, which misses nothing while it is armed', async () => {
    const { createSocket } = await import('node:dgram');
    const sleep = createSleep();
    const poller = createPoller(() => {}, sleep);
    poller.arm();
    const happened: string[] = [];
    const came = (what: string) => void happened.push(what);
    await new Promise((resolve) => setTimeout(resolve, 30)).then(() => came('timer'));
    expect(waitedNs(sleep)).toBeGreaterThan(10_000_000n);
    await new Promise((resolve) => setImmediate(resolve)).then(() => came('immediate'));
    // A watcher that is new to libuv when the thread goes to sleep.
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const message = new Promise((resolve) => socket.once('message', resolve));
    socket.send('x', socket.address().port, '127.0.0.1');
    await message.then(() => came('message'));
    await import('node:fs/promises').then((fs) => fs.readFile('/proc/self/stat')).then(() => came('file'));
    expect(happened).toEqual(['timer', 'immediate', 'message', 'file']);
    socket.close();
    poller.close();
  });

  it('looks for as long as it is told, and then sleeps', async () => {
    const sleep = createSleep();
    const waits: number[] = [];
    const poller = createPoller((_, waitedUs) => {
      waits.push(waitedUs);
    }, sleep);
    const cpu = process.cpuUsage();
    poller.arm(10_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.cpuUsage(cpu).user + process.cpuUsage(cpu).system).toBeLessThan(200_000);
    wakePoller(poller.id);
    while (waits.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(waits[0]).toBeGreaterThan(40_000);
    expect(() => poller.arm(10_001)).toThrow(/spinMicroseconds must be an integer from 0 to 10000/);
    poller.close();
  });

  it('waits no longer than it was told', () => {
    const poller = createPoller(() => {});
    const begin = performance.now();
    expect(poller.wait(30)).toBe(0);
    expect(performance.now() - begin).toBeGreaterThan(25);
    wakePoller(poller.id);
    expect(poller.wait(WAIT_MS)).toBe(0);
    expect(performance.now() - begin).toBeLessThan(WAIT_MS);
    poller.close();
  });

  it('leaks no descriptor in 1,000 pollers', async () => {
    const { readdirSync } = await import('node:fs');
    const before = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 1000; i++) {
      createPoller(() => {}).close();
      if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  });
});
