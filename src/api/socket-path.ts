/**
 * Where the control socket of a switch is.
 *
 *   root            /run/etherloom/NAME.sock
 *   everybody else  $XDG_RUNTIME_DIR/etherloom/NAME.sock, or /tmp/etherloom-UID/NAME.sock without it
 */

import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const SUFFIX = '.sock';

export function socketDirectory(): string {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return '/run/etherloom';
  const runtime = process.env.XDG_RUNTIME_DIR;
  return runtime ? join(runtime, 'etherloom') : join(tmpdir(), `etherloom-${uid}`);
}

export function defaultSocketPath(name: string): string {
  return join(socketDirectory(), `${name}${SUFFIX}`);
}

/** Names of the switches that have a socket in the default place, running or not. */
export function switchNames(): string[] {
  try {
    const files = readdirSync(socketDirectory());
    return files
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .sort();
  } catch {
    return [];
  }
}

/** Makes the default directory. In a place that everybody can write to, it must be ours alone. */
export function makeSocketDirectory(path: string): void {
  const directory = dirname(path);
  if (directory !== socketDirectory()) return;
  const isRoot = process.getuid?.() === 0;
  mkdirSync(directory, { recursive: true, mode: isRoot ? 0o755 : 0o700 });
  if (isRoot) return;
  const { uid } = lstatSync(directory);
  if (uid !== process.getuid?.()) throw new Error(`${directory} belongs to another user`);
  chmodSync(directory, 0o700);
}
