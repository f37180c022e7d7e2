/**
 * The fixtures of the repository: their files are what scenes.ts makes, and a replay of them gives what scenes.ts
 * wrote by hand, byte for byte. ETHERLOOM_FIXTURES=write makes the files anew.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scenes } from '../../../fixtures/scenes.ts';
import type { ReplayReport } from '../../../src/runtime/replay/report.ts';
import { command, readBytes } from './run.ts';

const fixtures = join(import.meta.dirname, '../../../fixtures');
const all = scenes();
let work = '';

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'etherloom-fixtures-'));
  if (process.env.ETHERLOOM_FIXTURES !== 'write') return;
  for (const scene of all) {
    const folder = join(fixtures, scene.folder);
    rmSync(join(folder, 'expect'), { recursive: true, force: true });
    mkdirSync(join(folder, 'expect'), { recursive: true });
    for (const [file, bytes] of scene.inputs()) writeFileSync(join(folder, file), bytes);
    for (const [file, bytes] of scene.expected()) writeFileSync(join(folder, 'expect', file), bytes);
  }
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe.each(all)('$folder', (scene) => {
  const folder = join(fixtures, scene.folder);

  it('its files are what scenes.ts makes', () => {
    for (const [file, bytes] of scene.inputs()) expect(readBytes(join(folder, file)), file).toEqual(bytes);
    for (const [file, bytes] of scene.expected()) expect(readBytes(join(folder, 'expect', file)), file).toEqual(bytes);
    const captures = readdirSync(folder).filter((file) => file.includes('.pcap'));
    expect(captures).toEqual([...scene.inputs().keys()]);
    expect(readdirSync(join(folder, 'expect'))).toEqual([...scene.expected().keys()]);
  });

  it('a replay gives what was written by hand', async () => {
    const out = join(work, scene.folder);
    const inputs = [...scene.inputs().keys()].map(
      (file) => `${file.replace(/\.pcap(ng)?$/, '')}=${join(folder, file)}`,
    );
    const result = await command({ config: join(folder, 'switch.yaml'), inputs, out, json: true });
    expect(result.status).toBe(scene.damaged ? 2 : 0);
    expect(result.stderr.split('\n').length).toBe(scene.damaged ? 2 : 1);
    expect(readdirSync(out).sort()).toEqual([...scene.expected().keys()].sort());
    for (const [file, bytes] of scene.expected()) expect(readBytes(join(out, file)), file).toEqual(bytes);
    const report = JSON.parse(result.stdout) as ReplayReport;
    expect(report.drops).toEqual(scene.drops);
    expect(report.ledger.balanced).toBe(true);
  });
});

it('every folder with a switch is a fixture', () => {
  const folders = readdirSync(fixtures).filter((name) => existsSync(join(fixtures, name, 'switch.yaml')));
  expect(folders.sort()).toEqual(all.map((scene) => scene.folder).sort());
});

it('demo: what leaves one end of the trunk is what arrives at the other', () => {
  const demo = join(fixtures, 'demo');
  expect(readBytes(join(demo, 'expect/up1.pcap'))).toEqual(readBytes(join(demo, 'up2.pcap')));
  expect(readBytes(join(demo, 'expect/up2.pcap'))).toEqual(readBytes(join(demo, 'up1.pcap')));
});

it('storm: the FDB stays within its limit', async () => {
  const folder = join(fixtures, 'storm');
  const options = { config: join(folder, 'switch.yaml'), inputs: [`a=${folder}/a.pcap`], out: join(work, 'storm2') };
  const report = JSON.parse((await command({ ...options, json: true })).stdout) as ReplayReport;
  expect(report.fdb.length).toBe(16);
  expect(report.fdbStats).toMatchObject({ learned: 300, evicted: 284 });
  expect(report.ports.a).toMatchObject({ rxFrames: 300, delivered: 300, flooded: 300, floodCopies: 300, txFrames: 0 });
});
