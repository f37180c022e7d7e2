/**
 * `etherloom replay`: options to an engine, its result to files, stdout and an exit status.
 *
 * Everything that can be wrong is looked for before the first frame: until then nothing is written. A damaged
 * capture ends early, and what was before the damage is a result; then one line on stderr says where, and the
 * status is 2. SIGINT and SIGTERM leave the output directory as it was.
 */

import { fstatSync, statSync } from 'node:fs';
import { type FileSource, openFileSource } from '../adapters/file-source.ts';
import { ConfigError, loadConfig } from '../config/load.ts';
import type { SwitchConfig } from '../config/types.ts';
import { ControlError } from '../control/model.ts';
import { FilterError } from '../filter/error.ts';
import { CaptureError } from '../pcap/reader.ts';
import type { ByteSink } from '../pcap/source.ts';
import type { RecordingOptions } from '../runtime/recording.ts';
import { Replay, type ReplayClock, ReplayError, type ReplayInput, runReplay } from '../runtime/replay/replay.ts';
import { complain } from './complain.ts';
import { fileReason } from './file-reason.ts';
import { makeProgress } from './progress.ts';
import { OutputDirectory, overwritten } from './replay-output.ts';
import { readText } from './text/read.ts';
import { rateText, reportText } from './text/replay.ts';

export interface ReplayCommand {
  /** Path of the configuration. */
  config: string;
  /** PORT=CAPTURE, in the order of the command line. */
  inputs: readonly string[];
  /** Directory for PORT.pcap. */
  out: string;
  json: boolean;
  clock?: ReplayClock;
  batch?: number;
  speed?: number;
  /** Filter of what is recorded in OUT/capture.pcapng; true records every frame. */
  capture?: string | true;
}

export interface ReplayIo {
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
}

const OK = 0;
const FAILED = 1;
const BAD_INPUT = 2;
const STDIN = 0;
/** Beside the captures of the ports, which end in .pcap. */
const RECORDING = 'capture.pcapng';
/** 128 + the number of the signal, as shells report it. */
const STOPPED = { SIGINT: 130, SIGTERM: 143 } as const;

/** Bad usage or bad input, found before anything was written. */
class InputError extends Error {}

/** Resolves with the exit status; messages are one line on `io.stderr`. */
export async function replay(options: ReplayCommand, io: ReplayIo = process): Promise<number> {
  const sources: FileSource[] = [];
  try {
    const { engine, output, totalBytes } = prepare(options, sources);
    return await execute(options, io, engine, output, totalBytes);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    complain(io.stderr, error.message);
    return BAD_INPUT;
  } finally {
    for (const source of sources) source.close();
  }
}

interface Prepared {
  engine: Replay;
  output: OutputDirectory;
  /** Null when an input is no plain file. */
  totalBytes: number | null;
}

function prepare(options: ReplayCommand, sources: FileSource[]): Prepared {
  const { clock = 'packet', batch, speed, capture } = options;
  const config = readConfig(options.config);
  const inputs = options.inputs.map((text) => parseInput(text, config));
  for (const { name, adapter } of config.ports) {
    const { file } = adapter.options;
    if (adapter.kind !== 'pcap' || file === undefined || inputs.some(({ port }) => port === name)) continue;
    inputs.push({ port: name, capture: String(file) });
  }
  if (inputs.length === 0) throw new InputError('--in: nothing to replay; valid is --in PORT=CAPTURE, once or more');
  const paths = inputs.map((input) => input.capture);
  if ([...paths, options.config].filter((path) => path === '-').length > 1) {
    throw new InputError('--in: stdin (-) can be given once only');
  }
  const files = config.ports.map((port) => pcapOf(port.name));
  if (capture !== undefined) files.push(RECORDING);
  if (options.out === '') throw new InputError('--out: is empty; valid is a directory');
  const victim = overwritten(options.out, files, [...paths, options.config]);
  if (victim !== undefined) throw new InputError(`--out ${options.out}: would overwrite the input ${victim}`);
  let output: OutputDirectory | undefined;
  let engine: Replay;
  try {
    engine = new Replay({
      config,
      inputs: inputs.map(({ port, capture }): ReplayInput => {
        const source = attempt(`--in ${port}=${capture}`, () => openFileSource(capture));
        sources.push(source);
        return { port, name: capture === '-' ? 'stdin' : capture, source: named(source, capture) };
      }),
      output: (port) => output!.sink(pcapOf(port)),
      clock,
      ...(batch === undefined ? {} : { batch }),
      ...(speed === undefined ? {} : { speed }),
      ...(capture === undefined ? {} : { recording: recordingOf(capture, () => output!.sink(RECORDING)) }),
    });
  } catch (error) {
    if (error instanceof FilterError) throw new InputError(`--capture: ${error.message}`);
    if (error instanceof ControlError) throw new InputError(`${options.config}: ${error.message}`);
    if (error instanceof CaptureError || error instanceof ReplayError || error instanceof ReadError) {
      throw new InputError(error.message);
    }
    throw error;
  }
  output = attempt(`--out ${options.out}`, () => new OutputDirectory(options.out, files));
  return { engine, output, totalBytes: sizeOf(paths) };
}

async function execute(
  options: ReplayCommand,
  io: ReplayIo,
  engine: Replay,
  output: OutputDirectory,
  totalBytes: number | null,
): Promise<number> {
  const started = performance.now();
  const stop = new AbortController();
  let status: number = OK;
  const onSignal = (signal: keyof typeof STOPPED) => {
    status = STOPPED[signal];
    stop.abort();
  };
  // Waiting for a pipe nobody hears signals: there they end the process as they do without a listener.
  if (totalBytes !== null) {
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  }
  const progress = await makeProgress(io.stderr, totalBytes ?? 0);
  let elapsed: number;
  try {
    const done = await runReplay(engine, {
      signal: stop.signal,
      onSlice: ({ bytesRead, frames }) => progress.update(bytesRead, frames),
    });
    if (!done) {
      output.abort();
      return status;
    }
    output.commit();
    elapsed = performance.now() - started;
  } catch (error) {
    output.abort();
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    complain(io.stderr, `--out ${options.out}: ${fileReason(error)}`);
    return FAILED;
  } finally {
    progress.stop();
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  }
  const report = engine.report();
  const text = options.json ? `${JSON.stringify(report)}\n` : reportText(report);
  const printed = await write(io.stdout, text);
  if (printed !== null) {
    complain(io.stderr, `cannot write: ${printed}`);
    status = FAILED;
  }
  const rate = options.json ? '' : rateText(engine.frames, engine.forwardMs, elapsed);
  if (rate !== '') io.stderr.write(rate);
  for (const { damage } of engine.inputs) {
    if (damage === null) continue;
    complain(io.stderr, damage);
    status = BAD_INPUT;
  }
  return status;
}

const pcapOf = (port: string) => `${port}.pcap`;

/** The file is made with the first piece: by then the directory is there. */
function recordingOf(capture: string | true, open: () => ByteSink): RecordingOptions {
  let sink: ByteSink | undefined;
  const write: ByteSink['write'] = (bytes, offset, length) => {
    sink ??= open();
    sink.write(bytes, offset, length);
  };
  return { filter: capture === true ? '' : capture, sink: { write } };
}

function readConfig(file: string): SwitchConfig {
  try {
    return loadConfig(readText(file), file);
  } catch (error) {
    if (error instanceof ConfigError) throw new InputError(error.message);
    throw new InputError(`${file}: ${fileReason(error)}`);
  }
}

function parseInput(text: string, config: SwitchConfig): { port: string; capture: string } {
  const equals = text.indexOf('=');
  if (equals < 1 || equals === text.length - 1) {
    throw new InputError(`--in ${JSON.stringify(text)}: valid is PORT=CAPTURE such as p1=in.pcap`);
  }
  const port = text.slice(0, equals);
  if (!config.ports.some((p) => p.name === port)) {
    const names = config.ports.map((p) => p.name);
    const shown = names.length > 20 ? `${names.slice(0, 20).join(', ')}, …` : names.join(', ');
    const valid = names.length === 0 ? 'the configuration has no ports' : `valid are ${shown}`;
    throw new InputError(`--in ${text}: no port ${JSON.stringify(port)}; ${valid}`);
  }
  return { port, capture: text.slice(equals + 1) };
}

/** Runs what touches the file system; a failure becomes one line that begins with `place`. */
function attempt<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new InputError(`${place}: ${fileReason(error)}`);
  }
}

/** A read that failed: the line says which capture. */
class ReadError extends Error {}

function named(source: FileSource, capture: string): FileSource {
  return {
    read(into, offset, length) {
      try {
        return source.read(into, offset, length);
      } catch (error) {
        throw new ReadError(`${capture}: ${fileReason(error)}`);
      }
    },
    close: () => source.close(),
  };
}

/** Bytes of all captures, null when one of them is not a plain file. */
function sizeOf(paths: readonly string[]): number | null {
  let bytes = 0;
  for (const path of paths) {
    const stat = path === '-' ? fstatSync(STDIN) : statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return null;
    bytes += stat.size;
  }
  return bytes;
}

/** Null when it is written, or when the reader has gone away; else why it is not. */
function write(out: NodeJS.WritableStream, text: string): Promise<string | null> {
  return new Promise((resolve) => {
    const ignore = () => {};
    out.once('error', ignore);
    out.write(text, (error?: (Error & { code?: string }) | null) => {
      if (!error) out.removeListener('error', ignore);
      resolve(!error || error.code === 'EPIPE' ? null : error.message);
    });
  });
}
