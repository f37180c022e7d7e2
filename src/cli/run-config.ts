/**
 * The configuration that `run` is given: a file, or `--port` lines.
 */

import { statSync } from 'node:fs';
import { type ConfigDocument, ConfigError, loadDocument } from '../config/load.ts';
import { portSpecsDocument } from '../config/port-spec.ts';
import { NAME_PATTERN, VALID_NAME } from '../config/schema/leaf.ts';
import type { PollMode } from '../config/types.ts';
import { unsuited } from '../runtime/live/adapters.ts';
import { fileReason } from './file-reason.ts';
import { readText } from './text/read.ts';
import { UsageError } from './usage-error.ts';

export interface ConfigOptions {
  /** Configuration file; or `ports`, `--port` lines. */
  config?: string | undefined;
  ports: readonly string[];
  /** Name of the switch that `ports` describes. */
  name?: string | undefined;
  /** How the switch that `ports` describes waits for frames. */
  poll?: PollMode | undefined;
}

/** Throws ConfigError and UsageError. */
export function readRunConfig({ config: file, ports, name, poll }: ConfigOptions): ConfigDocument {
  if (file === undefined && ports.length === 0)
    throw new UsageError('run needs -c FILE or --port NAME=ADAPTER:DEVICE…');
  if (file !== undefined && ports.length > 0) throw new UsageError('run takes -c or --port, not both');
  if (file !== undefined && name !== undefined) {
    throw new UsageError('--name goes with --port; in a file the name is switch.name');
  }
  if (file !== undefined && poll !== undefined) {
    throw new UsageError('--poll goes with --port; in a file it is switch.poll');
  }
  if (name !== undefined && !new RegExp(NAME_PATTERN).test(name)) {
    throw new UsageError(`--name: ${JSON.stringify(name)} is not a name; ${VALID_NAME}`);
  }
  const document = file === undefined ? portSpecsDocument(ports, { name, poll }) : readConfigFile(file);
  const problem = unsuited(document.config.ports);
  if (problem !== null) throw new UsageError(`${file ?? '--port'}: ${problem}`);
  return document;
}

/** The same once more. What gives its text only once, a pipe or stdin, is not waited for: nothing else would be heard meanwhile. */
export function rereadRunConfig(options: ConfigOptions): ConfigDocument {
  if (isReadOnce(options.config)) throw new UsageError(`${options.config} is no file that could be read again`);
  return readRunConfig(options);
}

function isReadOnce(file = '-'): boolean {
  if (file === '-') return true;
  try {
    const stat = statSync(file);
    return !stat.isFile() && !stat.isDirectory();
  } catch {
    return false; // reading it will say why
  }
}

export function readConfigFile(file: string): ConfigDocument {
  return loadDocument(configText(file), file);
}

/** The text of a file; throws what it has to say as UsageError or ConfigError. */
export function configText(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new UsageError(`${file}: ${fileReason(error)}`);
  }
}
