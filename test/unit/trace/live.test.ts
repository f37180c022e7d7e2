/** `trace --live` on a switch of datagram sockets: real frames, each with its way. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allRoutes } from '../../../src/api/routes/all.ts';
import { closeApi, openApi } from '../../../src/api/server.ts';
import { type LiveOptions, traceLive } from '../../../src/cli/trace-live.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { traceRoutes } from '../../../src/trace/routes.ts';
import { closeAll, threePorts } from '../api/world.ts';

let dir: string;
let socket: string;
let sw: Awaited<ReturnType<typeof threePorts>>;
let close: () => Promise<void>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-live-'));
  socket = join(dir, 's.sock');
  sw = await threePorts();
  const app = await openApi(socket, 'sw', allRoutes(sw.served, [traceRoutes]));
  close = () => closeApi(app);
});
afterAll(async () => {
  await close();
  closeAll();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs the command while frames of these fields arrive on p1. */
async function live(options: Partial<LiveOptions>, ...frames: readonly string[]) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const text = { out: '', err: '' };
  out.on('data', (chunk) => {
    text.out += String(chunk);
  });
  err.on('data', (chunk) => {
    text.err += String(chunk);
  });
  const timer = setInterval(() => {
    for (const fields of frames) sw.send(0, Buffer.from(readFields(fields)));
  }, 20);
  try {
    const status = await traceLive({ live: '', json: false, socket, ...options }, { out, err });
    return { status, ...text };
  } finally {
    clearInterval(timer);
  }
}

describe('trace --live', () => {
  it('shows the frames that the filter wants: what became of them, and by which way', async () => {
    const { status, out } = await live({ live: 'arp', count: 2 }, 'len=60', 'arp=10.0.0.1-10.0.0.2');
    expect(status).toBe(0);
    expect(out.match(/who has 10\.0\.0\.2, tell 10\.0\.0\.1 {2}# vlan 10; flood to 1 port\n/g)).toHaveLength(2);
    expect(out).not.toContain('type 0x88b5');
    expect(out).toContain('02:00:00:00:00:01 is known on p1');
    expect(out).toContain('  delivered to p2\n');
  });

  it('takes frames that are longer than a query may be', async () => {
    const { status, out } = await live({ count: 1, json: true }, 'len=6000');
    expect(status).toBe(0);
    const found = JSON.parse(out);
    expect(found).toMatchObject({ comment: expect.stringContaining('PARSE_TOO_LONG'), frame: { length: 6000 } });
    expect(found.reason.name).toBe('PARSE_TOO_LONG');
  });

  it.each([
    [{ live: 'host nowhere' }, 2, /"nowhere" is a name/],
    [{ port: 'p9' }, 2, /no port "p9"/],
    [{ socket: '/nowhere/s.sock' }, 1, /no switch is running/],
  ] as [Partial<LiveOptions>, number, RegExp][])('refuses %j in one line', async (options, expected, why) => {
    const { status, out, err } = await live(options);
    expect([status, out]).toEqual([expected, '']);
    expect(err).toMatch(why);
    expect(err.split('\n').length).toBe(2);
  });

  it('ends with the switch, and says so', async () => {
    const own = join(dir, 'own.sock');
    const app = await openApi(own, 'sw', allRoutes(sw.served, [traceRoutes]));
    const [out, err] = [new PassThrough(), new PassThrough()];
    const timer = setInterval(() => sw.send(0, Buffer.from(readFields('len=60'))), 20);
    const ended = traceLive({ live: '', json: false, socket: own, count: 10_000 }, { out, err });
    await new Promise((resolve) => out.once('data', resolve));
    await closeApi(app);
    clearInterval(timer);
    expect(await ended).toBe(1);
    // In the middle of a trace it is the trace that gets no answer.
    expect(String(err.read())).toMatch(
      /^etherloom: (the switch ended the capture|no switch is running.*|.*own\.sock.*)\n$/,
    );
  });
});
