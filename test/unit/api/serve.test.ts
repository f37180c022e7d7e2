/** What the API serves beside tables: events, metrics, its own description; and what it refuses. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventHub } from '../../../src/api/event-hub.ts';
import { EVENT_NAMES } from '../../../src/api/events.ts';
import { allRoutes, apiDocument } from '../../../src/api/routes/all.ts';
import { eventRoutes } from '../../../src/api/routes/events.ts';
import { closeApi, openApi } from '../../../src/api/server.ts';
import type { ApiSwitch } from '../../../src/api/switch.ts';
import { openTcpApi } from '../../../src/api/tcp.ts';
import { traceRoutes } from '../../../src/trace/routes.ts';
import { freePort } from '../../free-port.ts';
import { closeAll, frame, start, threePorts, until } from './world.ts';

let dir: string;
const closing: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-api-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  closeAll();
  rmSync(dir, { recursive: true, force: true });
});

/** Serves a switch on a socket. */
async function serve(sw: ApiSwitch): Promise<string> {
  const path = join(dir, 'api.sock');
  const app = await openApi(path, 'sw', allRoutes(sw, []));
  closing.push(() => closeApi(app));
  return path;
}

/** Reads a stream of events until it is closed. */
function listen(path: string, url = '/v1/events') {
  const heard = { text: '', status: 0, ended: false };
  const call = request({ socketPath: path, path: url }, (response) => {
    heard.status = response.statusCode!;
    response.setEncoding('utf8').on('data', (text) => {
      heard.text += text;
    });
    response.on('close', () => {
      heard.ended = true;
    });
  });
  call.on('error', () => {});
  call.end();
  closing.push(() => void call.destroy());
  const names = () => [...heard.text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
  return { heard, names, close: () => call.destroy() };
}

describe('events', () => {
  it('tell what is learned, moved and changed, to those who want it', async () => {
    const { served, send, ask, peers } = await threePorts();
    const path = await serve(served);
    const all = listen(path);
    const moves = listen(path, '/v1/events?only=moved');
    await until(() => all.heard.status === 200 && moves.heard.status === 200, 'both listen');
    send(0, frame(9, 1));
    await until(() => all.names().includes('learned'), 'learned');
    expect(all.heard.text).toContain(
      'data: {"event":"learned","bridge":"sw","vid":10,"mac":"02:00:00:00:00:01","port":"p1","oldPort":null}\n\n',
    );
    send(1, frame(9, 1));
    await until(() => moves.names().length === 1, 'moved');
    expect(moves.heard.text).toContain('"port":"p2","oldPort":"p1"');
    await ask('PUT', '/v1/vlans/30', {});
    await until(() => all.names().includes('applied'), 'applied');
    expect(moves.names()).toEqual(['moved']);
    expect(listen(path, '/v1/events?only=tea').heard.text).toBe('');
    expect(peers[1]!.got.length).toBeGreaterThan(0);
    expect(EVENT_NAMES).toContain('lost');
  });

  it('cut off who does not read, and nobody else', async () => {
    const events = new EventHub();
    const sw = { events, readable: { directory: { name: 'sw' } } } as unknown as ApiSwitch;
    const path = join(dir, 'api.sock');
    const app = await openApi(path, 'sw', eventRoutes(sw));
    closing.push(() => closeApi(app));
    const good = listen(path);
    const bad = connect(path);
    bad.write('GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n');
    bad.pause();
    closing.push(() => void bad.destroy());
    let closed = false;
    bad.on('close', () => {
      closed = true;
    });
    bad.on('error', () => {});
    await until(() => good.heard.status === 200, 'listening');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const text = 'x'.repeat(1000);
    let told = 0;
    await until(() => {
      for (let i = 0; i < 100; i++) events.tell({ event: 'fault', text });
      told += 100;
      if (!bad.destroyed) bad.pause();
      return told > 20_000;
    }, 'told much');
    await until(() => good.names().length === told, 'the good one has it all');
    bad.resume();
    await until(() => closed, 'the other one is cut off');
  });

  it('have room for sixteen', async () => {
    const events = new EventHub();
    const sw = { events, readable: { directory: { name: 'sw' } } } as unknown as ApiSwitch;
    const path = join(dir, 'api.sock');
    const app = await openApi(path, 'sw', eventRoutes(sw));
    closing.push(() => closeApi(app));
    const many = Array.from({ length: 17 }, () => listen(path));
    await until(() => many.every(({ heard }) => heard.status !== 0), 'all answered');
    expect(many.filter(({ heard }) => heard.status === 409)).toHaveLength(1);
    for (const { close } of many) close();
    await until(() => !events.listened, 'all are gone');
  });
});

describe('metrics and health', () => {
  it('say what tables and counters say', async () => {
    const { app, send, peers, served } = await threePorts();
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'counted');
    send(2, frame(9, 3));
    const text = async () => (await app.inject('/metrics')).body;
    await until(async () => (await text()).includes('reason="EGRESS_NO_PORT"} 1'), 'dropped');
    const metrics = await text();
    expect(metrics).toContain('etherloom_port_received_frames_total{port="p1"} 1\n');
    expect(metrics).toContain('etherloom_port_received_bytes_total{port="p1"} 60\n');
    expect(metrics).toContain('etherloom_port_up{port="p1",bridge="sw"} 1\n');
    expect(metrics).toContain('etherloom_vlan_fdb_entries{bridge="sw",vid="10"} 1\n');
    expect(metrics).toContain('etherloom_fdb_events_total{event="learned"} 2\n');
    expect(metrics).toContain('etherloom_forwarding_active_seconds_total{worker="0"} 1\n');
    // A second scrape is no second count.
    expect(await text()).toContain('etherloom_port_received_frames_total{port="p1"} 1\n');
    expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok' });
    // The dashboard asks for nothing that is not there.
    const dashboard = readFileSync(new URL('../../../docs/grafana.json', import.meta.url), 'utf8');
    for (const [name] of dashboard.matchAll(/\b(?:etherloom|process)_[a-z_]+\b/g))
      expect(metrics).toContain(`# TYPE ${name.replace(/_bucket$/, '')} `);
    served.ping = () => new Promise(() => {});
    expect((await app.inject('/healthz')).statusCode).toBe(503);
  });
});

describe('a request that says it is JSON and has no body', () => {
  it('is one without a body', async () => {
    const { app } = await threePorts();
    const headers = { 'content-type': 'application/json' };
    const asked = async (method: 'DELETE' | 'POST', url: string, payload?: string) => {
      const { statusCode, body } = await app.inject({
        method,
        url,
        headers,
        ...(payload === undefined ? {} : { payload }),
      });
      return [statusCode, (JSON.parse(body) as { error?: string }).error];
    };
    expect(await asked('POST', '/v1/counters/reset')).toEqual([200, undefined]);
    expect(await asked('DELETE', '/v1/fdb')).toEqual([400, expect.stringContaining('query.mac: is missing')]);
    expect(await asked('POST', '/v1/fdb')).toEqual([400, 'the request has no body; valid is JSON']);
    expect(await asked('POST', '/v1/fdb', '{"mac"')).toEqual([400, expect.stringContaining('JSON')]);
    expect(await asked('POST', '/v1/fdb', '{"__proto__": {}}')).toEqual([
      400,
      expect.stringContaining('not valid JSON'),
    ]);
  });
});

describe('the OpenAPI document', () => {
  it('has no path that docs/api.md does not name', () => {
    const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
    const { paths } = apiDocument('1.2.3', [traceRoutes]) as { paths: object };
    for (const path of Object.keys(paths)) expect(page).toContain(path.replace(/\{.*/, ''));
  });

  it('describes every path, with what may be sent and what comes back', () => {
    const document = apiDocument('1.2.3', [traceRoutes]) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string; summary: string; responses: object }>>;
    };
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { summary, responses } of operations) {
      expect(summary).toMatch(/^[A-Zok]/);
      expect(Object.keys(responses)).toContain('200');
    }
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/v1/ports/{port}', '/v1/fdb', '/v1/apply', '/v1/events', '/v1/trace', '/openapi.json']),
    );
    expect(JSON.stringify(document)).not.toContain('undefined');
    expect(document.paths['/v1/fdb']).toMatchObject({
      get: { parameters: [{ name: 'vlan', in: 'query', required: false }, {}, {}, {}] },
      post: { requestBody: { required: true } },
      delete: { parameters: [{ name: 'mac', required: true }, {}, {}] },
    });
  });
});

describe('hostile clients', () => {
  it('get an answer or the door, and the switch goes on', async () => {
    const { served, send, peers } = await threePorts();
    const path = await serve(served);
    const say = (text: string | Buffer) =>
      new Promise<string>((resolve) => {
        const socket = connect(path, () => socket.write(text));
        let said = '';
        socket.on('data', (data) => {
          said += data;
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(said));
        setTimeout(() => socket.destroy(), 400);
      });
    const post = (url: string, body: string, type = 'application/json') =>
      say(`POST ${url} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const before = served.document;
    const answers = await Promise.all([
      post('/v1/fdb', '{"mac":'),
      post('/v1/fdb', '[]'),
      post('/v1/fdb', 'null'),
      post('/v1/fdb', '"text"'),
      post('/v1/fdb', '{"__proto__":{"mac":1}}'),
      post('/v1/fdb', '{"constructor":{"prototype":1}}'),
      post('/v1/fdb', `{"mac":"${'0'.repeat(70_000)}"}`),
      post('/v1/fdb', '<xml/>', 'application/xml'),
      post('/v1/apply', JSON.stringify({ config: '['.repeat(5000) })),
      post('/v1/apply', JSON.stringify({ config: { ports: { a: { adapter: 'memory', x: 1 } } } })),
      post('/v1/apply', JSON.stringify({ config: {}, confirmSeconds: 0 })),
      post('/v1/ports/p1', '{}'),
      say('GET /v1/fdb?vlan=10&vlan=20 HTTP/1.1\r\nhost: x\r\n\r\n'),
      say('GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n'),
      say('GET /v1/ports/%00 HTTP/1.1\r\nhost: x\r\n\r\n'),
      say(`GET /${'a'.repeat(9000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
      say('GET / HTTP/1.1\r\n\r\n'),
      say('BREW /v1/ports HTTP/1.1\r\nhost: x\r\n\r\n'),
      say('POST /v1/fdb HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n'),
      say(Buffer.from([0, 255, 1, 2, 13, 10, 13, 10])),
    ]);
    for (const [i, answer] of answers.entries()) {
      expect(answer, `answer ${i}`).not.toMatch(/^HTTP\/1.1 [25]\d\d/);
      if (answer.includes('{')) expect(JSON.parse(answer.slice(answer.indexOf('{')))).toHaveProperty('error');
    }
    expect(served.document).toBe(before);
    // More connections than there is room for, and a request that never ends.
    const idle: Socket[] = Array.from({ length: 60 }, () => connect(path).on('error', () => {}));
    const slow = connect(path, () => slow.write('POST /v1/fdb HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{'));
    slow.on('error', () => {});
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'frames go on');
    for (const socket of [...idle, slow]) socket.destroy();
    await until(async () => (await say('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')).includes('200 OK'), 'it answers');
  });
});

describe('over TCP', () => {
  it('wants the token, its own Host and its own Origin', async () => {
    const { served } = await start({ switch: { name: 'sw' } });
    const port = await freePort();
    const tokenFile = join(dir, 'token');
    writeFileSync(tokenFile, 'correct-horse-battery\n', { mode: 0o600 });
    const app = await openTcpApi({ listen: `127.0.0.1:${port}`, tokenFile }, allRoutes(served, []));
    closing.push(() => closeApi(app));
    const get = (path: string, headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode!);
        })
          .on('error', reject)
          .end();
      });
    const authorization = 'Bearer correct-horse-battery';
    expect(await get('/v1/ports', { authorization })).toBe(200);
    expect(await get('/v1/ports', { authorization, host: `localhost:${port}` })).toBe(200);
    expect(await get('/v1/ports', { authorization, origin: `http://127.0.0.1:${port}` })).toBe(200);
    expect(await get('/healthz', {})).toBe(200);
    const refused: [Record<string, string>, number][] = [
      [{}, 401],
      [{ authorization: 'Bearer correct-horse-batter' }, 401],
      [{ authorization: 'Bearer correct-horse-battery2' }, 401],
      [{ authorization: 'Basic correct-horse-battery' }, 401],
      [{ authorization, host: 'evil.example' }, 403],
      [{ authorization, host: `evil.example:${port}` }, 403],
      [{ authorization, origin: 'http://evil.example' }, 403],
      [{ authorization, origin: 'null' }, 403],
      [{ authorization, origin: `https://127.0.0.1:${port}` }, 403],
    ];
    for (const [headers, status] of refused) {
      expect(await get('/v1/ports', headers), JSON.stringify(headers)).toBe(status);
      expect(await get('/v1/nothing', headers), JSON.stringify(headers)).toBe(status);
    }
    expect(await get('/healthz', { host: 'evil.example' })).toBe(403);
  });

  it('does not start with a token that others can read, or that is none', async () => {
    const file = (name: string, text: string, mode: number) => {
      const path = join(dir, name);
      writeFileSync(path, text, { mode });
      return path;
    };
    const open = (tokenFile: string) => openTcpApi({ listen: '127.0.0.1:1', tokenFile }, []);
    await expect(open(file('a', 'correct-horse-battery', 0o644))).rejects.toThrow(/others may read it/);
    await expect(open(file('b', 'short', 0o600))).rejects.toThrow(/one word of 16 to 1024/);
    await expect(open(file('c', 'two words and more of them', 0o600))).rejects.toThrow(/one word/);
    await expect(open(join(dir, 'none'))).rejects.toThrow(/api\.tokenFile .*ENOENT/);
  });
});
