/**
 * Bundles what the command and its threads run into the files that start them, in their places in dist: one module where
 * there were hundreds, without comments. V8 keeps the source of all it runs, and a module's own data, once a thread: see
 * S14 in BENCHMARKS.md. Names stay, so that a stack trace can be read; the source map has its lines.
 *
 * Packages stay outside: they are updated without a build. So does the library, dist/index.js, with its types.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup.mjs';
import { makeConst } from './top-level-const.mjs';

const source = join(root, 'src');
const ENTRIES = [
  'cli/main',
  'cli/config-child',
  'runtime/worker',
  'runtime/side-worker',
  'adapters/cap-child',
  'adapters/raw-socket-child',
];
/** Shared by entries, or loaded when it is needed. As deep in dist as the entries. */
const CHUNKS = 'chunks';

/** A module says `import.meta.url` and means its own place, wherever it is bundled to. */
const ownPlace = {
  name: 'own-place',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const place = relative(source, path).split(sep).join('/').replace(/\.ts$/, '.js');
      const url = `new URL(${JSON.stringify(posix.join('..', place))}, import.meta.url).href`;
      const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', url);
      return { contents, loader: 'ts' };
    });
  },
};

/** What tells builds apart: src/runtime/build-stamp.ts. */
function stampOfSources() {
  const hash = createHash('sha256');
  for (const name of readdirSync(source, { recursive: true }).sort()) {
    if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(source, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

rmSync(join(root, 'dist', CHUNKS), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ENTRIES.map((entry) => join(source, `${entry}.ts`)),
  outbase: source,
  outdir: join(root, 'dist'),
  chunkNames: `${CHUNKS}/[name]-[hash]`,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  define: { BUILD_STAMP: JSON.stringify(stampOfSources()) },
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 120,
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [ownPlace],
  metafile: true,
});
for (const file of Object.keys(metafile.outputs)) if (file.endsWith('.js')) await makeConst(join(root, file));
