/**
 * Change fuzzing: a switch is planned from one random configuration into the next under traffic, over and over.
 *
 * The configurations have everything (change-worlds.ts), and frames go between the steps that a change is made in, too. After every step its tables are those of a switch that was started with that configuration, its ledger balances, and
 * two ports that are in every configuration have lost no frame and no address. Now and then a step fails in the middle:
 * then everything is as it was before. Between the steps, damaged texts of configurations are refused with their place.
 */
import { isDeepStrictEqual } from 'node:util';
import { MemoryAdapter } from '../../src/adapters/memory.ts';
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import type { RouteConfig } from '../../src/config/types/routing.ts';
import type { SwitchConfig } from '../../src/config/types.ts';
import type { Control } from '../../src/control/control.ts';
import { ControlError } from '../../src/control/model.ts';
import type { Action } from '../../src/control/plan/action.ts';
import { applySteps } from '../../src/control/plan/change.ts';
import { currentConfig } from '../../src/control/plan/current.ts';
import type { PortPlace } from '../../src/control/plan/inverse.ts';
import type { PortFollower } from '../../src/control/plan/one-go.ts';
import { plan } from '../../src/control/plan/plan.ts';
import { requireRoom } from '../../src/control/room.ts';
import { slotsInUse } from '../../src/dataplane/arena.ts';
import { fidLedger, portLedger } from '../../src/dataplane/counters.ts';
import { configure, SwitchCore } from '../../src/runtime/core.ts';
import { tablesOf } from '../unit/control/tables.ts';
import { Prng } from '../unit/pcap/mutate.ts';
import { randomChangeConfig, randomPacket } from './change-worlds.ts';
import { furtherTables } from './further-tables.ts';
import { pick } from './worlds.ts';

const NAME = 'b0';
const SIZE = {
  ports: 192,
  fids: 4096,
  bridges: 8,
  fdbEntries: 20_000,
  tunnelRows: 32,
  interfaces: 8,
  smallSlots: 64,
  largeSlots: 1,
};
/** Ports and a bridge of their own that every configuration has. */
const KEPT = ['kept1', 'kept2'] as const;
const KEPT_BRIDGE = 'kept';
/** Frames between the two before and after each step. */
const FRAMES = 8;
/** Small steps of a change between two times that they send. */
const STEPS_BETWEEN = 16;
const NO_EVENTS = { link: () => {}, readable: () => {} };

export interface ChangeCounts {
  actions: number;
  failed: number;
  refused: number;
}

/** Takes `count` steps from `seed`. Throws an Error that says what went wrong. */
export function fuzzChanges(seed: number, count: number): ChangeCounts {
  const random = new Prng(seed);
  const counts: ChangeCounts = { actions: 0, failed: 0, refused: 0 };
  let config = withKept(randomChangeConfig(random));
  const sw = new Changing(config);
  for (let step = 0; step < count; step++) {
    const next = withKept(randomChangeConfig(random));
    counts.refused += refuseDamaged(random, next);
    sw.traffic(random);
    const actions = plan(config, next);
    if (random.below(4) === 0) {
      sw.fail(random, config, actions);
      sw.check(config);
      counts.failed++;
    }
    sw.change(actions, next);
    config = next;
    counts.actions += actions.length;
    sw.traffic(random);
    sw.check(config);
  }
  return counts;
}

function withKept(config: SwitchConfig): SwitchConfig {
  const text = `{ bridges: { ${KEPT_BRIDGE}: {} }, ports: { ${KEPT.map((p) => `${p}: { adapter: memory, bridge: ${KEPT_BRIDGE} }`).join(', ')} } }`;
  const kept = loadConfig(text, 'kept');
  return {
    ...config,
    name: NAME,
    bridges: [...config.bridges, kept.bridges[1]],
    ports: [...config.ports, ...kept.ports],
  };
}

class Changing implements PortFollower {
  readonly #core = new SwitchCore({ ...SIZE, nowMs: () => 1000 });
  readonly #adapters = new Map<string, MemoryAdapter>();
  /** Frames that the kept ports have been given, and have had. */
  #sent = 0;
  #got = 0;

  constructor(config: SwitchConfig) {
    configure(this.#core, config);
    for (const port of config.ports) this.added(port);
  }

  removing(name: string): void {
    this.#core.detach(name);
    this.#adapters.delete(name);
  }

  added({ name, mtu }: PortPlace): void {
    const adapter = new MemoryAdapter({ mtu, queueFrames: 64 }, { arena: this.#core.dp.arena, events: NO_EVENTS });
    this.#adapters.set(name, adapter);
    this.#core.attach(name, adapter);
  }

  /** With frames between its steps. */
  change(actions: readonly Action[], to: SwitchConfig): void {
    requireRoom(this.#core.dp, to);
    this.#apply(actions);
  }

  #apply(actions: readonly Action[]): void {
    let steps = 0;
    for (const step of applySteps(this.#core.control, actions, this)) {
      if (step === 'turn' || ++steps % STEPS_BETWEEN === 0) this.#kept();
    }
  }

  /** The plan, with a step in it that cannot be done. */
  fail(random: Prng, before: SwitchConfig, actions: readonly Action[]): void {
    const at = random.below(actions.length + 1);
    const port = before.ports.find(({ name }) => name === KEPT[0])!;
    const route: RouteConfig = { vrf: 'default', prefix: '99.0.0.0/8', kind: 'blackhole', via: [] };
    const impossible = pick<Action>(random, [
      { do: 'add-port', port, tagged: '', untagged: '' },
      { do: 'remove-route', route },
      { do: 'set-pvid', port: 'nowhere', pvid: 1 },
    ]);
    const broken = actions.toSpliced(at, 0, impossible);
    try {
      this.#apply(broken);
    } catch (error) {
      if (error instanceof ControlError) return;
      throw error;
    }
    throw new Error('a step that cannot be done was done');
  }

  traffic(random: Prng): void {
    for (const [name, adapter] of this.#adapters) {
      if (name === KEPT[0] || name === KEPT[1]) continue;
      if (random.below(4) === 0) this.#push(name, adapter, randomPacket(random));
      if (random.below(3) === 0) this.#push(name, adapter, frame(random.below(40), random.below(32), random.below(4)));
    }
    this.#kept();
  }

  /** Frames between the two ports that stay, none of which may be lost. */
  #kept(): void {
    for (let i = 0; i < FRAMES; i++) {
      const from = i % 2;
      this.#push(KEPT[from], this.#adapters.get(KEPT[from])!, frame(1001 - from, 1000 + from, 0));
      this.#sent++;
    }
    for (const name of KEPT) this.#got += this.#adapters.get(name)!.take().length;
    if (this.#got !== this.#sent) throw new Error(`ports that stay sent ${this.#sent} frames and had ${this.#got}`);
  }

  #push(name: string, adapter: MemoryAdapter, bytes: Uint8Array): void {
    adapter.push(bytes);
    this.#core.poll(this.#core.control.port(name).index);
  }

  /** As if it had been started with this configuration. */
  check(config: SwitchConfig): void {
    const { control, dp } = this.#core;
    const fresh = new Changing(config);
    const difference = differenceOf(stable(control), stable(fresh.#core.control));
    if (difference !== null) throw new Error(`the tables are not those of a fresh start: ${difference}`);
    for (const port of control.ports.values()) {
      if (!portLedger(dp.counters, port.index).balanced) throw new Error(`port ${port.name} does not balance`);
    }
    for (let fid = 0; fid < dp.counters.fids; fid++) {
      if (!fidLedger(dp.counters, fid).balanced) throw new Error(`FID ${fid} does not balance`);
    }
    if (slotsInUse(dp.arena) !== 0) throw new Error(`${slotsInUse(dp.arena)} slots were not given back`);
  }
}

/** The tables without what traffic may change: an external entry moves with its host, and ages then. */
function stable(control: Control) {
  const { entries, ...tables } = tablesOf(control);
  const config = currentConfig(control, NAME);
  const named = <T extends { name: string }>(all: readonly T[]) =>
    Object.fromEntries(all.map((each) => [each.name, each]));
  return {
    ...tables,
    entries: entries.filter(({ kind }) => kind !== 'external'),
    further: furtherTables(control),
    stands: [
      named(config.ports),
      named(config.vteps),
      named(config.interfaces),
      named(config.mirrors),
      config.classification,
    ],
  };
}

/** Where two values differ first, and how; null when they do not. */
function differenceOf(is: unknown, should: unknown, path = ''): string | null {
  if (isDeepStrictEqual(is, should)) return null;
  if (typeof is !== 'object' || typeof should !== 'object' || is === null || should === null) {
    return `${path} is ${JSON.stringify(is)} and should be ${JSON.stringify(should)}`;
  }
  for (const key of new Set([...Object.keys(is), ...Object.keys(should)])) {
    const [a, b] = [(is as Record<string, unknown>)[key], (should as Record<string, unknown>)[key]];
    const difference = differenceOf(a, b, `${path}.${key}`);
    if (difference !== null) return difference;
  }
  return `${path} is of another kind`;
}

const TAGS = ['', '8100000a', '81000014', '88a80001'];

function frame(dst: number, src: number, tag: number): Uint8Array {
  const mac = (host: number) => `0200000${host.toString(16).padStart(5, '0')}`;
  const to = dst === 39 ? 'ffffffffffff' : mac(dst);
  return Buffer.from(`${to}${mac(src)}${TAGS[tag]}88b5`.padEnd(120, '0'), 'hex');
}

/** Breaks the text of a configuration; returns 1 when what came of it was refused, with its place. */
function refuseDamaged(random: Prng, { ports, bridges }: SwitchConfig): number {
  const raw = {
    switch: { name: NAME, type: bridges[0].type },
    ports: Object.fromEntries(ports.slice(0, 4).map(({ name, mtu }) => [name, { adapter: 'memory', mtu }])),
  };
  const text = JSON.stringify(raw, null, random.below(3));
  const at = random.below(text.length);
  const scraps = ['', '"', '{', '}', ':', ',', '\n', '- ', '&a ', '*a', '\t', '0', '\u0000', '!!x ', '99999', 'null'];
  const damaged = text.slice(0, at) + scraps[random.below(scraps.length)] + text.slice(at + random.below(6));
  try {
    loadConfig(damaged, 'damaged.yaml');
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (/^damaged\.yaml:[1-9]\d*: /.test(error.message) && !error.message.includes('\n')) return 1;
    throw new Error(`a refusal without its place: ${JSON.stringify(error.message)}`);
  }
}
