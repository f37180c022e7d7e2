/** What a running switch has learned of its neighbors is part of what is explained. */

import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { ownDirectory } from '../../../src/runtime/directory-of.ts';
import { explainRunning } from '../../../src/trace/answer.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { sentThrough, wholeSwitch } from './whole-switch.ts';

const SWITCH = `
ports:
  a: { adapter: memory, vlan: 10 }
  b: { adapter: memory, vlan: 20 }
  c: { adapter: memory, vlan: 20 }
interfaces:
  v10: { vlan: 10, mac: '02:00:00:00:10:01', addresses: [10.0.10.1/24] }
  v20: { vlan: 20, mac: '02:00:00:00:20:01', addresses: [10.0.20.1/24] }
routes:
  - { to: 172.16.0.0/12, via: 10.0.20.5 }
`;
const HOST = '02:00:00:00:00:05';

it.each(['10.0.20.5', '172.16.0.1'])('a packet for %s goes to the next hop that has told its MAC', (address) => {
  const config = loadConfig(SWITCH, 'test.yaml');
  const whole = wholeSwitch({ config, down: [], learned: [] });
  const { core } = whole;
  const ask = (to: string, runs = config) => {
    const readable = { tables: core.dp, directory: ownDirectory(core.control, config), statuses: [] };
    const bytes = readFields(`dst=02:00:00:00:10:01,src=02:00:00:00:00:01,ip=10.0.10.5-${address}`);
    return explainRunning({ readable, config: runs, nowMs: 0 }, { port: 'a', bytes, learned: [], to });
  };
  expect(ask('b').text).toMatch(/^it waits in the switch, which asks for the MAC of 10\.0\.20\.5 on interface v20/);

  sentThrough(whole, 'b', readFields(`src=${HOST},arp=10.0.20.5-10.0.20.1`));
  expect(ask('b')).toMatchObject({ arrives: true, text: 'it arrives: delivered on b' });
  expect(ask('c')).toMatchObject({ arrives: false, trace: { outputs: [{ port: 'b' }] } });
  core.control.setPort('b', { isolated: true });
  expect(ask('b')).toMatchObject({ arrives: true, text: 'it arrives: delivered on b' });
  core.control.setPort('b', { isolated: false, enabled: false });
  const turnedOff = { ...config, ports: config.ports.map((port) => ({ ...port, enabled: port.name !== 'b' })) };
  expect(ask('b', turnedOff).fix!.changes.map(({ path }) => path)).toEqual(['ports.b.enabled']);
  core.control.setPort('b', { enabled: true });
  core.control.setLink('b', false);
  expect(ask('b')).toMatchObject({ arrives: false, fix: { changes: [{ path: 'link b', value: 'up' }] } });
});
