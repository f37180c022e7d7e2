/**
 * `etherloom dissect CAPTURE`: every frame of a capture, as one JSON object or one readable line.
 *
 * Memory is constant: the reader has one window, the text is written in chunks, and the next chunk waits until
 * the last one has left. A reader that goes away (`| head`) ends the run quietly. A damaged capture is shown up
 * to the damage; then one line on stderr says where it is.
 *
 * Frames of other link types are counted and named, not dissected: the switch is an Ethernet switch.
 */
import { openFileSource } from '../adapters/file-source.ts';
import { CaptureError, CaptureReader } from '../pcap/reader.ts';
import type { ByteSource } from '../pcap/source.ts';
import { dissectFrame, type FrameFields, undissected } from '../wire/dissect.ts';
import { frameLine } from '../wire/dissect-text.ts';
import { PORT_VXLAN } from '../wire/udp.ts';
import { complain } from './complain.ts';
import { fileReason } from './file-reason.ts';

export interface DissectOptions {
  /** One JSON object per line; otherwise a line to read. */
  readonly jsonl: boolean;
  /** UDP port of VXLAN, 4789 when absent. */
  readonly vxlanPort?: number;
  /** Where messages go, stderr when absent. */
  readonly err?: NodeJS.WritableStream;
  /** Where the capture's bytes come from; by default the file of that name, `-` for stdin. */
  readonly open?: (capture: string) => ByteSource & { close?(): void };
}

const OK = 0;
const FAILED = 1;
const BAD_INPUT = 2;

const LINKTYPE_ETHERNET = 1;
/** Characters per write: enough that a system call costs little, small beside a pipe's patience. */
const CHUNK_CHARS = 64 * 1024;

/** Wiretap's numbers of the commoner link types, so that `encap` reads as tshark's; 0 is wiretap's "unknown". */
const WIRETAP: Readonly<Record<number, number>> = {
  0: 15, // BSD loopback
  1: 1,
  9: 4, // PPP
  50: 4, // PPP in HDLC-like framing
  101: 7, // raw IP
  105: 20, // 802.11
  108: 15, // OpenBSD loopback
  113: 25, // Linux cooked
  127: 23, // 802.11 with radiotap
  228: 129, // raw IPv4
  229: 130, // raw IPv6
  276: 210, // Linux cooked v2
};
const ENCAP_UNKNOWN = 0;

/**
 * Prints the frames of `capture` to `out`. Resolves to the exit status: 0; 1 when `out` fails; 2 when the capture
 * cannot be opened or is damaged. A closed pipe is no failure. Never rejects because of the capture.
 */
export async function dissect(capture: string, opts: DissectOptions, out: NodeJS.WritableStream): Promise<number> {
  const err = opts.err ?? process.stderr;
  const ignore = () => {}; // failures arrive in the write's callback; unheard, the event would end the process
  out.on('error', ignore);
  let source: (ByteSource & { close?(): void }) | undefined;
  try {
    source = (opts.open ?? openFileSource)(capture);
    const damage = await printAll(source, capture, opts, out);
    if (damage === null) return OK;
    complain(err, damage);
    return BAD_INPUT;
  } catch (error) {
    if (error instanceof OutputError) {
      if (error.closed) return OK;
      complain(err, `cannot write: ${error.message}`);
      return FAILED;
    }
    complain(err, openMessage(capture, error));
    return BAD_INPUT;
  } finally {
    source?.close?.();
    out.removeListener('error', ignore);
  }
}

/** Prints what can be read; returns what is wrong with the capture, or null. */
async function printAll(
  source: ByteSource,
  capture: string,
  opts: DissectOptions,
  out: NodeJS.WritableStream,
): Promise<string | null> {
  const port = opts.vxlanPort ?? PORT_VXLAN;
  let text = '';
  let damage: string | null = null;
  try {
    const reader = new CaptureReader(source, { file: capture });
    while (reader.next()) {
      const frame = readFrame(reader, port);
      text += opts.jsonl ? JSON.stringify(frame) : frameLine(frame);
      text += '\n';
      if (text.length >= CHUNK_CHARS) {
        const chunk = text;
        text = '';
        await write(out, chunk);
      }
    }
  } catch (error) {
    if (error instanceof OutputError) throw error;
    damage = error instanceof CaptureError ? error.message : openMessage(capture, error);
  }
  if (text !== '') await write(out, text);
  return damage;
}

function readFrame(reader: CaptureReader, vxlanPort: number): FrameFields {
  const { recordNumber, capLen, origLen, linkType } = reader;
  if (reader.kind === 'other') return undissected(recordNumber, capLen, origLen, null, 'a record without a packet');
  if (linkType !== LINKTYPE_ETHERNET) {
    const encap = WIRETAP[linkType] ?? ENCAP_UNKNOWN;
    return undissected(recordNumber, capLen, origLen, encap, `link type ${linkType} is not Ethernet`);
  }
  return dissectFrame(reader.view, reader.offset, capLen, origLen, recordNumber, vxlanPort);
}

class OutputError extends Error {
  readonly closed: boolean;

  constructor(cause: Error) {
    super(cause.message, { cause });
    const code = (cause as NodeJS.ErrnoException).code;
    this.closed = code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ERR_STREAM_WRITE_AFTER_END';
  }
}

/** Resolves when `out` has passed the text on: that is the back-pressure. */
function write(out: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(text, (error?: Error | null) => (error ? reject(new OutputError(error)) : resolve()));
  });
}

export function openMessage(capture: string, error: unknown): string {
  return `${capture}: ${fileReason(error)}`;
}
