/**
 * The examples of docs/examples as a reader runs them: against the built package, by its name.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CaptureReader, MemorySink, MemorySource, PcapWriter, wire } from '../../../src/index.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'etherloom-examples-'));
const examples = join(home, 'docs', 'examples');

/** The checkout as a package of its own build, so that neither a stale nor a missing dist/ matters. */
beforeAll(() => {
  execFileSync('mkdir', ['-p', join(home, 'docs')]);
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  execFileSync('cp', ['-r', join(root, 'docs', 'examples'), examples]);
  execFileSync('cp', [join(root, 'package.json'), home]);
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const config = { extends: join(root, 'tsconfig.json'), files: [join(root, 'src', 'index.ts')], include: [] };
  const options = {
    rootDir: join(root, 'src'),
    outDir: join(home, 'dist'),
    sourceMap: false,
    typeRoots: [join(root, 'node_modules', '@types')],
  };
  writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ ...config, compilerOptions: options }));
  execFileSync(tsc, ['-p', home], { stdio: 'inherit' });
});
afterAll(() => rmSync(home, { recursive: true }));

const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: home, encoding: 'utf8' });

describe('docs/examples', () => {
  it('tunnel.mjs carries a VLAN to the other switch', () => {
    const { status, stdout, stderr } = run(join(examples, 'tunnel.mjs'));
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([
      'VLAN 20 of b: 60 bytes from 020000000001',
      'b: 02:00:00:00:00:01 of VNI 10010 is behind 192.0.2.1',
      'peers of a: 192.0.2.2, 1 frame sent',
      '',
    ]);
    expect(status).toBe(0);
  });

  it('two-hosts.test.mjs passes under node:test', () => {
    const { status, stdout } = run('--test', '--test-reporter=tap', join(examples, 'two-hosts.test.mjs'));
    expect(stdout).toMatch(/# pass 2\n# fail 0/);
    expect(status).toBe(0);
  });

  it('count-ethertypes.mjs counts', () => {
    const { status, stdout, stderr } = run(join(examples, 'count-ethertypes.mjs'));
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toBe('p1 0x0800 2\np1 0x0806 1\np2 0x8100 1\n');
  });

  it('replay.mjs replays, writes what ports sent, and says what is wrong in one line', () => {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink);
    const head = { dst: 'ff:ff:ff:ff:ff:ff', src: '02:00:00:00:00:01' };
    const frame = (vid: number) => wire.ethernetFrame({ ...head, tags: [{ vid }] }, 0x88b5, new Uint8Array(46));
    for (const vid of [10, 20, 10, 4095]) writer.write(frame(vid), 0, 64, 64, 1_700_000_000, vid * 1000);
    writer.flush();
    const capture = join(home, 'in.pcap');
    writeFileSync(capture, sink.bytes());
    const out = join(home, 'out');
    const { status, stdout, stderr } = run(join(examples, 'replay.mjs'), capture, out);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      drops: { INGRESS_VID_RESERVED: 1 },
      ports: { host: { txFrames: 2 }, rest: { txFrames: 3 } },
    });
    const reader = new CaptureReader(new MemorySource(readFileSync(join(out, 'host.pcap'))));
    const lengths = [];
    while (reader.next()) lengths.push(reader.capLen);
    expect(lengths).toEqual([60, 60]);

    writeFileSync(capture, 'no capture');
    for (const args of [[], [join(home, 'nowhere.pcap')], [capture]]) {
      const wrong = run(join(examples, 'replay.mjs'), ...args);
      expect(wrong.status).toBe(2);
      expect(wrong.stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

describe('importing the package', () => {
  it('does nothing: no output, no handle, no addon, no global', () => {
    const code = `
      const before = new Set(Object.getOwnPropertyNames(globalThis));
      const addons = [];
      const load = process.dlopen;
      process.dlopen = (...args) => { addons.push(args[1]); return load(...args); };
      const lib = await import('etherloom');
      const handles = process.getActiveResourcesInfo().filter((name) => !/^(TTYWrap|PipeWrap|FSReq|FileHandle|CloseReq)/.test(name));
      // zod, which checks configurations, keeps its registry there.
      const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name) && !name.startsWith('__zod'));
      console.log(JSON.stringify([typeof lib.createSwitch, handles, addons, added]));
    `;
    const { stdout, stderr, status } = run('--input-type=module', '-e', code);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual(['function', [], [], []]);
  });

  it('a switch on the real clock does not keep the process alive', () => {
    const { status, signal } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', "const { createSwitch } = await import('etherloom'); createSwitch();"],
      { cwd: home, timeout: 120_000 },
    );
    expect([status, signal]).toEqual([0, null]);
  });
});
