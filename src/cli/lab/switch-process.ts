/** Switches as processes of their own, for labs and the demo. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Namespace, Output } from './namespace.ts';

const BIN = fileURLToPath(new URL('../../../bin/etherloom', import.meta.url));
/** Generous: the machine may be busy. */
const START_MS = 60_000;

export interface SwitchProcess {
  readonly name: string;
  readonly socket: string;
  readonly process: ChildProcess;
}

/** Where a switch of this name has its control socket. */
export function socketIn(dir: string, name: string): string {
  return join(dir, `${name}.sock`);
}

/** Starts a switch whose configuration names `socketIn(dir, name)`, in the namespace if there is one. */
export async function startSwitch(
  dir: string,
  name: string,
  config: string,
  namespace: Namespace | null = null,
): Promise<SwitchProcess> {
  const socket = socketIn(dir, name);
  const file = join(dir, `${name}.yaml`);
  writeFileSync(file, config);
  const inside = namespace === null ? [] : ['ip', 'netns', 'exec', namespace.id];
  const [command, ...args] = [...inside, process.execPath, BIN, 'run', '-c', file];
  const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const end = Date.now() + START_MS;
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${said.trim()}`);
    if (Date.now() > end) {
      child.kill('SIGKILL');
      throw new Error(`${name} did not come up: ${said.trim()}`);
    }
    await sleep(20);
  }
  return { name, socket, process: child };
}

export async function stopSwitch({ process: child }: SwitchProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await within(ended, 3000);
  child.kill('SIGKILL');
}

/** Runs a command of the command line against the switch, at most until `end`. */
export function askSwitch({ socket }: SwitchProcess, args: readonly string[], end?: AbortSignal): Promise<Output> {
  return new Promise((resolve) => {
    const all = [BIN, ...args, '--socket', socket];
    execFile(
      process.execPath,
      all,
      { encoding: 'utf8', maxBuffer: 1 << 26, ...(end && { signal: end }) },
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
      },
    );
  });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves when `work` does or `ms` have passed, and leaves no timer behind. */
export async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
