/** `/v1/capture` on a switch of datagram sockets: streams, refusals, clients that go away or do not read. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStream } from '../../../src/api/control-client.ts';
import { allRoutes } from '../../../src/api/routes/all.ts';
import { closeApi, openApi } from '../../../src/api/server.ts';
import { CaptureBlocks } from '../../../src/capture/blocks.ts';
import { capture } from '../../../src/cli/capture.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { canLimitFiles, withFileLimit } from '../../file-limit.ts';
import { closeAll, frame, threePorts, until } from './world.ts';

let dir: string;
let socket: string;
let sw: Awaited<ReturnType<typeof threePorts>>;
let close: () => Promise<void>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-capture-'));
  socket = join(dir, 's.sock');
  sw = await threePorts();
  const app = await openApi(socket, 'sw', allRoutes(sw.served, []));
  close = () => closeApi(app);
});
afterEach(async () => {
  await close();
  closeAll();
  rmSync(dir, { recursive: true, force: true });
});

/** What a stream has brought so far. */
function collect(stream: IncomingMessage): CaptureBlocks {
  const blocks = new CaptureBlocks();
  stream.on('data', (piece: Buffer) => blocks.take(piece));
  stream.on('error', () => {});
  return blocks;
}

/** The command's exit status, and what it wrote. */
async function command(options: Partial<Parameters<typeof capture>[0]>, act: () => void = () => {}) {
  const out = new PassThrough();
  const err = new PassThrough();
  let [text, errors] = ['', ''];
  out.on('data', (chunk) => {
    text += chunk;
  });
  err.on('data', (chunk) => {
    errors += chunk;
  });
  const done = capture({ filter: [], port: [], socket, ...options }, { out, err });
  const ended = done.then(() => true);
  while (!(await Promise.race([ended, new Promise<false>((resolve) => setTimeout(() => resolve(false), 30))]))) act();
  return { status: await done, text, errors };
}

const hello = () => sw.send(0, frame(1, 2));

describe('GET /v1/capture', () => {
  it('streams frames until the client goes away, and then costs nothing', async () => {
    const stream = await openStream(socket, '/v1/capture', { port: 'p1', dir: 'in' });
    const blocks = collect(stream);
    expect(sw.live.core.capturing.isIdle).toBe(false);
    hello();
    await until(() => blocks.frames === 1, 'the frame is there');
    stream.destroy();
    await until(() => sw.live.core.capturing.isIdle, 'the tap is gone');
  });

  it('ends for clients that go away while a change holds it up', async () => {
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { capture } = sw.served;
    let asked = 0;
    sw.served.capture = async (...given) => {
      asked++;
      await held;
      return capture.apply(sw.served, given);
    };
    const clients = [1, 2, 3, 4].map(() => request({ socketPath: socket, path: '/v1/capture' }).on('error', () => {}));
    for (const client of clients) client.end();
    await until(() => asked === clients.length, 'all of them are waited for');
    for (const client of clients) client.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    go();
    const stream = await openStream(socket, '/v1/capture');
    stream.destroy();
    await until(() => sw.live.core.capturing.isIdle, 'no tap is left');
  });

  it('refuses what it does not understand, and captures nothing then', async () => {
    const refused = async (query: string) => {
      const { status, body } = await sw.get(`/v1/capture?${query}`);
      expect(status).toBe(400);
      return body.error;
    };
    expect(await refused('port=p9')).toMatch(/^there is no port "p9" \(did you mean "p1"\?\)/);
    expect(await refused('dir=up')).toMatch(/^"up" is no direction; valid are in, out, drop/);
    expect(await refused('dir=')).toMatch(/is no direction/);
    expect(await refused('filter=host%20web')).toMatch(/^filter:6: "web" is a name/);
    expect(await refused('snaplen=0')).toMatch(/valid are 1-262144/);
    expect(await refused('count=-1')).toMatch(/valid are 1-/);
    expect(await refused('colour=red')).toMatch(/colour/);
    expect(sw.live.core.capturing.isIdle).toBe(true);
  });

  it('runs so many at once and no more', async () => {
    const streams = await Promise.all(Array.from({ length: 4 }, () => openStream(socket, '/v1/capture')));
    const all = streams.map(collect);
    await expect(openStream(socket, '/v1/capture')).rejects.toThrow('4 captures run already');
    hello();
    await until(() => all.every((blocks) => blocks.frames === 2), 'each has the frame, in and out');
    for (const stream of streams) stream.destroy();
    await until(() => sw.live.core.capturing.isIdle, 'all taps are gone');
    (await openStream(socket, '/v1/capture')).destroy();
  });

  it('does not wait for a client that does not read', async () => {
    const idle = request({ socketPath: socket, path: '/v1/capture?dir=in' }).on('response', () => {});
    idle.on('error', () => {});
    idle.end();
    await until(() => !sw.live.core.capturing.isIdle, 'the capture runs');
    const burst = Buffer.concat([frame(1, 2), Buffer.alloc(1440)]);
    const got = sw.peers[1]!.got;
    for (let n = 0; n < 6000; n++) {
      sw.send(0, burst);
      if (n % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => got.length > 1000, 'frames are forwarded');
    idle.destroy();
    await until(() => sw.live.core.capturing.isIdle, 'the tap is gone');
  });
});

describe('etherloom capture', () => {
  it('writes text, one line a frame', async () => {
    const { status, text, errors } = await command({ count: 20, filter: ['ether', 'proto', '0x88b5'] }, hello);
    expect(status).toBe(0);
    const lines = text.split('\n').filter(Boolean);
    expect(lines).toHaveLength(20);
    const eth = '60 bytes  02:00:00:00:00:02 > 02:00:00:00:00:01  type 0x88b5';
    const came = new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{6}  p1 in   ${eth}  # vlan 10; flood to 1 port$`);
    const left = new RegExp(`  p2 out  ${eth}  # vlan 10; from p1$`);
    for (const line of lines) expect(came.test(line) !== left.test(line), line).toBe(true);
    expect(lines.some((line) => came.test(line)) && lines.some((line) => left.test(line))).toBe(true);
    expect(errors).toBe('etherloom: 20 frames captured\n');
  });

  it('writes one JSON object a frame', async () => {
    const { status, text } = await command({ count: 1, dir: 'in', json: true }, hello);
    expect(status).toBe(0);
    const object = JSON.parse(text) as Record<string, unknown>;
    expect(object).toMatchObject({ port: 'p1', direction: 'in', comment: 'vlan 10; flood to 1 port', len: 60 });
    expect(Math.abs((object.time as number) - Date.now() / 1000)).toBeLessThan(60);
  });

  it('writes a file that is a capture', async () => {
    const file = join(dir, 'out.pcapng');
    const { status, errors } = await command({ count: 20, write: file, snaplen: 20, port: ['p1', 'p2'] }, hello);
    expect(status).toBe(0);
    expect(errors).toContain('20 frames captured');
    const reader = new CaptureReader(new MemorySource(readFileSync(file)));
    const seen = new Set<string>();
    while (reader.next()) {
      seen.add([reader.interfaces[reader.interfaceId]!.name, reader.capLen, reader.origLen].join(' '));
    }
    expect(seen).toEqual(new Set(['p1 20 60', 'p2 20 60']));
  });

  it.skipIf(!canLimitFiles)('leaves a file that ends with a whole frame when the disk is full', async () => {
    const file = join(dir, 'out.pcapng');
    const { status, errors } = await withFileLimit(1000, () => command({ write: file }, hello));
    expect(status).toBe(1);
    expect(errors).toMatch(/^etherloom: cannot write .*out\.pcapng: EFBIG/m);
    const reader = new CaptureReader(new MemorySource(readFileSync(file)));
    while (reader.next()) expect(reader.capLen).toBe(60);
  });

  it('says in one line what is wrong', async () => {
    expect(await command({ filter: ['tcp', 'and'] })).toMatchObject({ status: 2, text: '' });
    expect((await command({ filter: ['port', 'http'] })).errors).toMatch(
      /^etherloom: filter:6: "http" is no port;.*\n$/,
    );
    expect((await command({ write: join(dir, 'no', 'where'), count: 1 })).status).toBe(1);
    expect(await command({ socket: join(dir, 'none.sock') })).toMatchObject({ status: 1 });
    await until(() => sw.live.core.capturing.isIdle, 'no tap is left');
  });

  it('ends when the switch does, and says so', async () => {
    let asked = 0;
    const { status, errors } = await command({ dir: 'in' }, () => {
      hello();
      if (++asked === 5) void close().then(() => {});
    });
    expect(status).toBe(1);
    expect(errors).toMatch(/frames? captured\netherloom: the switch ended the capture\n$/);
  });
});
