/**
 * One side of a benchmark: a child process that does one timed round for every line it is given.
 *
 *   ▸ "3"       seconds     ◂ "FRAMES NANOSECONDS", and the nanoseconds of the whole round where not all of it is timed
 *   ▸ "check"               ◂ digest of what it delivers (world.ts)
 *
 * Each runs alone in its turn: the other waits for its next line.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endsWithUs } from './leftovers.ts';

export interface Round {
  frames: number;
  ns: number;
  /** Part of the round that was timed. */
  timed?: number;
}

export class Contender {
  readonly who: string;
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly reader: Interface;

  constructor(who: string, command: string, args: string[]) {
    this.who = who;
    this.child = endsWithUs(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    this.child.on('error', () => {});
    this.reader = createInterface({ input: this.child.stdout as NodeJS.ReadableStream });
    this.lines = this.reader[Symbol.asyncIterator]();
  }

  /** Waits until its world is made. */
  async ready(): Promise<this> {
    const line = await this.line();
    if (line !== 'ready') throw new Error(`bench: ${this.who} did not start: ${line}`);
    return this;
  }

  async ask(question: string): Promise<string> {
    this.child.stdin?.write(`${question}\n`);
    return this.line();
  }

  async round(seconds: number): Promise<Round> {
    const [frames, ns, whole = ns] = (await this.ask(String(seconds))).split(' ').map(Number);
    if (!(frames > 0 && ns > 0)) throw new Error(`bench: ${this.who} did nothing`);
    return { frames, ns, timed: ns / whole };
  }

  /** Of its main thread; other threads of V8 compile and collect. */
  processorNs(): number {
    const { pid } = this.child;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]);
  }

  stop(): void {
    this.child.stdin?.end();
    this.reader.close();
    this.child.kill();
  }

  private async line(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error(`bench: ${this.who} ended early`);
    return value;
  }
}

/** The checkout: this file is out/bench/bench/contender.js in it. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What a C twin is made of. */
export const TWIN: readonly string[] = ['main.c', 'switch.c', 'fdb.c'];
export const TUNNEL_TWIN: readonly string[] = ['tunnel-main.c', 'tunnel.c', 'switch.c', 'fdb.c'];
export const ROUTE_TWIN: readonly string[] = ['route-main.c', 'route.c', 'switch.c', 'fdb.c'];

/** Compiles a C twin into `folder`; null where there is no C compiler. */
export function compileTwin(folder: string, parts: readonly string[] = TWIN): string | null {
  const program = join(folder, parts[0].slice(0, -2));
  const sources = parts.map((name) => join(root, 'bench', 'c', name));
  const { error, status, stderr } = spawnSync('cc', ['-O2', '-o', program, ...sources], { encoding: 'utf8' });
  if (error !== undefined) return null;
  if (status !== 0) throw new Error(`bench: cc failed: ${stderr.split('\n')[0]}`);
  return program;
}

export const worker = fileURLToPath(new URL('./worker.js', import.meta.url));
