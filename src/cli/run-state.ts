/**
 * State of an earlier run: which configuration a switch starts with, and what it knew.
 */

import { ConfigError } from '../config/error.ts';
import type { ConfigDocument } from '../config/load.ts';
import { basisOf, readState, type State, StateError } from '../runtime/state-file.ts';
import type { Log } from './log.ts';

export interface Restored {
  /** What stood when the state was kept; null when it is the file's, or cannot be had. */
  document: ConfigDocument | null;
  state: State | null;
}

const NOTHING: Restored = { document: null, state: null };

/** Never rejects: a switch starts without its state rather than not at all. */
export async function restore(file: ConfigDocument, log: Log): Promise<Restored> {
  const { state: config } = file.config;
  if (config === null) return NOTHING;
  const fail = (why: string) => {
    log.error(`state ${config.file}: not restored: ${why}`);
    return NOTHING;
  };
  try {
    const state = await readState(config.file);
    if (state === null) return NOTHING;
    log.info(
      `state ${config.file}: read as it was kept at ${new Date(state.savedAt).toISOString()}${addresses(state)}`,
    );
    return { state, document: await documentIn(state, file, config.file, log) };
  } catch (error) {
    if (error instanceof StateError || (error as NodeJS.ErrnoException).code !== undefined) {
      return fail((error as Error).message);
    }
    throw error;
  }
}

function addresses({ known: { length } }: State): string {
  return length === 0 ? '' : `, with ${length} learned address${length === 1 ? '' : 'es'}`;
}

async function documentIn(state: State, file: ConfigDocument, name: string, log: Log): Promise<ConfigDocument | null> {
  if (state.document === null) return null;
  if (state.basis !== basisOf(file.raw)) {
    log.info(`state ${name}: the configuration was edited since: what was changed at run time is left out`);
    return null;
  }
  const { documentOf } = await import('../config/load.ts');
  try {
    const document = documentOf(state.document, name);
    log.info(`state ${name}: what was changed at run time stands again; \`etherloom show config\` has all of it`);
    return document;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log.error(`not restored: ${error.message}`);
    return null;
  }
}
