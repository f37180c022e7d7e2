/**
 * What a running switch says: lines for people, or structured lines (pino) for whoever collects them.
 */

import type { LogOutput } from './log-output.ts';

export type LogFormat = 'text' | 'json';

export interface Log {
  /** `fields` say the same in parts. */
  info(text: string, fields?: object): void;
  error(text: string, fields?: object): void;
}

type Level = 'info' | 'error';
type Say = (level: Level, text: string, fields?: object) => void;

export async function createLog(format: LogFormat, output: LogOutput): Promise<Log> {
  const say = await sayer(format, output);
  const tell = (level: Level) => (text: string, fields?: object) => {
    const lost = output.lost();
    if (lost > 0) say('error', `${lost} lines of the log are missing here: nobody read it`, { event: 'log', lost });
    say(level, text, fields);
  };
  return { info: tell('info'), error: tell('error') };
}

async function sayer(format: LogFormat, output: LogOutput): Promise<Say> {
  if (format === 'text') return (_level, text) => output.write(`etherloom: ${text}\n`);
  const { pino } = await import('pino');
  const logger = pino(
    {
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => output.write(line) },
  );
  return (level, text, fields = {}) => logger[level](fields, text);
}
