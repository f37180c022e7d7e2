/**
 * `etherloom import ios FILE`: IOS snippets to a configuration on stdout. What was not understood is listed on stderr by
 * line, and stands at the head of the file, so that it is not lost with the terminal.
 */
import { Document } from 'yaml';
import { ConfigError, oneLine } from '../config/error.ts';
import { readIos, type UnreadLine } from '../config/ios/ios.ts';
import { loadConfig } from '../config/load.ts';
import { type AskIo, answering, TERMINAL } from './asking.ts';
import { complain } from './complain.ts';
import { configText } from './run-config.ts';

export function importIos(file: string, options: { adapter: 'tap' | 'memory' }, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const source = configText(file);
    const { config, unread } = readIos(source, options.adapter);
    const lines = notImported(unread).map(({ at, text }) => `${file}:${at}: not imported: ${oneLine(text)}`);
    for (const line of lines) complain(io.err, line);
    const document = new Document(config);
    document.commentBefore = [
      ` Made from ${oneLine(file)} by etherloom import ios.`,
      ...lines.map((line) => ` ${line}`),
    ].join('\n');
    const text = document.toString({ lineWidth: 0 });
    // What it says must hold together.
    const mistake = mistakeIn(config);
    if (mistake !== null) throw atSource(mistake, file, source, options.adapter);
    return text;
  });
}

function mistakeIn(config: object): ConfigError | null {
  try {
    loadConfig(JSON.stringify(config), 'imported');
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** The mistake, at the first line with which what is imported has it. */
function atSource(mistake: ConfigError, file: string, source: string, adapter: 'tap' | 'memory'): ConfigError {
  const lines = source.split(/\r\n|\r|\n/);
  let [sound, bad] = [0, lines.length];
  while (bad - sound > 1) {
    const middle = (sound + bad) >> 1;
    const found = mistakeIn(readIos(lines.slice(0, middle).join('\n'), adapter).config);
    if (found?.path === mistake.path && found.problem === mistake.problem) bad = middle;
    else sound = middle;
  }
  const { path, problem } = mistake;
  return new ConfigError({ file, line: bad, column: 1, path: '' }, `${lines[bad - 1]!.trim()}: ${path}: ${problem}`);
}

/** A line for each wording, with the places where it stands; those about the device are one together. */
function notImported(unread: readonly UnreadLine[]): { at: string; text: string }[] {
  const places = new Map<string, number[]>();
  const management: number[] = [];
  for (const { line, text, isManagement } of unread) {
    if (isManagement) management.push(line);
    else places.set(text, [...(places.get(text) ?? []), line]);
  }
  const lines = [...places].map(([text, at]) => ({ at: rangesText(at), text }));
  if (management.length === 0) return lines;
  const what = `${management.length} ${management.length === 1 ? 'line' : 'lines'} about the device, not about frames`;
  return [...lines, { at: rangesText(management), text: what }];
}

/** Ascending numbers as `5-7,11`. */
function rangesText(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const from = numbers[i];
    while (numbers[i + 1] === numbers[i] + 1) i++;
    parts.push(from === numbers[i] ? `${from}` : `${from}-${numbers[i]}`);
  }
  return parts.join(',');
}
