/** Searching the FDB by what one types. */

import { expect, it } from 'vitest';
import { fdbSearch } from '../../src/api/fdb-search.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configure, SwitchCore, sizeFor } from '../../src/runtime/core.ts';
import { ownDirectory } from '../../src/runtime/directory-of.ts';
import { learnBefore } from '../../src/trace/world.ts';

const config = loadConfig(
  `
vlans: { 10: { name: red }, 20: {} }
ports:
  web: { adapter: memory, mode: trunk, vlans: '10,20' }
  db: { adapter: memory, mode: access, vlan: 20 }
fdb:
  - { mac: '02:00:00:00:00:ff', vlan: 10, kind: blackhole }
`,
  'test',
);
const core = new SwitchCore({ ...sizeFor(config), nowMs: () => 0 });
configure(core, config);
const directory = ownDirectory(core.control, config);
const world = { dp: core.dp, directory, nowMs: 0 };
learnBefore(world, { mac: '02:00:00:00:00:01', port: 'web', vid: 10 });
learnBefore(world, { mac: '02:00:00:00:00:01', port: 'web', vid: 20 });
learnBefore(world, { mac: 'fe:dc:ba:98:76:54', port: 'db' });
const search = (text: string, limit = 10) => fdbSearch({ tables: core.dp, directory, statuses: [] }, text, limit, 2000);

it.each([
  ['', ['10 02:00:00:00:00:01', '10 02:00:00:00:00:ff', '20 02:00:00:00:00:01', '20 fe:dc:ba:98:76:54']],
  ['02', ['10 02:00:00:00:00:01', '10 02:00:00:00:00:ff', '20 02:00:00:00:00:01']],
  ['FE:DC:b', ['20 fe:dc:ba:98:76:54']],
  ['fedcba987654', ['20 fe:dc:ba:98:76:54']],
  ['76-54', ['20 fe:dc:ba:98:76:54']],
  ['00:01', ['10 02:00:00:00:00:01', '20 02:00:00:00:00:01']],
  [' db ', ['20 fe:dc:ba:98:76:54']],
  ['red', ['10 02:00:00:00:00:01', '10 02:00:00:00:00:ff']],
  ['20', ['20 02:00:00:00:00:01', '20 fe:dc:ba:98:76:54']],
  ['fedcba98765401', []],
  ['nobody', []],
])('finds "%s"', (text, expected) => {
  const { entries, total } = search(text);
  expect(entries.map(({ vid, mac }) => `${vid} ${mac}`)).toEqual(expected);
  expect(total).toBe(expected.length);
});

it('says how many there are beside those that it lists', () => {
  const { entries, total } = search('', 2);
  expect([entries.length, total]).toEqual([2, 4]);
  expect(search('fedc').entries).toEqual([
    { bridge: 'loom0', vid: 20, mac: 'fe:dc:ba:98:76:54', port: 'db', kind: 'dynamic', ageSeconds: 2 },
  ]);
  expect(search('ff').entries).toMatchObject([{ port: null, kind: 'blackhole', ageSeconds: 0 }]);
});
