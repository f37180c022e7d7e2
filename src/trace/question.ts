/**
 * A trace or an explanation as it is asked for, on the command line and over the control socket: names and text.
 */

import { TraceError } from './error.ts';
import { readHex } from './read-frame.ts';
import type { Learned } from './world.ts';

export interface Question {
  port: string;
  bytes: Uint8Array;
  /** Where `bytes` are only the first of the frame. */
  wireLength?: number | undefined;
  /** What the switch is to know before. */
  learned: readonly Learned[];
  /** explain: the port that it should leave by. */
  to?: string | undefined;
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
export function queryOf({ port, bytes, wireLength, learned, to }: Question): Record<string, string> {
  return {
    port,
    frame: Buffer.from(bytes).toString('hex'),
    ...(wireLength === undefined ? {} : { length: String(wireLength) }),
    ...(learned.length === 0 ? {} : { learned: learned.map(learnedText).join(',') }),
    ...(to === undefined ? {} : { to }),
  };
}

export function questionOf(query: URLSearchParams): Question {
  const known = ['port', 'frame', 'length', 'learned', 'to'];
  for (const key of query.keys()) {
    if (!known.includes(key)) throw new TraceError(`there is no parameter "${key.slice(0, 40)}"`);
  }
  const port = query.get('port');
  const frame = query.get('frame');
  if (port === null || frame === null) throw new TraceError('port and frame are needed');
  const length = query.get('length');
  const to = query.get('to');
  if (length !== null && !/^\d{1,9}$/.test(length)) throw new TraceError('length is not a number');
  const learned = (query.get('learned') ?? '').split(',').filter((each) => each !== '');
  if (learned.length > MAX_LEARNED) throw new TraceError(`learned has more than ${MAX_LEARNED} addresses`);
  return {
    port,
    bytes: readHex(frame),
    ...(length === null ? {} : { wireLength: Number(length) }),
    learned: learned.map(readLearned),
    ...(to === null ? {} : { to }),
  };
}
