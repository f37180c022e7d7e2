/** Compiles src (and bench) to dist, and writes the JSON Schema of the configuration. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, root } from './setup.mjs';

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const started = new Date();
must(process.execPath, [tsc, '-p', 'tsconfig.json'], 'compiling src');
if (existsSync(join(root, 'tsconfig.bench.json'))) {
  must(process.execPath, [tsc, '-p', 'tsconfig.bench.json'], 'compiling bench');
}
must(process.execPath, ['scripts/schema.mjs'], 'writing the configuration schema');
writeFileSync(join(root, 'dist', '.built'), `${started.toISOString()}\n`);
