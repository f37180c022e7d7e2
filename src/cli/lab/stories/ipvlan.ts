/** Ports that share an uplink and its MAC as ipvlan devices do: in mode l2 with two flags, and behind the router in mode l3. */

import type { Story } from '../story.ts';

const udp = (n: number, m: number) => `adapter: udp, local: 127.0.0.1:700${n}, remote: 127.0.0.1:700${m}`;
const MAC = '02:00:00:00:00:fe';
const GATE = '02:00:00:00:00:fd';

const BOX = `
ports:
  up: { ${udp(1, 2)} }
  f1: { adapter: tap, device: f1 }
  f2: { adapter: tap, device: f2 }
  s1: { adapter: tap, device: s1 }
  s2: { adapter: tap, device: s2 }
  gate: { ${udp(3, 4)}, mode: access, vlan: 5 }
  r1: { adapter: tap, device: r1 }
interfaces:
  router: { vlan: 5, mac: '${GATE}', addresses: [10.0.5.1/24] }
routes:
  - { to: 0.0.0.0/0, via: 10.0.5.2 }
ipvlan:
  friends:
    parent: up
    mac: '${MAC}'
    children: { f1: { addresses: [10.0.0.11] }, f2: { addresses: [10.0.0.12] } }
  strangers:
    parent: up
    vlan: 20
    mac: '${MAC}'
    flag: private
    children: { s1: { addresses: [10.0.20.11] }, s2: { addresses: [10.0.20.12] } }
  routed: { mode: l3, parent: router, children: { r1: { addresses: [10.1.0.11] } } }
`;
const EDGE = `
ports:
  down: { ${udp(2, 1)}, mode: trunk, vlans: '1,20', native: 1 }
  out: { adapter: tap, device: out, mode: access, vlan: 1 }
  out20: { adapter: tap, device: out20, mode: access, vlan: 20 }
  down5: { ${udp(4, 3)}, mode: access, vlan: 5 }
  far: { adapter: tap, device: far, mode: access, vlan: 5 }
`;

export const ipvlan: Story = {
  name: 'ipvlan',
  title: 'guests that share one MAC: told apart by their addresses, kept apart by a flag, and behind the router',
  picture: `
  f1, f2 friends              ─┐
  s1, s2 strangers in VLAN 20 ─ box ── up ═══ down ─── edge ── out 10.0.0.1, out20 10.0.20.1
  r1 routed ── router         ─┘  └─ gate ═══ down5 ─┘  └─ far 10.0.5.2
`,
  async run(lab) {
    const rack = lab.machine('rack');
    const box = await lab.start('box', BOX, rack);
    const edge = await lab.start('edge', EDGE, rack);
    const guest = (name: string, address: string) => lab.host(name, box, { addresses: [`${address}/24`], mac: MAC });
    const [f1, , s1] = [guest('f1', '10.0.0.11'), guest('f2', '10.0.0.12'), guest('s1', '10.0.20.11')];
    guest('s2', '10.0.20.12');
    const r1 = lab.host('r1', box, { addresses: ['10.1.0.11/32'], mac: GATE, arp: false });
    const out = lab.host('out', edge, { addresses: ['10.0.0.1/24'] });
    lab.host('out20', edge, { addresses: ['10.0.20.1/24'] });
    const far = lab.host('far', edge, { addresses: ['10.0.5.2/24'], gateways: ['10.0.5.1'] });

    lab.step('Friends have one MAC and are told apart by their addresses');
    await lab.ping(f1, '10.0.0.12', true, 'f1 reaches f2');
    await lab.ping(out, '10.0.0.11', true, 'out reaches f1');
    await lab.ping(out, '10.0.0.12', true, 'out reaches f2');
    const known = await lab.type(out, 'ip', 'neigh', 'show', 'dev', 'eth0');
    lab.check(known.split(MAC).length === 3, 'out knows both by one MAC');

    lab.step('Strangers, in VLAN 20 of the uplink, reach the outside and not each other');
    await lab.ping(s1, '10.0.20.1', true, 's1 reaches out20');
    await lab.ping(s1, '10.0.20.12', false, 's1 does not reach s2');
    const way = await lab.ask(box, `trace --port s1 --eth dst=${MAC},src=${MAC},ip=10.0.20.11-10.0.20.12`);
    lab.check(way.includes('IPVLAN_PRIVATE'), 'the packet is for another child, and the flag private keeps them apart');

    lab.step('A routed guest asks nobody for a MAC: the router knows the way, and far has a route to the guest');
    await lab.ping(r1, '10.0.5.2', true, 'r1 reaches far, by the router');
    await lab.ping(far, '10.1.0.11', true, 'far reaches r1');
    await lab.ping(r1, '10.0.5.1', true, 'r1 reaches the router');
    await lab.ask(box, `trace --port r1 --eth dst=${GATE},src=${GATE},ip=10.1.0.11-10.0.5.2`);
  },
};
