/**
 * The directory that a replay writes: all of it or nothing.
 *
 * Captures are written under temporary names and get their own when the replay is complete, so that a stopped or
 * failed run leaves what was there before. On completion the directory shows this replay and no other: a
 * PORT.pcap of an earlier one goes when the port sent nothing this time. An input is never overwritten.
 */

import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type FileSink, openFileSink } from '../adapters/file-source.ts';

export class OutputDirectory {
  readonly #dir: string;
  readonly #files: readonly string[];
  readonly #sinks = new Map<string, FileSink>();
  /** The directories that had to be made, outermost first. */
  readonly #made: string[] = [];

  /**
   * Makes the directory where it is missing and sees whether it can be written. Throws what node:fs throws.
   * `files` are the names of all that could be written.
   */
  constructor(dir: string, files: readonly string[]) {
    this.#dir = dir;
    this.#files = files;
    try {
      makeDirectories(resolve(dir), this.#made);
      for (const file of files) refuseDirectory(join(dir, file));
    } catch (error) {
      this.#removeMade();
      throw error;
    }
    const probe = join(dir, `.etherloom.${process.pid}.tmp`);
    try {
      closeSync(openSync(probe, 'w'));
    } catch (error) {
      this.#removeMade();
      throw error;
    }
    rmSync(probe, { force: true });
    this.#removeAbandoned();
  }

  /** The sink of one of the files. */
  sink(file: string): FileSink {
    const sink = openFileSink(this.#temporary(file));
    this.#sinks.set(file, sink);
    return sink;
  }

  /** Everything is written: the captures get their names. */
  commit(): void {
    for (const sink of this.#sinks.values()) sink.close();
    for (const file of this.#files) {
      if (this.#sinks.has(file)) renameSync(this.#temporary(file), join(this.#dir, file));
      else rmSync(join(this.#dir, file), { force: true });
    }
  }

  /** The replay failed or was stopped: nothing of it remains. */
  abort(): void {
    for (const [file, sink] of this.#sinks) {
      try {
        sink.close();
      } catch {
        // The file goes in any case.
      }
      rmSync(this.#temporary(file), { force: true });
    }
    this.#removeMade();
  }

  /** What replays that were killed have left here. */
  #removeAbandoned(): void {
    const files = new Set(this.#files);
    for (const name of readdirSync(this.#dir)) {
      const [, file, pid] = /^\.(.+)\.([1-9][0-9]*)\.tmp$/.exec(name) ?? [];
      if (file === undefined || !files.has(file) || isAlive(Number(pid))) continue;
      rmSync(join(this.#dir, name), { force: true });
    }
  }

  #removeMade(): void {
    try {
      for (const made of this.#made.reverse()) rmdirSync(made);
    } catch {
      // Somebody else put something there.
    }
    this.#made.length = 0;
  }

  #temporary(file: string): string {
    return join(this.#dir, `.${file}.${process.pid}.tmp`);
  }
}

/**
 * As `mkdir -p`; `made` gets what was not there. Not node's own: its `recursive` of Node 20 never returns where the
 * parent is there and refuses, as in /proc.
 */
function makeDirectories(dir: string, made: string[]): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true) return;
  try {
    mkdirSync(dir);
    made.push(dir);
    return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' || statSync(dirname(dir), { throwIfNoEntry: false }) !== undefined) throw error;
  }
  makeDirectories(dirname(dir), made);
  mkdirSync(dir);
  made.push(dir);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** A capture cannot take the place of a directory; found out at the end, it would be too late for all or nothing. */
function refuseDirectory(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  throw new Error(`${basename(path)} there is a directory`);
}

/** The first input that one of these files in `dir` would replace, or undefined. */
export function overwritten(dir: string, files: readonly string[], inputs: readonly string[]): string | undefined {
  const taken = new Set(files.map((file) => identity(join(dir, file))).filter((id) => id !== ''));
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
