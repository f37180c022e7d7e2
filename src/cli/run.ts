/**
 * `etherloom run`: a switch until SIGINT or SIGTERM.
 *
 * Order: read the configuration (exit 2 when it is wrong), look whether the name is taken, open all ports or none
 * (exit 1), then the control socket. Its file is the sign that the switch is there. The first signal closes
 * everything in the reverse order, a second one ends the process at once.
 */

import { constants } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { claimSocket, SocketError } from '../api/claim-socket.ts';
import { allRoutes } from '../api/routes/all.ts';
import { closeApi, openApi } from '../api/server.ts';
import { defaultSocketPath } from '../api/socket-path.ts';
import { type ConfigDocument, ConfigError } from '../config/load.ts';
import { ControlError } from '../control/model.ts';
import { ForwardingThread, StartError } from '../runtime/forwarding-thread.ts';
import { ServedSwitch } from '../runtime/served.ts';
import { MORE_ROUTES } from './api-routes.ts';
import { type ConfigOptions, readRunConfig, UsageError } from './run-config.ts';
import { configLine, eventLine, summary, violationsLine } from './run-report.ts';
import { version } from './version.ts';

export interface RunIo {
  err: NodeJS.WritableStream;
}

const OK = 0;
const FAILED = 1;
/** A second signal this soon after the first is the first once more. */
const SAME_SIGNAL_MS = 200;
const BAD_USAGE = 2;

export async function run(options: ConfigOptions, io: RunIo = { err: process.stderr }): Promise<number> {
  // A terminal or journal that goes away is no reason for a switch to stop.
  io.err.on('error', () => {});
  const say = (line: string) => io.err.write(`etherloom: ${line}\n`);
  try {
    return await new Run(readRunConfig(options), options, say).toTheEnd();
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof UsageError)) throw error;
    say(error.message);
    return BAD_USAGE;
  }
}

class Run {
  readonly #document: ConfigDocument;
  readonly #options: ConfigOptions;
  readonly #say: (line: string) => void;
  readonly #socketPath: string;
  #thread: ForwardingThread | undefined;
  #served: ServedSwitch | undefined;
  #api: FastifyInstance | undefined;
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

  constructor(document: ConfigDocument, options: ConfigOptions, say: (line: string) => void) {
    const { name, controlSocket } = document.config;
    this.#document = document;
    this.#options = options;
    this.#say = say;
    this.#socketPath = controlSocket ?? defaultSocketPath(name);
  }

  async toTheEnd(): Promise<number> {
    const signalled = (signal: NodeJS.Signals) => this.#signal(signal);
    process.on('SIGINT', signalled);
    process.on('SIGTERM', signalled);
    const reread = () => void this.#reread();
    process.on('SIGHUP', reread);
    try {
      return await Promise.race([this.#start(), this.#finished]);
    } finally {
      process.removeListener('SIGINT', signalled);
      process.removeListener('SIGTERM', signalled);
      process.removeListener('SIGHUP', reread);
    }
  }

  async #start(): Promise<number> {
    try {
      const { config } = this.#document;
      await claimSocket(this.#socketPath, config.name);
      if (this.#stopping) return this.#finished;
      this.#thread = new ForwardingThread(config, {
        event: (event) => {
          this.#tell(eventLine(event));
          this.#served?.tell(event);
        },
        crashed: (why) => void this.#crash(why),
      });
      await this.#thread.ready;
      this.#served = new ServedSwitch(this.#thread, this.#document, version, {
        changed: (event) => this.#tell(configLine(event)),
        violated: (violations) => this.#tell(violationsLine(violations)),
      });
      this.#api = await openApi(this.#socketPath, config.name, allRoutes(this.#served, MORE_ROUTES));
      if (this.#stopping) await closeApi(this.#api);
      else this.#announce();
      return await this.#finished;
    } catch (error) {
      if (this.#stopping) return this.#finished;
      this.#served?.close();
      await this.#thread?.stop();
      if (error instanceof StartError || error instanceof SocketError) {
        this.#say(error.message);
        return error instanceof StartError ? error.status : FAILED;
      }
      throw error;
    }
  }

  #announce(): void {
    const { directory, statuses } = this.#served!.readable;
    for (const line of summary(directory, statuses, this.#socketPath)) this.#say(line);
    this.#announced = true;
    for (const line of this.#early) this.#say(line);
  }

  #tell(line: string): void {
    if (this.#announced) this.#say(line);
    else this.#early.push(line);
  }

  /** SIGHUP: the switch becomes what its file says now, or stays as it is. */
  async #reread(): Promise<void> {
    if (this.#served === undefined || this.#stopping) return;
    if (this.#options.config === undefined) return this.#say('SIGHUP: there is no file to read again');
    try {
      await this.#served.apply(readRunConfig(this.#options));
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof UsageError || error instanceof ControlError)) throw error;
      this.#say(`SIGHUP: nothing has changed: ${error.message}`);
    }
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
    this.#served?.close();
    if (this.#api !== undefined) await closeApi(this.#api);
    const orderly = (await this.#thread?.stop()) ?? true;
    if (this.#announced) this.#say(`stopped by ${signal}`);
    if (!orderly) this.#say('the forwarding thread did not answer and was ended');
    this.#finish(orderly ? OK : FAILED);
  }

  async #crash(why: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#say(`the forwarding thread failed: ${why}`);
    this.#served?.close();
    if (this.#api !== undefined) await closeApi(this.#api);
    this.#finish(FAILED);
  }
}
