/** `etherloom events` when somebody goes away: who reads it, or the switch. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { events, lineOf } from '../../../src/cli/events.ts';
import { freePort } from '../../free-port.ts';
import { closeAll, frame, peer, start, udp, until } from '../api/world.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

/** A switch that tells `count` events at once, and ends the stream or goes on. */
async function telling(count: number, ends: boolean): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'etherloom-events-'));
  closing.push(() => rmSync(dir, { recursive: true, force: true }));
  const socket = join(dir, 's.sock');
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"event":"fault","text":"x"}\n\n'.repeat(count));
    if (ends) response.end();
  });
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((listening) => server.listen(socket, listening));
  return socket;
}

function output(mostLines: number) {
  const said = { out: '', err: '' };
  let lines = 0;
  const out = new Writable({
    write(text, _, done) {
      if (lines++ >= mostLines) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      said.out += text;
      done();
    },
  });
  const err = new Writable({
    write(text, _, done) {
      said.err += text;
      done();
    },
  });
  return { io: { out, err }, said };
}

it('ends without a word when nobody reads it any more', async () => {
  const { io, said } = output(2);
  expect(await events({ json: false, socket: await telling(50, false) }, io)).toBe(0);
  expect(said.out.match(/\n/g)).toHaveLength(2);
  expect(said.err).toBe('');
});

it('ends without a word at Ctrl-C', async () => {
  const { io, said } = output(1000);
  const ended = events({ json: false, socket: await telling(5, false) }, io);
  while (said.out.split('\n').length < 5) await new Promise((resolve) => setTimeout(resolve, 2));
  process.emit('SIGINT');
  expect([await ended, said.err]).toEqual([0, '']);
});

it('says that the switch has ended it', async () => {
  const { io, said } = output(1000);
  expect(await events({ json: true, socket: await telling(5, true) }, io)).toBe(1);
  expect(said.err).toBe('etherloom: the switch has ended the stream\n');
});

it('names the interface whose MAC a host claims', async () => {
  const { port, socket } = await peer();
  const local = await freePort();
  const { served, told } = await start({
    ports: { p1: udp(local, port, { mode: 'access', vlan: 10 }) },
    interfaces: { gw: { vlan: 10, mac: '02:00:00:00:00:05', addresses: ['10.0.0.1/24'] } },
  });
  closing.push(closeAll);
  served.events.listen((all) => told.push(...all));
  const lines = () => told.filter(({ event }) => event === 'static-violation').map(lineOf);
  await until(() => {
    socket.send(frame(1, 5), local, '127.0.0.1');
    return lines().length > 0;
  }, 'told');
  expect(lines()[0]).toBe('02:00:00:00:00:05 vlan 10 on p1, configured on gw: static violation');
});
