/**
 * The events of a running switch, as they come.
 */

import { request } from 'node:http';
import { AskError, notASwitch, refusalOf, unreachable } from '../api/control-client.ts';
import { EVENT_NAMES, type SwitchEvent } from '../api/events.ts';

/** An event is a line of a few hundred bytes; what has none for so long is no stream of events. */
const MAX_LINE = 1 << 20;

export interface EventStream {
  /** Resolves when the switch has ended the stream; rejects with AskError. */
  readonly ended: Promise<void>;
  close(): void;
}

/** `only`: names of events, separated by commas; all when left out. */
export function openEvents(
  socketPath: string,
  only: string | undefined,
  take: (event: SwitchEvent) => void,
): EventStream {
  const path = `/v1/events${only === undefined ? '' : `?only=${encodeURIComponent(only)}`}`;
  let call: ReturnType<typeof request> | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    call = request({ socketPath, path, agent: false }, (response) => {
      const isStream = response.headers['content-type'] === 'text/event-stream';
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        if (!isStream) return;
        const lines = text.split('\n');
        text = lines.pop()!;
        for (const line of lines) {
          const event = eventOf(line);
          if (event !== null) take(event);
        }
        if (text.length > MAX_LINE) call?.destroy(notASwitch(socketPath));
      });
      response.on('end', () => {
        if (isStream) resolve();
        else reject(refusalOf(Buffer.from(text), response.statusCode ?? 500, socketPath));
      });
      response.on('error', () => resolve()); // cut off
    });
    call.on('error', (error) => reject(error instanceof AskError ? error : unreachable(socketPath, error)));
    call.end();
  });
  return { ended, close: () => void call?.destroy() };
}

function eventOf(line: string): SwitchEvent | null {
  if (!line.startsWith('data: ')) return null;
  try {
    const event = JSON.parse(line.slice(6)) as SwitchEvent;
    return (EVENT_NAMES as readonly string[]).includes(event.event) ? event : null;
  } catch {
    return null;
  }
}
