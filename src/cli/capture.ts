/**
 * `etherloom capture`: frames of a running switch as they pass, as pcapng in a file or a pipe, or as lines to read.
 *
 * The switch makes the pcapng; here it is passed on piece by piece, and read on the way for the count and the text. It
 * ends by a signal, by --count, when nobody reads any more, or with the switch.
 */

import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { AskError, openStream } from '../api/control-client.ts';
import { oneLine } from '../config/error.ts';
import { OPT_COMMENT, OPT_EPB_FLAGS } from '../pcap/pcapng-format.ts';
import { OptionWalk } from '../pcap/pcapng-options.ts';
import type { CaptureReader } from '../pcap/reader.ts';
import { dissectFrame, type FrameFields } from '../wire/dissect.ts';
import { frameText } from '../wire/dissect-text.ts';
import { type AskIo, BAD_USAGE, FAILED, OK, type SwitchOptions, socketOf, TERMINAL } from './asking.ts';
import { type Take, takeCapture, written } from './capture-stream.ts';
import { complain } from './complain.ts';

export interface CaptureOptions extends SwitchOptions {
  /** Words of the filter. */
  filter: readonly string[];
  port: readonly string[];
  dir?: string | undefined;
  /** File to write to, `-` for stdout; text to stdout when left out. */
  write?: string | undefined;
  count?: number | undefined;
  snaplen?: number | undefined;
  /** Text as one JSON object a frame. */
  json?: boolean | undefined;
}

const INBOUND = 1;
const TEXT = new TextDecoder();

export async function capture(options: CaptureOptions, io: AskIo = TERMINAL): Promise<number> {
  io.out.on('error', () => {}); // told in the callback of the write
  const say = (line: string) => complain(io.err, line);
  let file: BlockFile | null = null;
  let stream: IncomingMessage | null = null;
  try {
    const socket = await socketOf(options);
    stream = await openStream(socket, '/v1/capture', queryOf(options));
    if (options.write !== undefined && options.write !== '-') file = new BlockFile(options.write);
    const put =
      file !== null
        ? file.put
        : options.write === '-'
          ? bytesTo(io.out)
          : textTo(io.out, options.json ? jsonLine : line);
    return await pass(stream, put, options, say);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof AskError) && code === undefined) throw error;
    say(error instanceof AskError ? message : `cannot write ${options.write}: ${message}`);
    return error instanceof AskError && error.usage ? BAD_USAGE : FAILED;
  } finally {
    stream?.destroy();
    file?.close();
  }
}

function queryOf({ port, dir, filter, snaplen, count }: CaptureOptions): Record<string, string> {
  return {
    ...(port.length === 0 ? {} : { port: port.join(',') }),
    ...(dir === undefined ? {} : { dir }),
    ...(filter.length === 0 ? {} : { filter: filter.join(' ') }),
    ...(snaplen === undefined ? {} : { snaplen: String(snaplen) }),
    ...(count === undefined ? {} : { count: String(count) }),
  };
}

/** Passes the stream on to its end; resolves with the exit status. */
async function pass(
  stream: IncomingMessage,
  put: Take,
  { write, count }: CaptureOptions,
  say: (line: string) => void,
): Promise<number> {
  const taken = takeCapture(stream, put);
  if (write !== undefined && write !== '-') say(`capturing to ${write}; Ctrl-C ends it`);
  const { stopped, frames, lost } = await taken;
  const missing = lost === 0 ? '' : `, ${lost} lost because they came faster than they were taken`;
  say(`${frames} frame${frames === 1 ? '' : 's'} captured${missing}`);
  if (stopped || (count !== undefined && frames >= count)) return OK;
  say('the switch ended the capture');
  return FAILED;
}

/** It ends with a whole block, also when the disk is full or the capture is stopped between two pieces of one. */
class BlockFile {
  readonly #fd: number;
  #wholeBytes = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'w');
  }

  readonly put: Take = async (piece, _frames, wholeBytes) => {
    for (let at = 0; at < piece.length; ) at += writeSync(this.#fd, piece, at);
    this.#wholeBytes = wholeBytes;
    return true;
  };

  close(): void {
    try {
      if (fstatSync(this.#fd).isFile()) ftruncateSync(this.#fd, this.#wholeBytes);
    } finally {
      closeSync(this.#fd);
    }
  }
}

function bytesTo(out: NodeJS.WritableStream): Take {
  return (piece) => written(out, piece);
}

function textTo(out: NodeJS.WritableStream, lineOf: (frame: Shown) => string): Take {
  return async (_piece, frames) => {
    let text = '';
    while (frames?.next() === true) text += `${lineOf(shown(frames))}\n`;
    return text === '' || written(out, text);
  };
}

export interface Shown {
  seconds: number;
  nanos: number;
  port: string;
  direction: 'in' | 'out';
  comment: string;
  frame: FrameFields;
}

export function shown(frames: CaptureReader): Shown {
  const { view, offset, capLen, origLen, recordNumber, seconds, nanos } = frames;
  let comment = '';
  let direction: Shown['direction'] = 'out';
  const options = new OptionWalk();
  options.begin(view, frames.optionsOffset, frames.optionsLength, frames.littleEndian);
  while (options.next()) {
    const { valueOffset, valueLength, code } = options;
    if (code === OPT_COMMENT) comment = TEXT.decode(frames.buffer.slice(valueOffset, valueOffset + valueLength));
    if (code === OPT_EPB_FLAGS && (frames.buffer[valueOffset]! & 3) === INBOUND) direction = 'in';
  }
  const port = frames.interfaces[frames.interfaceId]?.name ?? '?';
  const frame = dissectFrame(view, offset, capLen, origLen, recordNumber);
  return { seconds, nanos, port, direction, comment, frame };
}

/** `12:00:00.123456  p1 in   60 bytes  …  # vlan 10; forward to p2` */
export function line({ seconds, nanos, port, direction, comment, frame }: Shown): string {
  const fate = comment === '' ? '' : `  # ${comment}`;
  return oneLine(`${clock(seconds, nanos)}  ${port} ${direction.padEnd(3)}  ${frameText(frame)}${fate}`);
}

function jsonLine({ seconds, nanos, port, direction, comment, frame }: Shown): string {
  const { n: _n, encap: _encap, ...fields } = frame;
  return JSON.stringify({ time: seconds + nanos / 1e9, port, direction, comment, ...fields });
}

/** Local time of day with microseconds. */
function clock(seconds: number, nanos: number): string {
  const time = new Date(seconds * 1000);
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return `${parts.join(':')}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}`;
}
