/**
 * Words of Cisco IOS that import knows by themselves: lines that change nothing here, lines that open a block, lines about the device, and the
 * names of its ports.
 */

import { addressBytes, hostMask } from '../../wire/address.ts';

/** Lines that say what is so here anyway, or that only open and close. */
export const NOTHING =
  /^(!.*|end|exit|enable|configure terminal|conf t|ip routing|ipv6 unicast-routing|ipv6 enable|no shut(down)?|switchport|switchport nonegotiate|switchport trunk encapsulation dot1q|no ip address|no ip redirects|no ip proxy-arp|(vrf definition|ip vrf) \S+|rd \S+|(no )?address-family ipv[46]|exit-address-family|version [\d.]+|current configuration.*|building configuration.*)$/i;

/** Blocks, whether they mean something here or not. */
export const OPENS =
  /^(line|router|vrf definition|ip vrf|ip dhcp pool|ip access-list|ipv6 access-list|class-map|policy-map|route-map|key chain|aaa|controller|monitor session|interface|vlan|archive|crypto|track|redundancy) /i;

/** About the device, its users, clocks, logs and names; of certificates the bytes. */
const MANAGEMENT =
  /^(no )?(service|boot(-start-marker|-end-marker| .*)|enable (secret|password)|username|aaa|ip domain(-| )?(name|lookup|list)|ip name-server|ip ssh|ip http|ip scp|ip ftp|ip tftp|logging|snmp-server|snmp|ntp|clock|banner|line|login|transport|exec-timeout|password|privilege|stopbits|session-timeout|history|description|cdp|lldp|archive|memory|license|diagnostic|crypto|certificate|quit|memory-size|hw-module|platform|tacacs(-server)?|radius(-server)?|alias|terminal|mac address-table notification|errdisable|power|switch \d+ provision|system env|log config|hidekeys|load-interval|keepalive|duplex|speed|negotiation|media-type|mdix|udld|call-home|vlan internal allocation policy)(?![-\w])|^([\dA-F]{8} ?)+$|^([\dA-F]{2,8} ?){1,8}$/i;

export function isManagement(line: string): boolean {
  return MANAGEMENT.test(line);
}

const TYPES: [RegExp, string][] = [
  [/^(gigabitethernet|gi)/i, 'Gi'],
  [/^(fastethernet|fa)/i, 'Fa'],
  [/^(tengigabitethernet|te)/i, 'Te'],
  [/^(twentyfivegige|twe)/i, 'Twe'],
  [/^(twogigabitethernet|tw)/i, 'Tw'],
  [/^(fortygigabitethernet|fo)/i, 'Fo'],
  [/^(hundredgige|hu)/i, 'Hu'],
  [/^(ethernet|eth|et|e)/i, 'Et'],
  [/^(port-channel|po)/i, 'Po'],
];

/** Ports of one range. */
const MOST = 256;

/** `GigabitEthernet1/0/2.30` as the port `Gi1-0-2` and the sub-interface 30; null for what is no port. */
export function portName(text: string): { port: string; sub: string | null } | null {
  const type = TYPES.find(([pattern]) => pattern.test(text));
  const [, number, sub] = /^[a-z-]+([\d/]+)(?:\.(\d+))?$/i.exec(text) ?? [];
  if (type === undefined || number === undefined) return null;
  return { port: `${type[1]}${number.replaceAll('/', '-')}`, sub: sub ?? null };
}

/** `Gi1/0/2-4,Gi1/0/8`, without spaces, as names; null for what is no range. */
export function portNames(text: string): string[] | null {
  const names: string[] = [];
  for (const part of text.split(',')) {
    const [, head, first, last] = /^([a-z-]+(?:\d+\/)*)(\d+)(?:-(\d+))?$/i.exec(part) ?? [];
    if (head === undefined || first === undefined) return null;
    const [from, to] = [Number(first), Number(last ?? first)];
    if (to < from || names.length + to - from >= MOST) return null;
    for (let number = from; number <= to; number++) names.push(`${head}${number}`);
  }
  return names;
}

export function section(name: string, entries: Record<string, unknown>): Record<string, unknown> {
  return Object.keys(entries).length === 0 ? {} : { [name]: entries };
}

/** Bits of a mask such as 255.255.255.0; null for one with holes. */
export function maskBits(text: string): number | null {
  const bytes = addressBytes(text);
  if (bytes === null || bytes.length !== 4) return null;
  for (let bits = 0; bits <= 32; bits++) {
    if (bytes.every((byte, i) => byte === (~hostMask(bits, i) & 0xff))) return bits;
  }
  return null;
}
