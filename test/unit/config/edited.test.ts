/** A document after an edit is what reading the whole of it gives, and is refused for the same reason. */
import { describe, expect, it } from 'vitest';
import { patchPort, putEntry, putVxlanEntry, removeEntry, removeVxlanEntry } from '../../../src/config/edit.ts';
import { editedDocument } from '../../../src/config/edited.ts';
import { type ConfigDocument, documentOf } from '../../../src/config/load.ts';
import type { ConfigInput, FdbEntryInput } from '../../../src/config/schema/schema.ts';
import type { VxlanFdbInput } from '../../../src/config/schema/vxlan.ts';
import {
  entriesBefore,
  entryKey,
  onlyEntriesDiffer,
  planEntries,
  vxlanEntryKey,
} from '../../../src/control/plan/entries.ts';
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
      const actions = planEntries(document.config, part.config);
      expect(plan(document.config, whole.config)).toEqual(actions);
      // Taken back from wherever it got to.
      const texts = ({ fdbEntries, vxlanEntries }: ReturnType<typeof entriesBefore>) =>
        [...fdbEntries, ...vxlanEntries].map((each) => JSON.stringify(each)).sort();
      for (let done = 0; done <= actions.length; done++) {
        const fdb = new Map(document.config.fdbEntries.map((each) => [entryKey(each), each]));
        const vxlan = new Map(document.config.vxlanEntries.map((each) => [vxlanEntryKey(each), each]));
        for (const action of actions.slice(0, done)) {
          if (action.do === 'add-entry') fdb.set(entryKey(action.entry), action.entry);
          else if (action.do === 'remove-entry') fdb.delete(entryKey(action.entry));
          else if (action.do === 'add-vxlan-entry') vxlan.set(vxlanEntryKey(action.entry), action.entry);
          else vxlan.delete(vxlanEntryKey(action.entry));
        }
        const now = { fdbEntries: [...fdb.values()], vxlanEntries: [...vxlan.values()] };
        expect(texts(entriesBefore(now, actions))).toEqual(texts(document.config));
      }
      document = part;
    }
    expect(taken).toBeGreaterThan(100);
  });
});

/** Most are right; some change more than a flag. */
function patch(): Record<string, unknown> {
  const flag = pick([true, false, null]);
  return pick<Record<string, unknown>>([
    { enabled: flag },
    { state: pick(['forwarding', 'learning', 'discarding', null]) },
    { learning: flag, hairpin: flag },
    { unknownUnicastFlood: flag, multicastFlood: flag, broadcastFlood: flag },
    { isolated: flag, splitHorizonGroup: pick([0, 7, null]) },
    { fdbMaxEntries: pick([0, 5, null]) },
    { fdbMaxEntries: -1 },
    { enabled: 'yes' },
    { colour: 1 },
    { vlan: 20 },
    { vlans: '10,20' },
    { enabled: flag, vlans: '10,30' },
    { mtu: 1400 },
  ]);
}

it('edits of flags of one port: 400 random ones', () => {
  let document = documentOf({ ...BASE, fdb: [{ mac: '02:00:00:00:00:01', vlan: 10, port: 'p1' }] }, FILE);
  let taken = 0;
  let alone = 0;
  for (let n = 0; n < 400; n++) {
    const raw = patchPort(document.raw, pick(['p1', 'p2', 'u', 'x', 'y']), patch());
    const [part, whole] = [attempt(() => editedDocument(document, raw, FILE)), attempt(() => documentOf(raw, FILE))];
    if (typeof part === 'string' || typeof whole === 'string') {
      expect(part).toBe(whole);
      continue;
    }
    taken++;
    if (part.config.bridges === document.config.bridges) alone++;
    expect(part.config).toEqual(whole.config);
    expect(part.raw).toEqual(whole.raw);
    expect(plan(document.config, part.config)).toEqual(plan(document.config, whole.config));
    document = part;
  }
  expect(taken).toBeGreaterThan(100);
  expect(alone).toBeGreaterThan(50);
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
