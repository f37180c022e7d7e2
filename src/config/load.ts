/**
 * The door of this room for files: text in, a complete and checked configuration out, or a `ConfigError` that says
 * in one line where and why not. The caller reads the file; nothing else than `ConfigError` is thrown.
 */
import { parseText } from './document.ts';
import { ConfigError } from './error.ts';
import { normalise } from './normalise.ts';
import type { SwitchConfig } from './types.ts';

export { ConfigError } from './error.ts';

/** `file` is the name that errors carry. */
export function loadConfig(text: string, file: string): SwitchConfig {
  try {
    const { value, source } = parseText(text, file);
    return normalise(value, source);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // The YAML package recurses: what is nested too deeply for it ends here (RangeError), and so does any defect.
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError({ file, line: 0, column: 0, path: '' }, `the file cannot be read: ${reason}`);
  }
}
