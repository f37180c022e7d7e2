/** TCP both ways at once between two namespaces; every byte is accounted for by a hash at both ends. */

import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Namespace, python } from './netns.ts';

const SCRIPT = fileURLToPath(new URL('./tcp-peer.py', import.meta.url));

interface End {
  sent: [number, string];
  received: [number, string];
  seconds: number;
}

/** Moves `bytes` each way and holds what arrived against what was sent. Resolves with Mbit/s of both ways together. */
export async function transfer(
  listener: Namespace,
  address: string,
  connector: Namespace,
  bytes: number,
  port = 5001,
): Promise<number> {
  const args = [address, String(port), String(bytes)];
  const [server, client] = await Promise.all([
    listener.tryAsync(...python(), SCRIPT, 'listen', ...args),
    connector.tryAsync(...python(), SCRIPT, 'connect', ...args),
  ]);
  expect([server.stderr, client.stderr]).toEqual(['', '']);
  const a = JSON.parse(server.stdout) as End;
  const b = JSON.parse(client.stdout) as End;
  expect(a.received).toEqual(b.sent);
  expect(b.received).toEqual(a.sent);
  expect(a.received[0]).toBe(bytes);
  return (2 * bytes * 8) / 1e6 / Math.max(a.seconds, b.seconds);
}
