/**
 * The door of this room: text or values in, a complete and checked configuration out, or a `ConfigError` that says
 * in one line where and why not. The caller reads the file; nothing else than `ConfigError` is thrown.
 */
import { parseText } from './document.ts';
import { ConfigError, type Source } from './error.ts';
import { normalise } from './normalise.ts';
import { plainCopy, valueSource } from './plain.ts';
import type { ConfigInput } from './schema/schema.ts';
import type { SwitchConfig } from './types.ts';

export { ConfigError } from './error.ts';

/** A configuration as it was written, which can be edited and shown, and what it means. */
export interface ConfigDocument {
  /** Plain data in the shape of a file; maps have no prototype. Never changed once it is here. */
  readonly raw: ConfigInput;
  readonly config: SwitchConfig;
  /** Where the parts of `raw` stand. */
  readonly source: Source;
}

/** `file` is the name that errors carry. */
export function loadConfig(text: string, file: string): SwitchConfig {
  return loadDocument(text, file).config;
}

export function loadDocument(text: string, file: string): ConfigDocument {
  try {
    const { value, source } = parseText(text, file);
    return checked(value, source);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // The YAML package recurses: what is nested too deeply for it ends here (RangeError), and so does any defect.
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError({ file, line: 0, column: 0, path: '' }, `the file cannot be read: ${reason}`);
  }
}

/** The same from values; see plain.ts. */
export function documentOf(value: unknown, file: string): ConfigDocument {
  const source = valueSource(file);
  return checked(plainCopy(value, source), source);
}

/** `raw` is nobody else's. */
export function checked(raw: unknown, source: Source): ConfigDocument {
  const config = normalise(raw, source);
  return { raw: raw as ConfigInput, config, source };
}
