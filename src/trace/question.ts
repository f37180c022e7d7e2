/**
 * A trace or an explanation as it is asked for, on the command line and over the control socket: names and text.
 */

import type { SampleView } from '../api/sample-view.ts';
import { TraceError } from './error.ts';
import { readFields, readHex } from './read-frame.ts';
import type { Learned } from './world.ts';

export interface Question {
  port: string;
  bytes: Uint8Array;
  /** Where `bytes` are only the first of the frame. */
  wireLength?: number | undefined;
  /** What the switch is to know beforehand. */
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

function learnedText({ mac, port, vid }: Learned): string {
  return vid === undefined ? `${mac}@${port}` : `${mac}@${port}/${vid}`;
}

/** The query of a question, and the question of a query. */
export function queryOf({ port, bytes, wireLength, ...rest }: Question): Record<string, string> {
  const frame = { port, frame: Buffer.from(bytes).toString('hex') };
  return queryOfRest(rest, wireLength === undefined ? frame : { ...frame, length: String(wireLength) });
}

/** `frame` says which frame: its bytes, or the sample that it is. */
export function queryOfRest(
  { learned, to }: Pick<Question, 'learned' | 'to'>,
  frame: Record<string, string>,
): Record<string, string> {
  return {
    ...frame,
    ...(learned.length === 0 ? {} : { learned: learned.map(learnedText).join(',') }),
    ...(to === undefined ? {} : { to }),
  };
}

/** `samples` are what `drop` may name. */
export function questionOf(query: URLSearchParams, samples: () => readonly SampleView[]): Question {
  const known = ['port', 'frame', 'eth', 'length', 'drop', 'learned', 'to'];
  for (const key of query.keys()) {
    if (!known.includes(key)) throw new TraceError(`there is no parameter "${key.slice(0, 40)}"`);
  }
  const to = query.get('to');
  const learned = (query.get('learned') ?? '').split(',').filter((each) => each !== '');
  if (learned.length > MAX_LEARNED) throw new TraceError(`learned has more than ${MAX_LEARNED} addresses`);
  const rest = { learned: learned.map(readLearned), ...(to === null ? {} : { to }) };
  const drop = query.get('drop');
  if (drop === null) return { ...rest, ...frameOf(query) };
  if (['port', 'frame', 'eth', 'length'].some((key) => query.has(key))) {
    throw new TraceError('drop or port and frame, not both');
  }
  return { ...rest, ...frameOfSample(samples(), drop) };
}

type Frame = Pick<Question, 'port' | 'bytes' | 'wireLength'>;

function frameOf(query: URLSearchParams): Frame {
  const port = query.get('port');
  const frame = query.get('frame');
  const eth = query.get('eth');
  if (port === null || (frame === null) === (eth === null)) {
    throw new TraceError('port and frame or eth are needed, or drop');
  }
  if (eth !== null) return { port, bytes: readFields(eth) };
  const length = query.get('length');
  if (length !== null && !/^\d{1,9}$/.test(length)) throw new TraceError('length is not a number');
  return { port, bytes: readHex(frame!), ...(length === null ? {} : { wireLength: Number(length) }) };
}

/** The frame of a sample as it came: what was not kept of it is payload, which decides nothing. */
function frameOfSample(samples: readonly SampleView[], id: string): Frame {
  const sample = samples.find((each) => String(each.id) === id);
  if (sample === undefined) throw new TraceError(`there is no sample ${id.slice(0, 20)} any more; see show samples`);
  const { port, shaped, reason, hex, length, truncated } = sample;
  if (port === null) throw new TraceError(`the port of sample ${id} is gone`);
  if (shaped) throw new TraceError(`sample ${id} was on its way out: ${reason} is for its device to mend`);
  const bytes = new Uint8Array(length);
  bytes.set(Buffer.from(hex, 'hex'));
  return { port, bytes, ...(truncated ? { wireLength: length + 1 } : {}) };
}
