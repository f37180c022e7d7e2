/** The switch as a whole: who it is, whether it lives, its counters. */

import { z } from 'zod';
import type { Route } from '../route.ts';
import { doneAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';

export function switchRoutes(sw: ApiSwitch): Route[] {
  const began = performance.now();
  return [
    {
      method: 'GET',
      path: '/v1/switch',
      summary: 'Name, version, time since the start',
      answer: z.object({
        switch: z.string(),
        version: z.string(),
        uptimeSeconds: z.number(),
        ports: z.number(),
        activeSeconds: z.number().describe('The forwarding thread at work since the start.'),
        confirmSeconds: z.number().nullable().describe('Until the last change is taken back; null when none waits.'),
      }),
      handle: () => ({
        switch: sw.readable.directory.name,
        version: sw.version,
        uptimeSeconds: (performance.now() - began) / 1000,
        ports: sw.readable.directory.ports.length,
        activeSeconds: sw.load().activeSeconds,
        confirmSeconds: sw.confirmSeconds,
      }),
    },
    {
      method: 'POST',
      path: '/v1/counters/reset',
      summary: 'Counts from zero again: ports, VLANs, drops',
      answer: doneAnswer,
      handle: async () => {
        await sw.make({ do: 'reset-counters' });
        return { switch: sw.readable.directory.name, done: true };
      },
    },
  ];
}
