/** A switch that does not route, a router that has one trunk to it. */

import type { Story } from '../story.ts';
import { reachThrough, routedHosts, wrongVlan } from './routed.ts';

const SWITCH = `
vlans: { 10: { name: red }, 20: { name: blue } }
ports:
  red1: { adapter: tap, device: red1, mode: access, vlan: 10 }
  blue1: { adapter: tap, device: blue1, mode: access, vlan: 20 }
  lost: { adapter: tap, device: lost, mode: access, vlan: 20 }
  up: { adapter: udp, local: 127.0.0.1:7001, remote: 127.0.0.1:7002, mode: trunk, vlans: '10,20' }
`;

const ROUTER = `
ports:
  stick: { adapter: udp, local: 127.0.0.1:7002, remote: 127.0.0.1:7001, mode: trunk, vlans: '10,20' }
interfaces:
  stick.10: { port: stick, vlan: 10, mac: '02:00:00:00:10:01', addresses: [10.0.10.1/24, '2001:db8:10::1/64'] }
  stick.20: { port: stick, vlan: 20, mac: '02:00:00:00:20:01', addresses: [10.0.20.1/24, '2001:db8:20::1/64'] }
`;

export const routerOnAStick: Story = {
  name: 'router-on-a-stick',
  title: 'sub-interfaces on a trunk: packets go out to the router with one tag and come back with another',
  picture: `
  red1  ── (10) ┌──────┐  trunk 10,20  ┌────────┐
  blue1 ── (20) │  sw  ╞═══════════════╡ router │  stick.10 10.0.10.1
  lost  ── (20) └──────┘ up      stick └────────┘  stick.20 10.0.20.1
`,
  async run(lab) {
    const rack = lab.machine('rack');
    const sw = await lab.start('sw', SWITCH, rack);
    const router = await lab.start('router', ROUTER, rack);
    const hosts = routedHosts(lab, sw);
    const { red1 } = hosts;
    await reachThrough(lab, hosts);
    await lab.ask(router, 'show interfaces');

    lab.step('On the trunk: the same packet goes out with one tag and comes back with the other');
    const seen = await lab.watch(sw, 'capture --port up --count 2 vlan and icmp[icmptype]==icmp-echo', () =>
      red1.namespace.run('ping', '-n', '-c', '1', '-W', '1', '10.0.20.21'),
    );
    lab.check(/vlan 10\b/i.test(seen) && /vlan 20\b/i.test(seen), 'VLAN 10 to the router, VLAN 20 from it');

    lab.step('The gateway is the only way: the trunk goes down');
    await lab.ask(sw, 'port down up');
    await lab.ping(red1, '10.0.20.21', false, 'red1 does not reach blue1 without the router');
    await lab.ask(sw, 'port up up');
    await lab.ping(red1, '10.0.20.21', true, 'with it red1 does');

    await wrongVlan(lab, sw, hosts);
  },
};
