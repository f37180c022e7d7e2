/** Whether the switch forwards, for whoever restarts it when it does not. */

import { z } from 'zod';
import { type Route, route } from '../route.ts';
import type { ApiSwitch } from '../switch.ts';

export const HEALTH_PATH = '/healthz';
const PATIENCE_MS = 1000;

export function healthRoutes(sw: ApiSwitch): Route[] {
  return [
    route({
      method: 'GET',
      path: HEALTH_PATH,
      summary: 'ok when the forwarding thread answers within a second; 503 when it does not',
      answer: z.object({ status: z.literal('ok') }),
      handle: async (_, reply) => {
        if (await answersInTime(sw)) return { status: 'ok' };
        reply.code(503);
        return { error: 'the forwarding thread does not answer' };
      },
    }),
  ];
}

async function answersInTime(sw: ApiSwitch): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS);
  });
  const answers = sw.ping().then(
    () => true,
    () => false,
  );
  const inTime = await Promise.race([answers, late]);
  clearTimeout(timer);
  return inTime;
}
