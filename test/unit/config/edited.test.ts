/** A document after an edit is what reading the whole of it gives, and is refused for the same reason. */
import { describe, expect, it } from 'vitest';
import { putEntry, removeEntry } from '../../../src/config/edit.ts';
import { editedDocument } from '../../../src/config/edited.ts';
import { type ConfigDocument, documentOf } from '../../../src/config/load.ts';
import type { ConfigInput, FdbEntryInput } from '../../../src/config/schema.ts';
import { plan } from '../../../src/control/plan.ts';
import { entriesBefore, entryKey, onlyEntriesDiffer, planEntries } from '../../../src/control/plan-entries.ts';

const FILE = 'request';
const BASE = {
  switch: { name: 'sw' },
  vlans: { 100: { isolated: 101 }, 30: {} },
  bridges: { br1: { type: 'unaware' } },
  ports: {
    p1: { adapter: 'memory', vlan: 10 },
    p2: { adapter: 'memory', mode: 'trunk', vlans: '10,20,30' },
    u: { adapter: 'memory', bridge: 'br1' },
  },
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

function attempt(make: () => ConfigDocument): ConfigDocument | string {
  try {
    return make();
  } catch (error) {
    return (error as Error).message;
  }
}

describe('edits of FDB entries', () => {
  it('600 random ones', () => {
    let document = documentOf(BASE, FILE);
    let taken = 0;
    for (let n = 0; n < 600; n++) {
      const count = document.config.fdbEntries.length;
      const raw =
        random(5) === 0 && count > 0
          ? removeEntry(document.raw, random(count))
          : putEntry(document.raw, entry(), random(3) === 0 && count > 0 ? random(count) : -1);
      const [part, whole] = [attempt(() => editedDocument(document, raw, FILE)), attempt(() => documentOf(raw, FILE))];
      if (typeof part === 'string' || typeof whole === 'string') {
        expect(part).toBe(whole);
        continue;
      }
      taken++;
      expect(part.config).toEqual(whole.config);
      expect(part.raw).toEqual(whole.raw);
      expect(onlyEntriesDiffer(document.config, part.config)).toBe(true);
      const actions = planEntries(document.config.fdbEntries, part.config.fdbEntries);
      expect(plan(document.config, whole.config)).toEqual(actions);
      // Taken back from wherever it got to.
      for (let done = 0; done <= actions.length; done++) {
        const now = new Map(document.config.fdbEntries.map((each) => [entryKey(each), each]));
        for (const action of actions.slice(0, done)) {
          if (action.do === 'add-entry') now.set(entryKey(action.entry), action.entry);
          else now.delete(entryKey(action.entry));
        }
        const back = entriesBefore([...now.values()], actions);
        const sorted = (entries: typeof back) => entries.map((each) => JSON.stringify(each)).sort();
        expect(sorted(back)).toEqual(sorted(document.config.fdbEntries));
      }
      document = part;
    }
    expect(taken).toBeGreaterThan(100);
  });

  it('reads the whole where anything else differs, or much does', () => {
    const document = documentOf(BASE, FILE);
    const other = { ...document.raw, ports: { ...document.raw.ports, p3: { adapter: 'memory' } } } as ConfigInput;
    expect(editedDocument(document, other, FILE).config.ports).toHaveLength(4);
    const many = Array.from({ length: 100 }, (_, i) => ({
      mac: `02:00:00:00:01:${i.toString(16).padStart(2, '0')}`,
      vlan: 10,
      port: 'p1',
    }));
    const edited = editedDocument(document, { ...document.raw, fdb: many }, FILE);
    expect(edited.config).toEqual(documentOf({ ...BASE, fdb: many }, FILE).config);
  });
});
