/** Compiles src (and bench) to dist, with the page for browsers and the JSON Schema of the configuration, and bundles the command. */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, root } from './setup.mjs';

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const started = new Date();
must(process.execPath, [tsc, '-p', 'tsconfig.json'], 'compiling src');
if (existsSync(join(root, 'tsconfig.bench.json'))) {
  must(process.execPath, [tsc, '-p', 'tsconfig.bench.json'], 'compiling bench');
}
must(process.execPath, [tsc, '-p', 'tsconfig.page.json'], 'compiling the page');
for (const file of ['index.html', 'page.css', 'icon.svg']) {
  copyFileSync(join(root, 'src', 'page', file), join(root, 'dist', 'page', file));
}
must(process.execPath, ['scripts/schema.mjs'], 'writing the configuration schema');
must(process.execPath, ['scripts/bundle.mjs'], 'bundling the command');
writeFileSync(join(root, 'dist', '.built'), `${started.toISOString()}\n`);
