/** `show --json` hands a long answer on as it comes: whole, or with a failure; and reads on while who reads it does not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { show } from '../../../src/cli/show.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const PIECE = `${' '.repeat(65_535)}\n`;
const BEGIN = '{"switch":"x","entries":[';
let made = 0;

async function serving(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => answer(response));
  const socket = join(tmpdir(), `el-long-${process.pid}-${made++}.sock`);
  await new Promise<void>((listening) => server.listen(socket, listening));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}

function collecting(): { stream: Writable; text: () => string } {
  let said = '';
  const write = (text: Buffer, _: unknown, done: () => void) => {
    said += text;
    done();
  };
  return { stream: new Writable({ write }), text: () => said };
}

describe('a long answer', () => {
  it('is written as it comes', async () => {
    const out = collecting();
    let early = '';
    const socket = await serving((response) => {
      response.write(BEGIN + PIECE.repeat(32));
      const timer = setInterval(() => {
        early = out.text();
        if (early.length === 0) return;
        clearInterval(timer);
        response.end(']}');
      }, 5);
    });
    const err = collecting();
    expect(await show('fdb', { json: true, socket }, { out: out.stream, err: err.stream })).toBe(0);
    expect(out.text()).toBe(`${BEGIN}${PIECE.repeat(32)}]}`);
    expect(early.startsWith(BEGIN)).toBe(true);
  });

  it.each([
    ['that is cut off', BEGIN, /^etherloom: .*aborted\n$/],
    ['that no switch gives', '[[[[', /^etherloom: .*what answers there is not a switch\n$/],
  ])('%s is a failure', async (_, begin, line) => {
    const socket = await serving((response) => {
      response.write(begin + PIECE.repeat(32), () => setTimeout(() => response.destroy(), 50));
    });
    const [out, err] = [collecting(), collecting()];
    expect(await show('fdb', { json: true, socket }, { out: out.stream, err: err.stream })).toBe(1);
    expect(err.text()).toMatch(line);
  });

  const bin = fileURLToPath(new URL('../../../bin/etherloom', import.meta.url));
  const built = existsSync(new URL('../../../dist/cli/main.js', import.meta.url));
  it.skipIf(!built)('is taken from the switch while nobody reads it', async () => {
    let taken: () => void;
    const all = new Promise<void>((resolve) => {
      taken = resolve;
    });
    const socket = await serving((response) => response.end(BEGIN + PIECE.repeat(128), () => taken()));
    const piped = '"$@" | { read go <&3; cat; }';
    const args = ['-c', piped, 'sh', process.execPath, bin, 'show', 'fdb', '--json', '--socket', socket];
    const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
    await all;
    (child.stdio[3] as NodeJS.WritableStream).end('go\n');
    let bytes = 0;
    child.stdout!.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(bytes).toBe(BEGIN.length + 128 * PIECE.length);
  });

  it.skipIf(!built || !existsSync('/dev/full'))('that finds no room is a failure', async () => {
    const socket = await serving((response) => response.end(BEGIN + PIECE.repeat(32)));
    const args = [bin, 'show', 'fdb', '--json', '--socket', socket];
    const child = spawn(process.execPath, args, { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
    let said = '';
    child.stderr!.on('data', (text) => {
      said += text;
    });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said).toMatch(/^etherloom: cannot write: ENOSPC[^\n]*\n$/);
  });
});
