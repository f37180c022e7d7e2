/** The control socket and its client on real Unix sockets, without a switch. */

import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { claimSocket } from '../../../src/api/claim-socket.ts';
import { ask } from '../../../src/api/control-client.ts';
import { Refusal } from '../../../src/api/refusal.ts';
import { type Route, route } from '../../../src/api/route.ts';
import { closeApi, openApi } from '../../../src/api/server.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-socket-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Answers `/v1/TOPIC` with the topic and what was asked. */
const ECHO: Route[] = [
  route({
    method: 'GET',
    path: '/v1/:topic',
    summary: 'echo',
    params: z.object({ topic: z.string() }),
    query: z.looseObject({}),
    answer: z.unknown(),
    handle: ({ params, query }) => {
      if (params.topic === 'throws') throw new Error('broken');
      if (params.topic === 'refuses') throw new Refusal('no such thing');
      return { ...params, ...query };
    },
  }),
];
const openSocket = (path: string, name: string) => openApi(path, name, ECHO);

describe('control socket', () => {
  it('answers, is for owner and group, and goes with its server', async () => {
    const path = join(dir, 'a.sock');
    const umask = process.umask();
    const server = await openSocket(path, 'a');
    expect(process.umask()).toBe(umask);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(await ask(path, 'fdb', { port: 'a b&c' })).toEqual({ topic: 'fdb', port: 'a b&c' });
    await closeApi(server);
    expect(existsSync(path)).toBe(false);
  });

  it('takes over what a killed switch left, and nothing else', async () => {
    const path = join(dir, 'b.sock');
    const server = await openSocket(path, 'b');
    await expect(openSocket(path, 'b')).rejects.toThrow(/a switch b is running already/);
    await expect(claimSocket(path, 'b')).rejects.toThrow(/give this one another name/);
    await closeApi(server);

    // A socket file that nobody listens on: bound in a process that is gone.
    const { spawnSync } = await import('node:child_process');
    const bind = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', bind]);
    expect(existsSync(path)).toBe(true);
    const second = await openSocket(path, 'b');
    expect(await ask(path, 'x')).toEqual({ topic: 'x' });
    await closeApi(second);

    writeFileSync(path, '');
    await expect(openSocket(path, 'b')).rejects.toThrow(/exists and is not a socket/);
    await expect(openSocket(join(dir, 'no', 'where.sock'), 'b')).rejects.toThrow(
      /control socket .*there is no such directory/,
    );
  });

  it('lets only one of many that start at once have a stale file', async () => {
    const path = join(dir, 'c.sock');
    const { spawnSync } = await import('node:child_process');
    const bind = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', bind]);
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => openSocket(path, 'c')));
    const servers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(servers).toHaveLength(1);
    expect(await ask(path, 'x')).toEqual({ topic: 'x' });
    for (const server of servers) await closeApi(server);
  });

  it('hands an error over as one', async () => {
    const path = join(dir, 'd.sock');
    const server = await openSocket(path, 'd');
    await expect(ask(path, 'refuses')).rejects.toMatchObject({ message: 'no such thing', usage: true });
    await expect(ask(path, 'throws')).rejects.toMatchObject({ message: 'broken', usage: false });
    await closeApi(server);
  });

  it('explains when nobody answers, or somebody else', async () => {
    await expect(ask(join(dir, 'none.sock'), 'x')).rejects.toThrow(/no switch is running at .*none\.sock/);
    const path = join(dir, 'e.sock');
    const server = createServer((socket) => socket.resume().end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'));
    await new Promise<void>((done) => server.listen(path, done));
    await expect(ask(path, 'x')).rejects.toThrow(/what answers there is not a switch/);
    await new Promise((done) => server.close(done));
  });
});
