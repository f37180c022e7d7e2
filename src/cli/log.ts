/**
 * What a running switch says: lines for people, or structured lines (pino) for whoever collects them.
 */

export type LogFormat = 'text' | 'json';

export interface Log {
  /** `fields` say the same in parts. */
  info(text: string, fields?: object): void;
  error(text: string, fields?: object): void;
}

export async function createLog(format: LogFormat, err: NodeJS.WritableStream): Promise<Log> {
  // A terminal or journal that goes away is no reason for a switch to stop.
  err.on('error', () => {});
  if (format === 'text') {
    const say = (text: string) => void err.write(`etherloom: ${text}\n`);
    return { info: say, error: say };
  }
  const { pino } = await import('pino');
  const logger = pino(
    {
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => void err.write(line) },
  );
  return {
    info: (text, fields = {}) => logger.info(fields, text),
    error: (text, fields = {}) => logger.error(fields, text),
  };
}
