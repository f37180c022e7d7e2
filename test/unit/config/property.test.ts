/**
 * Whatever the text is, the loader answers with a configuration that keeps its promises or with a one-line
 * `ConfigError`: arbitrary text, arbitrary JSON, values of the right shape, and mutations of a valid file.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config/load.ts';
import { parsePortSpecs } from '../../../src/config/port-spec.ts';
import type { SwitchConfig } from '../../../src/config/types.ts';

const VALID = `switch: { name: loom0, type: c-vlan, fdb: { ageSeconds: 300, maxEntries: 65536, overflow: fair }, hashSeed: 1 }
vlans: { 10: { name: red, fdbMaxEntries: 0 }, 20: { name: blue }, '30-39': {} }
bridges:
  br1: { type: s-vlan, vlans: { 100: {} } }
ports:
  p1: { adapter: tap, device: tap1, mode: access, vlan: 10 }
  p2: { adapter: tap, device: tap2, mode: trunk, vlans: '10,20-30', native: 1 }
  p3: &p3 { adapter: memory, mode: hybrid, pvid: 10, tagged: [20], untagged: [10], acceptFrames: all }
  p4: { adapter: udp, local: '127.0.0.1:5001', remote: '127.0.0.1:5002', mode: dot1q-tunnel, vlan: 100, cvids: '100,200-210' }
  p5: { adapter: memory, bridge: br1, vlan: 100, mtu: 9000, isolated: true }
  p6: *p3
fdb: [ { mac: '02:00:00:00:00:01', vlan: 10, port: p1, kind: static } ]
`;

/** Loads, and checks what holds for every configuration or every error. */
function load(read: () => SwitchConfig): void {
  let config: SwitchConfig;
  try {
    config = read();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    expect((error as ConfigError).message.length).toBeLessThan(2000);
    return;
  }
  const bridges = new Map(config.bridges.map((bridge) => [bridge.name, new Set(bridge.vlans.map(({ vid }) => vid))]));
  expect(bridges.size).toBe(config.bridges.length);
  for (const port of config.ports) {
    if (port.bridge === null) {
      expect(config.vteps.some(({ uplink }) => uplink === port.name)).toBe(true);
      continue;
    }
    const vlans = bridges.get(port.bridge)!;
    let last = 0;
    for (const { vid } of port.members) {
      if (vid <= last || vid > 4094 || !vlans.has(vid)) throw new Error(`${port.name}: member ${vid} after ${last}`);
      last = vid;
    }
    if (port.pvid !== null) expect(vlans.has(port.pvid)).toBe(true);
  }
  for (const entry of config.fdbEntries) {
    if (entry.vid !== null) expect(bridges.get(entry.bridge)!.has(entry.vid)).toBe(true);
    if (entry.port !== null) expect(config.ports.some(({ name }) => name === entry.port)).toBe(true);
  }
}

const KEYS = [
  ...['switch', 'vlans', 'bridges', 'ports', 'fdb', 'name', 'type', 'mode', 'vlan', 'native', 'pvid', 'tagged', 'mtu'],
  ...['adapter', 'device', 'local', 'remote', 'mac', 'port', 'kind', 'bridge', 'p1', '10', '20-30', 'cvids', '<<'],
  ...['__proto__', 'constructor', 'toString', 'untagged', 'ingressFiltering', 'acceptFrames', 'hub', ''],
];
const WORDS = [
  ...['access', 'trunk', 'hybrid', 'dot1q-tunnel', 'tap', 'udp', 'memory', 'pcap', 'all', 'none', 'tagged', '10,20'],
  ...['unaware', 's-vlan', '02:00:00:00:00:01', '127.0.0.1:1', '[::1]:1', 'p1', 'br1', 'static', 'a\nb', '\u2028'],
];
const leaf = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.integer({ min: -1, max: 4096 }),
  fc.constantFrom(null, true, false, 1.5, 1e300),
  fc.string({ maxLength: 8 }),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.array(fc.tuple(fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 6 })), tie('tree')), { maxLength: 6 }),
  ),
}));
/** Arrays of pairs stand for maps, so that keys may repeat and `__proto__` is an ordinary key. */
function toJson(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  const isMap = value.length > 0 && value.every((pair) => Array.isArray(pair) && typeof pair[0] === 'string');
  if (!isMap) return `[${value.map(toJson).join(', ')}]`;
  return `{ ${value.map(([key, item]) => `${JSON.stringify(key)}: ${toJson(item)}`).join(', ')} }`;
}

const port = fc.record(
  {
    adapter: fc.constantFrom('memory', 'tap', 'udp', 'pcap'),
    device: fc.constantFrom('t1', 't2', 't/3'),
    mode: fc.constantFrom('access', 'trunk', 'hybrid', 'dot1q-tunnel'),
    vlan: fc.integer({ min: 0, max: 4095 }),
    vlans: fc.constantFrom('all', '10-20', 5, [5, '6-7'], '9-8'),
    native: fc.integer({ min: 1, max: 30 }),
    pvid: fc.constantFrom(1, 10, 'none'),
    tagged: fc.constantFrom('all', '10-20', [1], []),
    untagged: fc.constantFrom(10, '1,2', []),
    bridge: fc.constantFrom('loom0', 'br1', 'br2'),
    ingressFiltering: fc.boolean(),
    acceptFrames: fc.constantFrom('all', 'tagged', 'untagged'),
  },
  { requiredKeys: ['adapter'] },
);

describe('the loader throws nothing but one-line ConfigErrors', () => {
  it('for arbitrary text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => load(() => loadConfig(text, 'x'))));
  });

  it('for text made of YAML indicators', () => {
    const indicator = fc.constantFrom(...'-?:,[]{}#&*!|>\'"%@` \n\t\\a10~<='.split(''), 'ports', 'vlans', '---', '...');
    const text = fc.array(indicator, { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (yaml) => load(() => loadConfig(yaml, 'x'))),
      { numRuns: 2000 },
    );
  });

  it('for arbitrary JSON', () => {
    fc.assert(fc.property(fc.json(), (text) => load(() => loadConfig(text, 'x'))));
  });

  it('for trees of known keys and values', () => {
    fc.assert(
      fc.property(tree, (value) => load(() => loadConfig(toJson(value), 'x'))),
      { numRuns: 1000 },
    );
  });

  it('for ports of the right shape', () => {
    const config = fc.record({
      bridges: fc.constantFrom({}, { br1: {} }, { br1: { type: 'unaware' }, br2: { type: 's-vlan' } }),
      ports: fc.dictionary(fc.constantFrom('a', 'b', 'c', '7', 'A'), port),
    });
    fc.assert(
      fc.property(config, (value) => load(() => loadConfig(JSON.stringify(value), 'x'))),
      { numRuns: 1000 },
    );
  });

  it('for mutations of a valid file', () => {
    load(() => loadConfig(VALID, 'x'));
    expect(loadConfig(VALID, 'x').ports).toHaveLength(6);
    const piece = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom(...KEYS, ...WORDS, '\n', '\t', '4095', '010'));
    const edit = fc.record({ at: fc.nat(VALID.length), remove: fc.nat(6), insert: piece });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let text = VALID;
        for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
        load(() => loadConfig(text, 'x'));
      }),
      { numRuns: 1500 },
    );
  });

  it('for port lines', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'p1=tap:tap1',
        'access=10',
        'trunk',
        'trunk=all',
        'hybrid',
        'pvid=none',
        'tagged=1+2',
        'isolated',
      ),
      fc.constantFrom('=', ':', 'udp:a:1/b:2', 'memory', '__proto__=1', 'mtu=1', 'out=x'),
      fc.string({ maxLength: 8 }),
    );
    const spec = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(','));
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 3 }), (specs) => load(() => parsePortSpecs(specs))),
      { numRuns: 1000 },
    );
  });
});
