/**
 * The page for browsers: the files that the build put beside this room, as they are.
 *
 * They hold nothing of the switch. What may be loaded and from where is said in the answer (CSP): this server's own
 * files, and nothing that stands in the page itself.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { z } from 'zod';
import type { Route } from '../route.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const INDEX = 'index.html';
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

/** `folder` is what the build makes of src/page. */
export function pageRoutes(folder: URL = new URL('../../page/', import.meta.url)): Route[] {
  return readdirSync(folder)
    .filter((file) => TYPES[extname(file)] !== undefined)
    .map((file): Route => {
      const text = readFileSync(new URL(file, folder), 'utf8');
      return {
        method: 'GET',
        path: file === INDEX ? '/' : `/${file}`,
        summary: 'A file of the page',
        answer: z.string(),
        mediaType: TYPES[extname(file)],
        handle: (_input, reply) => {
          reply.headers(HEADERS);
          return text;
        },
      };
    });
}
