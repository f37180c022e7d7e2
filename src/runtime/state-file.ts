/**
 * What outlives the process, as a file.
 *
 *     {"etherloom":"state","version":1,"savedAt":…,"basis":"…","document":{…}|null}
 *     ["loom0",10,"02:00:00:00:00:01","p1",12.5]        a learned address a line
 *     {"addresses":1,"sha256":"…"}                      of everything before
 *
 * It is written beside its place and moved there, so that there is always a whole one; the last line tells a whole one
 * from a damaged one. Whatever goes wrong is told and costs what was to be kept, never the switch.
 */

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { ConfigInput } from '../config/schema/schema.ts';
import type { Known } from './relearn.ts';

export interface State {
  savedAt: number;
  /** Hash of the file that the switch was started with. */
  basis: string;
  /** The configuration that stood, where it was not that of the file. */
  document: ConfigInput | null;
  known: Known[];
}

const VERSION = 1;
/** Two million addresses; more than any table holds. */
const MAX_BYTES = 256 << 20;
const LINES_PER_WRITE = 2048;

/** It is not whole, or not of ours. */
export class StateError extends Error {
  override readonly name = 'StateError';
}

const damaged = () => new StateError('it is damaged');

export function basisOf(raw: ConfigInput): string {
  return createHash('sha256').update(JSON.stringify(raw)).digest('hex');
}

/** Rejects with StateError or the system's error; then the file is as it was. */
export async function writeState(file: string, state: Omit<State, 'known'>, known: Iterable<Known>): Promise<void> {
  const place = await placeOf(file);
  const beside = `${place}.new`;
  await rm(beside, { force: true });
  const handle = await open(beside, 'wx', 0o600); // not where a link of somebody else's points to
  try {
    await writeLines(handle, state, known);
    await handle.sync();
    await handle.close();
    await rename(beside, place);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  }
}

/** Where the file is that is replaced: behind links. A device or a FIFO is left alone. */
async function placeOf(file: string): Promise<string> {
  try {
    const place = await realpath(file);
    if (!(await stat(place)).isFile()) throw new StateError('it is no file');
    return place;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return file;
  }
}

async function writeLines(
  handle: FileHandle,
  { savedAt, basis, document }: Omit<State, 'known'>,
  known: Iterable<Known>,
): Promise<void> {
  const hash = createHash('sha256');
  let text = `${JSON.stringify({ etherloom: 'state', version: VERSION, savedAt, basis, document })}\n`;
  const flush = async () => {
    hash.update(text);
    await handle.appendFile(text); // `write` may take a part of it, on a disk that is nearly full
    text = '';
  };
  let n = 0;
  for (const { bridge, vid, mac, port, ageSeconds } of known) {
    text += `${JSON.stringify([bridge, vid, mac, port, ageSeconds])}\n`;
    if (++n % LINES_PER_WRITE === 0) await flush();
  }
  await flush();
  await handle.appendFile(lastLine(n, hash.digest('hex')));
}

function lastLine(addresses: number, sha256: string): string {
  return `${JSON.stringify({ addresses, sha256 })}\n`;
}

/** Null when there is none. Rejects with StateError, or the system's error. */
export async function readState(file: string): Promise<State | null> {
  let bytes: Buffer;
  try {
    bytes = await readWhole(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const end = bytes.lastIndexOf('\n', -2) + 1;
  const body = bytes.subarray(0, end);
  try {
    const [head, ...lines] = body.toString('utf8').trimEnd().split('\n');
    const whole = lastLine(lines.length, createHash('sha256').update(body).digest('hex'));
    if (bytes.toString('utf8', end) !== whole) throw damaged();
    const { etherloom, version, savedAt, basis, document } = JSON.parse(head) as Record<string, unknown>;
    if (etherloom !== 'state' || version !== VERSION) throw new StateError('it is of another version');
    if (typeof savedAt !== 'number' || Number.isNaN(new Date(savedAt).valueOf()) || typeof basis !== 'string')
      throw damaged();
    return { savedAt, basis, document: document as ConfigInput | null, known: lines.map(knownOf) };
  } catch (error) {
    throw error instanceof StateError ? error : damaged();
  }
}

async function readWhole(file: string): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO without a writer would be waited for
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new StateError('it is no file');
    if (found.size > MAX_BYTES) throw new StateError(`it is longer than ${MAX_BYTES} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function knownOf(line: string): Known {
  const [bridge, vid, mac, port, ageSeconds] = JSON.parse(line) as unknown[];
  const isNamed = typeof bridge === 'string' && typeof mac === 'string' && typeof port === 'string';
  if (!isNamed || (vid !== null && typeof vid !== 'number') || typeof ageSeconds !== 'number' || ageSeconds < 0)
    throw damaged();
  return { bridge, vid, mac, port, ageSeconds };
}
