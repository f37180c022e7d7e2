/**
 * Broken configuration files against a switch that runs: each is refused with its place, by way of the API and of the file that SIGHUP
 * reads again. What stands, every table and the frames on its way are as if nothing had been.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryAdapter } from '../../src/adapters/memory.ts';
import { allRoutes } from '../../src/api/routes/all.ts';
import { buildApi } from '../../src/api/server.ts';
import { readRunConfig } from '../../src/cli/run-config.ts';
import { UsageError } from '../../src/cli/usage-error.ts';
import { ConfigError, documentOf, loadDocument } from '../../src/config/load.ts';
import { ControlError } from '../../src/control/model.ts';
import { currentConfig } from '../../src/control/plan/current.ts';
import { numbersOf } from '../../src/runtime/directory-of.ts';
import { LiveSwitch } from '../../src/runtime/live/live.ts';
import type { Change } from '../../src/runtime/messages.ts';
import { ServedSwitch } from '../../src/runtime/served.ts';
import { tablesOf } from '../unit/control/tables.ts';
import { Prng } from '../unit/pcap/mutate.ts';
import { furtherTables } from './further-tables.ts';
import { chance, pick } from './worlds.ts';

const NAME = 'broken';
const FRAMES = 4;
const NO_EVENTS = { link: () => {}, readable: () => {} };

export const BASE = {
  switch: { name: NAME, fdb: { maxEntries: 64, ageSeconds: 300 } },
  vlans: { 10: { name: 'red' }, 20: { name: 'blue', fdbMaxEntries: 5 }, 30: { isolated: 31, communities: '32,33' } },
  bridges: { wire: { type: 'unaware' } },
  ports: {
    kept1: { adapter: 'memory', mode: 'access', vlan: 10 },
    kept2: { adapter: 'memory', mode: 'access', vlan: 10 },
    trunk: { adapter: 'memory', mode: 'trunk', vlans: '10,20-30', native: 1, translate: [{ from: 7, to: 10 }] },
    hybrid: { adapter: 'memory', mode: 'hybrid', pvid: 20, untagged: '20', tagged: '10', mtu: 1500 },
    host: { adapter: 'memory', mode: 'private-host', vlan: 31 },
    plain: { adapter: 'memory', bridge: 'wire', isolated: true },
    up: { adapter: 'memory', mtu: 9000 },
    tunnel: { adapter: 'vxlan', mode: 'access', vlan: 20, vxlan: { vtep: 'v', vni: 3000, remotes: ['192.0.2.9'] } },
    m0: { adapter: 'memory' },
    m1: { adapter: 'memory' },
  },
  vteps: { v: { underlay: 'port', uplink: 'up', local: '192.0.2.1/24' } },
  macvlan: { group: { parent: 'm0', children: { m1: { mode: 'bridge', macs: ['02:00:00:00:00:31'] } } } },
  classify: { order: ['mac'], macs: { '02:00:00:00:00:05': 10 } },
  interfaces: { i10: { vlan: 10, mac: '02:00:00:00:ff:01', addresses: ['10.0.10.1/24'] } },
  routes: [{ to: '10.9.0.0/16', via: '10.0.10.2' }],
  mirrors: [{ name: 'w', output: 'plain', selectSrc: ['trunk'] }],
  fdb: [{ mac: '02:00:00:00:00:01', vlan: 10, port: 'kept1', kind: 'static' }],
};

export interface BrokenCounts {
  refused: number;
  /** Breaking them has left them valid: not tried. */
  valid: number;
}

/** Tries `count` broken files from `seed`. Throws an Error that says what went wrong. */
export async function fuzzBroken(seed: number, count: number): Promise<BrokenCounts> {
  const random = new Prng(seed);
  const sw = await Target.start();
  const counts = { refused: 0, valid: 0 };
  try {
    while (counts.refused < count) {
      const file = brokenFile(random);
      if (isValid(file)) counts.valid++;
      else {
        await sw.refuse(file, chance(random, 50));
        counts.refused++;
      }
    }
  } finally {
    await sw.close();
  }
  return counts;
}

class Target {
  readonly #live: LiveSwitch;
  readonly #served: ServedSwitch;
  readonly #app: ReturnType<typeof buildApi>;
  readonly #kept: MemoryAdapter[];
  readonly #dir = mkdtempSync(join(tmpdir(), 'etherloom-broken-'));
  readonly #stands: string;
  #n = 0;

  static async start(): Promise<Target> {
    const document = documentOf(BASE, 'base.json');
    const live = new LiveSwitch(document.config, { event: () => {}, told: () => {}, tablesMoved: () => {} });
    await live.open();
    return new Target(live, document);
  }

  private constructor(live: LiveSwitch, document: ReturnType<typeof documentOf>) {
    this.#live = live;
    const { dp, control } = live.core;
    const changer = {
      get state() {
        return { tables: dp, numbers: numbersOf(control), statuses: live.statuses(), sleep: live.sleep };
      },
      change: (change: Change) => live.change(change),
      workers: () => [],
    };
    this.#served = new ServedSwitch(changer, document, '0.0.0', { changed: () => {}, violated: () => {} });
    this.#app = buildApi(allRoutes(this.#served, []));
    this.#kept = ['kept1', 'kept2'].map((port) => {
      const adapter = new MemoryAdapter({ mtu: 1500, queueFrames: 64 }, { arena: dp.arena, events: NO_EVENTS });
      live.core.attach(port, adapter);
      return adapter;
    });
    this.#stands = this.#digest();
  }

  async refuse(file: Buffer, bySignal: boolean): Promise<void> {
    const error = bySignal ? await this.#reread(file) : await this.#apply(file);
    const shown = file.subarray(0, 2000).toString('latin1');
    if (!/^\S*broken\.yaml(:[1-9]\d*)?: ./.test(error) || error.includes('\n')) {
      throw new Error(`a refusal without its place: ${JSON.stringify(error)} for\n${shown}`);
    }
    if (this.#digest() !== this.#stands) throw new Error(`refused, and something has changed: ${error} for\n${shown}`);
    this.#forward();
  }

  /** As the signal does it. */
  async #reread(file: Buffer): Promise<string> {
    const path = join(this.#dir, 'broken.yaml');
    writeFileSync(path, file);
    try {
      await this.#served.apply(readRunConfig({ config: path, ports: [] }));
    } catch (error) {
      if (error instanceof ConfigError || error instanceof UsageError || error instanceof ControlError)
        return error.message;
      throw error;
    }
    throw new Error(`was not refused:\n${file.toString('latin1')}`);
  }

  async #apply(file: Buffer): Promise<string> {
    const payload = { config: file.toString(), file: 'broken.yaml' };
    const answer = await this.#app.inject({ method: 'POST', url: '/v1/apply', payload });
    if (answer.statusCode < 400 || answer.statusCode >= 500) {
      throw new Error(`answered with ${answer.statusCode} ${answer.body}:\n${payload.config.slice(0, 2000)}`);
    }
    return answer.json().error;
  }

  /** What stands, the tables by name, and every word of those that only control writes: others age and count by themselves. */
  #digest(): string {
    const { control, dp } = this.#live.core;
    const stands = [currentConfig(control, NAME), this.#served.document.raw, tablesOf(control), furtherTables(control)];
    const hash = createHash('sha1').update(JSON.stringify(stands));
    for (const table of [dp.ports, dp.vlans, dp.mirrors, dp.macvlan, dp.translate, dp.classify]) {
      for (const column of Object.values(table)) if (ArrayBuffer.isView(column)) hash.update(bytesOf(column));
    }
    return hash.digest('hex');
  }

  #forward(): void {
    const { core } = this.#live;
    for (let i = 0; i < FRAMES; i++) {
      const from = i % 2;
      const bytes = Buffer.alloc(60, this.#n++ & 0xff);
      bytes.write(from === 0 ? '020000000a02020000000001' : '020000000001020000000a02', 'hex');
      this.#kept[from].push(bytes);
      core.poll(core.control.port(`kept${from + 1}`).index);
      // The router speaks there, too.
      const got = this.#kept[1 - from].take();
      if (got.filter((frame) => bytes.equals(frame)).length !== 1) throw new Error('a frame was lost');
    }
  }

  async close(): Promise<void> {
    await this.#app.close();
    this.#served.close();
    this.#live.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** A copy: what hashes does not take shared memory. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength)));
}

/** A file that can be read, whatever a switch that runs says to it; only what cannot be is broken. */
export function isValid(file: Buffer): boolean {
  try {
    loadDocument(file.toString(), 'broken.yaml');
    // Text with other bytes in it is broken as a file alone.
    return Buffer.from(file.toString()).equals(file);
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

type Tree = Record<string, unknown> | unknown[];

export function brokenFile(random: Prng, base: object = BASE): Buffer {
  const kind = random.below(8);
  if (kind < 4) {
    const tree = structuredClone(base) as Tree;
    for (let n = 1 + random.below(2); n > 0; n--) breakTree(random, tree);
    return Buffer.from(JSON.stringify(tree, null, pick(random, [0, 1, 2])));
  }
  const text = JSON.stringify(base, null, pick(random, [1, 2, 2]));
  if (kind < 7) return breakBytes(random, Buffer.from(text));
  return Buffer.from(pick(random, BOMBS)(random, text));
}

const VALUES: unknown[] = [
  ...[null, true, -1, 0, 4095, 4096, 1e9, 1e308, 1.5, '', ' ', 'x', '10,5', '9-3', '1-99999', [], {}, [[]], [null]],
  ...['\u0000', '\u2028', 'a'.repeat(5000), '__proto__', 'constructor', '192.0.2.300/40', 'fe80::zz', '99:99', '$HOME'],
];
const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'prots',
  'vlan',
  '',
  ' ',
  '4095',
  '-1',
  '1e3',
  'x'.repeat(300),
];

/** Another value, key or reference somewhere. */
function breakTree(random: Prng, tree: Tree): void {
  let at = tree;
  for (;;) {
    const keys = Object.keys(at);
    const key = pick(random, keys.length === 0 ? ['x'] : keys);
    const value = (at as Record<string, unknown>)[key];
    if (typeof value === 'object' && value !== null && chance(random, 75)) {
      at = value as Tree;
      continue;
    }
    const map = at as Record<string, unknown>;
    const way = random.below(5);
    if (way === 0) delete map[key];
    else if (way === 1)
      Object.defineProperty(map, pick(random, KEYS), { value, enumerable: true, configurable: true, writable: true });
    else if (way === 2) map[key] = typeof value === 'string' ? `${value}x` : [value];
    else if (way === 3) map[key] = nested(pick(random, [1, 60, 2000]));
    else map[key] = pick(random, VALUES);
    return;
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n++) value = [value];
  return value;
}

const SCRAPS = [
  '"',
  '{',
  '}',
  ':',
  ',',
  '\n',
  '- ',
  '&a ',
  '*a',
  '\t',
  '\u0000',
  '!!x ',
  '!!js/function ',
  '| ',
  '<<: ',
  '%',
  '@',
  '`',
  '---\n',
  '...\n',
  '# ',
];

/** Cut off, strewn with scraps or with bytes that are no text, a part of it twice. */
function breakBytes(random: Prng, file: Buffer): Buffer {
  const at = random.below(file.length);
  const [head, tail] = [file.subarray(0, at), file.subarray(at)];
  switch (random.below(5)) {
    case 0:
      return head;
    case 1:
      return Buffer.concat([head, Buffer.from(pick(random, SCRAPS)), tail.subarray(random.below(8))]);
    case 2:
      return Buffer.concat([
        head,
        Buffer.from([pick(random, [0xff, 0xc0, 0xfe, 0x80, 0xed]), random.below(256)]),
        tail,
      ]);
    case 3: {
      const lines = file.toString().split('\n');
      const line = random.below(lines.length);
      return Buffer.from(
        lines.toSpliced(line, 0, lines[line], pick(random, ['', lines[random.below(lines.length)]])).join('\n'),
      );
    }
    default: {
      const bytes = Buffer.from(file);
      for (let n = 1 + random.below(4); n > 0; n--) bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    }
  }
}

const BOMBS: ((random: Prng, text: string) => string)[] = [
  () => '',
  () => '[]',
  (_, text) => text + text,
  (_, text) => `${text}\n---\n${text}`,
  (random) => `ports: ${'['.repeat(pick(random, [50, 5000, 100_000]))}`,
  (random) => `${'{ a: '.repeat(pick(random, [50, 2000]))}1`,
  () => {
    const rows = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`);
    return `a0: &a0 [1]\n${rows.join('\n')}\nports: *a9\n`;
  },
  () => 'a: &a { b: *a }\n',
  (random) =>
    `ports: { ${Array.from({ length: pick(random, [1100, 3000]) }, (_, n) => `q${n}: { adapter: memory }`).join(', ')} }`,
  (random) => `vlans: { ${Array.from({ length: 50 }, () => `${random.below(9000)}: {}`).join(', ')} }`,
  () => `ports: { p: { adapter: memory, vlan: ${'9'.repeat(400)} } }`,
  () => 'ports: { __proto__: { adapter: memory }, p: { adapter: memory } }',
  () => 'ports: { p: { adapter: memory, mode: trunk, vlans: "1-4094-4095" } }',
  () => '!!binary aGVsbG8=',
  () => '? { a: 1 }\n: 2\n',
];
