/**
 * Text files that people name on the command line: read within bounds, and only as what they claim to be.
 *
 * `readFileSync` would read a device without end, and put U+FFFD where the bytes are not UTF-8: a path or a name in
 * another encoding would silently become another one.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { ConfigError } from '../../config/load.ts';
import { MAX_TEXT } from '../../config/yaml-text.ts';

const STDIN = 0;
/** What the longest text that the configuration takes can have in UTF-8, and a mark at its beginning. */
const MAX_BYTES = 3 * MAX_TEXT + 3;
const FIRST_BYTES = 64 * 1024;
const RETRY_MS = 2;

/** The text of a file, of stdin for `-`. Throws ConfigError where it is none, or what node:fs throws. */
export function readText(path: string): string {
  const fd = path === '-' ? STDIN : openSync(path, 'r');
  let bytes: Buffer;
  try {
    bytes = readAll(fd, path);
  } finally {
    if (fd !== STDIN) closeSync(fd);
  }
  const text = bytes.toString('utf8');
  if (isUtf8(bytes)) return text;
  const line = text.slice(0, text.indexOf('\ufffd')).split('\n').length;
  throw notText(path, line, 'the line is not text in UTF-8');
}

function notText(file: string, line: number, problem: string): ConfigError {
  return new ConfigError({ file, line, column: 0, path: '' }, problem);
}

function readAll(fd: number, path: string): Buffer {
  let bytes = Buffer.allocUnsafe(FIRST_BYTES);
  let length = 0;
  for (;;) {
    const got = readSome(fd, bytes, length);
    if (got === 0) return bytes.subarray(0, length);
    length += got;
    if (length > MAX_BYTES) throw notText(path, 0, `the file is longer than ${MAX_BYTES} bytes`);
    if (length < bytes.length) continue;
    const grown = Buffer.allocUnsafe(Math.min(bytes.length * 4, MAX_BYTES + 1));
    bytes.copy(grown);
    bytes = grown;
  }
}

/** Stdin may be a pipe in non-blocking mode. */
function readSome(fd: number, into: Buffer, offset: number): number {
  for (;;) {
    try {
      return readSync(fd, into, offset, into.length - offset, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
  }
}
