/** What a running switch has learned of its neighbors is part of what is explained. */

import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { ownDirectory } from '../../../src/runtime/directory-of.ts';
import { explainRunning, traceRunning } from '../../../src/trace/answer.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { ethernetFrame, udpIpv4, vxlanPayload } from '../../../src/wire/build.ts';
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

it('says of a peer that it was sent to and never heard, until it is', () => {
  const config = loadConfig(
    `
vteps:
  v0: { underlay: port, uplink: up, local: 192.0.2.1/24, neighbors: { 192.0.2.2: '02:00:00:00:02:02', 192.0.2.3: '02:00:00:00:02:03' } }
ports:
  a: { adapter: memory, vlan: 10 }
  up: { adapter: memory, mtu: 1600 }
  x: { adapter: vxlan, vlan: 10, vxlan: { vtep: v0, vni: 100, remotes: [192.0.2.2, 192.0.2.3] } }
`,
    'test.yaml',
  );
  const whole = wholeSwitch({ config, down: [], learned: [] });
  const { core } = whole;
  const bytes = readFields(`src=${HOST}`);
  const encap = () => {
    const readable = { tables: core.dp, directory: ownDirectory(core.control, config), statuses: [] };
    const running = { readable, config, nowMs: 0 };
    const query = new URLSearchParams({ port: 'a', frame: Buffer.from(bytes).toString('hex') });
    const explained = explainRunning(running, { port: 'a', bytes, learned: [], to: 'x' });
    expect(explained).toMatchObject({ arrives: true, text: 'it arrives: delivered on x' });
    const [first, second] = [explained.trace, traceRunning(running, query)].map(({ stages }) => stages.at(-1)!.text);
    expect(first).toBe(second);
    return first;
  };
  const sent = 'x: VNI 100, to every remote of its list; 2 outer frames';
  expect(encap()).toBe(sent);
  sentThrough(whole, 'a', bytes);
  expect(encap()).toBe(`${sent}; it was sent to before and never heard: 192.0.2.2, 192.0.2.3`);
  const inner = ethernetFrame({ dst: HOST, src: '02:00:00:00:00:06' }, 0x88b5, new Uint8Array(46));
  const packet = udpIpv4({ src: '192.0.2.2', dst: '192.0.2.1' }, 50_000, 4789, vxlanPayload(100, inner));
  const { macHigh, macLow } = core.dp.vxlan.vteps;
  const dst = { high: macHigh[0], low: macLow[0] };
  sentThrough(whole, 'up', ethernetFrame({ dst, src: '02:00:00:00:02:02' }, 0x0800, packet));
  expect(encap()).toBe(`${sent}; it was sent to before and never heard: 192.0.2.3`);
});
