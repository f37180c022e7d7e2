/** Clients of a server that are silent, slow or too many, and one who wants an answer. */

import { mkdtempSync, rmSync } from 'node:fs';
import type { RequestListener, Server, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { boundedServer, closeServer } from '../../../src/api/bounded-server.ts';
import { beginStream, MAX_CLIENTS } from '../../../src/api/clients.ts';
import { until } from './world.ts';

const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

let dir: string;
let path: string;
let server: Server;
let clients: Client[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-clients-'));
  path = join(dir, 'a.sock');
  clients = [];
});
afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await closeServer(server);
  rmSync(dir, { recursive: true, force: true });
});

async function serve(handler: RequestListener): Promise<void> {
  server = boundedServer(handler);
  await new Promise<void>((listening) => server.listen(path, listening));
}

const answer: RequestListener = (_request, response) => response.end('fine');

interface Client {
  socket: Socket;
  said: string;
  closed: boolean;
}

function client(says: string, reads = true): Client {
  const socket = connect(path, () => socket.write(says));
  const made = { socket, said: '', closed: false };
  socket
    .on('error', () => {})
    .on('close', () => {
      made.closed = true;
    });
  if (reads) {
    socket.setEncoding('latin1').on('data', (piece: string) => {
      made.said += piece;
    });
  }
  clients.push(made);
  return made;
}

function many(count: number, says: string | ((n: number) => string), reads = true): Client[] {
  return Array.from({ length: count }, (_, n) => client(typeof says === 'string' ? says : says(n), reads));
}

const AHEAD = 1 << 20;
const PIECE = Buffer.alloc(64 << 10);

/** An answer without an end, of which there is always something that waits for its reader. */
function goOn(response: ServerResponse): void {
  if (response.destroyed) return;
  for (let n = 0; n < 16 && response.writableLength < AHEAD; n++) response.write(PIECE);
  setTimeout(() => goOn(response), 1);
}

const isAnswered = (it: Client) => () => /^HTTP\/1.1 200 [\s\S]*fine/.test(it.said);

function expectRefusal({ said }: Client): void {
  expect(said).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n[\s\S]*retry-after: 1\r\n/i);
  expect(JSON.parse(said.split('\r\n\r\n')[1]!)).toEqual({ error: '32 clients are being served: try again' });
}

it('answers at once, however many others stay silent or dawdle, and tells those that lose their place', async () => {
  await serve(answer);
  const post = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{';
  const slow = many(200, (n) => ['', 'GET /v1/po', post][n % 3]!);
  const dawdling = setInterval(() => {
    for (const [n, { socket }] of slow.entries()) if (n % 3 !== 0 && socket.writable) socket.write('1');
  }, 5);
  try {
    for (let n = 0; n < 3; n++) {
      const good = client(GET);
      await until(isAnswered(good), 'the answer');
      expect(slow.filter(({ closed }) => !closed).length).toBeGreaterThanOrEqual(MAX_CLIENTS - 3);
    }
  } finally {
    clearInterval(dawdling);
  }
  await until(() => slow.filter(({ closed }) => closed).length >= 200 - MAX_CLIENTS, 'room');
  expectRefusal(slow[0]!);
});

it('lets the one go that has been silent for longest, and none without need', async () => {
  await serve(answer);
  const kept = client(GET);
  const idle = many(MAX_CLIENTS - 1, '');
  await until(isAnswered(kept), 'the first answer');
  kept.said = '';
  kept.socket.write(GET);
  await until(isAnswered(kept), 'the second answer');
  // Longer than who comes has time.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(clients.some(({ closed }) => closed)).toBe(false);
  await until(isAnswered(client(GET)), 'the answer');
  await until(() => idle[0]!.closed, 'it is gone');
  expectRefusal(idle[0]!);
  expect(clients.filter(({ closed }) => closed)).toHaveLength(1);
});

it('refuses what it cannot serve while all places are taken by requests, and says when to come again', async () => {
  const held: ServerResponse[] = [];
  await serve((_request, response) => held.push(response));
  const busy = many(MAX_CLIENTS, GET);
  await until(() => held.length === MAX_CLIENTS, 'all are being served');
  const [asks, silent] = [client(GET), client('')];
  await until(() => asks.closed && silent.closed, 'they are turned away');
  expectRefusal(asks);
  expectRefusal(silent);
  held[0]!.end('fine');
  await until(isAnswered(busy[0]!), 'one is done');
  client(GET);
  await until(() => held.length === MAX_CLIENTS + 1, 'the next is served');
});

it('gives streams no place', async () => {
  let streams = 0;
  await serve((request, response) => {
    if (request.url !== '/stream') return answer(request, response);
    beginStream(response);
    response.write('begun');
    streams++;
  });
  const all = many(MAX_CLIENTS + 8, GET.replace('/', '/stream'));
  await until(() => streams === all.length, 'all streams');
  await until(isAnswered(client(GET)), 'the answer');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(clients.some(({ closed }) => closed)).toBe(false);
});

it('cuts off who does not take his answer when the place is needed', async () => {
  const large = Buffer.alloc(4 << 20);
  let served = 0;
  await serve((request, response) => {
    served++;
    response.end(request.url === '/large' ? large : 'fine');
  });
  // Nobody is cut off for anything else.
  server.setTimeout(0);
  const readers = many(MAX_CLIENTS, GET.replace('/', '/large'), false);
  await until(() => served === MAX_CLIENTS, 'all are being served');
  await until(async () => {
    const good = client(GET);
    await until(() => good.closed || isAnswered(good)(), 'some answer');
    return isAnswered(good)();
  }, 'the answer');
  for (const { socket } of readers) socket.resume();
  await until(() => readers.filter(({ closed }) => closed).length === 1, 'one is cut off');
});

it('answers a few requests that come on end, and closes a client that sends more without waiting', async () => {
  let served = 0;
  const held: ServerResponse[] = [];
  await serve((_request, response) => {
    served++;
    held.push(response);
  });
  const few = client(GET.repeat(8));
  await until(() => served === 8, 'the few');
  for (const response of held) response.end('fine');
  await until(() => few.said.split('fine').length === 9, 'their answers');
  few.socket.write(GET);
  await until(() => served === 9, 'the next');
  const many = client(GET.repeat(1000));
  await until(() => many.closed, 'it is closed');
  expect(served).toBe(9 + 8);
  expect(few.closed).toBe(false);
});

it('lets who reads a long answer read on, however long, and cuts off one that does not', async () => {
  const large = Buffer.alloc(4 << 20);
  let served = 0;
  await serve((request, response) => {
    served++;
    if (request.url === '/large') response.end(large);
    else if (request.url === '/') response.end('fine');
    else goOn(response);
  });
  const reader = client(GET.replace('/', '/long'));
  await until(() => served === 1, 'the long answer');
  many(MAX_CLIENTS - 1, GET.replace('/', '/large'), false);
  await until(() => served === MAX_CLIENTS, 'all are being served');
  await until(async () => {
    const good = client(GET);
    await until(() => good.closed || isAnswered(good)(), 'some answer');
    return isAnswered(good)();
  }, 'the answer');
  const { length } = reader.said;
  await until(() => reader.closed || reader.said.length > length + 2 * AHEAD, 'more of the long answer');
  expect(reader.closed).toBe(false);
});

it('leaves half of the places to who asks, however swiftly others read long answers', async () => {
  let served = 0;
  await serve((request, response) => {
    served++;
    if (request.url === '/') response.end('fine');
    else goOn(response);
  });
  server.setTimeout(0);
  const readers = many(MAX_CLIENTS, GET.replace('/', '/long'));
  for (const reader of readers) reader.socket.removeAllListeners('data').resume();
  await until(() => served === MAX_CLIENTS, 'all are being served');
  for (let n = 0; n < 3; n++) {
    await until(async () => {
      const good = client(GET);
      await until(() => good.closed || isAnswered(good)(), 'some answer');
      return isAnswered(good)();
    }, 'the answer');
  }
  expect(readers.filter(({ closed }) => !closed).length).toBeGreaterThanOrEqual(MAX_CLIENTS / 2);
});
