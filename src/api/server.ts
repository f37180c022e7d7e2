/**
 * The HTTP API: routes on fastify, on the main thread.
 *
 * Clients cannot hold up forwarding, which is another thread; and they cannot hold up each other for long
 * (bounded-server.ts). Every error is `{ "error": "…" }`.
 */

import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { z } from 'zod';
import { EditError } from '../config/edit.ts';
import { ConfigError } from '../config/error.ts';
import { unknownKey } from '../config/schema/leaf.ts';
import { ControlError } from '../control/model.ts';
import { boundedServer, closeServer, PATIENCE_MS } from './bounded-server.ts';
import { listenOnSocket } from './claim-socket.ts';
import type { Answering } from './door.ts';
import { Refusal } from './refusal.ts';
import type { Route } from './route.ts';

const MAX_BODY_BYTES = 64 * 1024;
/** Bytes of a streamed answer that wait for a slow reader. */
const STREAM_BYTES = 256 * 1024;

/** Serves the routes on a Unix socket until `closeApi`. */
export async function openApi(path: string, name: string, routes: readonly Route[]): Promise<FastifyInstance> {
  const app = buildApi(routes);
  await app.ready();
  try {
    await listenOnSocket(app.server, path, name);
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}

/** Ends every connection; the file of a Unix socket goes with it. */
export async function closeApi(app: FastifyInstance): Promise<void> {
  await closeServer(app.server);
  await app.close();
}

/** The routes, for a server that listens already. */
export async function answerOn(server: Server, routes: readonly Route[]): Promise<Answering> {
  let answer: RequestListener | undefined;
  const app = buildApi(routes, (handler) => {
    answer = handler;
    return server;
  });
  await app.ready();
  return { handler: answer!, close: () => app.close() };
}

/** The routes, listening nowhere yet. */
export function buildApi(
  routes: readonly Route[],
  serverFor: (handler: RequestListener) => Server = boundedServer,
): FastifyInstance {
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    serverFactory: serverFor,
    frameworkErrors: (error, _request, reply) =>
      refuse(reply as unknown as FastifyReply, error.statusCode ?? 400, error.message),
  });
  // Clients say application/json of every request, also of one without a body.
  const json = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text: string, done) => {
    if (text === '') done(null);
    else void json(request, text, done);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => refuse(reply, statusOf(error), error.message));
  app.setNotFoundHandler((request, reply) => answerUnknown(routes, request.method, request.url, reply));
  for (const route of routes) {
    for (const url of [route.path, ...(route.alias === undefined ? [] : [route.alias])]) register(app, route, url);
  }
  return app;
}

function register(app: FastifyInstance, route: Route, url: string): void {
  const { method, params, query, body, bodyLimit, mediaType = 'application/json' } = route;
  app.route({
    method,
    url,
    exposeHeadRoute: false,
    ...(bodyLimit === undefined ? {} : { bodyLimit }),
    handler: (request, reply) => {
      const input = {
        params: read(params, request.params, 'path'),
        query: read(query, request.query, 'query', url),
        body: body === undefined ? undefined : given(body, request.body),
      };
      const answer = route.handle(input as Parameters<Route['handle']>[0], reply);
      // What is there at once leaves at once: no turn of the event loop, no timer.
      if (answer instanceof Promise) return later(request.raw.socket, reply, answer, mediaType);
      if (!reply.sent) send(reply, mediaType, answer);
      return undefined;
    },
  });
}

/** The request is here, and its answer may take longer than a client may dawdle: a device that opens slowly. */
async function later(
  socket: Partial<Socket>, // of a test it is none
  reply: FastifyReply,
  answer: Promise<unknown>,
  mediaType: string,
): Promise<FastifyReply> {
  socket.setTimeout?.(0);
  try {
    const made = await answer;
    return reply.sent ? reply : send(reply, mediaType, made);
  } finally {
    if (!reply.sent) socket.setTimeout?.(PATIENCE_MS);
  }
}

/** JSON gets its line break: people read it with curl. */
function send(reply: FastifyReply, mediaType: string, answer: unknown): FastifyReply {
  reply.type(mediaType);
  if (typeof answer === 'string') return reply.send(answer);
  if (isPieces(answer)) return sendPieces(reply, answer);
  return reply.send(`${JSON.stringify(answer)}\n`);
}

/** A short answer leaves as one: a stream costs more than most answers. */
function sendPieces(reply: FastifyReply, answer: Generator<string | Buffer>): FastifyReply {
  const first: Buffer[] = [];
  for (let bytes = 0; bytes < STREAM_BYTES; bytes += first[first.length - 1].length) {
    const { value, done } = answer.next();
    if (done) return reply.send(Buffer.concat(first));
    first.push(Buffer.from(value));
  }
  return reply.send(Readable.from(resumed(first, answer), { objectMode: false, highWaterMark: STREAM_BYTES }));
}

function* resumed(first: readonly Buffer[], rest: Generator<string | Buffer>): Generator<string | Buffer> {
  try {
    yield* first;
    yield* rest;
  } finally {
    rest.return(undefined);
  }
}

function isPieces(answer: unknown): answer is Generator<string | Buffer> {
  return typeof answer === 'object' && answer !== null && Symbol.iterator in answer && 'next' in answer;
}

function read(schema: z.ZodObject | undefined, value: unknown, where: string, url = ''): unknown {
  if (schema !== undefined) return parsed(schema, value, where);
  const [unknown] = Object.keys(value as object);
  if (where === 'query' && unknown !== undefined) throw new Refusal(`${url} has no filter "${unknown.slice(0, 40)}"`);
  return undefined;
}

function given(schema: z.ZodType, body: unknown): unknown {
  if (body === undefined || body === null) throw new Refusal('the request has no body; valid is JSON');
  parsed(schema, body, 'body');
  return body;
}

function parsed(schema: z.ZodType, value: unknown, where: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [where, ...issue.path];
  if (issue.code !== 'unrecognized_keys') throw new Refusal(`${path.join('.')}: ${issue.message}`);
  const [key] = issue.keys;
  throw new Refusal(`${[...path, key.slice(0, 40)].join('.')}: ${unknownKey(key, issue.message)}`);
}

function refuse(reply: FastifyReply, status: number, error: string): void {
  void reply.code(status).send({ error });
}

function statusOf(error: FastifyError): number {
  const isRefusal = error instanceof Refusal || error instanceof ConfigError || error instanceof EditError;
  if (isRefusal) return 400;
  if (error instanceof ControlError) return 409;
  return error.statusCode ?? 500;
}

function answerUnknown(routes: readonly Route[], method: string, url: string, reply: FastifyReply): void {
  const path = url.split('?', 1)[0];
  const here = routes.filter(
    (route) => matches(route.path, path) || (route.alias !== undefined && route.alias === path),
  );
  if (here.length === 0) {
    refuse(reply, 404, `there is nothing at ${path.slice(0, 80)}; GET /openapi.json says what is`);
    return;
  }
  const allow = here.map((route) => route.method).join(', ');
  refuse(reply.header('allow', allow), 405, `${method} is not possible here; valid are ${allow}`);
}

function matches(pattern: string, path: string): boolean {
  const parts = path.split('/');
  const wanted = pattern.split('/');
  return parts.length === wanted.length && wanted.every((part, i) => part.startsWith(':') || part === parts[i]);
}
