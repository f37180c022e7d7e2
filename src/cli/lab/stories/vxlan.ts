/** Two machines, a switch in each, one VLAN over both. */

import type { Story } from '../story.ts';

const config = (n: 1 | 2) => `
vlans: { 10: { name: red }, 20: { name: blue } }
vteps:
  v0: { local: 192.0.2.${n} }
ports:
  red${n}: { adapter: tap, device: red${n}, mode: access, vlan: 10, mtu: 1450 }
  blue${n}: { adapter: tap, device: blue${n}, mode: access, vlan: 20, mtu: 1450 }
  tunnel: { adapter: vxlan, vxlan: { vtep: v0, vnis: { 10: 10010, 20: 10020 }, remotes: [192.0.2.${3 - n}] } }
`;

export const vxlan: Story = {
  name: 'vxlan',
  title: 'two VLANs over an IP network: a VNI each, addresses learned behind tunnels',
  picture: `
  red1  ─┐                               ┌─ red2      VLAN 10, VNI 10010
         sw1 ── 192.0.2.1 ~ IP ~ 192.0.2.2 ── sw2
  blue1 ─┘                               └─ blue2     VLAN 20, VNI 10020
`,
  async run(lab) {
    const one = lab.machine('one');
    const two = lab.machine('two');
    lab.cable([
      { machine: one, device: 'eth0', address: '192.0.2.1/24' },
      { machine: two, device: 'eth0', address: '192.0.2.2/24' },
    ]);
    const sw1 = await lab.start('sw1', config(1), one);
    const sw2 = await lab.start('sw2', config(2), two);
    const red1 = lab.host('red1', sw1, { addresses: ['10.0.0.11/24'], mtu: 1450 });
    const blue1 = lab.host('blue1', sw1, { addresses: ['10.0.0.21/24'], mtu: 1450 });
    const red2 = lab.host('red2', sw2, { addresses: ['10.0.0.12/24'], mtu: 1450 });
    lab.host('blue2', sw2, { addresses: ['10.0.0.22/24'], mtu: 1450 });

    lab.step('Hosts of one VLAN reach each other across the IP network; those of two do not');
    await lab.ping(red1, '10.0.0.12', true, 'red1 reaches red2');
    await lab.ping(blue1, '10.0.0.22', true, 'blue1 reaches blue2');
    await lab.ping(red1, '10.0.0.22', false, 'red1 does not reach blue2');

    lab.step('Who is where: the table of the VLAN says the tunnel, the table of the tunnel says the machine');
    const fdb = await lab.ask(sw1, `show fdb --mac ${red2.mac}`);
    lab.check(/tunnel/.test(fdb), 'red2 is behind the tunnel');
    const remote = await lab.ask(sw1, 'show vxlan-fdb');
    lab.check(remote.includes(red2.mac) && /192\.0\.2\.2/.test(remote), 'and there behind 192.0.2.2, in VNI 10010');
    const peers = await lab.ask(sw1, 'show peers');
    lab.check(/192\.0\.2\.2/.test(peers), 'sw2 is a peer of sw1');

    lab.step('What a frame becomes');
    const way = await lab.ask(sw1, `trace --port red1 --eth dst=${red2.mac},src=${red1.mac},ip=10.0.0.11-10.0.0.12`);
    lab.check(
      /192\.0\.2\.2/.test(way) && /10010/.test(way),
      'it leaves in an outer packet to 192.0.2.2, with VNI 10010',
    );
  },
};
