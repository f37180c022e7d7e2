/** A control socket whose API is loaded when somebody asks. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { ask } from '../../../src/api/control-client.ts';
import { type Door, openDoor } from '../../../src/api/door.ts';
import type { Route } from '../../../src/api/route.ts';
import { answerOn } from '../../../src/api/server.ts';

let dir: string;
let path: string;
let door: Door | undefined;
let loads: number;
let told: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-door-'));
  path = join(dir, 'a.sock');
  loads = 0;
  told = [];
});
afterEach(async () => {
  await door?.close();
  door = undefined;
  rmSync(dir, { recursive: true, force: true });
});

const ROUTES: Route[] = [
  { method: 'GET', path: '/v1/one', summary: 'one', answer: z.number(), handle: () => ({ is: 1 }) },
];

async function open(broken: () => boolean = () => false): Promise<Door> {
  const load = (server: Server) => {
    loads++;
    if (broken()) throw new Error('no such module');
    return answerOn(server, ROUTES);
  };
  door = await openDoor(path, 'a', load, (error) => told.push(error.message));
  return door;
}

/** Everything that comes, for a request by somebody who says at once that nothing more follows. */
function talk(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = '';
    const socket = connect({ path, allowHalfOpen: true }, () => socket.end(text));
    socket.setEncoding('latin1').on('data', (piece: string) => {
      all += piece;
    });
    socket.on('error', reject).on('close', () => resolve(all));
  });
}

it('loads nothing before the first client, and then once for all', async () => {
  await open();
  expect(loads).toBe(0);
  expect(await Promise.all([1, 2, 3].map(() => ask(path, 'one', {})))).toEqual([{ is: 1 }, { is: 1 }, { is: 1 }]);
  expect(await ask(path, 'one', {})).toEqual({ is: 1 });
  expect(loads).toBe(1);
});

it('answers who waited as it answers others', async () => {
  await open();
  const request = 'GET /v1/one HTTP/1.1\r\nhost: x\r\n\r\n';
  for (const answer of [await talk(request), await talk(request)]) {
    expect(answer).toMatch(/^HTTP\/1.1 200 [\s\S]*\{"is":1\}\n$/);
  }
  expect(await talk('nonsense\r\n\r\n')).toBe('');
});

it('says why it could not be loaded, and tries again for the next', async () => {
  let broken = true;
  await open(() => broken);
  await expect(ask(path, 'one', {})).rejects.toThrow();
  expect(told).toEqual(['no such module']);
  broken = false;
  expect(await ask(path, 'one', {})).toEqual({ is: 1 });
});

it.each([
  ['before anybody has asked', false],
  ['afterwards, with clients that do nothing', true],
])('goes with its file %s', async (_when, asked) => {
  await open();
  const idle = connect(path);
  idle.on('error', () => {});
  if (asked) await ask(path, 'one', {});
  const gone = new Promise((resolve) => idle.once('close', resolve));
  await door!.close();
  door = undefined;
  await gone;
  expect(existsSync(path)).toBe(false);
  await expect(ask(path, 'one', {})).rejects.toThrow();
});
