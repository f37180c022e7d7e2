/**
 * The API over TCP, when it is asked for: the same routes behind a token.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { ApiConfig } from '../config/types.ts';
import { SocketError } from './claim-socket.ts';
import { guard } from './guard.ts';
import type { Route } from './route.ts';
import { buildApi } from './server.ts';

const LEAST_TOKEN = 16;
const MOST_TOKEN = 1024;

/** Rejects with SocketError. */
export async function openTcpApi({ listen, tokenFile }: ApiConfig, routes: readonly Route[]): Promise<FastifyInstance> {
  const token = readToken(tokenFile);
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const app = buildApi(routes);
  guard(app, host, token);
  await listenOnTcp(app, { host, port: Number(listen.slice(colon + 1)) }, `api.listen ${listen}`);
  return app;
}

export interface Listen {
  host: string;
  /** 0: one that is free. */
  port: number;
}

/** Rejects with SocketError, which begins with `what`; then `app` is closed. */
export async function listenOnTcp(app: FastifyInstance, listen: Listen, what: string): Promise<void> {
  await app.ready();
  const { server } = app;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new SocketError(`${what}: ${error.message}`)));
      server.listen(listen, () => {
        server.removeAllListeners('error');
        server.on('error', () => {}); // a failed accept is the client's trouble
        resolve();
      });
    });
  } catch (error) {
    await app.close();
    throw error;
  }
}

function readToken(file: string): string {
  const fail = (why: string) => new SocketError(`api.tokenFile ${file}: ${why}`);
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    throw fail((error as Error).message);
  }
  try {
    const { mode } = fstatSync(fd);
    if ((mode & 0o077) !== 0) throw fail('others may read it; valid is mode 0600');
    const bytes = Buffer.alloc(MOST_TOKEN + 1);
    const token = bytes.toString('latin1', 0, readSync(fd, bytes)).trim();
    if (token.length < LEAST_TOKEN || token.length > MOST_TOKEN || !/^[!-~]+$/.test(token)) {
      throw fail(`valid is one word of ${LEAST_TOKEN} to ${MOST_TOKEN} visible ASCII characters`);
    }
    return token;
  } finally {
    closeSync(fd);
  }
}
