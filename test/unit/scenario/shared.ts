/** Where scenarios of others are, if they are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../../shared/scenarios');
export const sharedPresent = existsSync(folder);
/** File name to text. */
export const shared: [string, string][] = (sharedPresent ? readdirSync(folder) : [])
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
