/**
 * `etherloom trace` and `etherloom explain`: the way that a frame would take, in the tables of a running switch or of
 * a configuration, and what would have to be different for it to arrive.
 *
 * Nothing is sent and nothing learned: the frame runs through the real stages on a copy.
 */

import { openFileSource } from '../adapters/file-source.ts';
import { AskError, askSwitch, notASwitch } from '../api/control-client.ts';
import { ConfigError, loadConfig } from '../config/load.ts';
import type { SwitchConfig } from '../config/types.ts';
import { ControlError } from '../control/model.ts';
import { CaptureError, CaptureReader } from '../pcap/reader.ts';
import { explainConfig, traceIn } from '../trace/answer.ts';
import { TraceError } from '../trace/error.ts';
import type { Explanation } from '../trace/explain.ts';
import { type Question, queryOf, queryOfRest, readLearned } from '../trace/question.ts';
import { readFields, readHex } from '../trace/read-frame.ts';
import type { Trace } from '../trace/types.ts';
import { worldOf } from '../trace/world.ts';
import { socketOf } from './asking.ts';
import { complain } from './complain.ts';
import { openMessage } from './dissect.ts';
import { readText } from './text/read.ts';
import { explanationText, traceText } from './text/trace.ts';

export interface TraceOptions {
  /** A sampled drop; or the port where the frame arrives, and exactly one of the three behind it. */
  drop?: number | undefined;
  port?: string | undefined;
  frame?: string | undefined;
  pcap?: string | undefined;
  eth?: string | undefined;
  /** MAC@PORT[/VLAN] that the switch is to know. */
  learned: readonly string[];
  /** A configuration; else the switch that `socket` or `name` says. */
  config?: string | undefined;
  socket?: string | undefined;
  name?: string | undefined;
  json: boolean;
}

export interface ExplainOptions extends TraceOptions {
  /** Port that it should leave by; any when left out. */
  to?: string | undefined;
}

export interface TraceIo {
  out: NodeJS.WritableStream;
  err: NodeJS.WritableStream;
}

const OK = 0;
const FAILED = 1;
const BAD_USAGE = 2;
const LINKTYPE_ETHERNET = 1;

export function trace(options: TraceOptions, io?: TraceIo): Promise<number> {
  return answerTo(options, io, {
    topic: 'trace',
    isAnswer: (body) => Array.isArray((body as Partial<Trace> | null)?.stages),
    ofConfig: (config, question) => traceIn(worldOf(config), question),
    text: traceText,
  });
}

export function explain(options: ExplainOptions, io?: TraceIo): Promise<number> {
  return answerTo(options, io, {
    topic: 'explain',
    isAnswer: (body) => Array.isArray((body as Partial<Explanation> | null)?.trace?.stages),
    ofConfig: explainConfig,
    text: explanationText,
  });
}

/** What the two commands do differently. */
interface Topic<T> {
  topic: string;
  isAnswer: (body: unknown) => boolean;
  ofConfig: (config: SwitchConfig, question: Question) => T;
  text: (answer: T) => string;
}

async function answerTo<T>(
  options: ExplainOptions,
  io: TraceIo = { out: process.stdout, err: process.stderr },
  topic: Topic<T>,
): Promise<number> {
  io.out.on('error', () => {}); // a reader that goes away (`| head`) is no failure
  const fail = (message: string, status: number) => {
    complain(io.err, message);
    return status;
  };
  try {
    const found = await answerOf(options, topic);
    const text = options.json ? `${JSON.stringify(found, null, 2)}\n` : topic.text(found);
    await new Promise<void>((resolve) => io.out.write(text, () => resolve()));
    return OK;
  } catch (error) {
    if (error instanceof AskError) return fail(error.message, error.usage ? BAD_USAGE : FAILED);
    if (error instanceof TraceError || error instanceof ConfigError || error instanceof ControlError) {
      return fail(error.message, BAD_USAGE);
    }
    throw error;
  }
}

async function answerOf<T>(options: ExplainOptions, topic: Topic<T>): Promise<T> {
  const { config, socket, name, drop } = options;
  if (config === undefined) return answerOfRunning(options, topic);
  if (drop !== undefined) throw new TraceError('--drop is of a running switch: it does not go with -c');
  if (socket !== undefined || name !== undefined) throw new TraceError('-c or --socket and --name, not both');
  const question = readQuestion(options);
  return topic.ofConfig(loadConfig(textOf(config), config), question);
}

async function answerOfRunning<T>(options: ExplainOptions, topic: Topic<T>): Promise<T> {
  const query = options.drop === undefined ? queryOf(readQuestion(options)) : dropQuery(options, options.drop);
  const socket = await socketOf(options);
  const body = await askSwitch(socket, { method: 'POST', path: `/v1/${topic.topic}`, body: query });
  if (!topic.isAnswer(body)) throw notASwitch(socket);
  return body as T;
}

function dropQuery({ port, frame, pcap, eth, learned, to }: ExplainOptions, drop: number): Record<string, string> {
  for (const [key, value] of Object.entries({ port, frame, pcap, eth })) {
    if (value !== undefined) throw new TraceError(`--drop says all of the frame: --${key} does not go with it`);
  }
  return queryOfRest({ to, learned: readPreload(learned) }, { drop: String(drop) });
}

/** The question of the command line; throws TraceError. */
function readQuestion({ port, frame, pcap, eth, learned, to }: ExplainOptions): Question {
  const given = Object.entries({ frame, pcap, eth }).filter(([, value]) => value !== undefined);
  if (port === undefined) throw new TraceError('--port is needed: where does the frame arrive?');
  if (given.length !== 1) {
    const names = given.map(([name]) => `--${name}`).join(' and ');
    const problem = names === '' ? 'no frame is given' : `${names} do not go together`;
    throw new TraceError(`${problem}; valid is one of --frame HEX, --pcap FILE#N, --eth FIELDS, --drop ID`);
  }
  const rest = { port, to, learned: readPreload(learned) };
  if (pcap !== undefined) return { ...rest, ...readRecord(pcap) };
  const bytes = frame === undefined ? place('--eth', () => readFields(eth!)) : place('--frame', () => readHex(frame));
  return { ...rest, bytes };
}

const readPreload = (learned: readonly string[]) => learned.map((each) => place('--learned', () => readLearned(each)));

/** The N-th record of FILE#N, counted as `dissect` does; the first without a number. */
function readRecord(text: string): { bytes: Uint8Array; wireLength: number } {
  const match = /^(.+?)(?:#(\d{1,9}))?$/.exec(text);
  const [, file, n = '1'] = match ?? [];
  if (file === undefined) throw new TraceError('--pcap: valid is FILE#N');
  let source: ReturnType<typeof openFileSource> | undefined;
  try {
    source = openFileSource(file);
    const reader = new CaptureReader(source, { file });
    while (reader.next()) {
      if (reader.recordNumber < Number(n)) continue;
      if (reader.recordNumber > Number(n)) break;
      if (reader.kind !== 'packet' || reader.linkType !== LINKTYPE_ETHERNET) {
        throw new TraceError(`--pcap: record ${n} of ${file} is no Ethernet frame`);
      }
      const bytes = reader.buffer.slice(reader.offset, reader.offset + reader.capLen);
      return { bytes, wireLength: Math.max(reader.origLen, bytes.length) };
    }
    throw new TraceError(`--pcap: ${file} has ${reader.recordNumber} records, and no number ${n}`);
  } catch (error) {
    if (error instanceof TraceError) throw error;
    throw new TraceError(`--pcap: ${error instanceof CaptureError ? error.message : openMessage(file, error)}`);
  } finally {
    source?.close();
  }
}

function textOf(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new TraceError(openMessage(file, error));
  }
}

/** The option that an error is about. */
function place<T>(option: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TraceError) throw new TraceError(`${option}: ${error.message}`);
    throw error;
  }
}
