/**
 * `etherloom trace`: the way that a frame would take, in the tables of a running switch or of a configuration.
 *
 * Nothing is sent and nothing learned: the frame runs through the real stages on a copy.
 */

import { openFileSource } from '../adapters/file-source.ts';
import { AskError, ask as askSwitch, notASwitch } from '../api/control-client.ts';
import { oneLine } from '../config/error.ts';
import { ConfigError, loadConfig } from '../config/load.ts';
import { ControlError } from '../control/model.ts';
import { CaptureError, CaptureReader } from '../pcap/reader.ts';
import { TraceError } from '../trace/error.ts';
import { ask, type Question, queryOf, readLearned } from '../trace/question.ts';
import { readFields, readHex } from '../trace/read-frame.ts';
import type { Trace } from '../trace/types.ts';
import { worldOf } from '../trace/world.ts';
import { openMessage } from './dissect.ts';
import { readText } from './read-text.ts';
import { socketOf } from './show.ts';
import { traceText } from './trace-text.ts';

export interface TraceOptions {
  /** Where the frame arrives. */
  port: string;
  // Exactly one of:
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

export interface TraceIo {
  out: NodeJS.WritableStream;
  err: NodeJS.WritableStream;
}

const OK = 0;
const FAILED = 1;
const BAD_USAGE = 2;
const LINKTYPE_ETHERNET = 1;

export async function trace(
  options: TraceOptions,
  io: TraceIo = { out: process.stdout, err: process.stderr },
): Promise<number> {
  io.out.on('error', () => {}); // a reader that goes away (`| head`) is no failure
  const fail = (message: string, status: number) => {
    io.err.write(`etherloom: ${oneLine(message)}\n`);
    return status;
  };
  try {
    const question = readQuestion(options);
    const found = await answerOf(options, question);
    const text = options.json ? `${JSON.stringify(found, null, 2)}\n` : traceText(found);
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

/** The question of the command line; throws TraceError. */
export function readQuestion({ port, frame, pcap, eth, learned }: TraceOptions): Question {
  const given = Object.entries({ frame, pcap, eth }).filter(([, value]) => value !== undefined);
  if (given.length !== 1) {
    const names = given.map(([name]) => `--${name}`).join(' and ') || 'none';
    throw new TraceError(`${names} given; valid is one of --frame HEX, --pcap FILE#N, --eth FIELDS`);
  }
  const preload = learned.map((each) => place(`--learned`, () => readLearned(each)));
  if (pcap !== undefined) return { port, learned: preload, ...readRecord(pcap) };
  const bytes = frame === undefined ? place('--eth', () => readFields(eth!)) : place('--frame', () => readHex(frame));
  return { port, learned: preload, bytes };
}

async function answerOf(options: TraceOptions, question: Question): Promise<Trace> {
  const { config } = options;
  if (config !== undefined) {
    if (options.socket !== undefined || options.name !== undefined) {
      throw new TraceError('-c or --socket and --name, not both');
    }
    return ask(worldOf(loadConfig(textOf(config), config)), question);
  }
  const socket = await socketOf(options);
  const body = await askSwitch(socket, 'trace', queryOf(question));
  if (!Array.isArray((body as { stages?: unknown } | null)?.stages)) throw notASwitch(socket);
  return body as Trace;
}

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
