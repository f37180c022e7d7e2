/**
 * Events as a stream of server-sent events (HTML standard §9.2): `event: NAME`, `data: JSON`.
 *
 * A client that does not read fast enough is cut off: what waits for it is bounded, and nobody else waits for it. How
 * many may listen is bounded too.
 */

import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { didYouMean, show } from '../../config/error.ts';
import { map } from '../../config/schema/leaf.ts';
import { ControlError } from '../../control/model.ts';
import { beginStream } from '../clients.ts';
import { EVENT_NAMES, type EventName, type SwitchEvent } from '../events.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import type { ApiSwitch } from '../switch.ts';

const MAX_LISTENERS = 16;
/** Bytes that wait for a client: 8,000 events. */
const MAX_WAITING_BYTES = 1 << 20;
/** A comment, so that both ends notice a connection that is dead. */
const HEARTBEAT_MS = 15_000;

const query = map(
  { only: z.string().optional().describe('Names of events, separated by commas. Default: all.') },
  'filters',
);

export function eventRoutes(sw: ApiSwitch): Route[] {
  const listeners = new Set<ServerResponse>();
  return [
    route({
      method: 'GET',
      path: '/v1/events',
      summary: `What happens, as it happens: ${EVENT_NAMES.join(', ')}`,
      query,
      answer: z.string(),
      mediaType: 'text/event-stream',
      handle: ({ query: { only } }, reply) => {
        const names = only === undefined ? null : namesOf(only);
        if (listeners.size >= MAX_LISTENERS) throw new ControlError(`${MAX_LISTENERS} clients listen already`);
        reply.hijack();
        const response = reply.raw;
        listeners.add(response);
        response.on('close', serve(sw, response, names));
        response.on('close', () => listeners.delete(response));
      },
    }),
  ];
}

function namesOf(only: string): ReadonlySet<string> {
  const names = only.split(',');
  for (const name of names) {
    if ((EVENT_NAMES as readonly string[]).includes(name)) continue;
    const hint = didYouMean(name, EVENT_NAMES);
    throw new Refusal(
      `there are no events ${show(name)}${hint === '' ? `; valid are ${EVENT_NAMES.join(', ')}` : hint}`,
    );
  }
  return new Set(names);
}

/** Returns what ends it. */
function serve(sw: ApiSwitch, response: ServerResponse, names: ReadonlySet<EventName | string> | null): () => void {
  beginStream(response);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const write = (text: string) => {
    if (text === '') return;
    if (response.writableLength + text.length > MAX_WAITING_BYTES) response.destroy();
    else response.write(text);
  };
  write(`: ${sw.readable.directory.name}\n\n`);
  const heartbeat = setInterval(() => write(':\n\n'), HEARTBEAT_MS);
  const silence = sw.events.listen((events) => {
    write(events.map((event) => (names === null || names.has(event.event) ? textOf(event) : '')).join(''));
  });
  return () => {
    clearInterval(heartbeat);
    silence();
  };
}

function textOf(event: SwitchEvent): string {
  return `event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`;
}
