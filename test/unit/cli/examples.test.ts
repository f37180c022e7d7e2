/** What help and documents tell people to type can be typed, and what they give as configurations is right. */

import { readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { commandTree } from '../../../src/cli/command-tree.ts';
import { createProgram } from '../../../src/cli/main.ts';
import { loadConfig } from '../../../src/config/load.ts';

const ROOT = new URL('../../../', import.meta.url);

interface Block {
  /** `docs/vxlan.md:24` */
  at: string;
  language: string;
  text: string;
}

function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | null = null;
  for (const [n, line] of readFileSync(new URL(page, ROOT), 'utf8').split('\n').entries()) {
    if (!line.startsWith('```')) {
      if (open !== null) open.text += `${line}\n`;
    } else if (open === null) open = { at: `${page}:${n + 1}`, language: line.slice(3), text: '' };
    else {
      blocks.push(open);
      open = null;
    }
  }
  return blocks;
}

const pagesOf = (folder: string) =>
  readdirSync(new URL(folder, ROOT))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}${name}`);
const BLOCKS = ['README.md', 'BENCHMARKS.md', ...pagesOf('docs/'), ...pagesOf('docs/labs/')].flatMap(blocksOf);

/** Command lines of ours in a text: behind a prompt or not, up to a comment, a pipe or the next command. */
function commandLines(text: string): string[] {
  return [...text.matchAll(/^(?:.*\$ )? *(?:bin\/)?(etherloom (?!.*:$)[a-z].*)$/gm)].map(([, line]) => line!);
}

/** Words as a shell would make them; a line in the form of a synopsis, with brackets or an ellipsis, has none. */
function wordsOf(line: string): string[] | null {
  if (/ \[|…|[a-z]\|[a-z]/.test(line.replace(/'[^']*'/g, ''))) return null;
  const [mine] = /^(?:'[^']*'|[^'#|>&]|\S#)*/.exec(line)!;
  return (mine.match(/(?:'[^']*'|\S)+/g) ?? []).slice(1).map((word) => word.replaceAll("'", ''));
}

/** The command line with commands that do nothing. */
function idle(): Command {
  const program = createProgram(() => {});
  const visit = (command: Command) => {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
    if (command.commands.length === 0) command.action(() => {});
    command.commands.forEach(visit);
  };
  visit(program);
  return program;
}

async function complaintAbout(words: string[]): Promise<string | null> {
  try {
    await idle().parseAsync(words, { from: 'user' });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('examples', () => {
  const commands = commandTree(createProgram(() => {}));

  it('are in the help of every command, and can be typed', async () => {
    for (const { path, subcommands, after } of commands) {
      if (subcommands.length > 0 && path !== '') continue;
      const lines = commandLines(after).concat([...after.matchAll(/\$\((etherloom .*?)\)/g)].map(([, line]) => line!));
      expect(
        lines.filter((line) => `${line} `.startsWith(`etherloom ${path}`)),
        `etherloom ${path} --help`,
      ).not.toEqual([]);
      for (const line of lines) expect(await complaintAbout(wordsOf(line)!), line).toBeNull();
    }
  });

  it('of the documents can be typed', async () => {
    let typed = 0;
    for (const { at, language, text } of BLOCKS) {
      if (!['', 'sh'].includes(language)) continue;
      for (const line of commandLines(text)) {
        const words = wordsOf(line);
        if (words === null) continue;
        expect(await complaintAbout(words), `${at}: ${line}`).toBeNull();
        typed++;
      }
    }
    expect(typed).toBeGreaterThan(60);
  });
});

/** Why a configuration is refused, or null. */
function refusalOf(text: string, at: string): string | null {
  try {
    loadConfig(text, at);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('configurations of the documents are right', () => {
  const blocks = BLOCKS.filter(({ language, text }) => language === 'yaml' && !/^schema:/m.test(text));
  const pages = new Map<string, Block[]>();
  for (const block of blocks) {
    const [page] = block.at.split(':') as [string];
    pages.set(page, [...(pages.get(page) ?? []), block]);
  }

  it.each([...pages])('%s', (_page, all) => {
    // One that is a part goes on from the first on its page, and the parts since.
    let before: object = {};
    for (const { at, text } of all) {
      const raw = parse(text) as object;
      const whole = { ...before, ...raw };
      if (refusalOf(text, at) !== null) expect(refusalOf(stringify(whole), at)).toBeNull();
      if (!('ports' in before && 'ports' in raw)) before = whole;
    }
  });
});
