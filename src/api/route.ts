/**
 * A route: what a request may hold, what it is answered, and how. The same schemas check requests and make the OpenAPI
 * document, so that the two cannot differ.
 *
 * A file of `routes/` is one group. Handlers return the body of a 200, or throw: Refusal, ConfigError, EditError
 * and whatever the schemas refuse are 400, ControlError 409, everything else 500.
 */

import type { FastifyReply } from 'fastify';
import type { z } from 'zod';

export interface Route {
  method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** `/v1/ports/:port` */
  path: string;
  /** Another path, from before the API had versions. */
  alias?: string;
  /** One line. */
  summary: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Bytes; 64 KiB when left out. */
  bodyLimit?: number;
  /** What a 200 holds. */
  answer: z.ZodType;
  /** Not JSON: the media type. */
  mediaType?: string | undefined;
  handle(input: Input, reply: FastifyReply): unknown;
}

interface Input {
  params: never;
  query: never;
  /** As it came, once its schema has taken it: parts of a configuration keep what was left out. */
  body: never;
}

type Output<T> = T extends z.ZodType ? z.output<T> : undefined;
type Sent<T> = T extends z.ZodType ? z.input<T> : undefined;

/** Types what the handler is given by its schemas. */
export function route<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  r: Omit<Route, 'handle' | 'params' | 'query' | 'body'> & {
    params?: P;
    query?: Q;
    body?: B;
    handle(input: { params: Output<P>; query: Output<Q>; body: Sent<B> }, reply: FastifyReply): unknown;
  },
): Route {
  return r as unknown as Route;
}
