/** The raw-socket underlay over the loopback: what its headers say is what leaves, and its process may die. */

import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { readOuter } from '../../../src/adapters/outer-headers.ts';
import { openVxlanRaw } from '../../../src/adapters/raw-socket.ts';
import { openVxlanUdp } from '../../../src/adapters/vxlan-udp.ts';
import { type End, type Open, openEnd, receive, send } from './underlay-end.ts';

function obstacle(): string | null {
  if (process.getuid?.() !== 0) return 'raw sockets need root';
  try {
    createRequire(import.meta.url)('raw-socket');
    return null;
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
}

const why = obstacle();
if (why !== null) console.warn(`skipped: raw-socket: ${why}`);

// The child runs what is built: Node 20 runs no TypeScript.
const CHILD = new URL('../../../dist/adapters/raw-socket-child.js', import.meta.url);
const openRaw: Open = (options, context) => openVxlanRaw(options, context, CHILD);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function open(way: Open, local: string): Promise<End> {
  const end = await openEnd(way, { local });
  closers.push(() => end.adapter.close());
  return end;
}

/** Sends until it is taken: a child that has just been started is not there at once. */
async function sendUntilTaken(end: End, sent: Parameters<typeof send>[1]): Promise<void> {
  const until = Date.now() + 60_000;
  while (send(end, sent) === 0) {
    if (Date.now() > until) throw new Error('nothing was taken');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.skipIf(why !== null)('a VXLAN underlay through raw-socket', () => {
  it.each(['127.0.0.1', '::1'])('sends the very ports, TTL and TOS of its headers over %s', async (local) => {
    const a = await open(openRaw, local);
    const b = await open(openVxlanUdp, local);
    expect(a.adapter.transport).toBe('raw-socket');
    expect(a.adapter.offloads).toBe(0);
    const marks = [
      { sourcePort: 49_153, ttl: 3, tos: 0 },
      { sourcePort: 65_535, ttl: 255, tos: 0xb8 },
      { sourcePort: 1, ttl: 64, tos: 3 },
    ];
    const sent = marks.map((mark, n) => {
      const payload = Buffer.alloc(100 + n, n);
      return { port: b.adapter.port, dst: local, payload, checksum: local === '::1', split: 50, ...mark };
    });
    expect(send(a, ...sent)).toBe(3);
    const frames = await receive(b, 3);
    const read = frames.map(({ view, bytes }) => readOuter(view, 0, bytes.length, local !== '::1')!);
    expect(read.map(({ srcPort, ttl, tos }) => ({ sourcePort: srcPort, ttl, tos }))).toEqual(marks);
    expect(frames.map((f) => f.payload.length)).toEqual([100, 101, 102]);
  });

  it('receives as the UDP sockets do', async () => {
    const a = await open(openVxlanUdp, '127.0.0.1');
    const b = await open(openRaw, '127.0.0.1');
    send(a, { port: b.adapter.port, payload: Buffer.alloc(60, 1) });
    expect((await receive(b, 1))[0].payload.length).toBe(60);
  });

  it('outlives its process', async () => {
    const a = await open(openRaw, '127.0.0.1');
    const b = await open(openVxlanUdp, '127.0.0.1');
    send(a, { port: b.adapter.port, payload: Buffer.alloc(100) });
    await receive(b, 1);
    const its = a.adapter as unknown as { pid: number | undefined };
    const { pid } = its;
    process.kill(pid!, 'SIGKILL');
    while (its.pid === pid) await new Promise((resolve) => setTimeout(resolve, 5));
    await sendUntilTaken(a, { port: b.adapter.port, payload: Buffer.alloc(77) });
    expect((await receive(b, 1))[0].payload.length).toBe(77);
  });

  it('says what is missing', async () => {
    const nowhere = new URL('file:///nonexistent/child.js');
    const open = openEnd((options, context) => openVxlanRaw(options, context, nowhere));
    await expect(open).rejects.toMatchObject({ code: 'ENOTSUP', message: /raw-socket cannot be used/ });
  });
});
