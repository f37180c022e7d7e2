/**
 * `etherloom scenario PATH…`: finds scenario files, runs each on the real data plane, prints what came out.
 *
 * A file that cannot be read or is no scenario is one line on stderr and makes the status 2; the others run all the
 * same. Otherwise the status is 1 when a scenario failed and 0 when none did. A skipped scenario is no failure.
 */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config/load.ts';
import { readScenario } from '../scenario/read.ts';
import { type Result, runScenario } from '../scenario/run.ts';
import { complain } from './complain.ts';
import { fileReason } from './file-reason.ts';
import { readText } from './text/read.ts';

const OK = 0;
const FAILED = 1;
const BAD_INPUT = 2;
const EXTENSION = /[.](ya?ml|json)$/i;

type Outcome = { file: string; id: string; title: string; level: string } & Result;

/** Runs all scenarios of the paths and resolves with the exit status. */
export async function scenario(
  paths: string[],
  options: { json: boolean },
  out: NodeJS.WritableStream = process.stdout,
  err: NodeJS.WritableStream = process.stderr,
): Promise<number> {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const outcomes: Outcome[] = [];
  const errors: string[] = [];
  const wrong = (line: string) => {
    errors.push(line);
    complain(err, line);
  };
  const pipe = new Pipe(out);
  for (const file of findFiles(paths, wrong)) {
    const outcome = runFile(file, wrong);
    if (outcome === null) continue;
    totals[outcome.result === 'pass' ? 'passed' : outcome.result === 'fail' ? 'failed' : 'skipped']++;
    if (options.json) outcomes.push(outcome);
    else await pipe.write(textOf(outcome));
  }
  const { passed, failed, skipped } = totals;
  if (options.json) await pipe.write(`${JSON.stringify({ ...totals, errors, scenarios: outcomes })}\n`);
  else await pipe.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return errors.length !== 0 ? BAD_INPUT : failed !== 0 ? FAILED : OK;
}

/** Null when the file is no scenario; then the line has been written. */
function runFile(file: string, wrong: (line: string) => void): Outcome | null {
  try {
    const scenario = readScenario(readText(file), file);
    const { id, title, level } = scenario;
    return { file, id, title, level, ...runScenario(scenario) };
  } catch (error) {
    if (error instanceof ConfigError) wrong(error.message);
    else wrong(`${file}: ${fileReason(error)}`);
    return null;
  }
}

/** Files as named, folders with all that is in them, in the order of names. */
function findFiles(paths: readonly string[], wrong: (line: string) => void): string[] {
  const files: string[] = [];
  for (const path of paths) {
    try {
      if (!statSync(path).isDirectory()) {
        files.push(path);
        continue;
      }
      const inside = filesIn(path);
      if (inside.length === 0) wrong(`${path}: no scenario in it; valid are files *.yaml, *.yml and *.json`);
      files.push(...inside);
    } catch (error) {
      wrong(`${path}: ${fileReason(error)}`);
    }
  }
  return files;
}

function filesIn(folder: string): string[] {
  const files: string[] = [];
  const entries = readdirSync(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    // A link to a folder is not followed: it could lead back here.
    if (entry.isDirectory()) files.push(...filesIn(path));
    else if (EXTENSION.test(entry.name) && statSync(path, { throwIfNoEntry: false })?.isFile() !== false)
      files.push(path);
  }
  return files;
}

function textOf(outcome: Outcome): string {
  if (outcome.result === 'pass') return `pass  ${outcome.id}\n`;
  if (outcome.result === 'skip') return `skip  ${outcome.id}: needs ${outcome.missing.join(', ')}\n`;
  const { step, line, doing, why, message, detail } = outcome.difference;
  const where = line === null ? outcome.file : `${outcome.file}:${line}`;
  const lines = [
    `fail  ${outcome.id}  ${where}`,
    `      ${step === null ? doing : `step ${step}: ${doing}`}${why === '' ? '' : ` (${why})`}`,
    `      ${message}`,
    ...detail.map((text) => `        ${text}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Writes as fast as the reader reads; one that has gone away (`| head`) ends nothing but the writing. */
class Pipe {
  readonly #out: NodeJS.WritableStream;
  #gone = false;

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
    out.on('error', () => {
      this.#gone = true;
    });
  }

  async write(text: string): Promise<void> {
    if (this.#gone) return;
    await new Promise<void>((resolve) => {
      this.#out.write(text, () => resolve());
    });
  }
}
