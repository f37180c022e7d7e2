/**
 * `etherloom run`: a switch until SIGINT or SIGTERM.
 *
 * Order: read the configuration (exit 2 when it is wrong), look whether the name is taken, open all ports or none
 * (exit 1), then the control socket. Its file is the sign that the switch is there. The first signal closes
 * everything in the reverse order, a second one ends the process at once.
 */

import type { Server } from 'node:http';
import { constants } from 'node:os';
import { claimSocket, SocketError } from '../api/claim-socket.ts';
import { type Door, openDoor } from '../api/door.ts';
import { defaultSocketPath } from '../api/socket-path.ts';
import type { Listen } from '../api/tcp.ts';
import { ConfigError } from '../config/error.ts';
import type { ConfigDocument } from '../config/load.ts';
import { ControlError } from '../control/model.ts';
import { StartError } from '../runtime/forwarding-thread.ts';
import { loadLater } from '../runtime/load-later.ts';
import { dropPrivileges } from '../runtime/privileges.ts';
import { ServedSwitch } from '../runtime/served.ts';
import { StateKeeper } from '../runtime/state-keeper.ts';
import { Supervisor } from '../runtime/supervisor.ts';
import { createLog, type Log, type LogFormat } from './log.ts';
import { toStderr, toStream } from './log-output.ts';
import { ReaderLost, readConfigApart } from './read-config-apart.ts';
import type { ConfigOptions } from './run-config.ts';
import { configLine, eventLine, summary, violationsLine } from './run-report.ts';
import { type Restored, restore } from './run-state.ts';
import type { Serving } from './serving.ts';
import { keepYoungSpaceSmall, optimizeCode, releaseSoon } from './small-heap.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';

export interface RunOptions extends ConfigOptions {
  log?: LogFormat | undefined;
  /** Threads that forward, before what the configuration says. */
  workers?: number | undefined;
  /** Where the page for browsers is served; nowhere when left out. */
  ui?: Listen | undefined;
}

export interface RunIo {
  /** Of the log; stderr when left out. */
  err?: NodeJS.WritableStream;
  /** Rejects with ConfigError and UsageError. */
  readConfig(options: ConfigOptions): Promise<ConfigDocument>;
}

const PROCESS: RunIo = { readConfig: readConfigApart };

const OK = 0;
const FAILED = 1;
/** A second signal this soon after the first is the first once more. */
const SAME_SIGNAL_MS = 200;
const BAD_USAGE = 2;

export async function run(options: RunOptions, { err, readConfig }: RunIo = PROCESS): Promise<number> {
  const output = err === undefined ? toStderr() : toStream(err);
  const log = await createLog(options.log ?? 'text', output);
  let isChanged = false;
  const note = () => {
    isChanged = true;
  };
  process.on('SIGHUP', note);
  try {
    const file = await readConfig(options);
    return await new Run(file, options, log).toTheEnd(isChanged);
  } catch (error) {
    if (error instanceof ReaderLost) {
      log.error(error.message);
      return FAILED;
    }
    if (!(error instanceof ConfigError || error instanceof UsageError)) throw error;
    log.error(error.message);
    return BAD_USAGE;
  } finally {
    process.removeListener('SIGHUP', note);
    await output.close();
  }
}

class Run {
  /** As it was given. */
  readonly #file: ConfigDocument;
  readonly #options: RunOptions;
  readonly #log: Log;
  readonly #socketPath: string;
  #thread: Supervisor | undefined;
  #served: ServedSwitch | undefined;
  #keeper: StateKeeper | undefined;
  readonly #doors: Door[] = [];
  /** Resolves with the exit status. */
  #finish: (status: number) => void = () => {};
  readonly #finished = new Promise<number>((resolve) => {
    this.#finish = resolve;
  });
  #stopping = false;
  #stoppingSince = 0;
  #announced = false;
  /** SIGHUP came before there was a switch to change: the file may be another than the one that was read. */
  #rereadLater = false;
  /** What was to be told before the summary. */
  readonly #early: [string, object][] = [];

  constructor(file: ConfigDocument, options: RunOptions, log: Log) {
    const { name, controlSocket } = file.config;
    this.#file = file;
    this.#options = options;
    this.#log = log;
    this.#socketPath = controlSocket ?? defaultSocketPath(name);
  }

  async toTheEnd(rereadLater: boolean): Promise<number> {
    this.#rereadLater = rereadLater;
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
      await claimSocket(this.#socketPath, this.#file.config.name);
      const restored = await restore(this.#file, this.#log);
      if (this.#stopping) return this.#finished;
      const document = await this.#open(restored.document);
      this.#served = new ServedSwitch(this.#thread!, document, version, {
        changed: (event) => {
          this.#tell(configLine(event), event);
          this.#keeper?.soon();
        },
        violated: (violations) => this.#tell(violationsLine(violations), violations),
      });
      await this.#serve(this.#served, restored);
      if (this.#stopping) await this.#closeDoors();
      else this.#beginService();
      if (this.#rereadLater) void this.#reread();
      return await this.#finished;
    } catch (error) {
      if (this.#stopping) return this.#finished;
      this.#served?.close();
      await this.#closeDoors();
      await this.#thread?.stop();
      if (error instanceof StartError || error instanceof SocketError) {
        this.#log.error(error.message);
        return error instanceof StartError ? error.status : FAILED;
      }
      throw error;
    }
  }

  /** Starts forwarding with what was restored, or where that does not open with the file. */
  async #open(restored: ConfigDocument | null): Promise<ConfigDocument> {
    if (restored === null) return this.#forward(this.#file);
    try {
      return await this.#forward(restored);
    } catch (error) {
      if (!(error instanceof StartError) || this.#stopping) throw error;
      this.#log.error(`what was changed at run time is not restored: ${error.message}`);
      return this.#forward(this.#file);
    }
  }

  async #forward(document: ConfigDocument): Promise<ConfigDocument> {
    const configOf = ({ config }: ConfigDocument) => ({ ...config, workers: this.#options.workers ?? config.workers });
    optimizeCode();
    this.#thread = new Supervisor(configOf(document), {
      event: (event) => {
        if (event.event === 'worker') keepYoungSpaceSmall();
        this.#tell(eventLine(event), event);
        this.#served?.tell(event);
      },
      stood: () => {
        const served = this.#served;
        if (served === undefined) return null;
        return { config: configOf(served.document), restarting: () => served.restarting() };
      },
      crashed: (why) => void this.#crash(why),
    });
    await this.#thread.ready;
    return document;
  }

  async #serve(served: ServedSwitch, { state }: Restored): Promise<void> {
    const { name, api, state: stateConfig } = this.#file.config;
    if (state !== null) await served.relearn(state.known, Math.max(0, Date.now() - state.savedAt) / 1000);
    if (stateConfig !== null) {
      this.#keeper = new StateKeeper(stateConfig, served, this.#file, (text) => this.#tell(text, { event: 'fault' }));
    }
    let made: Promise<Serving> | undefined;
    const serving = () => {
      made ??= loadLater(() => import('./serving.ts')).then(({ Serving }) => new Serving(served));
      return made.catch((error: unknown) => {
        made = undefined; // the next client tries again
        throw error;
      });
    };
    if (api !== null) {
      this.#doors.push(await (await serving()).openTcp(api));
      this.#tell(`the API listens on ${api.listen} as well`, { event: 'api', listen: api.listen });
    }
    if (this.#options.ui !== undefined) {
      const { door, address } = await (await serving()).openPage(this.#options.ui);
      this.#doors.push(door);
      this.#tell(`page ${address}`, { event: 'page', address });
    }
    const load = async (server: Server) => {
      try {
        return await (await serving()).answerOn(server);
      } finally {
        releaseSoon();
      }
    };
    const failed = ({ message }: Error) => this.#log.error(`the API cannot be loaded: ${message}`);
    this.#doors.push(await openDoor(this.#socketPath, name, load, failed));
  }

  #beginService(): void {
    if (this.#file.config.privileges === 'drop') {
      try {
        dropPrivileges();
        this.#tell('privileges are dropped: no thread has a capability', { event: 'privileges' });
      } catch (error) {
        throw new StartError((error as Error).message, FAILED);
      }
    }
    this.#announce();
  }

  #announce(): void {
    keepYoungSpaceSmall();
    const { directory, statuses } = this.#served!.readable;
    for (const line of summary(directory, statuses, this.#socketPath)) this.#log.info(line);
    this.#announced = true;
    for (const [line, fields] of this.#early) this.#log.info(line, fields);
    releaseSoon();
  }

  #tell(line: string, fields: object): void {
    if (this.#announced) this.#log.info(line, fields);
    else this.#early.push([line, fields]);
  }

  async #closeDoors(): Promise<void> {
    await Promise.all(this.#doors.splice(0).map((door) => door.close()));
  }

  /** SIGHUP: the switch becomes what its file says now, or stays as it is. */
  async #reread(): Promise<void> {
    if (!this.#announced) {
      this.#rereadLater = true;
      return;
    }
    if (this.#served === undefined || this.#stopping) return;
    if (this.#options.config === undefined) return this.#log.error('SIGHUP: there is no file to read again');
    try {
      // Errors of what may not change while the switch runs have their line.
      const { rereadRunConfig } = await loadLater(() => import('./run-config.ts'));
      const file = rereadRunConfig(this.#options);
      await this.#served.apply(file);
      this.#keeper?.rebase(file);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#log.error(`SIGHUP: nothing has changed: ${error.message}`);
    }
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#stopping) {
      // A terminal or `timeout` may signal the process and its group for one wish.
      if (performance.now() - this.#stoppingSince < SAME_SIGNAL_MS) return;
      this.#log.error(`${signal} again: ending at once`);
      process.exit(128 + constants.signals[signal]);
    }
    this.#stopping = true;
    this.#stoppingSince = performance.now();
    void this.#stop(signal);
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    await this.#closeDoors();
    await this.#keeper?.close();
    this.#served?.close();
    const orderly = (await this.#thread?.stop()) ?? true;
    if (this.#announced) this.#log.info(`stopped by ${signal}`);
    if (!orderly) this.#log.error('the forwarding thread did not answer and was ended');
    this.#finish(orderly ? OK : FAILED);
  }

  async #crash(why: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.error(`the forwarding thread failed: ${why}`);
    await this.#closeDoors();
    await this.#keeper?.close();
    this.#served?.close();
    this.#finish(FAILED);
  }
}

/**
 * Also that what reads files cannot be loaded: whoever replaces the package of a running switch, or takes its disk or the last
 * descriptor away, must not end it.
 */
function isRefusal(error: unknown): error is Error {
  if (error instanceof ConfigError || error instanceof UsageError || error instanceof ControlError) return true;
  return error instanceof Error && (error as NodeJS.ErrnoException).code !== undefined;
}
