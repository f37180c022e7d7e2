/** What the labs about routing between VLANs share: two hosts in two VLANs and subnets, and one in the wrong VLAN. */

import type { Lab, LabHost, LabSwitch } from '../lab.ts';

export interface Routed {
  red1: LabHost;
  blue1: LabHost;
  /** In VLAN 20, with an address of the subnet of VLAN 10. */
  lost: LabHost;
}

export function routedHosts(lab: Lab, sw: LabSwitch): Routed {
  const red1 = lab.host('red1', sw, {
    addresses: ['10.0.10.11/24', '2001:db8:10::11/64'],
    gateways: ['10.0.10.1', '2001:db8:10::1'],
  });
  const blue1 = lab.host('blue1', sw, {
    addresses: ['10.0.20.21/24', '2001:db8:20::21/64'],
    gateways: ['10.0.20.1', '2001:db8:20::1'],
  });
  const lost = lab.host('lost', sw, { addresses: ['10.0.10.99/24'] });
  return { red1, blue1, lost };
}

/** The gateway, both ways, and through it. */
export async function reachThrough(lab: Lab, { red1, blue1 }: Routed): Promise<void> {
  lab.step('Each host reaches its gateway');
  await lab.ping(red1, '10.0.10.1', true, 'red1 reaches its gateway');
  await lab.ping(blue1, '10.0.20.1', true, 'blue1 reaches its gateway');

  lab.step('Through the gateway each reaches the other; the TTL is one less');
  await lab.ping(red1, '10.0.20.21', true, 'red1 reaches blue1 over IPv4');
  await lab.ping(red1, '2001:db8:20::21', true, 'red1 reaches blue1 over IPv6');
  await lab.ping(blue1, '10.0.10.11', true, 'blue1 reaches red1 over IPv4');
}

/** One subnet in two VLANs. */
export async function wrongVlan(lab: Lab, sw: LabSwitch, { red1, lost }: Routed): Promise<void> {
  lab.step('One subnet across two VLANs does not work: lost has an address of VLAN 10 and is in VLAN 20');
  await lab.ping(red1, '10.0.10.99', false, 'red1 does not reach lost');
  await lab.ping(lost, '10.0.10.11', false, 'lost does not reach red1');
  const way = await lab.ask(sw, `trace --port red1 --eth src=${red1.mac},arp=10.0.10.11-10.0.10.99`);
  lab.check(
    /· lost +no member of VLAN 10/.test(way),
    'ARP stays in its broadcast domain: lost is no member of VLAN 10',
  );
}
