/** The switch as a whole: who it is, whether it lives, its counters. */

import { z } from 'zod';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { doneAnswer, workersAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';
import { workerViews } from '../worker-view.ts';

export function switchRoutes(sw: ApiSwitch): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/switch',
      summary: 'Name, version, time since the start',
      answer: z.object({
        switch: z.string(),
        version: z.string(),
        uptimeSeconds: z.number().describe('Since the process began.'),
        ports: z.number(),
        activeSeconds: z.number().describe('The threads that forward at work since their start, together.'),
        confirmSeconds: z.number().nullable().describe('Until the last change is taken back; null when none waits.'),
      }),
      handle: () => ({
        switch: sw.readable.directory.name,
        version: sw.version,
        uptimeSeconds: process.uptime(),
        ports: sw.readable.directory.ports.length,
        activeSeconds: sw.workers().reduce((sum, { activeSeconds }) => sum + activeSeconds, 0),
        confirmSeconds: sw.confirmSeconds,
      }),
    },
    {
      method: 'GET',
      path: '/v1/workers',
      summary: 'Threads that forward: what each has received, and how busy it is',
      answer: workersAnswer,
      handle: () => ({
        switch: sw.readable.directory.name,
        workers: workerViews(sw.readable, sw.workers()),
      }),
    },
    route({
      method: 'POST',
      path: '/v1/workers/:worker/restart',
      summary: 'Ends a thread that forwards, as a defect would: it is started again and its ports go on',
      params: z.object({ worker: z.coerce.number().int().min(0) }),
      answer: doneAnswer,
      handle: async ({ params: { worker } }) => {
        if (sw.workers().every((each) => each.worker !== worker)) throw new Refusal(`there is no worker ${worker}`);
        await sw.make({ do: 'restart-worker', worker });
        return { switch: sw.readable.directory.name, done: true };
      },
    }),
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
