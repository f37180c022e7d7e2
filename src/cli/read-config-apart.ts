/**
 * The configuration of `run`, read by a process that ends when it has done so: what reads YAML and checks it, packages and
 * schemas, is as large as the rest of a switch, and is not needed again until somebody changes it.
 */

import { fork } from 'node:child_process';
import { ConfigError, type Place } from '../config/error.ts';
import type { ConfigDocument } from '../config/load.ts';
import { plainCopy, valueSource } from '../config/plain.ts';
import type { ConfigInput } from '../config/schema/schema.ts';
import type { SwitchConfig } from '../config/types.ts';
import type { ConfigOptions } from './run-config.ts';
import { UsageError } from './usage-error.ts';

/** What was read, or why it is refused. */
export type FromConfigChild =
  | { raw: ConfigInput; config: SwitchConfig }
  | { place: Place; problem: string }
  | { usage: string };

/** The process that reads did not start, or ended before it had. */
export class ReaderLost extends Error {
  override readonly name = 'ReaderLost';
}

const ENDING = ['SIGINT', 'SIGTERM'] as const;

/** Rejects with ConfigError, UsageError and ReaderLost. Places in what comes out have a path and no line. */
export async function readConfigApart(
  { config, ports, name, poll }: ConfigOptions,
  entry = new URL('./config-child.js', import.meta.url),
): Promise<ConfigDocument> {
  const child = fork(entry, { serialization: 'advanced', stdio: ['inherit', 'ignore', 'inherit', 'ipc'] });
  // It may wait for what a pipe brings, and hears nothing meanwhile.
  const end = (signal: NodeJS.Signals) => {
    child.kill('SIGKILL');
    unhear();
    process.kill(process.pid, signal);
  };
  const unhear = () => ENDING.forEach((signal) => void process.removeListener(signal, end));
  for (const signal of ENDING) process.on(signal, end);
  const read = await new Promise<FromConfigChild>((resolve, reject) => {
    child.once('message', (message: FromConfigChild) => resolve(message));
    child.on('error', ({ message }) => reject(new ReaderLost(`what reads the configuration: ${message}`)));
    child.once('exit', (code, signal) =>
      reject(new ReaderLost(`what reads the configuration ended with ${signal ?? code}`)),
    );
    child.send({ config, ports, name, poll } satisfies ConfigOptions);
  }).finally(unhear);
  if ('usage' in read) throw new UsageError(read.usage);
  if ('problem' in read) throw new ConfigError(read.place, read.problem);
  const source = valueSource(config ?? '--port');
  // Messages are objects with a prototype.
  return { raw: plainCopy(read.raw, source) as ConfigInput, config: read.config, source };
}
