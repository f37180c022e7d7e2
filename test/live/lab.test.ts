/** Every lab, and the demo, comes out as promised and leaves nothing behind, also when it is interrupted. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { STORIES } from '../../src/cli/lab.ts';
import { installed, liveObstacle, NETNS, until } from './netns.ts';

const BIN = fileURLToPath(new URL('../../bin/etherloom', import.meta.url));
const obstacle = liveObstacle() ?? (installed('ping') ? null : 'labs need ping');
if (obstacle !== null) console.warn(`skipped: ${obstacle}`);

interface Run {
  process: ChildProcess;
  output: () => string;
  end: Promise<number>;
}

/** Those that a test which failed left behind are ended in the end. */
const running: ChildProcess[] = [];

function start(args: readonly string[]): Run {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  running.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const end = new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)));
  return { process: child, output: () => output, end };
}

const namespacesOf = (pid: number) =>
  readdirSync(NETNS).filter((name) => /^el(lab|demo)-(\d+)-/.exec(name)?.[2] === String(pid));

const directoriesOf = (pid: number) => readdirSync(tmpdir()).filter((name) => name.startsWith(`etherloom-lab-${pid}-`));

afterAll(() => {
  for (const child of running) if (child.exitCode === null) child.kill('SIGTERM');
});

/** What each lab is there to show. */
const PROMISES: Record<string, string[]> = {
  'vlan-isolation': [
    'red1 reaches red2, in VLAN 10',
    'red1 does not reach blue1',
    'the request is flooded in VLAN 10, of which blue1 is no member',
  ],
  'trunk-native': [
    'what blue1 sends leaves with the tag of VLAN 20',
    'what red1 sends leaves without a tag',
    'an untagged frame of sw1 is in VLAN 20 at sw2',
  ],
  'router-on-a-stick': [
    'red1 reaches blue1 over IPv4',
    'red1 reaches blue1 over IPv6',
    'red1 does not reach blue1 without the router',
    'ARP stays in its broadcast domain: lost is no member of VLAN 10',
  ],
  'layer-3-switch': [
    'red1 reaches blue1 over IPv4',
    'red1 reaches blue1 over IPv6',
    'red1 does not reach blue1',
    'ARP stays in its broadcast domain: lost is no member of VLAN 10',
  ],
  'private-vlan': [
    'i3 (isolated, on sw2) reaches the gateway',
    'c1 reaches c2',
    'i1 does not reach i2, on the same switch',
    'i1 does not reach i3, on the other',
    'explain names the isolated VLAN',
  ],
  macvlan: [
    'b1 reaches b2',
    'v1 does not reach v2: edge does not send back where a frame came from',
    'what v1 sends to v2 leaves by the uplink',
    'v1 reaches v2, by way of edge',
    'p1 still does not reach p2: its broadcasts come back to nobody else',
  ],
  ipvlan: [
    'f1 reaches f2',
    'out knows both by one MAC',
    's1 does not reach s2',
    'the packet is for another child, and the flag private keeps them apart',
    'r1 reaches far, by the router',
    'far reaches r1',
  ],
  vxlan: ['red1 reaches red2', 'red1 does not reach blue2', 'and there behind 192.0.2.2, in VNI 10010'],
};

describe.skipIf(obstacle !== null)('etherloom lab', () => {
  it('has promises for every lab', () => {
    expect(STORIES.map(({ name }) => name).sort()).toEqual(Object.keys(PROMISES).sort());
  });

  // All side by side: they wait, most of their time, for what does not arrive.
  it.concurrent.each(Object.entries(PROMISES))(
    '%s comes out as promised and leaves nothing behind',
    async (name, promises) => {
      const run = start(['lab', name]);
      const status = await run.end;
      const output = run.output();
      expect(output).not.toContain('FAILED');
      expect(output).toMatch(new RegExp(`\\nLab ${name}: \\d+ checks, all as promised\\.\\n$`));
      for (const promise of promises) expect(output).toContain(`   ok: ${promise}\n`);
      expect(status).toBe(0);
      expect(namespacesOf(run.process.pid!)).toEqual([]);
      expect(directoriesOf(run.process.pid!)).toEqual([]);
    },
  );

  it.concurrent('the demo comes out as promised, and no device refuses a frame', async () => {
    const demo = start(['demo']);
    expect(await demo.end, demo.output()).toBe(0);
    expect(demo.output()).toMatch(/\nDemo live: everything as promised/);
    // A queue may be full for a moment on a busy machine.
    expect(demo.output()).not.toContain('TX_ERROR');
    expect(namespacesOf(demo.process.pid!)).toEqual([]);
  });

  it.concurrent.each([
    ['in the middle', [], '1. '],
    ['while it is kept', ['--keep'], 'The lab stays'],
  ] as const)('cleans up after Ctrl-C %s', async (_when, more, sign) => {
    const run = start(['lab', 'vlan-isolation', ...more]);
    await until(() => run.output().includes(sign), sign, 240_000);
    expect(namespacesOf(run.process.pid!)).not.toEqual([]);
    run.process.kill('SIGINT');
    expect(await run.end).toBe(130);
    expect(namespacesOf(run.process.pid!)).toEqual([]);
    expect(directoriesOf(run.process.pid!)).toEqual([]);
  });

  it('lists the labs, and refuses others by name', async () => {
    const list = start(['lab']);
    expect(await list.end).toBe(0);
    for (const { name, title } of STORIES) expect(list.output()).toMatch(new RegExp(`^${name} +${title}$`, 'm'));
    const none = start(['lab', 'nothing']);
    expect(await none.end).toBe(2);
    expect(none.output()).toMatch(/^etherloom: there is no lab "nothing"; valid are vlan-isolation, /);
  });
});
