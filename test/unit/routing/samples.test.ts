/** Packets that the router drops after they have waited are samples like other drops: as they came. */

import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { reasonName } from '../../../src/dataplane/reasons.ts';
import { listSamples } from '../../../src/dataplane/samples.ts';
import { ethernetFrame, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { sentThrough, wholeSwitch } from '../trace/whole-switch.ts';

const CONFIG = `
vlans: { 10: {}, 20: {} }
ports:
  t: { adapter: memory, mode: trunk, vlans: '10' }
  b: { adapter: memory, vlan: 20 }
interfaces:
  vlan10: { vlan: 10, mac: '02:00:00:00:10:01', addresses: [10.0.10.1/24, '2001:db8:10::1/64'] }
  vlan20: { vlan: 20, mac: '02:00:00:00:20:01', addresses: [10.0.20.1/24, '2001:db8:20::1/64'] }
`;

/** More than wait for one neighbor. */
const MANY = 80;

it.each([
  ['IPv4', 0x0800, udpIpv4({ src: '10.0.10.2', dst: '10.0.20.77', ttl: 64 }, 1, 2, Buffer.from('asked for'))],
  ['IPv6', 0x86dd, udpIpv6({ src: '2001:db8:10::2', dst: '2001:db8:20::77' }, 1, 2, Buffer.from('asked for'))],
])('%s packets for a next hop that does not answer', (_name, type, packet) => {
  const sw = wholeSwitch({ config: loadConfig(CONFIG, 'test'), down: [], learned: [] });
  const frame = ethernetFrame(
    { dst: '02:00:00:00:10:01', src: '02:00:00:00:00:02', tags: [{ vid: 10 }] },
    type,
    packet,
  );
  for (let n = 0; n < MANY; n++) sentThrough(sw, 't', frame);
  const samples = listSamples(sw.core.dp.samplesOf).filter(({ reason }) => reasonName(reason) === 'ROUTE_UNRESOLVED');
  expect(samples.length).toBe(8);
  const { index } = sw.core.control.port('t');
  for (const { port, length, bytes } of samples) {
    expect([port, length]).toEqual([index, frame.length]);
    expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(frame).toString('hex'));
  }
});
