/** The text of the FDB says what the view says, whatever is in the table. */

import { describe, expect, it } from 'vitest';
import { fdbJson } from '../../../src/api/fdb-json.ts';
import { type FdbFilter, fdbView } from '../../../src/api/fdb-view.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { addEntry } from '../../../src/control/fdb-control.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import { ownDirectory } from '../../../src/runtime/directory-of.ts';
import { relearn } from '../../../src/tables/fdb/learn.ts';

describe('the FDB as text', () => {
  const config = loadConfig(
    `{ switch: { name: 'sw', fdb: { ageSeconds: 1000000 } }, bridges: { br1: { type: unaware }, a: {} }, ports: {
       p1: { adapter: memory, mode: trunk }, p2: { adapter: memory, bridge: br1 },
       p3: { adapter: memory, bridge: a, vlan: 7 } } }`,
    'x',
  );
  const core = new SwitchCore({ ...sizeFor(config), nowMs: () => 900_000_000 });
  configure(core, config);
  const { control, dp } = core;
  let n = 1;
  const random = () => {
    n = (Math.imul(n, 1103515245) + 12345) & 0x7fffffff;
    return n >>> 3;
  };
  const ages = [0, 1, 9, 10, 99, 100, 999, 1000, 1001, 9999, 10_000, 123_456, 9_999_999, 99_999_999, 899_999_999];
  for (let i = 0; i < 20_000; i++) {
    const [name, vid] = [
      ['p1', 1 + (random() % 4094)],
      ['p2', null],
      ['p3', 7],
    ][random() % 3] as [string, number | null];
    const port = control.port(name);
    const fid = control.fidOf(port.bridge!, vid);
    const mac = [random() & 0xfeff, (random() << 8) ^ random()] as const;
    relearn(dp.fdb, fid, ...mac, port.index, (900_000_000 - ages[random() % ages.length]!) | 0);
  }
  const entry = (mac: string, kind: 'blackhole' | 'sticky' | 'local', port: string | null) =>
    addEntry(control, { bridge: 'sw', vid: 10, mac, kind, port }, true);
  entry('02:00:00:00:00:01', 'blackhole', null);
  entry('fe:ff:ff:ff:ff:ff', 'sticky', 'p1');
  entry('00:00:00:00:00:01', 'local', null);
  const readable = { tables: dp, directory: ownDirectory(control, config), statuses: [] };

  const filters: FdbFilter[] = [{}, { vid: 10 }, { port: 'p3' }, { bridge: 'br1' }, { mac: '02:00:00:00:00:01' }];
  it.each([...filters, { vid: 4000, port: 'p2' }])('with filter %j', (filter) => {
    const text = Buffer.concat([...fdbJson(readable, filter, 900_000_000)]).toString();
    expect(JSON.parse(text)).toEqual({ switch: 'sw', ...fdbView(readable, filter, 900_000_000) });
  });

  it('is the same for a table with few entries, whatever was asked before', () => {
    const few = new SwitchCore({ ...sizeFor(config), nowMs: () => 900_000_000 });
    configure(few, config);
    const { bridge, index } = few.control.port('p3');
    const fid = few.control.fidOf(bridge!, 7);
    for (const low of [3, 1, 2]) relearn(few.dp.fdb, fid, 0x0200, low, index, 900_000_000);
    const own = { tables: few.dp, directory: ownDirectory(few.control, config), statuses: [] };
    for (const filter of [{}, { vid: 4000 }, {}]) {
      const { entries } = JSON.parse(Buffer.concat([...fdbJson(own, filter, 900_000_000)]).toString());
      const all = ['00:00:00:00:01', '00:00:00:00:02', '00:00:00:00:03'].map((end) => ({ mac: `02:${end}`, vid: 7 }));
      expect(entries).toMatchObject('vid' in filter ? [] : all);
    }
  });

  it('is sorted and whole', () => {
    const { entries } = fdbView(readable, {}, 900_000_000);
    expect(entries.length).toBeGreaterThan(15_000);
    const keys = entries.map(({ bridge, vid, mac }) => `${bridge} ${String(vid ?? 0).padStart(4, '0')} ${mac}`);
    expect(keys).toEqual([...keys].sort());
    expect(new Set(keys).size).toBe(keys.length);
  });
});
