/**
 * A trace as it is asked for, on the command line and over the control socket: names and text in, a trace out.
 */

import type { Answer } from '../api/control-socket.ts';
import type { ReadableSwitch } from '../api/reader.ts';
import { TraceError } from './error.ts';
import { readHex } from './read-frame.ts';
import { trace } from './trace.ts';
import type { Trace } from './types.ts';
import { copyWorld, type Learned, learnBefore, type World } from './world.ts';

export interface Question {
  port: string;
  bytes: Uint8Array;
  /** Where `bytes` are only the first of the frame. */
  wireLength?: number | undefined;
  /** What the switch is to know before. */
  learned: readonly Learned[];
}

export function ask(world: World, { port, bytes, wireLength, learned }: Question): Trace {
  for (const each of learned) learnBefore(world, each);
  return trace(world, { port, bytes, wireLength });
}

const MAX_LEARNED = 256;

/** `02:00:00:00:00:02@p2`, or with a VLAN that is not the port's PVID `…@p2/20`. */
export function readLearned(text: string): Learned {
  const match = /^([0-9a-fA-F:.-]+)@([^/]+)(?:\/(\d{1,4}))?$/.exec(text);
  if (match === null) throw new TraceError(`"${text.slice(0, 80)}" is not MAC@PORT or MAC@PORT/VLAN`);
  const [, mac, port, vid] = match;
  return { mac, port, ...(vid === undefined ? {} : { vid: Number(vid) }) };
}

export function learnedText({ mac, port, vid }: Learned): string {
  return vid === undefined ? `${mac}@${port}` : `${mac}@${port}/${vid}`;
}

/** The query of a question, and the question of a query. */
export function queryOf({ port, bytes, wireLength, learned }: Question): Record<string, string> {
  return {
    port,
    frame: Buffer.from(bytes).toString('hex'),
    ...(wireLength === undefined ? {} : { length: String(wireLength) }),
    ...(learned.length === 0 ? {} : { learned: learned.map(learnedText).join(',') }),
  };
}

export function questionOf(query: URLSearchParams): Question {
  const known = ['port', 'frame', 'length', 'learned'];
  for (const key of query.keys()) {
    if (!known.includes(key)) throw new TraceError(`trace has no parameter "${key.slice(0, 40)}"`);
  }
  const port = query.get('port');
  const frame = query.get('frame');
  if (port === null || frame === null) throw new TraceError('trace needs port and frame');
  const length = query.get('length');
  if (length !== null && !/^\d{1,9}$/.test(length)) throw new TraceError('length is not a number');
  const learned = (query.get('learned') ?? '').split(',').filter((each) => each !== '');
  if (learned.length > MAX_LEARNED) throw new TraceError(`learned has more than ${MAX_LEARNED} addresses`);
  return {
    port,
    bytes: readHex(frame),
    ...(length === null ? {} : { wireLength: Number(length) }),
    learned: learned.map(readLearned),
  };
}

/** GET /trace of a running switch. */
export function answerTrace(readable: ReadableSwitch, query: URLSearchParams, nowMs: number): Answer {
  try {
    const question = questionOf(query);
    return { status: 200, body: { switch: readable.directory.name, ...ask(copyWorld(readable, nowMs), question) } };
  } catch (error) {
    if (error instanceof TraceError) return { status: 400, body: { error: error.message } };
    throw error;
  }
}
