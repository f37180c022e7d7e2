/**
 * Hostile HTTP against a switch that runs, over its socket and over TCP: everything is refused or harmless, memory stays bounded, and
 * frames go on meanwhile without a loss. Slow clients are given less time than theirs: what they hold up is in `serve.test.ts`.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../free-port.ts';
import type { SwitchProcess } from '../../live/switch-process.ts';
import { useBench } from '../../live/use.ts';
import { until } from './world.ts';

const TOKEN = 'correct-horse-battery';
const AUTHORIZED = `authorization: Bearer ${TOKEN}\r\n`;
/** For an answer; a request that has none by then hangs, and is one that waits. */
const PATIENCE_MS = 700;
/** Fewer than there is room for. */
const AT_ONCE = 17;
const FRAME_EVERY_MS = 5;
/** Fewer than a socket holds, for a process that does not get its turn. */
const UNDER_WAY = 100;
/** Clients that are there at once, of those that may be. */
const IDLE = 400;
const MOST_GROWTH = 96 * 2 ** 20;

const bench = useBench('group');
let sw: SwitchProcess;
let tcp: number;
let beside: Beside;

/** Frames through the switch, all the time. */
class Beside {
  readonly #from: Datagrams = createSocket('udp4');
  readonly #to: Datagrams = createSocket('udp4');
  readonly #got = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  sent = 0;

  async begin(ports: [local: number, remote: number][]): Promise<void> {
    const [[into, from], [, to]] = ports;
    await new Promise<void>((bound) => this.#from.bind(from, '127.0.0.1', bound));
    await new Promise<void>((bound) => this.#to.bind(to, '127.0.0.1', bound));
    this.#to.on('message', (frame) => this.#got.add(frame.readUInt32BE(14)));
    this.#timer = setInterval(() => {
      if (this.sent - this.#got.size >= UNDER_WAY) return;
      const frame = Buffer.alloc(60);
      frame.write('0200000000020200000000 0188b5'.replace(' ', ''), 'hex');
      frame.writeUInt32BE(this.sent++, 14);
      this.#from.send(frame, into, '127.0.0.1');
    }, FRAME_EVERY_MS);
  }

  async end(): Promise<number> {
    clearInterval(this.#timer);
    await until(() => this.#got.size === this.sent, `all ${this.sent} frames are there`);
    return this.#got.size;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#from.close();
    this.#to.close();
  }
}

beforeAll(async () => {
  beside = new Beside();
  const tokenFile = join(bench.dir, 'token');
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
  const numbers = await Promise.all([freePort(), freePort(), freePort(), freePort(), freePort()]);
  tcp = numbers[4]!;
  const udp = (at: number) => ({
    ...{ adapter: 'udp', mode: 'access', vlan: 10 },
    ...{ local: `127.0.0.1:${numbers[at]}`, remote: `127.0.0.1:${numbers[at + 1]}` },
  });
  sw = await bench.start({ api: { listen: `127.0.0.1:${tcp}`, tokenFile }, ports: { p1: udp(0), p2: udp(2) } });
  await beside.begin([
    [numbers[0]!, numbers[1]!],
    [numbers[2]!, numbers[3]!],
  ]);
});

afterAll(async () => {
  beside?.close();
});

it('says in its log that it listens on TCP', async () => {
  await until(() => sw.log().includes(`the API listens on 127.0.0.1:${tcp} as well\n`), 'it has said so');
});

const DOORS: [string, () => NetConnectOpts, string][] = [
  ['the socket', () => ({ path: sw.socket }), 'host: x\r\n'],
  ['TCP', () => ({ port: tcp, host: '127.0.0.1' }), `host: 127.0.0.1\r\n${AUTHORIZED}`],
];

/** What is answered to a text: until the switch hangs up where that is asked for, and else for a while. */
function say(where: NetConnectOpts, text: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(where, () => socket.write(text));
    let said = '';
    const timer = text.includes('connection: close') ? undefined : setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on('data', (data) => {
      said += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(said);
    });
  });
}

/** 0 where nobody says. */
function residentBytes(): number {
  const status = `/proc/${sw.child.pid}/status`;
  return existsSync(status) ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))![1]) * 1024 : 0;
}

const standing = async (where: NetConnectOpts, head: string) =>
  (await say(where, `GET /v1/config HTTP/1.1\r\n${head}connection: close\r\n\r\n`)).split('\r\n\r\n')[1];

/** Requests that change something where they are taken for what they are not. */
function malformed(head: string): Record<string, string | Buffer> {
  const kill = `DELETE /v1/ports/p2 HTTP/1.1\r\n${head}\r\n`;
  const post = (more: string, body: string) =>
    `POST /v1/fdb/flush HTTP/1.1\r\n${head}content-type: application/json\r\n${more}\r\n${body}`;
  return {
    'two lengths': post('content-length: 2\r\ncontent-length: 50\r\n', `{}${kill}`),
    'length and chunks': post(
      `content-length: ${5 + kill.length}\r\ntransfer-encoding: chunked\r\n`,
      `0\r\n\r\n${kill}`,
    ),
    'chunks twice': post('transfer-encoding: chunked, chunked\r\n', `0\r\n\r\n${kill}`),
    'chunks by another name': post('transfer-encoding: xchunked\r\ncontent-length: 0\r\n', kill),
    'a space before the colon': post('transfer-encoding : chunked\r\ncontent-length: 0\r\n', kill),
    'a folded header': post('x: y\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\n', kill),
    'a length with a sign': post(`content-length: +${kill.length}\r\n`, kill),
    'a length beyond numbers': post(`content-length: ${'9'.repeat(30)}\r\n`, kill),
    'a chunk beyond numbers': post('transfer-encoding: chunked\r\n', `${'f'.repeat(20)}\r\n{}`),
    'a chunk with a sign': post('transfer-encoding: chunked\r\n', `-1\r\n${kill}`),
    'bare line feeds': kill.replaceAll('\r\n', '\n'),
    'a null in the path': `DELETE /v1/ports/p2\0 HTTP/1.1\r\n${head}\r\n`,
    'a null in a header': `GET /v1/ports HTTP/1.1\r\n${head}x: \0\r\n\r\n`,
    'version 9': `DELETE /v1/ports/p2 HTTP/9.9\r\n${head}\r\n`,
    'version 2': Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    'no version': 'DELETE /v1/ports/p2\r\n\r\n',
    'an odd method': `${'A'.repeat(300)} / HTTP/1.1\r\n${head}\r\n`,
    'a method of lower case': `delete /v1/ports/p2 HTTP/1.1\r\n${head}\r\n`,
    'a proxy request': `CONNECT p2:1 HTTP/1.1\r\n${head}\r\n`,
    'a trace': `TRACE /v1/ports HTTP/1.1\r\n${head}\r\n`,
    'too many headers': `GET /v1/ports HTTP/1.1\r\n${head}${'a: b\r\n'.repeat(9000)}\r\n`,
    'a large header': `GET /v1/ports HTTP/1.1\r\n${head}a: ${'b'.repeat(20_000)}\r\n\r\n`,
    'a path upwards': `GET /v1/../../../../etc/passwd HTTP/1.1\r\n${head}\r\n`,
    'a path upwards in code': `GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n${head}\r\n`,
    'a name upwards': `DELETE /v1/ports/..%2f..%2fp2 HTTP/1.1\r\n${head}\r\n`,
    'a broken escape': `GET /v1/ports/%c0%ae HTTP/1.1\r\n${head}\r\n`,
    'a large body': `${post(`content-length: ${10 ** 9}\r\n`, '[')}${'['.repeat(70_000)}`,
    'a deep body': post('content-length: 60000\r\n', '['.repeat(60_000)),
    'a body of another kind': post('content-length: 2\r\n', '{}').replace('application/json', 'text/html'),
    'no JSON': post('content-length: 4\r\n', '{"a"'),
    'a number beyond numbers': post('content-length: 17\r\n', '{"vlan":1e999999}'),
    'a prototype': post('content-length: 31\r\n', '{"__proto__":{"port":"hidden"}}'),
    TLS: Buffer.from('16030100a5010000a10303', 'hex'),
    noise: Buffer.from(Array.from({ length: 600 }, (_, n) => (n * 151 + 7) & 0xff)),
  };
}

describe.each(DOORS)('hostile requests over %s', (_, where, head) => {
  it('are refused, and nothing has changed', async () => {
    const before = await standing(where(), head);
    const all = Object.entries(malformed(head));
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const some = all.slice(at, at + AT_ONCE);
      const answers = await Promise.all(some.map(([, text]) => say(where(), text)));
      for (const [n, answer] of answers.entries()) {
        const [name] = some[n]!;
        expect(answer, name).not.toMatch(/^HTTP\/1\.1 [25]\d\d/);
        // What hides behind a refused request is no request.
        expect(answer.match(/^HTTP\/1\.1 /gm)?.length ?? 0, name).toBeLessThanOrEqual(1);
        expect(answer, name).not.toContain('root:');
      }
    }
    expect(await standing(where(), head)).toBe(before);
  });

  it('are answered in their order when they come at once; behind a broken one is the door', async () => {
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\n${head}${more}\r\n`;
    const good = ['/v1/switch', '/v1/nothing'].map((path) => get(path)).join('');
    expect((await say(where(), good + get('/v1/ports', 'connection: close\r\n'))).match(/HTTP\/1\.1 \d+/g)).toEqual(
      ['200', '404', '200'].map((s) => `HTTP/1.1 ${s}`),
    );
    const broken = await say(where(), `${good}${get('/v1/ports')}x\r\n\r\n${get('/v1/switch')}`);
    expect(broken.match(/HTTP\/1\.1 200/g)?.length ?? 0).toBeLessThanOrEqual(2);
  });
});

it('clients that stay, dawdle, go away or do not read cost bounded memory, and others are served', async () => {
  const [[, where, head]] = DOORS as [(typeof DOORS)[0], (typeof DOORS)[0]];
  const before = residentBytes();
  const clients: Socket[] = [];
  const open = (text: string, reads = true) => {
    const socket = connect(where(), () => socket.write(text));
    socket.on('error', () => {});
    if (reads) socket.resume();
    clients.push(socket);
    return socket;
  };
  for (let n = 0; n < IDLE; n++) {
    open(['', 'GET /v1/po', `POST /v1/fdb HTTP/1.1\r\n${head}content-length: 60000\r\n\r\n{`][n % 3]!);
    if (n % 20 === 0)
      open(`POST /v1/apply HTTP/1.1\r\n${head}content-length: 9000000\r\n\r\n${'x'.repeat(50_000)}`).destroySoon();
    if (n % 8 === 0) open(`GET /v1/events HTTP/1.1\r\n${head}\r\n`, false);
    if (n % 8 === 4) open(`GET /openapi.json HTTP/1.1\r\n${head}\r\n`.repeat(200), false);
    if (n % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (before > 0) expect(residentBytes() - before).toBeLessThan(MOST_GROWTH);
  for (const socket of clients) socket.destroy();
  await until(
    async () => (await say(where(), `GET /healthz HTTP/1.1\r\n${head}connection: close\r\n\r\n`)).includes('200 OK'),
    'it answers',
  );
});

it('over TCP without the token, or from another site, nothing is to be had', async () => {
  const where = DOORS[1]![1]();
  const kill = (head: string) => say(where, `DELETE /v1/ports/p2 HTTP/1.1\r\n${head}connection: close\r\n\r\n`);
  const own = 'host: 127.0.0.1\r\n';
  for (const head of [
    own,
    `${own}authorization: Bearer ${TOKEN}x\r\n`,
    `${own}authorization: Bearer ${'x'.repeat(5000)}\r\n`,
    `${own}authorization: Bearer\r\n`,
    `host: evil.example\r\n${AUTHORIZED}`,
    `host: 127.0.0.1.evil.example\r\n${AUTHORIZED}`,
    `${own}${AUTHORIZED}origin: http://evil.example\r\n`,
    `${own}host: evil.example\r\n${AUTHORIZED}origin: http://evil.example\r\n`,
    AUTHORIZED,
  ]) {
    expect(await kill(head), head).toMatch(/^HTTP\/1\.1 40[013]/);
  }
});

it('frames have gone on meanwhile, and none was lost', async () => {
  expect(await beside.end()).toBeGreaterThan(100);
  const { balanced } = await sw.ledger();
  expect(balanced).toBe(true);
  expect(await sw.stop()).toBe(0);
});
