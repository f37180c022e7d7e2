/** Lines of a block `interface` that are about its packets: addresses, VRF, DHCP, redirects. */

import { addressBytes } from '../../wire/address.ts';
import type { RawInterface } from './raw.ts';
import { maskBits } from './words.ts';

/** `at` is the number of the line; false when it means nothing there. */
export function readLayer3(made: RawInterface, line: string, at: number): boolean {
  const [, address, mask] = /^ip address ([\d.]+) ([\d.]+)(?: secondary)?$/i.exec(line) ?? [];
  if (address !== undefined) {
    const bits = maskBits(mask!);
    if (bits === null || addressBytes(address) === null) return false;
    made.addresses.push(`${address}/${bits}`);
    return true;
  }
  const [, v6] = /^ipv6 address ([\da-f:.]+\/\d{1,3})$/i.exec(line) ?? [];
  if (v6 !== undefined) {
    made.addresses.push(v6.toLowerCase());
    return true;
  }
  const [, relay4] = /^ip helper-address ([\d.]+)$/i.exec(line) ?? [];
  const [, relay6] = /^ipv6 dhcp relay destination ([\da-f:.]+)$/i.exec(line) ?? [];
  const server = relay4 ?? relay6?.toLowerCase();
  if (server !== undefined) {
    if (addressBytes(server) === null) return false;
    made.dhcpRelay ??= { servers: [] };
    made.dhcpRelay.servers.push(server);
    return true;
  }
  // It is the gateway of the hosts in all secondaries anyway.
  if (made.vlan !== undefined && /^private-vlan mapping [\d,-]+$/i.test(line)) return true;
  const [, mtu] = /^(?:ip |ipv6 )?mtu (\d{2,5})$/i.exec(line) ?? [];
  const [, vrf] = /^(?:ip )?vrf forwarding ([A-Za-z0-9_.:-]{1,32})$/i.exec(line) ?? [];
  if (mtu !== undefined) made.mtu = Number(mtu);
  else if (vrf !== undefined) made.vrf = vrf;
  else if (/^ip proxy-arp$/i.test(line)) made.proxyArp = true;
  else if (/^ip redirects$/i.test(line)) made.redirects = true;
  else if (/^no ip redirects$/i.test(line)) delete made.redirects;
  else if (/^shut(down)?$/i.test(line)) made.downAt = at;
  else if (/^no shut(down)?$/i.test(line)) delete made.downAt;
  else return false;
  return true;
}
