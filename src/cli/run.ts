/**
 * `etherloom run`: a switch until SIGINT or SIGTERM.
 *
 * Order: read the configuration (exit 2 when it is wrong), look whether the name is taken, open all ports or none
 * (exit 1), then the control socket. Its file is the sign that the switch is there. The first signal closes
 * everything in the reverse order, a second one ends the process at once.
 */

import type { Server } from 'node:http';
import { constants } from 'node:os';
import { claimSocket, closeControlSocket, openControlSocket, SocketError } from '../api/control-socket.ts';
import { defaultSocketPath } from '../api/socket-path.ts';
import { answer } from '../api/topics.ts';
import { NAME_PATTERN, VALID_NAME } from '../config/leaf.ts';
import { ConfigError, loadConfig } from '../config/load.ts';
import { parsePortSpecs } from '../config/port-spec.ts';
import type { SwitchConfig } from '../config/types.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { ForwardingThread, StartError } from '../runtime/forwarding-thread.ts';
import { unsuited } from '../runtime/live.ts';
import { answerQuestion } from '../trace/answer.ts';
import { readText } from './read-text.ts';
import { eventLine, summary } from './run-report.ts';

export interface RunOptions {
  /** Configuration file; or `ports`, `--port` lines. */
  config?: string | undefined;
  ports: readonly string[];
  /** Name of the switch that `ports` describes. */
  name?: string | undefined;
}

export interface RunIo {
  err: NodeJS.WritableStream;
}

const OK = 0;
const FAILED = 1;
/** A second signal this soon after the first is the first once more. */
const SAME_SIGNAL_MS = 200;
const BAD_USAGE = 2;

export async function run(options: RunOptions, io: RunIo = { err: process.stderr }): Promise<number> {
  // A terminal or journal that goes away is no reason for a switch to stop.
  io.err.on('error', () => {});
  const say = (line: string) => io.err.write(`etherloom: ${line}\n`);
  let config: SwitchConfig;
  try {
    config = readConfig(options);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof UsageError)) throw error;
    say(error.message);
    return BAD_USAGE;
  }
  return new Run(config, say).toTheEnd();
}

class UsageError extends Error {}

function readConfig({ config: file, ports, name }: RunOptions): SwitchConfig {
  if (file === undefined && ports.length === 0)
    throw new UsageError('run needs -c FILE or --port NAME=ADAPTER:DEVICE…');
  if (file !== undefined && ports.length > 0) throw new UsageError('run takes -c or --port, not both');
  if (file !== undefined && name !== undefined) {
    throw new UsageError('--name goes with --port; in a file the name is switch.name');
  }
  const config = file === undefined ? parsePortSpecs(ports) : loadConfig(textOf(file), file);
  const problem = unsuited(config.ports);
  if (problem !== null) throw new UsageError(`${file ?? '--port'}: ${problem}`);
  return name === undefined ? config : renamed(config, name);
}

function textOf(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why: Record<string, string> = {
      ENOENT: 'no such file',
      EACCES: 'permission denied',
      EISDIR: 'is a directory',
    };
    throw new UsageError(`${file}: ${why[code ?? ''] ?? message}`);
  }
}

/** The default bridge has the name of the switch. */
function renamed(config: SwitchConfig, name: string): SwitchConfig {
  if (!new RegExp(NAME_PATTERN).test(name)) {
    throw new UsageError(`--name: ${JSON.stringify(name)} is not a name; ${VALID_NAME}`);
  }
  const from = config.bridges[0].name;
  const bridgeOf = <T extends { bridge: string }>(item: T): T =>
    item.bridge === from ? { ...item, bridge: name } : item;
  return {
    ...config,
    name,
    bridges: config.bridges.map((bridge, i) => (i === 0 ? { ...bridge, name } : bridge)),
    ports: config.ports.map(bridgeOf),
    fdbEntries: config.fdbEntries.map(bridgeOf),
    mirrors: config.mirrors.map(bridgeOf),
  };
}

class Run {
  readonly #config: SwitchConfig;
  readonly #say: (line: string) => void;
  readonly #socketPath: string;
  #thread: ForwardingThread | undefined;
  #server: Server | undefined;
  /** Resolves with the exit status. */
  #finish: (status: number) => void = () => {};
  readonly #finished = new Promise<number>((resolve) => {
    this.#finish = resolve;
  });
  #stopping = false;
  #stoppingSince = 0;
  #announced = false;
  /** Link events that came before the summary. */
  readonly #early: string[] = [];

  constructor(config: SwitchConfig, say: (line: string) => void) {
    this.#config = config;
    this.#say = say;
    this.#socketPath = config.controlSocket ?? defaultSocketPath(config.name);
  }

  async toTheEnd(): Promise<number> {
    const signalled = (signal: NodeJS.Signals) => this.#signal(signal);
    process.on('SIGINT', signalled);
    process.on('SIGTERM', signalled);
    try {
      return await Promise.race([this.#start(), this.#finished]);
    } finally {
      process.removeListener('SIGINT', signalled);
      process.removeListener('SIGTERM', signalled);
    }
  }

  async #start(): Promise<number> {
    try {
      await claimSocket(this.#socketPath, this.#config.name);
      if (this.#stopping) return this.#finished;
      this.#thread = new ForwardingThread(this.#config, {
        event: (event) => this.#tell(eventLine(event)),
        crashed: (why) => void this.#crash(why),
      });
      await this.#thread.ready;
      this.#server = await openControlSocket(this.#socketPath, this.#config.name, (topic, query) => {
        const running = { readable: this.#thread!.state, config: this.#config, nowMs: monotonicMs() };
        return answerQuestion(running, topic, query) ?? answer(running.readable, topic, query, running.nowMs);
      });
      if (this.#stopping) await closeControlSocket(this.#server);
      else this.#announce();
      return await this.#finished;
    } catch (error) {
      if (this.#stopping) return this.#finished;
      await this.#thread?.stop();
      if (error instanceof StartError || error instanceof SocketError) {
        this.#say(error.message);
        return error instanceof StartError ? error.status : FAILED;
      }
      throw error;
    }
  }

  #announce(): void {
    const { directory, statuses } = this.#thread!.state;
    for (const line of summary(directory, statuses, this.#socketPath)) this.#say(line);
    this.#announced = true;
    for (const line of this.#early) this.#say(line);
  }

  #tell(line: string): void {
    if (this.#announced) this.#say(line);
    else this.#early.push(line);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#stopping) {
      // A terminal or `timeout` may signal the process and its group for one wish.
      if (performance.now() - this.#stoppingSince < SAME_SIGNAL_MS) return;
      this.#say(`${signal} again: ending at once`);
      process.exit(128 + constants.signals[signal]);
    }
    this.#stopping = true;
    this.#stoppingSince = performance.now();
    void this.#stop(signal);
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    if (this.#server !== undefined) await closeControlSocket(this.#server);
    const orderly = (await this.#thread?.stop()) ?? true;
    if (this.#announced) this.#say(`stopped by ${signal}`);
    if (!orderly) this.#say('the forwarding thread did not answer and was ended');
    this.#finish(orderly ? OK : FAILED);
  }

  async #crash(why: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#say(`the forwarding thread failed: ${why}`);
    if (this.#server !== undefined) await closeControlSocket(this.#server);
    this.#finish(FAILED);
  }
}
