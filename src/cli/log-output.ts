/**
 * Where the log of a switch goes: stderr, without waiting for who reads it.
 *
 * Node.js writes to pipes and terminals as if they were files: where nobody reads (`| less`, Ctrl-S, a collector that hangs) the
 * thread waits in the system call, and the API and signals with it. So pipe or terminal are opened once more, non-blocking for
 * this process alone, and what finds no room waits here; behind LIMIT_BYTES lines are lost, and counted.
 * Files are written as ever, and so are sockets, which cannot be opened again.
 */

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

export interface LogOutput {
  write(line: string): void;
  /** Lines that were lost since this was asked, when there is room again; 0 before. */
  lost(): number;
  /** Waits a little for who reads slowly. */
  close(): Promise<void>;
}

const STDERR = 2;
const LIMIT_BYTES = 256 * 1024;
const RETRY_MS = 50;
const PATIENCE_MS = 1000;

export function toStream(err: NodeJS.WritableStream): LogOutput {
  // A terminal or journal that goes away is no reason for a switch to stop.
  err.on('error', () => {});
  return { write: (line) => void err.write(line), lost: () => 0, close: async () => {} };
}

export function toStderr(stderr = STDERR): LogOutput {
  const fd = openAgain(stderr);
  return fd === null ? toStream(process.stderr) : new Waiting(fd);
}

/** Null where that cannot be: no pipe or terminal, another user's, no Linux. */
function openAgain(fd: number): number | null {
  try {
    const stat = fstatSync(fd);
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return null;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
}

class Waiting implements LogOutput {
  readonly #fd: number;
  /** What the descriptor has not taken yet, the first of it perhaps in part. */
  readonly #lines: Buffer[] = [];
  #bytes = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    this.#flush();
    if (this.#bytes > LIMIT_BYTES) {
      this.#lost++;
      return;
    }
    const bytes = Buffer.from(line);
    this.#lines.push(bytes);
    this.#bytes += bytes.length;
    this.#flush();
  }

  lost(): number {
    this.#flush();
    if (this.#bytes > LIMIT_BYTES) return 0;
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  async close(): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (this.#bytes > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      this.#flush();
    }
    clearInterval(this.#timer);
    closeSync(this.#fd);
  }

  #flush(): void {
    for (let line = this.#lines[0]; line !== undefined; line = this.#lines[0]) {
      const taken = this.#take(line);
      this.#bytes -= taken;
      if (taken < line.length) {
        this.#lines[0] = line.subarray(taken);
        this.#timer ??= setInterval(() => this.#flush(), RETRY_MS).unref();
        return;
      }
      this.#lines.shift();
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** How many bytes are done with. */
  #take(bytes: Buffer): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === 'EAGAIN' ? 0 : bytes.length; // nobody is left to be told
    }
  }
}
