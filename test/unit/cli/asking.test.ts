/** Which switch is asked, and what a file is right for. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { socketOf } from '../../../src/cli/asking.ts';
import { check } from '../../../src/cli/check.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-asking-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('the environment says which switch is asked where no option does', async () => {
  const path = join(dir, 'a.sock');
  const server = createServer();
  await new Promise<void>((done) => server.listen(path, done));
  try {
    expect(await socketOf({}, { ETHERLOOM_SOCKET: path })).toBe(path);
    expect(await socketOf({ socket: path }, { ETHERLOOM_NAME: 'other' })).toBe(path);
    await expect(socketOf({}, { ETHERLOOM_NAME: 'nobody-has-this' })).rejects.toThrow(/nobody-has-this\.sock/);
    const both = { ETHERLOOM_NAME: 'a', ETHERLOOM_SOCKET: path };
    await expect(socketOf({}, both)).rejects.toThrow('ETHERLOOM_SOCKET or ETHERLOOM_NAME, not both');
  } finally {
    await new Promise((done) => server.close(done));
  }
});

it('a file with captures is right for replay, and said to be', async () => {
  const file = join(dir, 'switch.yaml');
  const said = async (text: string, json = false) => {
    writeFileSync(file, text);
    const io = { out: new PassThrough(), err: new PassThrough() };
    const status = await check({ config: file, json }, io);
    return { status, out: String(io.out.read() ?? '').replaceAll(dir, '') };
  };
  const captures = 'ports: { p1: { adapter: memory }, p2: { adapter: pcap, file: a.pcap } }';
  expect(await said(captures)).toEqual({
    status: 0,
    out: '/switch.yaml: valid for replay (port p2 is a capture, which no running switch takes): switch loom0, 2 ports, 1 bridge, VLANs 1\n',
  });
  expect(JSON.parse((await said(captures, true)).out)).toMatchObject({ valid: true, for: 'replay' });
  expect((await said('ports: { p1: { adapter: memory } }')).out).toContain(': valid: switch');
});
