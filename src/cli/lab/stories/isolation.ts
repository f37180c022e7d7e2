/** Two VLANs on one switch: one subnet, two broadcast domains. */

import type { Story } from '../story.ts';

const CONFIG = `
vlans: { 10: { name: red }, 20: { name: blue } }
ports:
  red1: { adapter: tap, device: red1, mode: access, vlan: 10 }
  red2: { adapter: tap, device: red2, mode: access, vlan: 10 }
  blue1: { adapter: tap, device: blue1, mode: access, vlan: 20 }
  blue2: { adapter: tap, device: blue2, mode: access, vlan: 20 }
`;

export const isolation: Story = {
  name: 'vlan-isolation',
  title: 'hosts of one subnet in two VLANs do not reach each other, and the switch says why',
  picture: `
  red1  ─┐            ┌─ blue1
         ├─ sw (10) (20)
  red2  ─┘            └─ blue2        all in 10.0.0.0/24
`,
  async run(lab) {
    const sw = await lab.start('sw', CONFIG);
    const red1 = lab.host('red1', sw, { addresses: ['10.0.0.11/24'] });
    lab.host('red2', sw, { addresses: ['10.0.0.12/24'] });
    const blue1 = lab.host('blue1', sw, { addresses: ['10.0.0.21/24'] });
    lab.host('blue2', sw, { addresses: ['10.0.0.22/24'] });

    lab.step('Hosts of one VLAN reach each other');
    await lab.ping(red1, '10.0.0.12', true, 'red1 reaches red2, in VLAN 10');
    await lab.ping(blue1, '10.0.0.22', true, 'blue1 reaches blue2, in VLAN 20');
    const fdb = await lab.ask(sw, 'show fdb');
    lab.check(/ 10 .*red1/.test(fdb) && / 20 .*blue1/.test(fdb), 'addresses are learned per VLAN');

    lab.step('Hosts of different VLANs do not, though they are in one subnet');
    await lab.ping(red1, '10.0.0.21', false, 'red1 does not reach blue1');
    const neighbors = await lab.type(red1, 'ip', 'neigh', 'show', '10.0.0.21');
    lab.check(!neighbors.includes('lladdr'), 'red1 never learns the MAC of blue1: its ARP request is not answered');

    lab.step('Why? ARP stays in its broadcast domain');
    const way = await lab.ask(sw, `trace --port red1 --eth src=${red1.mac},arp=10.0.0.11-10.0.0.21`);
    lab.check(
      /· blue1 +no member of VLAN 10/.test(way),
      'the request is flooded in VLAN 10, of which blue1 is no member',
    );
    const why = await lab.ask(sw, `explain --port red1 --to blue1 --eth src=${red1.mac},arp=10.0.0.11-10.0.0.21`);
    lab.check(/delivered on blue1 .*if/.test(why), 'explain names a change that would deliver it');

    lab.step('The same, made true: blue1 moves to VLAN 10 while the switch runs');
    await lab.ask(sw, 'port set blue1 vlan=10');
    await lab.ping(red1, '10.0.0.21', true, 'red1 reaches blue1');
    await lab.ping(blue1, '10.0.0.22', false, 'blue1 does not reach blue2 any more');
    const ledger = await lab.ask(sw, 'show ledger');
    lab.check(ledger.includes('balanced: yes'), 'every frame is accounted for');
  },
};
