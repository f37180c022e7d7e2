/** A private VLAN over two switches, with a gateway (RFC 5517). */

import type { Story } from '../story.ts';

const VLANS = 'vlans: { 100: { name: tenants, isolated: 101, communities: 102 } }';
const trunk = (n: 1 | 2) =>
  `  trunk: { adapter: udp, local: 127.0.0.1:700${n}, remote: 127.0.0.1:700${3 - n}, mode: trunk, vlans: '100-102' }`;

const SW1 = `
${VLANS}
ports:
  i1: { adapter: tap, device: i1, mode: private-host, vlan: 101 }
  i2: { adapter: tap, device: i2, mode: private-host, vlan: 101 }
  c1: { adapter: tap, device: c1, mode: private-host, vlan: 102 }
  server: { adapter: tap, device: server, mode: promiscuous, vlan: 100 }
${trunk(1)}
interfaces:
  gate: { vlan: 100, mac: '02:00:00:00:01:00', addresses: [10.0.0.1/24] }
`;
const SW2 = `
${VLANS}
ports:
  i3: { adapter: tap, device: i3, mode: private-host, vlan: 101 }
  c2: { adapter: tap, device: c2, mode: private-host, vlan: 102 }
${trunk(2)}
`;

export const privateVlan: Story = {
  name: 'private-vlan',
  title: 'one subnet, isolated hosts and a community across two switches, one gateway and one server for all',
  picture: `
  i1, i2 isolated ─┐                          ┌─ i3 isolated
  c1 community    ─ sw1 ══ trunk 100-102 ══ sw2
  server          ─┘ gate 10.0.0.1            └─ c2 community
`,
  async run(lab) {
    const rack = lab.machine('rack');
    const sw1 = await lab.start('sw1', SW1, rack);
    const sw2 = await lab.start('sw2', SW2, rack);
    const i1 = lab.host('i1', sw1, { addresses: ['10.0.0.11/24'] });
    const i2 = lab.host('i2', sw1, { addresses: ['10.0.0.12/24'] });
    const c1 = lab.host('c1', sw1, { addresses: ['10.0.0.21/24'] });
    const server = lab.host('server', sw1, { addresses: ['10.0.0.5/24'] });
    const i3 = lab.host('i3', sw2, { addresses: ['10.0.0.13/24'] });
    const c2 = lab.host('c2', sw2, { addresses: ['10.0.0.22/24'] });

    lab.step('Every host reaches the gateway and the promiscuous server, across the trunk as well');
    await lab.ask(sw1, 'show vlans');
    await lab.ping(i1, '10.0.0.1', true, 'i1 (isolated) reaches the gateway');
    await lab.ping(i3, '10.0.0.1', true, 'i3 (isolated, on sw2) reaches the gateway');
    await lab.ping(c2, '10.0.0.5', true, 'c2 (community, on sw2) reaches the server');
    await lab.ping(server, '10.0.0.13', true, 'the server reaches i3');

    lab.step('Hosts of a community reach each other');
    await lab.ping(c1, '10.0.0.22', true, 'c1 reaches c2');

    lab.step('Isolated hosts reach nobody else');
    await lab.ping(i1, '10.0.0.12', false, 'i1 does not reach i2, on the same switch');
    await lab.ping(i1, '10.0.0.13', false, 'i1 does not reach i3, on the other');
    await lab.ping(i2, '10.0.0.21', false, 'i2 does not reach c1');
    await lab.ping(c2, '10.0.0.13', false, 'c2 does not reach i3');

    lab.step('Why? The switch says what kind of VLAN keeps them apart');
    await lab.ping(i2, '10.0.0.1', true, 'i2 reaches the gateway: its address is known now');
    const fdb = await lab.ask(sw1, 'show fdb');
    lab.check(fdb.includes(i2.mac) && !/\b101\b/.test(fdb), 'all addresses are those of the primary');
    const why = await lab.ask(
      sw1,
      `explain --port i1 --to i2 --eth dst=${i2.mac},src=${i1.mac},ip=10.0.0.11-10.0.0.12`,
    );
    lab.check(
      why.includes('EGRESS_PRIVATE_VLAN') && why.includes('isolated VLAN 101'),
      'explain names the isolated VLAN',
    );

    lab.step('i2 joins the community while the switch runs');
    await lab.ask(sw1, 'port set i2 vlan=102');
    await lab.ping(i2, '10.0.0.21', true, 'i2 reaches c1');
    await lab.ping(i2, '10.0.0.22', true, 'i2 reaches c2, across the trunk');
    await lab.ping(i1, '10.0.0.12', false, 'i1 still does not reach i2');
  },
};
