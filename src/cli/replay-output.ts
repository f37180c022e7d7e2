/**
 * The directory that a replay writes: all of it or nothing.
 *
 * Captures are written under temporary names and get their own when the replay is complete, so that a stopped or
 * failed run leaves what was there before. On completion the directory shows this replay and no other: a
 * PORT.pcap of an earlier one goes when the port sent nothing this time. An input is never overwritten.
 */

import { closeSync, mkdirSync, openSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileSink, openFileSink } from '../adapters/file-source.ts';

export class OutputDirectory {
  readonly #dir: string;
  readonly #ports: readonly string[];
  readonly #sinks = new Map<string, FileSink>();
  /** The first directory that had to be made, undefined when all were there. */
  readonly #made: string | undefined;

  /**
   * Makes the directory where it is missing and sees whether it can be written. Throws what node:fs throws.
   * `ports` are all ports that could send.
   */
  constructor(dir: string, ports: readonly string[]) {
    this.#dir = dir;
    this.#ports = ports;
    this.#made = mkdirSync(dir, { recursive: true });
    const probe = join(dir, `.etherloom.${process.pid}.tmp`);
    try {
      closeSync(openSync(probe, 'w'));
    } catch (error) {
      this.#removeMade();
      throw error;
    }
    rmSync(probe, { force: true });
  }

  /** The sink of a port's capture. */
  sink(port: string): FileSink {
    const sink = openFileSink(this.#temporary(port));
    this.#sinks.set(port, sink);
    return sink;
  }

  /** Everything is written: the captures get their names. */
  commit(): void {
    for (const sink of this.#sinks.values()) sink.close();
    for (const port of this.#ports) {
      if (this.#sinks.has(port)) renameSync(this.#temporary(port), this.#final(port));
      else rmSync(this.#final(port), { force: true });
    }
  }

  /** The replay failed or was stopped: nothing of it remains. */
  abort(): void {
    for (const [port, sink] of this.#sinks) {
      try {
        sink.close();
      } catch {
        // The file goes in any case.
      }
      rmSync(this.#temporary(port), { force: true });
    }
    this.#removeMade();
  }

  #removeMade(): void {
    if (this.#made === undefined) return;
    try {
      rmdirSync(this.#dir);
    } catch {
      // Somebody else put something there.
    }
  }

  #temporary(port: string): string {
    return join(this.#dir, `.${port}.pcap.${process.pid}.tmp`);
  }

  #final(port: string): string {
    return join(this.#dir, `${port}.pcap`);
  }
}

/** The first input that a capture of `ports` in `dir` would replace, or undefined. */
export function overwritten(dir: string, ports: readonly string[], inputs: readonly string[]): string | undefined {
  const taken = new Set(ports.map((port) => identity(join(dir, `${port}.pcap`))).filter((id) => id !== ''));
  return inputs.find((path) => path !== '-' && taken.has(identity(path)));
}

/** Empty where there is no such file, for whatever reason: opening it will say. */
function identity(path: string): string {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return '';
  }
}
