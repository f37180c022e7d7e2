/**
 * A capture as a stream of pcapng, from the request on until the client goes away or has what it wanted.
 *
 * The forwarding thread fills a ring and never waits for anybody. This end empties it every few milliseconds, as far
 * as the client reads; what a slow client leaves in the ring until it is full is lost, and the stream says how much.
 */

import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { CAPTURE_DROP, CAPTURE_IN, CAPTURE_OUT } from '../../capture/record.ts';
import type { TapSpec } from '../../capture/tap.ts';
import { noSuch } from '../../config/error.ts';
import { map } from '../../config/schema/leaf.ts';
import { ControlError } from '../../control/model.ts';
import { FilterError } from '../../filter/error.ts';
import { beginStream } from '../clients.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import type { ApiSwitch, RunningCapture } from '../switch.ts';

const MAX_CAPTURES = 4;
const TURN_MS = 20;
/** Taken from the ring at one go, and bytes that may wait for the client. */
const PIECE_BYTES = 256 * 1024;
const MAX_WAITING_BYTES = 4 << 20;
const MAX_SNAP_LENGTH = 262_144;
const MAX_COUNT = 1_000_000_000;

const DIRECTIONS: Readonly<Record<string, number>> = { in: CAPTURE_IN, out: CAPTURE_OUT, drop: CAPTURE_DROP };

const query = map(
  {
    port: z.string().optional().describe('Names of ports, separated by commas. Default: all.'),
    dir: z.string().optional().describe('in, out, drop, or several, separated by commas. Default: in,out.'),
    filter: z.string().optional().describe("A filter in libpcap's syntax. Default: every frame."),
    snaplen: z.string().optional().describe('Bytes kept of each frame. Default: all.'),
    count: z.string().optional().describe('Frames after which the capture ends. Default: it does not.'),
  },
  'filters',
);

export function captureRoutes(sw: ApiSwitch): Route[] {
  let running = 0;
  return [
    route({
      method: 'GET',
      path: '/v1/capture',
      summary: 'Frames as they pass, as a stream of pcapng',
      query,
      answer: z.string(),
      mediaType: 'application/vnd.tcpdump.pcap',
      handle: async ({ query: wanted }, reply) => {
        const spec = specOf(sw, wanted);
        const most = number(wanted.count, 'count', MAX_COUNT) ?? 0;
        if (running >= MAX_CAPTURES) throw new ControlError(`${MAX_CAPTURES} captures run already`);
        running++;
        try {
          const capture = await started(sw, spec, most);
          reply.hijack();
          // For a client that went away meanwhile there is no `close` to come.
          if (reply.raw.destroyed) {
            running--;
            capture.stop();
            return;
          }
          reply.raw.on('close', () => running--);
          stream(capture, reply.raw);
        } catch (error) {
          running--;
          throw error;
        }
      },
    }),
  ];
}

function specOf(sw: ApiSwitch, wanted: z.output<typeof query>): TapSpec {
  const names = sw.readable.directory.ports.map((port) => port.name);
  const ports = wanted.port === undefined ? [] : wanted.port.split(',');
  for (const port of ports) {
    if (!names.includes(port)) throw new Refusal(noSuch('port', port, names));
  }
  let directions = 0;
  for (const direction of (wanted.dir ?? 'in,out').split(',')) {
    if (!Object.hasOwn(DIRECTIONS, direction)) {
      throw new Refusal(`"${direction.slice(0, 40)}" is no direction; valid are in, out, drop, or several: in,drop`);
    }
    directions |= DIRECTIONS[direction];
  }
  const snapLen = number(wanted.snaplen, 'snaplen', MAX_SNAP_LENGTH) ?? MAX_SNAP_LENGTH;
  return { ports, directions, filter: wanted.filter ?? '', snapLen };
}

function number(text: string | undefined, name: string, most: number): number | undefined {
  if (text === undefined) return undefined;
  const n = Number(text);
  if (/^\d{1,10}$/.test(text) && n >= 1 && n <= most) return n;
  throw new Refusal(`${name}: "${text.slice(0, 40)}" is not valid; valid are 1-${most}`);
}

async function started(sw: ApiSwitch, spec: TapSpec, most: number): Promise<RunningCapture> {
  try {
    return await sw.capture(spec, most);
  } catch (error) {
    if (error instanceof FilterError) throw new Refusal(error.message);
    throw error;
  }
}

function stream({ feed, stop }: RunningCapture, response: ServerResponse): void {
  beginStream(response);
  response.writeHead(200, { 'content-type': 'application/vnd.tcpdump.pcap', 'cache-control': 'no-store' });
  const turn = () => {
    while (response.writableLength < MAX_WAITING_BYTES) {
      const piece = feed.take(PIECE_BYTES);
      if (piece.length === 0) break;
      response.write(piece);
      if (piece.length < PIECE_BYTES) break;
    }
    if (feed.isComplete) response.end();
  };
  const timer = setInterval(turn, TURN_MS);
  response.on('close', () => {
    clearInterval(timer);
    stop();
  });
  turn();
}
