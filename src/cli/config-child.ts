/** The entry of a process that reads the configuration of `run` and ends: see read-config-apart.ts. */

import { ConfigError } from '../config/error.ts';
import type { FromConfigChild } from './read-config-apart.ts';
import { type ConfigOptions, readRunConfig } from './run-config.ts';
import { UsageError } from './usage-error.ts';

function answer(options: ConfigOptions): FromConfigChild {
  try {
    const { raw, config } = readRunConfig(options);
    return { raw, config };
  } catch (error) {
    if (error instanceof UsageError) return { usage: error.message };
    if (!(error instanceof ConfigError)) throw error;
    const { file, line, column, path, problem } = error;
    return { place: { file, line, column, path }, problem };
  }
}

process.once('message', (options: ConfigOptions) => process.send!(answer(options), () => process.disconnect()));
