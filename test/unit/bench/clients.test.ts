/** The client of bench api: an answer is over when its last byte is there, however it arrives. */
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { PlainClient } from '../../../bench/live/clients.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Answers each request, whole or a piece at a time. */
async function answering(pieces: readonly string[]): Promise<{ client: PlainClient; asked: string[] }> {
  const path = join(tmpdir(), `el-clients-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
  const asked: string[] = [];
  const serve = async (socket: Socket) => {
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (text) => {
      asked.push(String(text));
      void serve(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = new PlainClient(path);
  closers.push(
    () => client.close(),
    () => server.close(),
  );
  return { client, asked };
}

it.each([
  [['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd']],
  [['HTTP/1.1 200 OK\r\nContent-', 'Length: 4\r\n\r', '\n', 'ab', 'cd']],
  [['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']],
])('answers in pieces %j', async (pieces) => {
  const { client, asked } = await answering(pieces);
  await client.ask('GET', '/v1/switch');
  await client.ask('POST', '/v1/fdb', { mac: 'é' });
  expect(asked[0]).toBe('GET /v1/switch HTTP/1.1\r\nhost: localhost\r\n\r\n');
  expect(asked[1]).toContain('content-length: 12\r\n\r\n{"mac":"é"}');
});

it('rejects what is not answered with 200', async () => {
  const { client } = await answering(['HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}']);
  await expect(client.ask('GET', '/nowhere')).rejects.toThrow('404');
});
