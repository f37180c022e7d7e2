/**
 * The file of a control socket: who may have it, and listening on it with mode 0660 (owner and group of the process).
 *
 * A file that a killed switch left is taken over; one that a switch listens on is not.
 */

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname, resolve } from 'node:path';
import { makeSocketDirectory } from './socket-path.ts';

/** Long enough for a busy main thread. */
const PROBE_MS = 2000;
const LOCK_MS = 5000;
const LOCK_RETRY_MS = 20;

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

/** Makes `server` listen on `path` with mode 0660. Call `claimSocket` before anything is opened. */
export async function listenOnSocket(server: Server, path: string, name: string): Promise<void> {
  try {
    makeSocketDirectory(path);
  } catch (error) {
    throw new SocketError(`control socket ${path}: ${(error as Error).message}`);
  }
  if (!existsSync(dirname(path))) throw new SocketError(`control socket ${path}: there is no such directory`);
  await exclusively(path, async () => {
    await claimSocket(path, name);
    await bind(server, path);
  });
}

/**
 * The file is the sign that the switch is there, so it comes to its place when somebody listens behind it: bound beside
 * it and moved there, over what a killed switch left.
 */
function bind(server: Server, path: string): Promise<void> {
  const beside = `${path}~`;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new SocketError(`control socket ${path}: ${error.message}`));
    server.once('error', fail);
    // The file is never there with another mode, not even for a moment.
    const umask = process.umask(0o117);
    try {
      rmSync(beside, { force: true });
      server.listen({ path: beside }, () => {
        server.removeAllListeners('error');
        server.on('error', () => {}); // a failed accept (no descriptors left) is the client's trouble
        try {
          renameSync(beside, path);
          removeWith(server, path);
          resolve();
        } catch (error) {
          server.close();
          fail(error as Error);
        }
      });
    } catch (error) {
      fail(error as Error);
    } finally {
      process.umask(umask);
    }
  });
}

/** The file goes with the server, unless another one is in its place by then. */
function removeWith(server: Server, path: string): void {
  const { ino } = lstatSync(path);
  server.once('close', () => {
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
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

async function takeLock(name: string): Promise<Server | null> {
  if (process.platform !== 'linux') return null;
  const end = Date.now() + LOCK_MS;
  for (;;) {
    const lock = createServer((socket) => socket.destroy());
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
