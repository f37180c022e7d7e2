/**
 * Schema of what the process around the switch does: serving the API beyond its socket, keeping state. Read at the start.
 */
import type { z } from 'zod';
import { boolean, map, text } from './leaf.ts';

const path = (what: string) => text('a path', `valid is the path of ${what}`);

export const apiSection = map(
  {
    listen: text('an address', 'valid is HOST:PORT or [IPV6]:PORT').describe(
      'HOST:PORT or [IPV6]:PORT to serve the API on, over TCP, beside the Unix socket.',
    ),
    tokenFile: path('a file with the token').describe(
      'File with the token that every request must carry (Authorization: Bearer TOKEN); for its owner alone.',
    ),
  },
  'API settings',
);

export const stateSection = map(
  {
    file: path('a file').describe('What changed while the switch ran is kept here and is there again after a restart.'),
    fdb: boolean().default(false).describe('Keep learned addresses as well.'),
  },
  'state settings',
);

export type RawApi = z.output<typeof apiSection>;
export type RawState = z.output<typeof stateSection>;
