/**
 * Asking a running switch over its control socket.
 */

import { request } from 'node:http';

const TIMEOUT_MS = 10_000;
/** For the whole answer, also of one who sends a byte now and then. */
const TOTAL_MS = 60_000;
/** A million FDB entries as JSON are about 100 MB. */
const MAX_ANSWER_BYTES = 256 << 20;

/** No answer, or one that says why not. `usage`: the question was wrong. */
export class AskError extends Error {
  override readonly name = 'AskError';
  readonly usage: boolean;

  constructor(message: string, usage = false) {
    super(message);
    this.usage = usage;
  }
}

/** GET of a topic; resolves with the parsed body, rejects with AskError. */
export function ask(socketPath: string, topic: string, query: Record<string, string> = {}): Promise<unknown> {
  const search = new URLSearchParams(query).toString();
  const path = `/${topic}${search === '' ? '' : `?${search}`}`;
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => call.destroy(new Error(`no whole answer within ${TOTAL_MS / 1000} s`)), TOTAL_MS);
    const call = request({ socketPath, path, timeout: TIMEOUT_MS, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) call.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('error', (error) => reject(new AskError(`${socketPath}: ${error.message}`)));
      response.on('end', () => {
        try {
          const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
          if (response.statusCode === 200) resolve(body);
          else reject(new AskError(errorOf(body), response.statusCode !== 500));
        } catch {
          reject(notASwitch(socketPath));
        }
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    call.on('close', () => clearTimeout(deadline));
    call.on('error', (error) => reject(new AskError(explain(socketPath, error))));
    call.end();
  });
}

export function notASwitch(socketPath: string): AskError {
  return new AskError(`${socketPath}: what answers there is not a switch`);
}

function errorOf(body: unknown): string {
  const { error } = (body ?? {}) as { error?: unknown };
  return typeof error === 'string' ? error : 'the switch refused without a reason';
}

function explain(path: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return `no switch is running at ${path}`;
  if (error.code === 'EACCES') return `${path}: permission denied; it is for the switch's user and group`;
  return `${path}: ${error.message}`;
}
