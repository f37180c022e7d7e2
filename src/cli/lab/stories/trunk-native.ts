/** A trunk between two switches: tags on the wire, the native VLAN without one, and what a mismatch does. */

import type { Story } from '../story.ts';

const config = (n: 1 | 2) => `
vlans: { 10: { name: red }, 20: { name: blue } }
ports:
  red${n}: { adapter: tap, device: red${n}, mode: access, vlan: 10 }
  blue${n}: { adapter: tap, device: blue${n}, mode: access, vlan: 20 }
  trunk:
    adapter: udp
    local: 127.0.0.1:700${n}
    remote: 127.0.0.1:700${3 - n}
    mode: trunk
    vlans: '10,20'
    native: 10
`;

export const trunkNative: Story = {
  name: 'trunk-native',
  title: 'VLANs over a trunk, one of them native: what is on the wire, and what a mismatch does',
  picture: `
  red1  ─┐                       ┌─ red2      VLAN 10, native: without a tag on the trunk
         sw1 ═══ trunk 10,20 ═══ sw2
  blue1 ─┘                       └─ blue2     VLAN 20: tagged on the trunk
`,
  async run(lab) {
    const rack = lab.machine('rack');
    const sw1 = await lab.start('sw1', config(1), rack);
    const sw2 = await lab.start('sw2', config(2), rack);
    const red1 = lab.host('red1', sw1, { addresses: ['10.0.0.11/24'] });
    const blue1 = lab.host('blue1', sw1, { addresses: ['10.0.0.21/24'] });
    lab.host('red2', sw2, { addresses: ['10.0.0.12/24'] });
    lab.host('blue2', sw2, { addresses: ['10.0.0.22/24'] });

    lab.step('Each VLAN goes on at the other switch');
    await lab.ping(red1, '10.0.0.12', true, 'red1 reaches red2 through the trunk');
    await lab.ping(blue1, '10.0.0.22', true, 'blue1 reaches blue2 through the trunk');
    await lab.ping(red1, '10.0.0.22', false, 'red1 does not reach blue2');

    lab.step('On the wire: VLAN 20 has a tag, the native VLAN has none');
    const ping = (from: typeof red1, to: string) => from.namespace.run('ping', '-n', '-c', '1', '-W', '1', to);
    const tagged = await lab.watch(sw1, 'capture --port trunk --dir out --count 1 icmp or (vlan and icmp)', () =>
      ping(blue1, '10.0.0.22'),
    );
    lab.check(/vlan 20/i.test(tagged), 'what blue1 sends leaves with the tag of VLAN 20');
    const untagged = await lab.watch(sw1, 'capture --port trunk --dir out --count 1 icmp or (vlan and icmp)', () =>
      ping(red1, '10.0.0.12'),
    );
    lab.check(!/vlan 10\b.* type/i.test(untagged), 'what red1 sends leaves without a tag');

    lab.step('A mismatch: sw2 takes untagged frames of the trunk for VLAN 20');
    await lab.ask(sw2, 'port set trunk native=20');
    const way = await lab.ask(sw2, `trace --port trunk --eth src=${red1.mac},arp=10.0.0.11-10.0.0.22`);
    lab.check(/VLAN 20.*PVID of trunk/.test(way), 'an untagged frame of sw1 is in VLAN 20 at sw2');
    await lab.ping(red1, '10.0.0.12', false, 'red1 has lost red2');
    const flood = await lab.watch(sw2, 'capture --port blue2 --dir out --count 1 arp', async () => {
      // What red1 still knows it would ask for by unicast, and only later by broadcast.
      await red1.namespace.run('ip', 'neigh', 'flush', 'all');
      await ping(red1, '10.0.0.12');
    });
    lab.check(flood.includes(red1.mac), 'blue2 hears the ARP requests of red1: the VLANs are joined by mistake');

    lab.step('Both ends agree again');
    await lab.ask(sw2, 'port set trunk native=10');
    await lab.ping(red1, '10.0.0.12', true, 'red1 reaches red2');
  },
};
