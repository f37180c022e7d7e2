/** Completion and the man page follow the commands; the picture of `watch` fits its terminal. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TOPICS } from '../../../src/api/topics.ts';
import type { PortView } from '../../../src/api/views.ts';
import { type Look, Watcher } from '../../../src/cli/watch-model.ts';
import { short, sparkline, watchLines } from '../../../src/cli/watch-view.ts';
import { createLatency, latencyView, recordLatency } from '../../../src/dataplane/latency.ts';
import { BIN } from '../../live/switch-process.ts';

const cli = (...args: string[]) => spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8' }).stdout;

describe('completion', () => {
  it('of bash offers commands, options, and what an option may be', () => {
    const script = cli('completion', 'bash');
    const ask = (...words: string[]) => {
      const code = `${script}\nCOMP_WORDS=(etherloom "$@"); COMP_CWORD=$#\n_etherloom etherloom "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"\necho "\${COMPREPLY[*]}"`;
      const { stdout, stderr } = spawnSync('bash', ['-c', code, 'x', ...words], { encoding: 'utf8' });
      expect(stderr).toBe('');
      return stdout.trim().split(' ');
    };
    expect(ask('re')).toEqual(['replay']);
    expect(ask('fdb', '')).toEqual(['add', 'del', 'flush', '--help']);
    expect(ask('fdb', 'add', 'x', '--kind', 's')).toEqual(['static', 'sticky']);
    expect(ask('vxlan-fdb', '')).toEqual(['add', 'del', 'flush', '--help']);
    expect(ask('mirror', '')).toEqual(['add', 'del', 'show', '--help']);
    expect(ask('peer', 'd')).toEqual(['del']);
    expect(ask('show', 'le')).toEqual(['ledger']);
    expect(ask('capture', '--dir', 'd')).toEqual(['drop']);
    expect(ask('events', '--only', 'mo')).toEqual(['moved']);
    expect(ask('lab', 'vx')).toEqual(['vxlan']);
    expect(ask('bench', 'S14')).toEqual(['S14']);
    expect(ask('apply', '--conf')).toEqual(['--config', '--confirm']);
  });

  const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

  // A terminal, since no shell completes without one.
  describe.each([
    ['bash', ['--norc', '-i']],
    ['zsh', ['-f', '-i']],
  ] as const)('in a real %s', (shell, args) => {
    it.skipIf(!has(shell) || !has('script'))('completes commands, topics, values and files', () => {
      const folder = mkdtempSync(join(tmpdir(), 'etherloom-shell-'));
      try {
        writeFileSync(join(folder, 'completion'), cli('completion', shell));
        writeFileSync(join(folder, 'capture.pcap'), '');
        const typed = [
          `source ${folder}/completion`,
          'etherloom() { echo "<$*>"; }',
          'etherloom sh\tle\t',
          'etherloom fdb add x --kind sti\t',
          'etherloom mirror show --so\t',
          `etherloom dissect ${folder}/cap\t`,
          `etherloom check -c ${folder}/cap\t`,
          'etherloom show fdb --vlan compl\t',
          'exit',
        ];
        const { stdout } = spawnSync('script', ['-qec', `${shell} ${args.join(' ')}`, '/dev/null'], {
          encoding: 'utf8',
          input: `${typed.join('\n')}\n`,
          cwd: folder,
          env: { PATH: process.env.PATH, HOME: folder, TERM: 'dumb' },
        });
        expect([...stdout.matchAll(/^<(.*?) ?>\r?$/gm)].map(([, words]) => words)).toEqual([
          'show ledger',
          'fdb add x --kind sticky',
          'mirror show --socket',
          `dissect ${folder}/capture.pcap`,
          `check -c ${folder}/capture.pcap`,
          'show fdb --vlan compl', // no file of that name is meant
        ]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  it.skipIf(!has('fish'))('in a real fish completes commands, topics, values and files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'etherloom-shell-'));
    try {
      writeFileSync(join(folder, 'completion'), cli('completion', 'fish'));
      writeFileSync(join(folder, 'capture.pcap'), '');
      const asked = [
        'sh',
        'show le',
        'fdb add x --kind sti',
        'mirror show --so',
        'dissect cap',
        'show fdb --vlan compl',
      ];
      const code = ['source completion', ...asked.map((words) => `complete -C "etherloom ${words}"`)].join('; ');
      const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', code], { encoding: 'utf8', cwd: folder });
      expect(stderr).toBe('');
      expect(stdout.split('\n').map((line) => line.split('\t')[0])).toEqual([
        'show',
        'ledger',
        'sticky',
        '--socket',
        'capture.pcap',
        '',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('and the man page name every command', () => {
    const commands = cli('--help')
      .split('Commands:')[1]!
      .split('\n\n')[0]!
      .matchAll(/^ {2}([a-z-]+)/gm);
    const [fish, man] = [cli('completion', 'fish'), cli('man')];
    for (const [, name] of commands) {
      if (name === 'help') continue;
      expect(fish).toContain(` -a ${name} `);
      expect(man).toContain(`\\fB${name!.replaceAll('-', '\\-')}`);
    }
    expect(man).not.toMatch(/undefined|\[object/);
    expect(man).toMatch(/^\.TH ETHERLOOM 1 "\d{4}-\d\d-\d\d" "etherloom /);
  });

  it('and the help of show and its document name every topic', () => {
    const page = readFileSync(new URL('../../../docs/running.md', import.meta.url), 'utf8');
    expect(page).toContain(`etherloom show ${TOPICS.join('|')} `);
    const help = cli('show', '--help').replace(/\s+/g, ' ');
    expect(help).toContain(`tables of a running switch: ${TOPICS.join(', ')} `);
  });
});

describe('watch', () => {
  const port = (name: string, rxFrames: number, dropped = 0) =>
    ({ name, link: 'up', rxFrames, rxBytes: rxFrames * 100, txFrames: 0, txBytes: 0, dropped, learned: 1 }) as PortView;
  const look = (atMs: number, ports: PortView[]): Look => ({
    ...{ atMs, name: 'sw', uptimeSeconds: atMs / 1000, confirmSeconds: null, activeSeconds: atMs / 4000, ports },
    drops: ports.filter((p) => p.dropped > 0).map((p) => dropOf(p)),
    latency: latencyView(latency),
  });
  const latency = createLatency();
  const dropOf = (p: PortView) => ({ port: p.name, reason: 'INGRESS_VLAN', frames: p.dropped, sentence: '' });

  it('has no bits of an interface of the router, which sends frames by ports', () => {
    const watcher = new Watcher();
    const gateway = { ...port('vlan10', 0), adapter: 'router' };
    watcher.look(look(0, [gateway]));
    const model = watcher.look(look(1000, [{ ...gateway, txFrames: 5 }]));
    expect(model.ports[0]).toMatchObject({ rxBits: null, txFrames: 5, txBits: null });
    const line = watchLines(model, { columns: 80, rows: 24, colour: false }).find((each) => each.startsWith('vlan10'));
    expect(
      line
        ?.trim()
        .split(/\s+/)
        .filter((word) => !/[▁-█]/.test(word)),
    ).toEqual(['vlan10', 'up', '0', '-', '5', '-', '0', '1']);
  });

  it('makes rates of counters, also when they were reset', () => {
    const watcher = new Watcher();
    watcher.look(look(0, [port('p1', 1000)]));
    const model = watcher.look(look(2000, [port('p1', 3000, 10), port('new', 5)]));
    expect(model).toMatchObject({ load: 0.25, learned: 2 });
    expect(model.ports[0]).toMatchObject({ rxFrames: 1000, rxBits: 800_000 });
    expect(model.ports[1]).toMatchObject({ rxFrames: 0 });
    expect(model.drops).toEqual([{ reason: 'INGRESS_VLAN', port: 'p1', frames: 5, total: 10 }]);
    expect(watcher.look(look(3000, [port('p1', 7)])).ports[0]!.rxFrames).toBe(7);
  });

  it('tells how long the frames since the last look were in the switch', () => {
    const watcher = new Watcher();
    recordLatency(latency, 500_000, 1000);
    expect(watcher.look(look(0, [])).latencyP99).toBeNull();
    recordLatency(latency, 3, 990);
    recordLatency(latency, 100, 10);
    expect(watcher.look(look(1000, [])).latencyP99).toBe(4);
    recordLatency(latency, 5e6, 1);
    expect(watcher.look(look(2000, [])).latencyP99).toBe(Number.POSITIVE_INFINITY);
    expect(watcher.look(look(3000, [])).latencyP99).toBeNull();
    latency.fill(0);
    recordLatency(latency, 20, 1);
    const model = watcher.look(look(4000, []));
    expect(model.latencyP99).toBe(32);
    expect(watchLines(model, { columns: 120, rows: 40, colour: false })[0]).toContain('p99 < 32 µs');
  });

  it('keeps the last of many drops of one kind, so that other events stay in sight', () => {
    const watcher = new Watcher();
    watcher.event('p1 is down');
    for (let n = 0; n < 1000; n++) watcher.event(`drop ${n}`, 'p1 INGRESS_VLAN');
    watcher.event('p1 is up');
    expect(watcher.look(look(0, [])).events).toEqual(['p1 is down', 'drop 999', 'p1 is up']);
    for (let n = 0; n < 1000; n++) watcher.event(`moved ${n}`);
    const { events } = watcher.look(look(1, []));
    expect([events.length, events[0], events.at(-1)]).toEqual([200, 'moved 800', 'moved 999']);
  });

  it.each([
    [80, 24],
    [120, 40],
    [40, 10],
    [300, 5],
    [20, 3],
  ])('fits %i columns and %i rows', (columns, rows) => {
    const watcher = new Watcher();
    const ports = (n: number) => Array.from({ length: 30 }, (_, i) => port(`port-${i}`, n * i, i));
    watcher.look(look(0, ports(0)));
    for (let i = 0; i < 50; i++) watcher.event(`00:00:${i}  ${'event '.repeat(40)}`);
    const lines = watchLines(watcher.look(look(1000, ports(1_000_000))), { columns, rows, colour: true });
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect([...stripVTControlCharacters(line)].length).toBeLessThanOrEqual(columns);
    expect(lines.join('\n')).toContain('sw');
  });

  it('writes numbers short, and lines by height', () => {
    expect([0, 0.25, 7, 999, 1000, 45_600, 1_234_567, 2.5e9, 9e15].map(short)).toEqual([
      ...['0', '0.3', '7', '999', '1.0k', '45.6k', '1.2M', '2.5G', '9000T'],
    ]);
    expect(sparkline([0, 1, 4, 8], 6)).toBe('   ▂▅█');
    expect(sparkline([1, 2, 3], 2)).toBe('▆█');
  });
});
