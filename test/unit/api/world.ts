/**
 * A live switch on datagram sockets with its API, in one process and on one thread: what the forwarding thread is told
 * by message is called here.
 */

import { createSocket, type Socket } from 'node:dgram';
import type { ConfigEvent, SwitchEvent } from '../../../src/api/events.ts';
import type { ReadableSwitch } from '../../../src/api/reader.ts';
import { allRoutes } from '../../../src/api/routes/all.ts';
import { buildApi } from '../../../src/api/server.ts';
import type { ApiSwitch } from '../../../src/api/switch.ts';
import { documentOf } from '../../../src/config/load.ts';
import type { SwitchConfig } from '../../../src/config/types.ts';
import { numbersOf } from '../../../src/runtime/directory-of.ts';
import { LiveSwitch } from '../../../src/runtime/live/live.ts';
import type { Change } from '../../../src/runtime/messages.ts';
import { ServedSwitch } from '../../../src/runtime/served.ts';
import { freePort } from '../../free-port.ts';

const open: { close(): void }[] = [];

/** For `afterEach`. */
export function closeAll(): void {
  for (const each of open.splice(0).reverse()) each.close();
}

/** A peer of a UDP port: what it got, and how to send. */
export interface Peer {
  socket: Socket;
  port: number;
  got: Buffer[];
}

export async function peer(): Promise<Peer> {
  const socket = createSocket('udp4');
  const got: Buffer[] = [];
  socket.on('message', (frame) => got.push(frame));
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  open.push(socket);
  return { socket, port: socket.address().port, got };
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 50_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A UDP port of a configuration. */
export function udp(local: number, remote: number, vlans: object) {
  return { adapter: 'udp', local: `127.0.0.1:${local}`, remote: `127.0.0.1:${remote}`, ...vlans };
}

export function frame(dst: number, src: number): Buffer {
  const bytes = Buffer.alloc(60);
  bytes.write(`02000000000${dst}02000000000${src}88b5`, 'hex');
  return bytes;
}

export interface Answer {
  status: number;
  body: Record<string, unknown> & { error?: string; actions?: string[] };
}

/** Starts a switch from a configuration. */
export async function start(raw: Record<string, unknown>) {
  const document = documentOf(raw, 'test.json');
  const told: SwitchEvent[] = [];
  const logged: ConfigEvent[] = [];
  let served: ServedSwitch | undefined;
  const live = new LiveSwitch(document.config, {
    event: (event) => {
      told.push(event);
      served?.tell(event);
    },
    told: () => {},
    tablesMoved: () => {},
  });
  open.push(live);
  await live.open();
  const changer = {
    get state() {
      const { dp, control } = live.core;
      return { tables: dp, numbers: numbersOf(control), statuses: live.statuses(), sleep: live.sleep };
    },
    // As a message would: what arrives is a copy.
    change: (change: Change) => live.change(structuredClone(change)),
    workers: () => [{ worker: 0, up: true, restarts: 0, activeSeconds: 1, idleSeconds: 3 }],
  };
  served = new ServedSwitch(changer, document, '0.0.0', { changed: (e) => logged.push(e), violated: () => {} });
  open.push(served);
  const app = buildApi(allRoutes(served, []));
  open.push({ close: () => void app.close() });
  const ask = async (
    method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE',
    url: string,
    body?: unknown,
  ): Promise<Answer> => {
    const r = await app.inject({ method, url, ...(body === undefined ? {} : { payload: body as object }) });
    return { status: r.statusCode, body: r.json() as Answer['body'] };
  };
  return { live, served, app, ask, told, logged, get: (url: string) => ask('GET', url) };
}

/** Three UDP ports: p1 and p2 in VLAN 10, p3 in VLAN 20. */
export async function threePorts() {
  const peers = [await peer(), await peer(), await peer()];
  const locals = [await freePort(), await freePort(), await freePort()];
  const vlans = [10, 10, 20];
  const ports = Object.fromEntries(
    peers.map((p, i) => [`p${i + 1}`, udp(locals[i]!, p.port, { mode: 'access', vlan: vlans[i] })]),
  );
  const raw = { switch: { name: 'sw' }, ports };
  const sw = await start(raw);
  const send = (from: number, bytes: Buffer) => peers[from]!.socket.send(bytes, locals[from]!, '127.0.0.1');
  return { ...sw, raw, peers, locals, send };
}

/** What reading routes need of a switch, and no more. */
export function readOnly(readable: ReadableSwitch, config: SwitchConfig, nowMs = 0): ApiSwitch {
  return { readable, document: { config }, nowMs: () => nowMs } as unknown as ApiSwitch;
}
