/**
 * The control socket: HTTP over a Unix socket, on the main thread.
 *
 *   GET /ports  /vlans  /fdb?vlan=&port=&mac=&bridge=  /drops  /ledger      200, JSON
 *   anything else                                                          400, 404 or 405, { "error": "…" }
 *
 * Who may connect is decided by the file: mode 0660, owner and group of the process. Clients cannot hold up
 * forwarding, which is another thread; and they cannot hold up each other for long, since the number of
 * connections, the size of a request and every wait are bounded.
 *
 * A file that a killed switch left is taken over; one that a switch listens on is not.
 */

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, createServer as createNetServer, type Server as NetServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { makeSocketDirectory } from './socket-path.ts';

const MAX_CONNECTIONS = 32;
const MAX_HEADER_BYTES = 8192;
/** For a request to arrive, and for a slow reader to take a bit more of the answer. */
const PATIENCE_MS = 5000;
/** Long enough for a busy main thread. */
const PROBE_MS = 2000;
const LOCK_MS = 5000;
const LOCK_RETRY_MS = 20;

export interface Answer {
  status: number;
  body: unknown;
}

/** Answers GET requests: path without leading slash, and the query. */
export type Respond = (topic: string, query: URLSearchParams) => Answer;

/** Somebody else listens there, or the path is no place for a socket. */
export class SocketError extends Error {
  override readonly name = 'SocketError';
}

/** Throws SocketError when a switch listens on `path`, or something that is not a socket is there. */
export async function claimSocket(path: string, name: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) throw new SocketError(`${path} exists and is not a socket`);
  } catch (error) {
    if (error instanceof SocketError) throw error;
    return; // nothing there, or no right to look: listening will tell
  }
  if (await isListening(path)) throw taken(path, name);
}

function taken(path: string, name: string): SocketError {
  return new SocketError(`a switch ${name} is running already (it listens on ${path}); give this one another name`);
}

/** Listens on `path` with mode 0660. Call `claimSocket` before anything is opened. */
export async function openControlSocket(path: string, name: string, respond: Respond): Promise<Server> {
  try {
    makeSocketDirectory(path);
  } catch (error) {
    throw new SocketError(`control socket ${path}: ${(error as Error).message}`);
  }
  if (!existsSync(dirname(path))) throw new SocketError(`control socket ${path}: there is no such directory`);
  return exclusively(path, async () => {
    await claimSocket(path, name);
    rmSync(path, { force: true });
    return listen(path, respond);
  });
}

async function listen(path: string, respond: Respond): Promise<Server> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: PATIENCE_MS,
      requestTimeout: PATIENCE_MS,
      keepAliveTimeout: PATIENCE_MS,
      connectionsCheckingInterval: PATIENCE_MS,
    },
    (request, response) => serve(request, response, respond),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(PATIENCE_MS, (socket) => socket.destroy());
  server.on('clientError', (_error, socket) => socket.destroy());
  await bind(server, path);
  return server;
}

/** Ends every connection; the file goes with it. */
export function closeControlSocket(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new SocketError(`control socket ${path}: ${error.message}`)));
    // The file is never there with another mode, not even for a moment.
    const umask = process.umask(0o117);
    try {
      server.listen({ path }, () => {
        server.removeAllListeners('error');
        server.on('error', () => {}); // a failed accept (no descriptors left) is the client's trouble
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

/**
 * Runs `action` while no other switch does the same for this path: between seeing that a file is stale and having
 * one's own there, nobody else may come to the same conclusion. The lock is a socket without a file, which the
 * kernel frees whatever happens to its holder (Linux only; elsewhere the gap stays). Somebody who holds it on and
 * on can delay a start, not prevent it.
 */
async function exclusively<T>(path: string, action: () => Promise<T>): Promise<T> {
  const id = createHash('sha256').update(resolve(path)).digest('hex').slice(0, 32);
  const lock = await takeLock(`\0etherloom-${id}`);
  try {
    return await action();
  } finally {
    lock?.close();
  }
}

async function takeLock(name: string): Promise<NetServer | null> {
  if (process.platform !== 'linux') return null;
  const end = Date.now() + LOCK_MS;
  for (;;) {
    const lock = createNetServer((socket) => socket.destroy());
    const taken = await new Promise<boolean>((done) => {
      lock.once('error', () => done(false));
      lock.listen({ path: name }, () => done(true));
    });
    if (taken) return lock;
    if (Date.now() > end) return null;
    await new Promise((done) => setTimeout(done, LOCK_RETRY_MS));
  }
}

/** Whether somebody listens. One who does not accept in time does listen. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const done = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.setTimeout(PROBE_MS, () => done(true));
    socket.once('connect', () => done(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => done(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function serve(request: IncomingMessage, response: ServerResponse, respond: Respond): void {
  request.resume(); // a body has no meaning here
  const { status, body } = answerTo(request, respond);
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(status === 405 ? { allow: 'GET' } : {}),
  });
  response.end(text);
}

function answerTo(request: IncomingMessage, respond: Respond): Answer {
  if (request.method !== 'GET') return { status: 405, body: { error: `${request.method} is not possible here` } };
  try {
    const url = new URL(request.url ?? '/', 'http://switch');
    return respond(url.pathname.slice(1), url.searchParams);
  } catch (error) {
    return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}
