/**
 * `etherloom watch`: rates, drops and events of a running switch, in place on a terminal; line by line elsewhere.
 *
 * The terminal is given back as it was, however the command ends.
 */

import { askSwitch } from '../api/control-client.ts';
import type { DropView, PortView } from '../api/views.ts';
import type { LatencyView } from '../dataplane/latency.ts';
import { type AskIo, answering, type SwitchOptions, socketOf, TERMINAL } from './asking.ts';
import { openEvents } from './event-stream.ts';
import { clock, lineOf } from './events.ts';
import { type Look, Watcher } from './watch-model.ts';
import { watchLines } from './watch-view.ts';

export interface WatchOptions extends SwitchOptions {
  /** Seconds between two looks. */
  interval: number;
  /** Looks; until Ctrl-C when left out. */
  count?: number | undefined;
}

/** Alternate screen, cursor off; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const PLAIN = { columns: 120, rows: 40 };

export function watch(options: WatchOptions, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const socket = await socketOf(options);
    const watcher = new Watcher();
    let look = await lookAt(socket);
    watcher.look(look);
    const stop = new Stop(io);
    const stream = openEvents(socket, undefined, (event) => {
      const kind = event.event === 'drop' ? `${event.port} ${event.reason}` : undefined;
      watcher.event(`${clock()}  ${lineOf(event)}`, kind);
    });
    stream.ended.catch(() => {}); // the next look says why
    const terminal = new Terminal(io.out);
    terminal.enter();
    try {
      for (let n = 0; n < (options.count ?? Number.POSITIVE_INFINITY); n++) {
        await stop.sleep(options.interval * 1000);
        if (stop.stopped) break;
        look = await lookAt(socket);
        terminal.show(watchLines(watcher.look(look), terminal.screen));
      }
    } finally {
      terminal.leave();
      stream.close();
      stop.close();
    }
    return '';
  });
}

async function lookAt(socket: string): Promise<Look> {
  const get = (path: string) => askSwitch(socket, { path });
  const paths = ['/v1/switch', '/v1/ports', '/v1/drops', '/v1/latency'];
  const [sw, ports, drops, { latency }] = (await Promise.all(paths.map(get))) as [
    { switch: string; uptimeSeconds: number; confirmSeconds: number | null; activeSeconds: number },
    { ports: PortView[] },
    { drops: DropView[] },
    { latency: LatencyView },
  ];
  const { uptimeSeconds, confirmSeconds, activeSeconds } = sw;
  return {
    atMs: performance.now(),
    name: sw.switch,
    uptimeSeconds,
    confirmSeconds,
    activeSeconds,
    ports: ports.ports,
    drops: drops.drops,
    latency,
  };
}

class Terminal {
  readonly #out: NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };
  readonly #tty: boolean;

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
    this.#tty = this.#out.isTTY === true;
  }

  get screen() {
    const { columns = PLAIN.columns, rows = PLAIN.rows } = this.#out;
    return { columns, rows: this.#tty ? rows - 1 : rows, colour: this.#tty };
  }

  enter(): void {
    if (this.#tty) this.#out.write(ENTER);
  }

  leave(): void {
    if (this.#tty) this.#out.write(LEAVE);
  }

  show(lines: readonly string[]): void {
    if (this.#tty) this.#out.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`);
    else this.#out.write(`${lines.join('\n')}\n\n`);
  }
}

/** Ctrl-C, or a reader that went away. */
class Stop {
  stopped = false;
  readonly #io: AskIo;
  #wake: () => void = () => {};
  readonly #stop = () => {
    this.stopped = true;
    this.#wake();
  };

  constructor(io: AskIo) {
    this.#io = io;
    process.on('SIGINT', this.#stop);
    process.on('SIGTERM', this.#stop);
    io.out.on('error', this.#stop);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.stopped) this.#wake();
    });
  }

  close(): void {
    process.removeListener('SIGINT', this.#stop);
    process.removeListener('SIGTERM', this.#stop);
    this.#io.out.removeListener('error', this.#stop);
  }
}
