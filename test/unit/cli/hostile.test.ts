/** What hostile files, devices and directories do to the commands: one line and the right status, never a trace. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capture, Host } from '../../../fixtures/scene.ts';
import { show } from '../../../src/cli/show.ts';
import { command } from '../replay/run.ts';

const CONFIG = 'ports: { a: { adapter: memory }, b: { adapter: memory } }\n';
const [a, b] = [1, 2].map((n) => new Host(n));
let dir = '';
const at = (name: string) => join(dir, name);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-hostile-'));
  writeFileSync(at('sw.yaml'), CONFIG);
  writeFileSync(at('in.pcap'), capture([[0, a.arpRequest(b)]]));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

const replay = (out: string, more: { config?: string; inputs?: string[] } = {}) =>
  command({ config: at('sw.yaml'), inputs: [`a=${at('in.pcap')}`, `b=${at('in.pcap')}`], out, json: true, ...more });

describe('the output directory', () => {
  it('a directory in the place of a capture is found before the first frame: all or nothing', async () => {
    mkdirSync(at('o1/b.pcap'), { recursive: true });
    writeFileSync(at('o1/a.pcap'), 'old');
    const { status, stderr } = await replay(at('o1'));
    expect([status, stderr]).toEqual([2, `etherloom: --out ${at('o1')}: b.pcap there is a directory\n`]);
    expect(readFileSync(at('o1/a.pcap'), 'utf8')).toBe('old');
    expect(readdirSync(at('o1')).sort()).toEqual(['a.pcap', 'b.pcap']);
  });

  it.skipIf(!existsSync('/proc/self'))('where nothing can be made, the attempt ends', async () => {
    expect(await replay('/proc/etherloom/x')).toMatchObject({ status: 2, stdout: '' });
  });

  it('the configuration is an input too', async () => {
    mkdirSync(at('o3'));
    writeFileSync(at('o3/b.pcap'), CONFIG);
    const { status, stderr } = await replay(at('o3'), { config: at('o3/b.pcap') });
    expect([status, stderr]).toEqual([
      2,
      `etherloom: --out ${at('o3')}: would overwrite the input ${at('o3/b.pcap')}\n`,
    ]);
    expect(readFileSync(at('o3/b.pcap'), 'utf8')).toBe(CONFIG);
  });

  it('an empty name is no directory', async () => {
    expect(await replay('')).toMatchObject({ status: 2, stderr: 'etherloom: --out: is empty; valid is a directory\n' });
  });

  it('what killed replays left goes; what living ones write stays', async () => {
    const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
    mkdirSync(at('o4'));
    const living = `.b.pcap.${process.ppid}.tmp`;
    for (const name of [`.b.pcap.${dead}.tmp`, living, `.other.pcap.${dead}.tmp`]) writeFileSync(at(`o4/${name}`), '');
    expect((await replay(at('o4'))).status).toBe(0);
    const others = readdirSync(at('o4')).filter((name) => name.startsWith('.'));
    expect(others.sort()).toEqual([living, `.other.pcap.${dead}.tmp`].sort());
  });
});

describe('the configuration file', () => {
  it.skipIf(!existsSync('/dev/zero'))('a device without end', async () => {
    const { status, stderr } = await replay(at('c1'), { config: '/dev/zero' });
    expect([status, stderr]).toEqual([2, 'etherloom: /dev/zero: the file is longer than 25165827 bytes\n']);
  });

  it('bytes that are not UTF-8 have a place and never become another name', async () => {
    writeFileSync(at('latin1.yaml'), Buffer.from('ports:\n  a: { adapter: pcap, file: "caf\xe9.pcap" }\n', 'latin1'));
    const { status, stderr } = await replay(at('c2'), { config: at('latin1.yaml') });
    expect([status, stderr]).toEqual([2, `etherloom: ${at('latin1.yaml')}:2: the line is not text in UTF-8\n`]);
  });
});

describe('show: what answers is not a switch', () => {
  it.each([
    ['null', 200],
    ['{}', 200],
    ['5', 200],
    ['{"switch":"x","ports":5}', 200],
    ['{"switch":"x","ports":[null]}', 200],
    ['<html>', 200],
    ['{"error":"a\\nb\\u001b[31m"}', 404],
  ])('%s', async (answer, httpStatus) => {
    const server = createServer((_, response) => response.writeHead(httpStatus).end(answer));
    const socket = at('s');
    await new Promise<void>((listening) => server.listen(socket, listening));
    let said = '';
    const err = new Writable({
      write(text, _, done) {
        said += text;
        done();
      },
    });
    const out = new Writable({ write: () => expect.unreachable() });
    const status = await show('ports', { json: false, socket }, { out, err });
    server.close();
    if (httpStatus === 404) expect([status, said]).toEqual([2, 'etherloom: a b [31m\n']);
    else expect([status, said]).toEqual([1, `etherloom: ${socket}: what answers there is not a switch\n`]);
  });
});

it('a name with a line break makes no second line', async () => {
  const { status, stderr } = await replay(at('n1'), { inputs: ['a=x\ny'] });
  expect([status, stderr]).toEqual([2, 'etherloom: --in a=x y: no such file or directory\n']);
});

describe('as a process', () => {
  const bin = fileURLToPath(new URL('../../../bin/etherloom', import.meta.url));
  const built = existsSync(new URL('../../../dist/cli/main.js', import.meta.url));

  it.skipIf(!built || !existsSync('/dev/full')).each([
    [['dissect', 'in.pcap'], 'etherloom: cannot write: ENOSPC'],
    [['replay', '-c', 'sw.yaml', '--in', 'a=in.pcap', '--out', 'p1'], 'etherloom: cannot write: ENOSPC'],
    [['--help'], 'etherloom: cannot write: ENOSPC'],
  ])('%j > /dev/full: status 1, one line', (args, line) => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(bin, args, { cwd: dir, stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, expect.stringMatching(new RegExp(`^${line}[^\\n]*\\n$`))]);
  });

  it.skipIf(!built || !existsSync('/dev/full'))('2> /dev/full: the status is that of the mistake', () => {
    const full = openSync('/dev/full', 'w');
    const args = ['replay', '-c', 'nowhere.yaml', '--out', 'p2'];
    expect(spawnSync(bin, args, { cwd: dir, stdio: ['ignore', 'pipe', full] }).status).toBe(2);
  });

  it.skipIf(!built)('SIGINT ends a replay that waits for a pipe', async () => {
    const args = ['replay', '-c', 'sw.yaml', '--in', 'a=-', '--out', 'p3'];
    const child = spawn(bin, args, { cwd: dir, stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = once(child, 'exit');
    child.stdin.on('error', () => {}); // it may end before it has read all
    // More than the reader's window begins with, so that the first frame is there and the replay under way.
    child.stdin.write(capture(Array.from({ length: 2000 }, (_, n) => [n, a.ping(b, n)] as const)));
    while (!existsSync(at('p3')) && child.exitCode === null) await new Promise((done) => setTimeout(done, 20));
    await new Promise((done) => setTimeout(done, 200));
    child.kill('SIGINT');
    expect(await ended).toEqual([null, 'SIGINT']);
    expect(existsSync(at('p3/b.pcap'))).toBe(false);
  });
});
