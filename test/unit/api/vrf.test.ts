/** What `show` says of the router, of all VRFs and of one. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import type { InterfaceView } from '../../../src/api/router-views.ts';
import { readRoutes } from '../../../src/api/routes/read.ts';
import { closeApi, openApi } from '../../../src/api/server.ts';
import type { PortView } from '../../../src/api/views.ts';
import { show } from '../../../src/cli/show.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import { ownDirectory } from '../../../src/runtime/directory-of.ts';
import { readOnly } from './world.ts';

const CONFIG = `
ports:
  a: { adapter: memory, mode: trunk, vlans: '10,20,30' }
interfaces:
  blue10: { vlan: 10, vrf: blue, addresses: [10.0.0.1/24], neighbors: { 10.0.0.2: '02:00:00:00:00:0b' } }
  blue20: { vlan: 20, vrf: blue, addresses: [10.0.1.1/24] }
  red30: { vlan: 30, vrf: red, addresses: [10.0.0.1/24], neighbors: { 10.0.0.2: '02:00:00:00:00:0d' } }
routes:
  - { to: 0.0.0.0/0, via: 10.0.0.2, vrf: blue }
vrfs:
  blue: { description: tenant blue, maxRoutes: 10 }
  red: { routes: [{ to: 0.0.0.0/0, type: unreachable }] }
  grey: {}
`;

it('shows interfaces, neighbors and routes of all VRFs or of one', async () => {
  const config = loadConfig(CONFIG, 'test');
  const core = new SwitchCore({ ...sizeFor(config), nowMs: () => 0 });
  configure(core, config);
  const readable = { tables: core.dp, directory: ownDirectory(core.control, config), statuses: [] };
  const folder = mkdtempSync(join(tmpdir(), 'etherloom-vrf-'));
  const socket = join(folder, 's.sock');
  const server = await openApi(socket, 'x', readRoutes(readOnly(readable, config)));
  const ask = async (topic: string, vrf?: string, json = false) => {
    const text = { out: '', err: '' };
    const sink = (name: 'out' | 'err') =>
      new Writable({
        write(chunk, _encoding, done) {
          text[name] += String(chunk);
          done();
        },
      });
    const status = await show(topic, { json, socket, vrf }, { out: sink('out'), err: sink('err') });
    return text.err === '' ? text.out : `${status} ${text.err}`;
  };
  try {
    expect(await ask('routes')).toMatch(/^PREFIX +KIND +VIA +VRF\n/);
    expect(await ask('neighbors')).toMatch(/^ADDRESS +MAC +INTERFACE +VRF\n/);
    expect(await ask('routes', 'blue')).toBe(
      [
        'PREFIX       KIND       VIA',
        '10.0.0.0/24  connected  blue10',
        '10.0.1.0/24  connected  blue20',
        '0.0.0.0/0    via        10.0.0.2 (blue10)',
        '',
      ].join('\n'),
    );
    expect(await ask('neighbors', 'red')).toBe(
      'ADDRESS   MAC                INTERFACE\n10.0.0.2  02:00:00:00:00:0d  red30\n',
    );
    expect(JSON.parse(await ask('interfaces', 'blue', true)).interfaces).toMatchObject([
      { name: 'blue10' },
      { name: 'blue20' },
    ]);
    expect(await ask('vrfs')).toBe(
      [
        'VRF   INTERFACES     ROUTES  MAX-ROUTES  DESCRIPTION',
        'blue  blue10 blue20       1          10  tenant blue',
        'red   red30               1           -  -',
        'grey  -                   0           -  -',
        '',
      ].join('\n'),
    );
    expect(JSON.parse(await ask('vrfs', undefined, true)).vrfs[2]).toEqual({
      name: 'grey',
      description: null,
      interfaces: [],
      routes: 0,
      maxRoutes: null,
    });
    expect(await ask('routes', 'grey')).toBe('PREFIX  KIND  VIA\n');
    expect(await ask('routes', 'green')).toBe('2 etherloom: there is no VRF "green"; valid are blue, red, grey\n');
    expect(await ask('ports', 'red')).toBe('2 etherloom: --vrf is for show interfaces, neighbors, routes\n');
    const events = { link() {}, readable() {} };
    core.attach('a', new MemoryAdapter({ mtu: 1500 }, { arena: core.dp.arena, events }));
    core.protocolTick(1000); // interfaces announce themselves
    const sent = JSON.parse(await ask('interfaces', undefined, true)).interfaces.map(
      (each: InterfaceView) => each.sent,
    );
    expect(sent).toEqual([2, 2, 2]);
    const ports = JSON.parse(await ask('ports', undefined, true)).ports as PortView[];
    expect(ports.filter(({ adapter }) => adapter === 'router').map(({ txFrames }) => txFrames)).toEqual(sent);
    expect((await ask('ports')).split('\n').filter((line) => line.startsWith('blue10'))).toEqual([
      'blue10  loom0   router  up    -      10    -         -         1500  none',
      'blue10          -         -           -          -          2         -           0        2        -',
    ]);
  } finally {
    await closeApi(server);
    rmSync(folder, { recursive: true, force: true });
  }
});
