/**
 * `etherloom import ios FILE`: IOS snippets to a configuration on stdout. What was not understood is listed on stderr by
 * line, and stands at the head of the file, so that it is not lost with the terminal.
 */
import { Document } from 'yaml';
import { oneLine } from '../config/error.ts';
import { readIos } from '../config/ios.ts';
import { loadConfig } from '../config/load.ts';
import { type AskIo, answering, TERMINAL } from './asking.ts';
import { complain } from './complain.ts';
import { configText } from './run-config.ts';

export function importIos(file: string, options: { adapter: 'tap' | 'memory' }, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const { config, unread } = readIos(configText(file), options.adapter);
    const lines = unread.map(({ line, text }) => `${file}:${line}: not imported: ${oneLine(text)}`);
    for (const line of lines) complain(io.err, line);
    const document = new Document(config);
    document.commentBefore = [
      ` Made from ${oneLine(file)} by etherloom import ios.`,
      ...lines.map((line) => ` ${line}`),
    ].join('\n');
    const text = document.toString({ lineWidth: 0 });
    // What it says must hold together: a mistake of the snippet is told with the place in what was made of it.
    loadConfig(text, `${file} as imported`);
    return text;
  });
}
