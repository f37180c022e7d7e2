/**
 * Asking a running switch over its control socket.
 */

import { type IncomingMessage, request } from 'node:http';

/** The first who asks waits until the API is loaded, on a machine with other work for some seconds. */
const TIMEOUT_MS = 30_000;
/** A change may have to open devices, and look names up. */
const CHANGE_TIMEOUT_MS = 60_000;
/** For the whole answer, also of one who sends a byte now and then. */
const TOTAL_MS = 120_000;
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

export interface Question {
  method?: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** `/v1/ports` */
  path: string;
  query?: Record<string, string>;
  /** Goes as JSON. */
  body?: unknown;
}

/** The parsed body of an answer; rejects with AskError. */
export async function askSwitch(socketPath: string, question: Question): Promise<unknown> {
  const text = await askText(socketPath, question);
  try {
    return JSON.parse(text.toString()) as unknown;
  } catch {
    throw notASwitch(socketPath);
  }
}

/** GET of a topic. */
export function ask(socketPath: string, topic: string, query: Record<string, string> = {}): Promise<unknown> {
  return askSwitch(socketPath, { path: `/v1/${topic}`, query });
}

/** The same, unread. */
export async function askText(socketPath: string, question: Question): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await askPieces(socketPath, question, (piece) => pieces.push(piece));
  return Buffer.concat(pieces);
}

/** The same, as it comes: rejects also after pieces that have come, and with what `take` throws. */
export function askPieces(
  socketPath: string,
  { method = 'GET', path, query = {}, body }: Question,
  take: (piece: Buffer) => void,
): Promise<void> {
  const search = new URLSearchParams(query).toString();
  const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': sent.length };
  const options = { socketPath, method, path: `${path}${search === '' ? '' : `?${search}`}`, headers };
  const timeout = method === 'GET' ? TIMEOUT_MS : CHANGE_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => call.destroy(new Error(`no whole answer within ${TOTAL_MS / 1000} s`)), TOTAL_MS);
    const call = request({ ...options, timeout, agent: false }, (response) => {
      const isAnswer = response.statusCode === 200;
      const refusal: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > MAX_ANSWER_BYTES) call.destroy(new Error('the answer is too long'));
        else if (!isAnswer) refusal.push(piece);
        else {
          try {
            take(piece);
          } catch (error) {
            reject(error as Error);
            call.destroy();
          }
        }
      });
      response.on('error', (error) => reject(new AskError(`${socketPath}: ${error.message}`)));
      response.on('end', () => {
        if (isAnswer) resolve();
        else reject(refusalOf(Buffer.concat(refusal), response.statusCode ?? 500, socketPath));
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    call.on('close', () => clearTimeout(deadline));
    call.on('error', (error) => reject(unreachable(socketPath, error)));
    call.end(sent);
  });
}

/** A body that comes as it comes, for as long as somebody reads it; rejects with AskError where it is refused. */
export function openStream(
  socketPath: string,
  path: string,
  query: Record<string, string> = {},
): Promise<IncomingMessage> {
  const search = new URLSearchParams(query).toString();
  return new Promise((resolve, reject) => {
    const options = { socketPath, path: `${path}${search === '' ? '' : `?${search}`}`, agent: false };
    const call = request({ ...options, timeout: TIMEOUT_MS }, (response) => {
      call.setTimeout(0);
      if (response.statusCode === 200) {
        resolve(response);
        return;
      }
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => reject(refusalOf(Buffer.concat(chunks), response.statusCode ?? 500, socketPath)));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    call.on('error', (error) => reject(unreachable(socketPath, error)));
    call.end();
  });
}

export function notASwitch(socketPath: string): AskError {
  return new AskError(`${socketPath}: what answers there is not a switch`);
}

/** 409: a change that the switch cannot make now. */
export function refusalOf(text: Buffer, status: number, socketPath: string): AskError {
  try {
    const { error } = (JSON.parse(text.toString()) ?? {}) as { error?: unknown };
    const message = typeof error === 'string' ? error : 'the switch refused without a reason';
    return new AskError(message, status < 500 && status !== 409);
  } catch {
    return notASwitch(socketPath);
  }
}

/** Why nobody answers. */
export function unreachable(path: string, error: NodeJS.ErrnoException): AskError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return new AskError(`no switch is running at ${path}`);
  if (error.code === 'EACCES') return new AskError(`${path}: permission denied; it is for the switch's user and group`);
  return new AskError(`${path}: ${error.message}`);
}
