/** Searching the forwarding database as one types, with a bounded answer. */

import { z } from 'zod';
import { map } from '../../config/schema/leaf.ts';
import { fdbSearch } from '../fdb-search.ts';
import { type Route, route } from '../route.ts';
import { foundAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';

const MAX_ENTRIES = 1000;

const query = map(
  {
    text: z.string().default('').describe('The beginning or end of an address, a port, a VLAN ID or name.'),
    limit: z
      .string()
      .default('100')
      .transform(Number)
      .pipe(
        z
          .number({ error: () => 'is not a number' })
          .int()
          .min(1)
          .max(MAX_ENTRIES),
      )
      .describe(`Entries in the answer, at most ${MAX_ENTRIES}.`),
  },
  'filters',
);

export function searchRoutes(sw: ApiSwitch): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/fdb/search',
      summary: 'Entries that match what one types, and how many there are',
      query,
      answer: foundAnswer,
      handle: ({ query: { text, limit } }) => ({
        switch: sw.readable.directory.name,
        ...fdbSearch(sw.readable, text, limit, sw.nowMs()),
      }),
    }),
  ];
}
