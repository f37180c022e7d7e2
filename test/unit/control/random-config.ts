/**
 * Random configurations, small enough that two of them often share bridges, ports, VLANs and entries.
 */
import fc from 'fast-check';
import { normalise } from '../../../src/config/normalise.ts';
import type { SwitchConfig } from '../../../src/config/types.ts';

const VIDS = [1, 10, 20, 30, 4094];
const PORTS = ['p1', 'p2', 'p3', 'p4'];
const BRIDGES = ['loom0', 'br1', 'br2'];
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'];

const flag = fc.boolean();
const vids = fc.uniqueArray(fc.constantFrom(...VIDS), { maxLength: 4 });

const bridge = fc.record({
  type: fc.constantFrom('c-vlan', 'c-vlan', 's-vlan', 'unaware'),
  hub: fc.constantFrom(false, false, false, true),
  learning: flag,
  unknownUnicastFlood: flag,
  multicastFlood: flag,
  reservedMac: fc.constantFrom('c-vlan', 's-vlan', 'tpmr', 'transparent'),
  fdb: fc.record({
    ageSeconds: fc.constantFrom(10, 300),
    maxEntries: fc.constantFrom(2, 100),
    overflow: fc.constantFrom('fair', 'lru', 'refuse'),
    staticViolation: fc.constantFrom('forward', 'drop'),
  }),
  vlans: fc.dictionary(fc.constantFrom(...VIDS.map(String)), fc.record({ fdbMaxEntries: fc.constantFrom(0, 1, 5) })),
});

const modes = fc.oneof(
  fc.record({ mode: fc.constant('access'), vlan: fc.constantFrom(...VIDS) }),
  fc.record({ mode: fc.constant('trunk'), vlans: vids.filter((v) => v.length > 0) }),
  fc.record({ mode: fc.constant('trunk'), vlans: vids, native: fc.constantFrom(...VIDS) }),
  fc
    .record({
      mode: fc.constant('hybrid'),
      tagged: vids,
      untagged: vids,
      pvid: fc.oneof(fc.constant('none'), fc.constantFrom(...VIDS)),
      ingressFiltering: fc.constant(false),
    })
    .map((port) => ({ ...port, untagged: port.untagged.filter((vid) => !port.tagged.includes(vid)) })),
  fc.record({ mode: fc.constant('dot1q-tunnel'), vlan: fc.constantFrom(...VIDS) }),
  fc.record({
    mode: fc.constant('dot1q-tunnel'),
    vlan: fc.constantFrom(...VIDS),
    cvids: fc.constantFrom('5', '5,7-9'),
  }),
  fc.record({
    mode: fc.constant('dot1q-tunnel'),
    serviceVlans: fc.constantFrom(
      { '5-7': 20, 8: 30 },
      { 5: { vlan: 20, keepTag: false }, '6-9': 30 },
      { 5: { vlan: 4094, keepTag: false }, 6: { vlan: 30, keepTag: false } },
    ),
  }),
  fc.record({ mode: fc.constant('dot1q-tunnel'), vlan: fc.constant(10), serviceVlans: fc.constant({ '5-7': 20 }) }),
);

const port = fc.record({
  bridge: fc.constantFrom(...BRIDGES),
  vlans: modes,
  rest: fc.record({
    mtu: fc.constantFrom(1500, 9000),
    state: fc.constantFrom('forwarding', 'forwarding', 'learning', 'discarding'),
    learning: flag,
    multicastFlood: flag,
    isolated: flag,
    splitHorizonGroup: fc.constantFrom(0, 0, 1, 2),
    hairpin: flag,
    enabled: fc.constantFrom(true, true, true, false),
    fdbMaxEntries: fc.constantFrom(0, 1),
  }),
  priority: fc.option(
    fc.record({
      trust: fc.constantFrom('pcp', 'dscp', 'none'),
      default: fc.constantFrom(0, 3),
      egress: fc.constantFrom({}, { 5: 6 }),
    }),
  ),
});

const entry = fc.record({
  mac: fc.constantFrom(...MACS),
  vlan: fc.constantFrom(...VIDS),
  port: fc.option(fc.constantFrom(...PORTS)),
  bridge: fc.constantFrom(...BRIDGES),
  kind: fc.constantFrom('static', 'sticky', 'local', 'external', 'blackhole'),
});

const mirror = fc.record({
  name: fc.constantFrom('m1', 'm2', 'm3'),
  bridge: fc.constantFrom(...BRIDGES),
  output: fc.option(fc.constantFrom(...PORTS)),
  outputVlan: fc.constantFrom(...VIDS),
  selectSrc: fc.uniqueArray(fc.constantFrom(...PORTS), { maxLength: 2 }),
  selectDst: fc.uniqueArray(fc.constantFrom(...PORTS), { maxLength: 2 }),
  selectAll: flag,
  selectVlan: vids,
});

/** A private VLAN of the default bridge, and ports that may be of it. */
const privateVlan = fc.record({
  primary: fc.constantFrom(...VIDS),
  isolated: fc.constantFrom(...VIDS),
  communities: vids,
  modes: fc.dictionary(
    fc.constantFrom(...PORTS),
    fc.record({ mode: fc.constantFrom('promiscuous', 'private-host'), vlan: fc.constantFrom(...VIDS) }),
  ),
});

/** Entries that do not fit the rest are left out; what remains is valid. */
export const randomConfig: fc.Arbitrary<SwitchConfig> = fc
  .record({
    bridges: fc.dictionary(fc.constantFrom('br1', 'br2'), bridge),
    main: bridge,
    ports: fc.dictionary(fc.constantFrom(...PORTS), port),
    entries: fc.array(entry, { maxLength: 6 }),
    mirrors: fc.array(mirror, { maxLength: 3 }),
    hidden: fc.option(privateVlan),
    poll: fc.record({ mode: fc.constantFrom('throughput', 'latency'), burst: fc.constantFrom(32, 64) }),
  })
  .map(({ bridges, main, ports, entries, mirrors, hidden, poll }) => {
    const types = new Map(Object.entries({ loom0: main, ...bridges }).map(([name, b]) => [name, b.type]));
    const withVlans = (b: typeof main) => {
      const { vlans, ...rest } = b;
      return b.type === 'unaware' ? rest : { ...rest, vlans };
    };
    const { vlans, ...main0 } = main;
    const raw = {
      switch: { ...main0, poll },
      ...(main.type === 'unaware' ? {} : { vlans }),
      bridges: Object.fromEntries(Object.entries(bridges).map(([name, b]) => [name, withVlans(b)])),
      ports: Object.fromEntries(
        Object.entries(ports)
          .filter(([, p]) => types.has(p.bridge))
          .map(([name, p]) => {
            const priority = p.priority === null ? {} : { priority: p.priority };
            const mode = types.get(p.bridge) === 'unaware' ? {} : { ...p.vlans, ...priority };
            return [name, { adapter: 'memory', bridge: p.bridge, ...mode, ...p.rest }];
          }),
      ),
    };
    if (hidden !== null && main.type !== 'unaware') makePrivate(raw, hidden);
    const base = load(raw);
    const fdb: unknown[] = [];
    for (const e of entries) {
      const unaware = types.get(e.bridge) === 'unaware';
      const { vlan, port: name, ...rest } = e;
      const candidate = { ...rest, ...(unaware ? {} : { vlan }), ...(name === null ? {} : { port: name }) };
      try {
        load({ ...raw, fdb: [...fdb, candidate] });
        fdb.push(candidate);
      } catch {
        // Not of this configuration.
      }
    }
    const fitting: unknown[] = [];
    for (const { output, outputVlan, ...rest } of mirrors) {
      const candidate = output === null ? { ...rest, outputVlan } : { ...rest, output };
      try {
        load({ ...raw, mirrors: [...fitting, candidate] });
        fitting.push(candidate);
      } catch {
        // Not of this configuration.
      }
    }
    return fdb.length + fitting.length === 0 ? base : load({ ...raw, fdb, mirrors: fitting });
  });

type Raw = { vlans?: Record<string, object>; ports: Record<string, object> };

/** Gives the configuration the private VLAN and its ports, and takes out what cannot be beside it. */
function makePrivate(raw: Raw, { primary, isolated, communities, modes }: PrivateVlan): void {
  const others = communities.filter((vid) => vid !== primary && vid !== isolated);
  const secondaries = {
    ...(isolated === primary ? {} : { isolated }),
    ...(others.length === 0 ? {} : { communities: others }),
  };
  raw.vlans = { ...raw.vlans, [primary]: { ...raw.vlans?.[primary], ...secondaries } };
  const { ports } = raw;
  raw.ports = {};
  for (const [name, port] of Object.entries(ports)) {
    const { adapter, bridge, mtu, state, isolated: apart } = port as Record<string, unknown>;
    const wanted =
      modes[name] === undefined ? [port] : [{ adapter, bridge, mtu, state, isolated: apart, ...modes[name] }, port];
    for (const each of wanted) {
      if (raw.ports[name] !== undefined) break;
      try {
        load({ ...raw, ports: { ...raw.ports, [name]: each } });
        raw.ports[name] = each;
      } catch {
        // Not of this configuration.
      }
    }
  }
}

type PrivateVlan = typeof privateVlan extends fc.Arbitrary<infer T> ? T : never;

export function load(raw: unknown): SwitchConfig {
  return normalise(raw, { place: (path) => ({ file: 'random', line: 0, column: 0, path: path.join('.') }) });
}
