/** What the bundler made `var` is `const` again where nobody assigns to it, and the source map still says where all comes from. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';

const script = String(new URL('../../../scripts/top-level-const.mjs', import.meta.url));
const { makeConst } = (await import(script)) as { makeConst(file: string): Promise<void> };
const folder = mkdtempSync(join(tmpdir(), 'etherloom-const-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A bundle of these modules, the first of which is its entry, before and after. */
async function bundle(name: string, modules: Record<string, string>) {
  for (const [file, text] of Object.entries(modules)) writeFileSync(join(folder, file), text);
  const out = join(folder, `${name}.out.mjs`);
  await build({
    entryPoints: [join(folder, Object.keys(modules)[0]!)],
    outfile: out,
    bundle: true,
    format: 'esm',
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 60,
    sourcemap: true,
    legalComments: 'none',
    charset: 'utf8',
  });
  const before = readFileSync(out, 'utf8');
  await makeConst(out);
  return { before, after: readFileSync(out, 'utf8'), out };
}

const MODULES = {
  'entry.ts': `import { table, count, ROW, text } from './other.ts';
    const MASK = table.length | ROW;
    let last = 0, spare;
    const { a, b: [c] } = { a: 1, b: [2] };
    const step = (n) => { for (last of [n]) count(); [spare] = [last]; return MASK + last + spare; };
    const where = () => new Error('é here').stack.split('\\n')[1];
    export const said = [MASK, step(3), step(4), a, c, text, where()];`,
  'other.ts': `export const ROW = 1 << 4;
    export const table = new Array(3), words = [];
    let counted = 0;
    export function count() { counted++; words.push(counted); }
    export const text = \`ü var x = 1, y; \${ROW}\`;`,
};

describe('a bundle', () => {
  it('has constants, and variables where it assigns', async () => {
    const { before, after } = await bundle('names', MODULES);
    expect(before).not.toMatch(/\bconst\b/);
    for (const name of ['MASK', 'table', 'words', 'step', 'text']) {
      expect(after.replaceAll('\n', '')).toMatch(new RegExp(`const ([^;]*,)?${name}=`));
    }
    for (const name of ['last', 'spare', 'counted']) {
      expect(after.replaceAll('\n', '')).toMatch(new RegExp(`var ([^;]*,)?${name}\\b`));
    }
    expect(after).toContain('ü var x = 1, y; ');
    expect(after.replaceAll(/\b(const|var)\b|[;,\s]/g, '')).toBe(before.replaceAll(/\bvar\b|[;,\s]/g, ''));
  });

  it('does the same', async () => {
    const { before, out } = await bundle('same', MODULES);
    writeFileSync(join(folder, 'before.mjs'), before);
    const [is, was] = await Promise.all(
      [out, join(folder, 'before.mjs')].map((file) => import(pathToFileURL(file).href)),
    );
    expect(is.said.slice(0, -1)).toEqual(was.said.slice(0, -1));
    expect(is.said.slice(0, 5)).toEqual([19, 25, 27, 1, 2]);
  });

  it('is mapped to its sources, column by column', async () => {
    const { after, out } = await bundle('map', MODULES);
    const map = new SourceMap(JSON.parse(readFileSync(`${out}.map`, 'utf8')));
    const sources = Object.values(MODULES).map((text) => text.split('\n'));
    const lines = after.split('\n');
    let seen = 0;
    for (const name of ['MASK', 'table', 'words', 'step', 'text', 'last', 'counted', 'push', 'Error', 'stack']) {
      for (const [line, text] of lines.entries()) {
        for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
          const { originalLine, originalColumn, originalSource } = map.findEntry(line, at) as {
            originalLine: number;
            originalColumn: number;
            originalSource: string;
          };
          const source = sources[originalSource.endsWith('entry.ts') ? 0 : 1]!;
          expect(source[originalLine]!.slice(originalColumn), `${name} in ${text}`).toMatch(new RegExp(`^\\.?${name}`));
          seen++;
        }
      }
    }
    expect(seen).toBeGreaterThan(15);
  });

  it('that has nothing to change stays as it is', async () => {
    const { before, after } = await bundle('none', { 'none.ts': 'export function f() { var a = 1; return a; }' });
    expect(after).toBe(before);
  });
});
