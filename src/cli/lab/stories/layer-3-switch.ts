/** Interfaces of VLANs in the switch itself. */

import type { Story } from '../story.ts';
import { reachThrough, routedHosts, wrongVlan } from './routed.ts';

const CONFIG = `
vlans: { 10: { name: red }, 20: { name: blue } }
ports:
  red1: { adapter: tap, device: red1, mode: access, vlan: 10 }
  blue1: { adapter: tap, device: blue1, mode: access, vlan: 20 }
  lost: { adapter: tap, device: lost, mode: access, vlan: 20 }
interfaces:
  vlan10: { vlan: 10, mac: '02:00:00:00:10:01', addresses: [10.0.10.1/24, '2001:db8:10::1/64'] }
  vlan20: { vlan: 20, mac: '02:00:00:00:20:01', addresses: [10.0.20.1/24, '2001:db8:20::1/64'] }
`;

export const layer3Switch: Story = {
  name: 'layer-3-switch',
  title: 'a gateway per VLAN in the switch: hosts of two VLANs reach each other through it, and only so',
  picture: `
  red1  ── (10) ┌──────┐
                │  sw  │  vlan10 10.0.10.1   vlan20 10.0.20.1
  blue1 ── (20) │      │
  lost  ── (20) └──────┘
`,
  async run(lab) {
    const sw = await lab.start('sw', CONFIG);
    const hosts = routedHosts(lab, sw);
    const { red1, blue1 } = hosts;
    await reachThrough(lab, hosts);
    const neighbors = await lab.ask(sw, 'show neighbors');
    lab.check(neighbors.includes(red1.mac) && neighbors.includes(blue1.mac), 'the switch knows both neighbors');
    await lab.ask(sw, 'show routes');
    const way = await lab.ask(
      sw,
      `trace --port red1 --eth dst=02:00:00:00:10:01,src=${red1.mac},ip=10.0.10.11-10.0.20.21`,
    );
    lab.check(/delivered to blue1/.test(way), 'trace shows the way from VLAN 10 to VLAN 20');

    lab.step('Without a route there is no way: red1 forgets its gateway');
    red1.namespace.ip('route', 'del', 'default');
    await lab.ping(red1, '10.0.20.21', false, 'red1 does not reach blue1');
    red1.namespace.ip('route', 'add', 'default', 'via', '10.0.10.1');
    await lab.ping(red1, '10.0.20.21', true, 'with the gateway it does');

    await wrongVlan(lab, sw, hosts);
  },
};
