/**
 * `etherloom trace --live FILTER`: the next frames of a running switch that the filter wants, each with its way.
 *
 * A capture brings the frames and what became of them; the way is traced in the tables as they are a moment later, when
 * the source of the frame is learned already. What comes faster than it is traced waits in the capture's ring, and what
 * finds no room there is lost and counted.
 */

import { AskError, askSwitch, openStream } from '../api/control-client.ts';
import { TraceError } from '../trace/error.ts';
import { queryOf } from '../trace/question.ts';
import type { Trace } from '../trace/types.ts';
import { type AskIo, BAD_USAGE, FAILED, OK, type SwitchOptions, socketOf, TERMINAL } from './asking.ts';
import { line, type Shown, shown } from './capture.ts';
import { takeCapture, written } from './capture-stream.ts';
import { complain } from './complain.ts';
import { wayText } from './text/trace.ts';

export interface LiveOptions extends SwitchOptions {
  /** As tcpdump's; empty for every frame. */
  live: string;
  port?: string | undefined;
  count?: number | undefined;
  json: boolean;
}

const COUNT = 10;
/** An offloaded super-frame is judged by its segments: so is its head here, unless its length was its end. */
const HEAD_BYTES = 1514;
const MAX_FRAME_BYTES = 65_535;

export async function traceLive(options: LiveOptions, io: AskIo = TERMINAL): Promise<number> {
  const { live, port, count = COUNT, json } = options;
  io.out.on('error', () => {}); // told in the callback of the write
  const say = (text: string) => complain(io.err, text);
  try {
    const socket = await socketOf(options);
    const query = { dir: 'in', snaplen: String(MAX_FRAME_BYTES), count: String(count) };
    const filter = { ...(live === '' ? {} : { filter: live }), ...(port === undefined ? {} : { port }) };
    const stream = await openStream(socket, '/v1/capture', { ...query, ...filter });
    let traced = 0;
    const { stopped, lost } = await takeCapture(stream, async (_piece, frames) => {
      while (frames?.next() === true) {
        const frame = shown(frames);
        const found = await traceOf(socket, frame, frames.buffer.slice(frames.offset, frames.offset + frames.capLen));
        const text = json ? `${JSON.stringify({ comment: frame.comment, ...found })}\n` : textOf(frame, found);
        if (!(await written(io.out, text))) return false;
        traced++;
      }
      return true;
    });
    if (lost > 0) say(`${lost} frames came faster than they could be traced and are lost`);
    if (stopped || traced >= count) return OK;
    say('the switch ended the capture');
    return FAILED;
  } catch (error) {
    if (!(error instanceof AskError || error instanceof TraceError)) throw error;
    say(error.message);
    return error instanceof TraceError || error.usage ? BAD_USAGE : FAILED;
  }
}

async function traceOf(socket: string, { port, comment }: Shown, bytes: Uint8Array): Promise<Trace> {
  const head = comment.includes('TOO_LONG') ? bytes : bytes.subarray(0, HEAD_BYTES);
  const body = queryOf({ port, bytes: head, learned: [] });
  return (await askSwitch(socket, { method: 'POST', path: '/v1/trace', body })) as Trace;
}

function textOf(frame: Shown, found: Trace): string {
  return `${line(frame)}\n${wayText(found)}\n`;
}
