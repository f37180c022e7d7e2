/**
 * The page's own server: its files for everybody, and everything that can be read of the switch for who has the token.
 *
 * The token is another one at every start. It stands in the fragment of the address that `run` prints: the part that
 * browsers keep to themselves.
 */

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { guard } from './guard.ts';
import type { Route } from './route.ts';
import { pageRoutes } from './routes/page.ts';
import { buildApi } from './server.ts';
import { type Listen, listenOnTcp } from './tcp.ts';

const TOKEN_BYTES = 16;

/** Serves until `closeApi`. `address` is what to open in a browser. Rejects with SocketError. */
export async function openPage(
  listen: Listen,
  routes: readonly Route[],
): Promise<{ app: FastifyInstance; address: string }> {
  const files = pageRoutes();
  const app = buildApi([...files, ...routes.filter((route) => route.method === 'GET')]);
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const open = files.map((file) => file.path);
  guard(app, listen.host, token, open);
  const name = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  await listenOnTcp(app, listen, `--ui ${name}:${listen.port}`);
  return { app, address: `http://${name}:${(app.server.address() as AddressInfo).port}/#token=${token}` };
}
