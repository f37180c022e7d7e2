/**
 * The OpenAPI 3.1 document of the routes, made from the schemas that check their requests.
 */

import { z } from 'zod';
import type { Route } from './route.ts';

type Json = Record<string, unknown>;

export function openapi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Etherloom',
      version,
      description:
        'Reading and changing a running switch, over its Unix socket. Every error is an object with the key `error`. ' +
        'A change is made whole or not at all.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: { Error: { type: 'object', properties: { error: { type: 'string' } }, required: ['error'] } },
    },
  };
}

function operation({
  method,
  path,
  summary,
  params,
  query,
  body,
  answer,
  mediaType = 'application/json',
}: Route): Json {
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')];
  const words = path.split(/[/:]+/).filter((word) => word !== '' && word !== 'v1');
  return {
    operationId: [method.toLowerCase(), ...words].join('-'),
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } }),
    responses: {
      200: { description: 'Done.', content: { [mediaType]: { schema: schemaOf(answer, 'output') } } },
      400: refusal('The request is wrong; nothing has changed.'),
      ...(method === 'GET' ? {} : { 409: refusal('The change cannot be made; nothing has changed.') }),
      503: refusal('All places are taken, or this one was given to another client: come again.'),
    },
  };
}

function refusal(description: string): Json {
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
}

function parametersOf(schema: z.ZodObject | undefined, where: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: where,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
