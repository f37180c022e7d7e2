/**
 * Steps of a scenario file, with every name in them checked, so that a slip of the pen is an error of the file and
 * not a difference of the switch.
 */

import { FDB_KIND_NAMES } from '../tables/fdb/fdb.ts';
import { isCounter } from './counters.ts';
import type { Value } from './document.ts';
import type {
  CounterValue,
  Expectation,
  FdbMatch,
  FrameSpec,
  PortSpec,
  Scenario,
  Step,
  UnderlaySpec,
  VxlanMatch,
} from './format.ts';
import { type Names, readOperations } from './read-operations.ts';
import { readAddress } from './read-vxlan.ts';

/** What a step is, by its one key. */
const KINDS = [
  'send',
  'config',
  'config_must_fail',
  'advance',
  'check_fdb',
  'check_counter',
  'check_mdb',
  'check_vxlan_fdb',
  'check_entropy',
] as const;
type Kind = (typeof KINDS)[number];
/** Keys beside it that a step may have. */
const BESIDE = ['expect', 'strict', 'why', 'note', 'comment'];
const MAX_TIMES = 100_000;
const MAX_ADVANCE_SECONDS = 100_000_000;
/** The file's words for kinds of FDB entries, beside our own. */
const FDB_KINDS = [...FDB_KIND_NAMES, 'extern_learn'] as const;

export function readSteps(at: Value, scenario: Scenario, lacks: Set<string>): Step[] {
  const reader = new StepReader(scenario, lacks);
  const steps: Step[] = [];
  for (const step of at.list()) {
    const read = reader.read(step);
    if (read !== null) steps.push(read);
  }
  return steps;
}

class StepReader {
  readonly #lacks: Set<string>;
  readonly #frames: string[];
  readonly #names: Names;

  constructor(
    scenario: {
      frames: Map<string, FrameSpec>;
      ports: PortSpec[];
      underlay: UnderlaySpec | null;
      bridges: { name: string }[];
    },
    lacks: Set<string>,
  ) {
    this.#lacks = lacks;
    this.#frames = [...scenario.frames.keys()];
    const links = scenario.underlay === null ? [] : [scenario.underlay.port];
    this.#names = {
      ports: [...scenario.ports.map((p) => p.name), ...links],
      bridges: scenario.bridges.map((b) => b.name),
    };
  }

  /** Null when the step is of something this switch does not have. */
  read(at: Value): Step | null {
    const keys = at.keys().filter((key) => !BESIDE.includes(key));
    if (keys.length !== 1) {
      const found = keys.length === 0 ? 'nothing to do' : keys.join(' and ');
      throw at.error(`a step has one thing to do, this one has ${found}; valid are ${KINDS.join(', ')}`);
    }
    const kind = asKind(at, keys[0]!);
    const base = { place: at.place, why: at.at('why').missing ? '' : at.at('why').text() };
    const body = at.at(kind);
    switch (kind) {
      case 'send':
        return { ...base, ...this.#send(at, body) };
      case 'check_mdb':
        this.#lacks.add('mcast_snooping');
        return null;
      case 'check_vxlan_fdb':
        return { ...base, ...this.#checkVxlanFdb(body) };
      case 'check_entropy':
        return { ...base, ...this.#checkEntropy(body) };
      case 'advance': {
        const seconds = body.at('seconds');
        if (typeof seconds.raw !== 'number' || !(seconds.raw >= 0 && seconds.raw <= MAX_ADVANCE_SECONDS)) {
          throw seconds.error(`is not a time; valid are 0-${MAX_ADVANCE_SECONDS} seconds`);
        }
        return { ...base, kind, seconds: seconds.raw };
      }
      case 'check_fdb':
        return { ...base, ...this.#checkFdb(body) };
      case 'check_counter':
        return { ...base, ...this.#checkCounter(body) };
      case 'config':
      case 'config_must_fail':
        return { ...base, kind, operations: readOperations(body, kind === 'config', this.#names, this.#lacks) };
    }
  }

  #send(at: Value, body: Value) {
    const expect = at
      .at('expect')
      .list()
      .map((e) => this.#expectation(e));
    return {
      kind: 'send' as const,
      port: body.at('port').oneOf(this.#names.ports, 'a port'),
      frame: this.#frame(body.at('frame')),
      times: body.at('times').whole(1, MAX_TIMES, 1),
      expect,
      strict: at.at('strict').flag(true),
    };
  }

  #expectation(at: Value): Expectation {
    const { raw: reassembled } = at.at('reassemble');
    if (reassembled !== undefined && reassembled !== null && reassembled !== false)
      this.#lacks.add('underlay_fragmentation');
    return {
      port: at.at('port').oneOf(this.#names.ports, 'a port'),
      frame: this.#frame(at.at('frame')),
      times: at.at('times').whole(0, MAX_TIMES, 1),
    };
  }

  #frame(at: Value): string {
    return at.oneOf(this.#frames, 'a frame of this file');
  }

  #checkFdb(at: Value) {
    const matches = (key: string) =>
      at
        .at(key)
        .list()
        .map((m) => this.#match(m, []));
    const raw = at.at('count');
    const counts = Array.isArray(raw.raw) ? raw.list() : raw.missing ? [] : [raw];
    return {
      kind: 'check_fdb' as const,
      bridge: at.at('bridge').oneOf(this.#names.bridges, 'a bridge'),
      has: matches('has'),
      lacks: matches('lacks'),
      counts: counts.map((c) => ({ match: this.#match(c, ['n']), n: c.at('n').whole(0, 100_000_000) })),
    };
  }

  #match(at: Value, others: string[]): FdbMatch {
    const match: FdbMatch = {};
    for (const key of at.keys()) {
      const value = at.at(key);
      if (others.includes(key)) continue;
      if (key === 'mac') match.mac = value.text().toLowerCase();
      else if (key === 'port') match.port = value.oneOf([...this.#names.ports, ...this.#names.bridges], 'a port');
      else if (key === 'vlan') match.vlan = value.missing ? 0 : value.whole(0, 4095);
      else if (key === 'kind')
        match.kind = value.oneOf(FDB_KINDS, 'a kind of entry').replace('extern_learn', 'external');
      else if (key === 'sticky') match.sticky = value.flag();
      else if (key === 'locked') {
        // No entry here is ever locked.
        if (value.flag()) this.#lacks.add('port.locked');
      } else this.#lacks.add(`check_fdb.${key}`);
    }
    return match;
  }

  #checkVxlanFdb(at: Value) {
    const matches = (key: string) =>
      at
        .at(key)
        .list()
        .map((m) => this.#vxlanMatch(m));
    const port = at.at('port').oneOf(this.#names.ports, 'a port');
    return { kind: 'check_vxlan_fdb' as const, port, has: matches('has'), lacks: matches('lacks') };
  }

  #vxlanMatch(at: Value): VxlanMatch {
    const match: VxlanMatch = {};
    for (const key of at.keys()) {
      const value = at.at(key);
      if (key === 'mac') match.mac = value.text().toLowerCase();
      else if (key === 'remote') match.remote = readAddress(value);
      else if (key === 'vni') match.vni = value.whole(0, 0xff_ffff);
      else if (key === 'kind')
        match.kind = value.oneOf(FDB_KINDS, 'a kind of entry').replace('extern_learn', 'external');
      else this.#lacks.add(`check_vxlan_fdb.${key}`);
    }
    return match;
  }

  #checkEntropy(at: Value) {
    const field = at.at('field').text();
    if (field !== 'outer_udp_source_port') this.#lacks.add(`check_entropy of ${field}`);
    return {
      kind: 'check_entropy' as const,
      frames: at
        .at('frames')
        .list()
        .map((frame) => this.#frame(frame)),
      leastDistinct: at.at('min_distinct').whole(1, MAX_TIMES, 1),
      stable: at.at('stable_per_flow').flag(true),
    };
  }

  #checkCounter(at: Value) {
    const of = at.at('bridge').missing
      ? { port: at.at('port').oneOf(this.#names.ports, 'a port') }
      : { bridge: at.at('bridge').oneOf(this.#names.bridges, 'a bridge') };
    const expect: CounterValue[] = [];
    for (const key of at.keys()) {
      if (key === 'bridge' || key === 'port') continue;
      const delta = key.endsWith('_delta');
      const name = delta ? key.slice(0, -'_delta'.length) : key;
      const value = at.at(key).whole(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
      if (isCounter('bridge' in of ? 'bridge' : 'port', name)) expect.push({ name, delta, value });
      else this.#lacks.add(`counter ${name}`);
    }
    return { kind: 'check_counter' as const, of, expect };
  }
}

function asKind(at: Value, key: string): Kind {
  const kind = KINDS.find((name) => name === key);
  if (kind !== undefined) return kind;
  throw at.at(key).error(`is not a kind of step; valid are ${KINDS.join(', ')}`);
}
