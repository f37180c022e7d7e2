/** The command: exit status, one line for every mistake, files that are there or not there. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capture, Host } from '../../../fixtures/scene.ts';
import { PcapWriter } from '../../../src/pcap/pcap-writer.ts';
import { MemorySink } from '../../../src/pcap/source.ts';
import type { ReplayReport } from '../../../src/runtime/replay/report.ts';
import { command, framesOf, readBytes } from './run.ts';

let dir = '';
const at = (name: string) => join(dir, name);
const [a, b] = [1, 2].map((n) => new Host(n));
const good = capture([
  [0, a.arpRequest(b)],
  [100, a.ping(b, 1)],
]);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'etherloom-replay-'));
  writeFileSync(
    at('sw.yaml'),
    'ports: { a: { adapter: tap, device: tap1 }, b: { adapter: udp, local: "127.0.0.1:1", remote: "127.0.0.1:2" }, c: { adapter: memory } }\n',
  );
  writeFileSync(at('none.yaml'), '{}\n');
  writeFileSync(at('bad.yaml'), 'ports:\n  a: { adapter: memory, vlan: 4095 }\n');
  writeFileSync(at('good.pcap'), good);
  writeFileSync(at('cut.pcap'), good.slice(0, good.length - 3));
  writeFileSync(at('text.pcap'), 'this is no capture at all, whatever its name says\n');
  writeFileSync(at('empty.pcap'), '');
  writeFileSync(at('headeronly.pcap'), good.slice(0, 24));
  writeFileSync(at('halfheader.pcap'), good.slice(0, 20));
  writeFileSync(at('gzip.pcap'), Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0));
  const sink = new MemorySink();
  const raw = new PcapWriter(sink, { linkType: 101 });
  raw.write(good, 0, 20, 20, 1, 0);
  raw.flush();
  writeFileSync(at('raw.pcap'), sink.bytes());
  mkdirSync(at('adir'));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('mistakes: status 2, one line, nothing written', () => {
  const cases: [name: string, options: { config?: string; inputs?: string[]; out?: string }, line: RegExp][] = [
    ['no configuration', { config: 'nowhere.yaml' }, /nowhere\.yaml: no such file or directory$/],
    ['a folder as configuration', { config: 'adir' }, /adir: is a directory$/],
    ['a bad configuration', { config: 'bad.yaml' }, /bad\.yaml:2: ports\.a\.vlan: 4095 is not a VLAN ID/],
    ['no ports', { config: 'none.yaml', inputs: ['a=good.pcap'] }, /no port "a"; the configuration has no ports$/],
    ['nothing to replay', { inputs: [] }, /--in: nothing to replay; valid is --in PORT=CAPTURE/],
    ['no "="', { inputs: ['good.pcap'] }, /--in "good\.pcap": valid is PORT=CAPTURE/],
    ['no capture', { inputs: ['a='] }, /--in "a=": valid is PORT=CAPTURE/],
    ['no port', { inputs: ['=good.pcap'] }, /--in "=good\.pcap": valid is PORT=CAPTURE/],
    ['an unknown port', { inputs: ['a=good.pcap', 'z=good.pcap'] }, /--in z=.*: no port "z"; valid are a, b, c$/],
    ['an unknown capture', { inputs: ['a=nowhere.pcap'] }, /--in a=.*nowhere\.pcap: no such file or directory$/],
    ['a folder as capture', { inputs: ['a=adir'] }, /adir: is a directory$/],
    ['text', { inputs: ['a=text.pcap'] }, /text\.pcap: byte 0: not a capture file/],
    ['an empty file', { inputs: ['a=empty.pcap'] }, /empty\.pcap: byte 0: the file is empty/],
    ['half a header', { inputs: ['a=halfheader.pcap'] }, /halfheader\.pcap: byte 0: the pcap file header is cut short/],
    ['gzip', { inputs: ['a=gzip.pcap'] }, /gzip\.pcap: byte 0: the file is compressed with gzip/],
    [
      'no Ethernet',
      { inputs: ['b=good.pcap', 'a=raw.pcap'] },
      /raw\.pcap: holds no Ethernet frames: the link type is 101$/,
    ],
    ['stdin twice', { inputs: ['a=-', 'b=-'] }, /--in: stdin \(-\) can be given once only$/],
    ['a file as output folder', { out: 'good.pcap' }, /--out .*good\.pcap: is not a directory$/],
    ['an output folder under a file', { out: 'good.pcap/x' }, /--out .*good\.pcap\/x: is not a directory$/],
  ];

  it.each(cases)('%s', async (_, options, line) => {
    const path = (text: string) => (/[=]/.test(text) ? text.replace(/=(?=[^-])/, `=${dir}/`) : text);
    const out = at(options.out ?? 'out');
    const result = await command({
      config: at(options.config ?? 'sw.yaml'),
      inputs: (options.inputs ?? ['a=good.pcap']).map(path),
      out,
      json: true,
    });
    expect(result.status).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr.replace(`"=${dir}/`, '"=')).toMatch(new RegExp(`${line.source.replace(/\$$/, '')}.*\\n$`));
    expect(result.stderr.split('\n').length).toBe(2);
    expect(existsSync(at('out'))).toBe(false);
  });

  it('an output that would replace an input, also through a link', async () => {
    mkdirSync(at('in'));
    writeFileSync(at('in/b.pcap'), good);
    symlinkSync(at('in'), at('link'));
    for (const out of [at('in'), at('link')]) {
      const result = await command({ config: at('sw.yaml'), inputs: [`a=${at('in/b.pcap')}`], out, json: true });
      expect(result).toMatchObject({ status: 2, stdout: '' });
      expect(result.stderr).toMatch(/would overwrite the input .*in\/b\.pcap\n$/);
    }
    expect(readBytes(at('in/b.pcap'))).toEqual(good);
    expect(readdirSync(at('in'))).toEqual(['b.pcap']);
  });

  it.skipIf(process.getuid?.() === 0)('a folder that cannot be written', async () => {
    mkdirSync(at('locked'));
    chmodSync(at('locked'), 0o555);
    const options = { config: at('sw.yaml'), inputs: [`a=${at('good.pcap')}`], out: at('locked'), json: true };
    const result = await command(options);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(/--out .*locked: permission denied\n$/);
  });
});

describe('results', () => {
  const run = (inputs: string[], out: string, more = {}) =>
    command({
      config: at('sw.yaml'),
      inputs: inputs.map((i) => i.replace('=', `=${dir}/`)),
      out: at(out),
      json: true,
      ...more,
    });

  it('takes the file of a pcap port where no --in names the port', async () => {
    const config = at('pcap.yaml');
    writeFileSync(config, `ports: { a: { adapter: pcap, file: ${at('good.pcap')} }, b: { adapter: pcap } }\n`);
    const read = await command({ config, inputs: [], out: at('p1'), json: true });
    expect(read).toMatchObject({ status: 0, stderr: '' });
    expect(readBytes(at('p1/b.pcap'))).toEqual(good);
    const named = await command({ config, inputs: [`a=${at('headeronly.pcap')}`], out: at('p2'), json: true });
    expect(JSON.parse(named.stdout)).toMatchObject({ frames: 0 });
  });

  it('writes a capture for every port that sent, and one line of JSON; adapters are never opened', async () => {
    const result = await run(['a=good.pcap'], 'r1');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(at('r1')).sort()).toEqual(['b.pcap', 'c.pcap']);
    expect(readBytes(at('r1/b.pcap'))).toEqual(good);
    expect(result.stdout.endsWith('}\n')).toBe(true);
    expect(result.stdout.split('\n').length).toBe(2);
    const report = JSON.parse(result.stdout) as ReplayReport;
    expect(report.ports.b).toMatchObject({ txFrames: 2, output: 'b.pcap' });
    expect(report.ports.a).toMatchObject({ rxFrames: 2, txFrames: 0, output: null });
    expect(report.ledger.total).toMatchObject({ received: 2, delivered: 2, floodCopies: 2, balanced: true });
  });

  it('the same JSON wherever the output goes', async () => {
    expect((await run(['a=good.pcap'], 'r2')).stdout).toBe((await run(['a=good.pcap'], 'r3/deep')).stdout);
  });

  it('replaces what an earlier replay left, and nothing else', async () => {
    mkdirSync(at('r4'));
    for (const name of ['a.pcap', 'b.pcap', 'other.pcap']) writeFileSync(at(`r4/${name}`), 'old');
    expect((await run(['a=good.pcap'], 'r4')).status).toBe(0);
    expect(readdirSync(at('r4')).sort()).toEqual(['b.pcap', 'c.pcap', 'other.pcap']);
    expect(readBytes(at('r4/b.pcap'))).toEqual(good);
  });

  it('an empty capture is a replay of nothing', async () => {
    const result = await run(['a=headeronly.pcap'], 'r5');
    expect(result.status).toBe(0);
    expect(readdirSync(at('r5'))).toEqual([]);
    expect(JSON.parse(result.stdout)).toMatchObject({ frames: 0, firstTime: null, durationSeconds: 0, drops: {} });
  });

  it('damage: what was before is replayed, then one line, status 2', async () => {
    const result = await run(['a=cut.pcap', 'b=good.pcap'], 'r6');
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(
      /^etherloom: \S*cut\.pcap: byte 82: the file ends in the middle of a record: 95 of 98 bytes\n$/,
    );
    expect(framesOf(readBytes(at('r6/c.pcap'))).length).toBe(3);
    expect((JSON.parse(result.stdout) as ReplayReport).inputs[0].damaged).toBe(
      result.stderr.trim().replace('etherloom: ', ''),
    );
  });

  it('text: every part of the report, and the rate on stderr', async () => {
    const result = await run(['a=good.pcap'], 'r7', { json: false });
    expect(result.stdout).toMatch(/^loom0: 2 frames from 1 input, 0\.0001 s of packet time\n/);
    for (const part of ['PORT  RX-FRAMES ', 'PORT   RECEIVED ', 'VLAN  RECEIVED ', 'balanced: yes\n', 'MAC  ']) {
      expect(result.stdout).toContain(`\n${part}`);
    }
    expect(result.stdout).toMatch(/\ntotal +2 +0 +2 +0 +0 +2 +yes\n/);
    expect(result.stderr).toBe('');
  });

  it('text: a long replay says its rate on stderr, and never calls it throughput', async () => {
    writeFileSync(at('long.pcap'), capture(Array.from({ length: 12_000 }, (_, n) => [n, a.ping(b, n)] as const)));
    const result = await run(['a=long.pcap'], 'r8', { json: false });
    expect(result.stderr).toMatch(/^processing rate without I\/O: [\d.]+ M frames\/s .*\n$/);
    expect(result.stdout + result.stderr).not.toMatch(/throughput/i);
  });

  it('a full disk: status 1, one line, nothing left', async () => {
    if (!existsSync('/dev/full')) return;
    mkdirSync(at('full'));
    // The temporary name of port b leads to a device on which every write fails.
    symlinkSync('/dev/full', at(`full/.b.pcap.${process.pid}.tmp`));
    writeFileSync(at('full/c.pcap'), 'old');
    const result = await run(['a=good.pcap'], 'full');
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(result.stderr).toMatch(/^etherloom: --out .*full: no space left on the device\n$/);
    expect(readdirSync(at('full'))).toEqual(['c.pcap']);
  });
});

describe('as a process', () => {
  const module = new URL('../../../dist/cli/replay.js', import.meta.url);
  const program = `
    import { replay } from ${JSON.stringify(module.href)};
    process.exitCode = await replay(JSON.parse(process.argv[1]));`;
  const args = (options: object) => ['--input-type=module', '-e', program, JSON.stringify(options)];
  const built = existsSync(module);

  it.skipIf(!built)('reads stdin', () => {
    const options = { config: at('sw.yaml'), inputs: ['a=-'], out: at('p1'), json: true };
    const { status, stderr } = spawnSync(process.execPath, args(options), { encoding: 'utf8', input: good });
    expect([status, stderr]).toEqual([0, '']);
    expect(readBytes(at('p1/b.pcap'))).toEqual(good);
  });

  it.skipIf(!built).each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s leaves what was there, and nothing else', async (signal, status) => {
    // The second frame is due in an hour: the wall clock waits for it.
    const slow: [number, Uint8Array][] = [
      [0, a.arpRequest(b)],
      [3_600_000_000, a.ping(b, 1)],
    ];
    writeFileSync(at('slow.pcap'), capture(slow));
    const made = at(`stopped-${signal}`);
    const out = join(made, 'deep');
    const options = { config: at('sw.yaml'), inputs: [`a=${at('slow.pcap')}`], out, json: true, clock: 'wall' };
    for (const before of [[], ['b.pcap']]) {
      if (before.length > 0) mkdirSync(out, { recursive: true });
      for (const name of before) writeFileSync(join(out, name), 'old');
      const child = spawn(process.execPath, args(options), { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      child.stdout.on('data', (text) => (said += text));
      child.stderr.on('data', (text) => (said += text));
      const ended = once(child, 'exit');
      // The first frame has gone through when a capture has been begun.
      while (!existsSync(out) || !readdirSync(out).some((name) => name.includes('.pcap.'))) {
        if (child.exitCode !== null) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      child.kill(signal);
      expect([(await ended)[0], said]).toEqual([status, '']);
      expect(existsSync(made)).toBe(before.length > 0);
      expect(existsSync(out) ? readdirSync(out) : []).toEqual(before);
      rmSync(made, { recursive: true, force: true });
    }
  });
});
