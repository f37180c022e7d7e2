/** What was changed while a switch ran is there again after a restart; what is damaged stops nothing. */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askSwitch } from '../../../src/api/control-client.ts';
import type { FdbView } from '../../../src/api/fdb-view.ts';
import { readState, StateError, writeState } from '../../../src/runtime/state-file.ts';
import { canLimitFiles, withFileLimit } from '../../file-limit.ts';
import { freePort } from '../../free-port.ts';
import { endOf } from '../../live/switch-process.ts';
import { useBench } from '../../live/use.ts';
import { closeAll, frame, peer, udp, until } from '../api/world.ts';

let dir: string;
const bench = useBench();
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-state-'));
});
afterEach(async () => {
  closeAll();
  rmSync(dir, { recursive: true, force: true });
});

describe('the state file', () => {
  const known = Array.from({ length: 5000 }, (_, i) => ({
    ...{ bridge: 'sw', vid: 1 + (i % 7), mac: `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:ff`, port: 'p1' },
    ageSeconds: i / 10,
  }));
  const state = { savedAt: 17, basis: 'abc', document: { vlans: { 30: { name: 'green' } } } };

  it('gives back what was written', async () => {
    const file = join(dir, 'state');
    expect(await readState(file)).toBeNull();
    await writeState(file, state, known);
    expect(await readState(file)).toEqual({ ...state, known });
  });

  it('is refused when one byte is another, one is missing, or it ends early', async () => {
    const file = join(dir, 'state');
    await writeState(file, state, known.slice(0, 3));
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] ^= 1;
      writeFileSync(file, damaged);
      await expect(readState(file), `byte ${at}`).rejects.toThrow(StateError);
      writeFileSync(file, whole.subarray(0, at));
      await expect(readState(file), `${at} bytes`).rejects.toThrow(StateError);
    }
  });

  it('stays as it was when the new one cannot be written', async () => {
    const file = join(dir, 'state');
    await writeState(file, state, []);
    const broken = {
      [Symbol.iterator]: () => {
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      },
    };
    await expect(writeState(file, { ...state, savedAt: 18 }, broken)).rejects.toThrow(/ENOSPC/);
    expect((await readState(file))!.savedAt).toBe(17);
    mkdirSync(join(dir, 'state.new'));
    await expect(writeState(file, state, [])).rejects.toThrow(/EISDIR/);
  });
});

describe('a state file that is none', () => {
  it.skipIf(!canLimitFiles)('stays the old one when the disk is full within the new one, wherever', async () => {
    const file = join(dir, 'state');
    const state = { basis: 'abc', document: null };
    await writeState(file, { savedAt: 18, ...state }, []);
    const { size } = statSync(file);
    await writeState(file, { savedAt: 17, ...state }, []);
    for (const bytes of [1, size >> 1, size - 100, size - 1]) {
      await expect(
        withFileLimit(bytes, () => writeState(file, { savedAt: 18, ...state }, [])),
        `${bytes} of ${size} bytes`,
      ).rejects.toThrow(/EFBIG/);
      expect((await readState(file))!.savedAt).toBe(17);
    }
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it('takes the place of nothing but a file, and goes where a link points to', async () => {
    const state = { savedAt: 17, basis: 'abc', document: null };
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await expect(writeState(fifo, state, [])).rejects.toThrow('it is no file');
    expect(lstatSync(fifo).isFIFO()).toBe(true);
    const [file, link] = [join(dir, 'state'), join(dir, 'link')];
    writeFileSync(file, 'other');
    symlinkSync(file, link);
    await writeState(link, state, []);
    expect((await readState(file))!.savedAt).toBe(17);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    // A link in the place of the file that is written first is not followed.
    writeFileSync(join(dir, 'precious'), 'precious');
    symlinkSync(join(dir, 'precious'), `${file}.new`);
    await writeState(file, { ...state, savedAt: 18 }, []);
    expect((await readState(file))!.savedAt).toBe(18);
    expect(readFileSync(join(dir, 'precious'), 'utf8')).toBe('precious');
  });

  it('is not read when it is a FIFO, a device, a directory or longer than any', async () => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await expect(readState(fifo)).rejects.toThrow('it is no file');
    await expect(readState('/dev/zero')).rejects.toThrow('it is no file');
    await expect(readState(dir)).rejects.toThrow('it is no file');
    const huge = join(dir, 'huge');
    writeFileSync(huge, '');
    truncateSync(huge, 300 << 20);
    await expect(readState(huge)).rejects.toThrow('it is longer than');
  });
});

describe('a switch with state', () => {
  it('comes back as it was, until its file is edited or the state is damaged', async () => {
    const far = await peer();
    const local = await freePort();
    const state = { file: join(dir, 'state'), fdb: true };
    const socket = join(bench.dir, 'sw.sock');
    const config = {
      switch: { name: `state${process.pid}`, controlSocket: socket },
      state,
      ports: { p1: udp(local, far.port, { mode: 'access', vlan: 10 }), m: { adapter: 'memory' } },
    };
    const run = async (of: object) => {
      const file = join(bench.dir, 'switch.json');
      writeFileSync(file, JSON.stringify(of));
      const { child, log } = bench.spawn('run', '-c', file);
      await until(() => existsSync(socket) || child.exitCode !== null, 'the switch is up');
      expect(child.exitCode, log()).toBeNull();
      // Its words may come a moment after its socket.
      const says = (words: string) => until(() => log().includes(words), words);
      return { says, stop: () => endOf(child, 'SIGTERM') };
    };
    const fdb = async () => ((await askSwitch(socket, { path: '/v1/fdb' })) as FdbView).entries;
    const vids = async () => {
      const { vlans } = (await askSwitch(socket, { path: '/v1/vlans' })) as { vlans: { vid: number }[] };
      return vlans.map(({ vid }) => vid);
    };
    const first = await run(config);
    const ask = (method: 'PUT' | 'POST', path: string, body: object) => askSwitch(socket, { method, path, body });
    far.socket.send(frame(9, 1), local, '127.0.0.1');
    await until(async () => (await fdb()).length === 1, 'learned');
    await ask('PUT', '/v1/vlans/30', { name: 'green' });
    await ask('POST', '/v1/fdb', { mac: '02:00:00:00:00:0a', vlan: 10, port: 'p1', kind: 'sticky' });
    // What waits to be confirmed is not kept.
    await ask('POST', '/v1/apply', { config: { ...config, vlans: { 99: {} } }, confirmSeconds: 60 });
    expect(await first.stop()).toBe(0);

    const second = await run(config);
    await second.says(`state ${state.file}: what was changed at run time stands again`);
    await second.says(`state ${state.file}: read as it was kept at 20`);
    await second.says('Z, with 1 learned address\n');
    expect((await fdb()).map(({ mac, kind }) => [mac, kind])).toEqual([
      ['02:00:00:00:00:01', 'dynamic'],
      ['02:00:00:00:00:0a', 'sticky'],
    ]);
    expect(await vids()).toEqual([1, 10, 30]);
    expect(await second.stop()).toBe(0);

    // The file says something else now: it wins. Addresses are known all the same.
    const edited = await run({ ...config, vlans: { 40: {} } });
    await edited.says('the configuration was edited since');
    expect(await vids()).toEqual([1, 10, 40]);
    expect(await fdb()).toHaveLength(1);
    expect(await edited.stop()).toBe(0);

    writeFileSync(state.file, readFileSync(state.file, 'latin1').replace('02:00', '02:01'));
    const damaged = await run(config);
    await damaged.says(`state ${state.file}: not restored: it is damaged`);
    expect(await fdb()).toEqual([]);
    // From now on it cannot be kept.
    rmSync(dir, { recursive: true, force: true });
    await askSwitch(socket, { method: 'PUT', path: '/v1/vlans/50', body: {} }).catch(() => {});
    expect(await damaged.stop()).toBe(0);
    await damaged.says('not kept: ENOENT');
  });
});
