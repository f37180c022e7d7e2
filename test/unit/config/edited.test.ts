/** A document after an edit is what reading the whole of it gives, and is refused for the same reason. */
import { describe, expect, it } from 'vitest';
import {
  patchPort,
  putEntry,
  putMirror,
  putPeer,
  putPort,
  putVlan,
  putVxlanEntry,
  removeEntry,
  removeMirror,
  removePeer,
  removePort,
  removeVlan,
  removeVxlanEntry,
} from '../../../src/config/edit.ts';
import { editedDocument } from '../../../src/config/edited.ts';
import { type ConfigDocument, documentOf } from '../../../src/config/load.ts';
import type { ConfigInput, FdbEntryInput } from '../../../src/config/schema/schema.ts';
import type { VxlanFdbInput } from '../../../src/config/schema/vxlan.ts';
import { same } from '../../../src/control/plan/differences.ts';
import { type EntryAction, onlyEntriesDiffer } from '../../../src/control/plan/entries.ts';
import { plan } from '../../../src/control/plan/plan.ts';

const FILE = 'request';
const BASE = {
  switch: { name: 'sw' },
  vlans: { 100: { isolated: 101 }, 30: {} },
  bridges: { br1: { type: 'unaware' } },
  ports: {
    p1: { adapter: 'memory', vlan: 10 },
    p2: { adapter: 'memory', mode: 'trunk', vlans: '10,20,30' },
    u: { adapter: 'memory', bridge: 'br1' },
    x: { adapter: 'vxlan', vlan: 10, vxlan: { vtep: 'v0', vni: 70, remotes: ['192.0.2.2'] } },
    y: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { 20: 71, 30: 72 } } },
  },
  vteps: { v0: { local: '192.0.2.1' } },
};

let seed = 7;
const random = (below: number) => {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return (seed >>> 8) % below;
};
const pick = <T>(of: readonly T[]): T => of[random(of.length)]!;

/** Most are right. */
function entry(): FdbEntryInput {
  const mac = pick(['02:00:00:00:00:0', '02-00-00-00-00-0', '01:00:00:00:00:0', '02:00:00:0A:00:0']) + random(6);
  return pick<unknown>([
    { mac, vlan: 10, port: 'p1' },
    { mac, vlan: 10, port: 'p2', kind: 'sticky' },
    { mac, vlan: 20, port: 'p2' },
    { mac, vlan: 30, kind: 'blackhole' },
    { mac, port: 'u' },
    { mac, port: 'u', bridge: 'br1' },
    { mac, vlan: 20, port: 'p1' },
    { mac, vlan: 101, kind: 'blackhole' },
    { mac, vlan: 40, kind: 'local' },
    { mac, vlan: 10, port: 'p9' },
    { mac, vlan: 10, kind: 'local', bridge: 'br2' },
    { mac, vlan: 5000, port: 'p1' },
    { mac, vlan: 10, port: 'p1', extra: 1 },
    { mac, vlan: 10, port: 'p1', kind: undefined },
  ]) as FdbEntryInput;
}

function vxlanEntry(): VxlanFdbInput {
  const mac = pick(['02:00:00:00:00:0', '02-00-00-00-00-0', '01:00:00:00:00:0', '02:00:00:0A:00:0']) + random(6);
  const remote = `192.0.2.${1 + random(4)}`;
  return pick<unknown>([
    { mac, port: 'x', remote },
    { mac, port: 'x', vni: 70, remote, kind: 'external' },
    { mac, port: 'y', vni: 71, remote },
    { mac, port: 'y', vni: 72, remotes: [remote, '192.0.2.7'] },
    { mac, port: 'y', vni: 72, kind: 'blackhole' },
    { mac, port: 'y', remote },
    { mac, port: 'p1', remote },
    { mac, port: 'x', vni: 71, remote },
    { mac, port: 'x', kind: 'blackhole', remote },
    { mac, port: 'x' },
    { mac, port: 'x', remote: '2001:db8::1' },
    { mac, port: 'x', remote, extra: 1 },
  ]) as VxlanFdbInput;
}

/** The same for both tables. */
const EDITS: Record<string, (document: ConfigDocument) => ConfigInput> = {
  FDB: ({ raw, config: { fdbEntries } }) =>
    random(5) === 0 && fdbEntries.length > 0
      ? removeEntry(raw, random(fdbEntries.length))
      : putEntry(raw, entry(), random(3) === 0 && fdbEntries.length > 0 ? random(fdbEntries.length) : -1),
  VXLAN: ({ raw, config: { vxlanEntries } }) =>
    random(5) === 0 && vxlanEntries.length > 0
      ? removeVxlanEntry(raw, random(vxlanEntries.length))
      : putVxlanEntry(raw, vxlanEntry(), random(3) === 0 && vxlanEntries.length > 0 ? random(vxlanEntries.length) : -1),
};

function attempt(make: () => ConfigDocument): ConfigDocument | string {
  try {
    return make();
  } catch (error) {
    return (error as Error).message;
  }
}

describe.each(Object.entries(EDITS))('edits of %s entries', (_, edit) => {
  it('600 random ones', () => {
    let document = documentOf(BASE, FILE);
    let taken = 0;
    for (let n = 0; n < 600; n++) {
      const raw = edit(document);
      const [part, whole] = [attempt(() => editedDocument(document, raw, FILE)), attempt(() => documentOf(raw, FILE))];
      if (typeof part === 'string' || typeof whole === 'string') {
        expect(part).toBe(whole);
        continue;
      }
      taken++;
      expect(part.config).toEqual(whole.config);
      expect(part.raw).toEqual(whole.raw);
      expect(onlyEntriesDiffer(document.config, part.config)).toBe(true);
      const actions = plan(document.config, part.config) as EntryAction[];
      expect(plan(document.config, whole.config)).toEqual(actions);
      document = part;
    }
    expect(taken).toBeGreaterThan(100);
  });
});

const WORLD = {
  switch: { name: 'sw' },
  vlans: { 100: { isolated: 101, communities: '102' }, 30: { name: 'thirty' }, '50-60': {} },
  bridges: { br1: { type: 'unaware' }, br2: { vlans: { 5: { name: 'five' } } } },
  ports: {
    p1: { adapter: 'memory', vlan: 10 },
    p2: { adapter: 'memory', mode: 'trunk', vlans: '10,20,30' },
    p3: { adapter: 'memory', mode: 'hybrid', tagged: '20', untagged: '10', pvid: 10, classify: true },
    p4: { adapter: 'memory', mode: 'private-host', vlan: 101 },
    q: { adapter: 'memory', bridge: 'br2', mode: 'trunk', vlans: '5-7' },
    u: { adapter: 'memory', bridge: 'br1' },
    up: { adapter: 'memory' },
    m1: { adapter: 'memory' },
    m2: { adapter: 'memory' },
    m3: { adapter: 'memory' },
    m4: { adapter: 'memory' },
    m5: { adapter: 'memory' },
    out: { adapter: 'memory', vlan: 1 },
    x: { adapter: 'vxlan', vlan: 10, vxlan: { vtep: 'v0', vni: 70, remotes: ['192.0.2.2'] } },
    y: { adapter: 'vxlan', vxlan: { vtep: 'v1', vnis: { 20: 71, 30: 72 } } },
  },
  vteps: { v0: { local: '192.0.2.1' }, v1: { local: '198.51.100.1/24', underlay: 'port', uplink: 'up' } },
  macvlan: { g: { parent: 'm1', children: { m2: { mode: 'bridge', macs: ['02:00:00:00:01:01'] } } } },
  ipvlan: {
    l2: { parent: 'm3', mac: '02:00:00:00:00:fe', children: { m4: { addresses: ['192.0.2.11'] } } },
    l3: { mode: 'l3', parent: 'i10', children: { m5: { addresses: ['203.0.113.11'] } } },
  },
  classify: { subnets: { '10.0.40.0/24': 40 } },
  vrfs: { red: { maxRoutes: 5, routes: [{ to: '0.0.0.0/0', type: 'unreachable' }] } },
  interfaces: {
    i10: { vlan: 10, addresses: ['10.0.10.1/24'] },
    i30: { vlan: 30, vrf: 'red', addresses: ['10.0.10.1/24'] },
    i44: { vlan: 44, port: 'p2', addresses: ['10.0.44.1/24'] },
  },
  routes: [{ to: '10.9.0.0/16', via: '10.0.10.9' }],
  mirrors: [{ name: 'm', output: 'out', selectSrc: ['p1'] }],
  fdb: [
    { mac: '02:00:00:00:00:01', vlan: 10, port: 'p1' },
    { mac: '02:00:00:00:00:02', vlan: 44, port: 'p2' },
    { mac: '02:00:00:00:00:03', vlan: 40, kind: 'blackhole' },
    { mac: '02:00:00:00:00:04', port: 'u' },
  ],
  vxlanFdb: [
    { mac: '02:00:00:00:00:05', port: 'x', remote: '192.0.2.3' },
    { mac: '02:00:00:00:00:06', port: 'y', vni: 72, remote: '198.51.100.7' },
  ],
};

/** Most are right. */
function patch(): Record<string, unknown> {
  const flag = pick([true, false, null]);
  const vlans = pick(['10,20', '10,20,30', '10', '10,20,44', '7', '1-4094', '30,20-21', 'x']);
  return pick<Record<string, unknown>>([
    { enabled: flag, isolated: flag, splitHorizonGroup: pick([0, 7, null]) },
    { state: pick(['forwarding', 'learning', 'discarding', null]) },
    { fdbMaxEntries: pick([0, 5, null, -1]) },
    { enabled: 'yes' },
    { colour: 1 },
    { mtu: pick([1400, 1500]) },
    { vlan: pick([10, 20, 101, 44]) },
    { vlans },
    { mode: 'trunk', vlans, native: pick([10, 20, null]) },
    { mode: 'hybrid', tagged: pick(['20', '20,30']), untagged: '10,40', pvid: pick([10, 40, 'none', 9]) },
    { mode: 'access', vlan: pick([10, 40]) },
    { pvid: pick([10, 20, 'none']) },
    { bridge: pick(['br1', 'br2', 'br3', null]) },
    { translate: pick([null, [{ from: 500, to: 20 }]]) },
    {
      vxlan: { vtep: pick(['v0', 'v1', 'v2']), vni: pick([70, 71, 73]), remotes: pick([[], ['192.0.2.4'], ['1.1.1']]) },
    },
    { vxlan: { vtep: 'v1', vnis: pick([{ 20: 71, 30: 72 }, { 20: 71, 31: 75 }, { 20: 70 }]) } },
  ]);
}

function mixedEdit({ raw, config }: ConfigDocument): ConfigInput {
  const port = pick([...Object.keys(raw.ports ?? {}), 'p9']);
  const vid = pick([1, 5, 10, 20, 30, 40, 44, 55, 101, 900]);
  const bridge = pick([null, null, null, 'br2', 'br1']);
  const address = pick(['192.0.2.8', '198.51.100.8', '192.0.2.1']);
  return pick<() => ConfigInput>([
    () => patchPort(raw, port, patch()),
    () => patchPort(raw, port, patch()),
    () => patchPort(raw, port, patch()),
    () => putPort(raw, pick(['new', 'p1', 'i10']), { adapter: 'memory', mode: 'trunk', vlans: pick(['10', '10,66']) }),
    () => (random(3) === 0 ? removePort(raw, port) : removePort(raw, 'new')),
    () => putVlan(raw, bridge, vid, pick([{}, { name: `n${random(3)}` }, { fdbMaxEntries: 9 }, { isolated: 103 }])),
    () => removeVlan(raw, bridge, vid),
    () => putPeer(raw, pick(['v0', 'v1']), address),
    () => removePeer(raw, pick(['v0', 'v1']), address),
    () => putMirror(raw, pick(['m', 'n']), { output: pick(['out', 'p1']), selectSrc: [port] }),
    () => removeMirror(raw, 'n'),
    () => EDITS.FDB({ raw, config } as ConfigDocument),
    () => EDITS.VXLAN({ raw, config } as ConfigDocument),
  ])();
}

it('edits of all kinds: 2000 random ones', () => {
  const first = documentOf(WORLD, FILE);
  let document = first;
  let taken = 0;
  let refused = 0;
  for (let n = 0; n < 2000; n++) {
    // What has been taken away is there again.
    if (n % 100 === 0) document = first;
    let raw: ConfigInput;
    try {
      raw = mixedEdit(document);
    } catch {
      continue;
    }
    const untouched = JSON.stringify(document);
    const [part, whole] = [attempt(() => editedDocument(document, raw, FILE)), attempt(() => documentOf(raw, FILE))];
    expect(JSON.stringify(document)).toBe(untouched);
    if (typeof part === 'string' || typeof whole === 'string') {
      expect(part).toBe(whole);
      refused++;
      continue;
    }
    taken++;
    expect(part.config).toEqual(whole.config);
    expect(part.raw).toEqual(whole.raw);
    const fresh = documentOf(document.raw, FILE).config;
    expect(plan(document.config, part.config)).toEqual(plan(fresh, whole.config));
    for (const port of part.config.ports) {
      const was = document.config.ports.find(({ name }) => name === port.name);
      if (was !== undefined && n % 100 > 0 && same(was, port)) expect(port).toBe(was);
    }
    document = part;
  }
  expect(taken).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(300);
});

describe('edits of entries', () => {
  it('reads the whole where anything else differs, or much does', () => {
    const document = documentOf(BASE, FILE);
    const other = { ...document.raw, ports: { ...document.raw.ports, p3: { adapter: 'memory' } } } as ConfigInput;
    expect(editedDocument(document, other, FILE).config.ports).toHaveLength(document.config.ports.length + 1);
    const many = Array.from({ length: 100 }, (_, i) => ({
      mac: `02:00:00:00:01:${i.toString(16).padStart(2, '0')}`,
      vlan: 10,
      port: 'p1',
    }));
    const edited = editedDocument(document, { ...document.raw, fdb: many }, FILE);
    expect(edited.config).toEqual(documentOf({ ...BASE, fdb: many }, FILE).config);
  });
});
