/**
 * The door of the API where it is open to more than a file's owner: over TCP.
 *
 * Every request carries the token, but those for paths that hold nothing of the switch: the health check, files of the
 * page. `Host` must be an address or localhost, so that a page whose name is turned to this machine cannot ask;
 * `Origin`, which browsers send along, must be this server's own.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HEALTH_PATH } from './routes/health.ts';

interface Refused {
  status: 401 | 403;
  error: string;
}

const OPEN: readonly string[] = [HEALTH_PATH];

/** `name`: the host that the server was told to listen on; `more`: further paths that need no token. */
export function guard(app: FastifyInstance, name: string, token: string, more: readonly string[] = []): void {
  const wanted = digest(token);
  const open = new Set([...OPEN, ...more]);
  app.addHook('onRequest', async (request, reply) => {
    const refused = refusal(request, name, wanted, open);
    if (refused === null) return;
    if (refused.status === 401) reply.header('www-authenticate', 'Bearer');
    await reply.code(refused.status).send({ error: refused.error });
  });
}

function refusal(
  { headers, url }: FastifyRequest,
  name: string,
  wanted: Buffer,
  open: ReadonlySet<string>,
): Refused | null {
  const { host = '', origin, authorization = '' } = headers;
  if (!isOwnHost(host, name)) return { status: 403, error: 'the Host is not an address of this server' };
  if (origin !== undefined && origin !== `http://${host}`) return { status: 403, error: 'the Origin is another site' };
  if (open.has(url.split('?', 1)[0])) return null;
  const given = /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
  if (timingSafeEqual(digest(given), wanted)) return null;
  return { status: 401, error: 'the token is missing or wrong (Authorization: Bearer TOKEN)' };
}

function isOwnHost(host: string, name: string): boolean {
  const bare = host.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) !== 0 || bare.toLowerCase() === 'localhost' || bare.toLowerCase() === name.toLowerCase();
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
