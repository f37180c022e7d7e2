import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');

/** Of the package. */
export const { version } = JSON.parse(text) as { version: string };

/** The day of the build, YYYY-MM-DD; empty where nothing was built. */
export function builtOn(): string {
  try {
    return readFileSync(new URL('../.built', import.meta.url), 'utf8').slice(0, 10);
  } catch {
    return '';
  }
}
