/** A log that nobody reads: the switch goes on, and says later what is missing. */

import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askSwitch } from '../../../src/api/control-client.ts';
import { createLog } from '../../../src/cli/log.ts';
import { toStderr } from '../../../src/cli/log-output.ts';
import { BIN } from '../../live/switch-process.ts';
import { until } from '../api/world.ts';

let dir: string;
let pipe: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-log-'));
  execFileSync('mkfifo', [join(dir, 'log')]);
  pipe = openSync(join(dir, 'log'), constants.O_RDWR | constants.O_NONBLOCK);
});
afterEach(() => {
  closeSync(pipe);
  rmSync(dir, { recursive: true, force: true });
});

function fill(): void {
  for (const size of [4096, 1]) {
    try {
      for (;;) writeSync(pipe, '.'.repeat(size));
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
    }
  }
}

/** What is in the pipe. */
function read(): string {
  const bytes = Buffer.alloc(1 << 20);
  try {
    return bytes.toString('utf8', 0, readSync(pipe, bytes));
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
    return '';
  }
}

describe.skipIf(process.platform !== 'linux')('a log that nobody reads', () => {
  it.each(['text', 'json'] as const)(
    'keeps what there is room for, in order, and tells how much is missing: %s',
    async (format) => {
      fill();
      const output = toStderr(pipe);
      const log = await createLog(format, output);
      for (let n = 0; n < 20_000; n++) log.info(`line ${n}.`);
      read();
      log.error('the end');
      let text = '';
      await until(() => {
        text += read();
        return text.includes('the end');
      }, 'what waited is there');
      await output.close();
      const lines = text.trimEnd().split('\n');
      const kept = lines.length - 2;
      for (let n = 0; n < kept; n++) expect(lines[n]).toContain(`line ${n}.`);
      expect(lines[kept]).toContain(`${20_000 - kept} lines of the log are missing here`);
      expect(lines[kept + 1]).toContain('the end');
      if (format === 'json') for (const line of lines) expect(JSON.parse(line)).toHaveProperty('level');
    },
  );

  it('keeps no switch from answering and ending', async () => {
    fill();
    const socket = join(dir, 'sw.sock');
    const config = {
      switch: { name: `log${process.pid}`, controlSocket: socket },
      ports: { m: { adapter: 'memory' } },
    };
    writeFileSync(join(dir, 'sw.json'), JSON.stringify(config));
    const child = spawn(process.execPath, [BIN, 'run', '-c', join(dir, 'sw.json')], {
      stdio: ['ignore', 'ignore', pipe],
    });
    const ended = new Promise((resolve) => child.on('exit', (status, signal) => resolve(signal ?? status)));
    try {
      await until(() => existsSync(socket) || child.exitCode !== null, 'the switch is up');
      expect(await askSwitch(socket, { path: '/v1/vlans' })).toBeDefined();
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
