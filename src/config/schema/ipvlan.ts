/** `ipvlan:` of the schema. */
import type { z } from 'zod';
import type { IpvlanFlag, IpvlanMode } from '../types/groups.ts';
import { boolean, choice, list, map, NAME_PATTERN, name, named, text, vid } from './leaf.ts';
import { macText } from './routing.ts';

const MAX_ADDRESSES = 1024;

export const IPVLAN_MODES = ['l2', 'l3', 'l3s'] as const satisfies readonly IpvlanMode[];
export const IPVLAN_FLAGS = ['bridge', 'private', 'vepa'] as const satisfies readonly IpvlanFlag[];

const child = map(
  {
    addresses: list(text('an address', 'valid are IPv4 and IPv6 addresses'), MAX_ADDRESSES, 'IP addresses').describe(
      'IPv4 and IPv6 addresses of the child.',
    ),
    multicast: list(
      text('a group', 'valid are multicast addresses of IPv4, IPv6 and Ethernet'),
      MAX_ADDRESSES,
      'groups',
    )
      .optional()
      .describe(
        'Mode l2: multicast groups that the child listens to, beside those that every host joins by itself. Default: all multicast.',
      ),
  },
  'child settings',
).describe('A port that shares the parent and its MAC.');

const group = map(
  {
    mode: choice(IPVLAN_MODES, 'an ipvlan mode')
      .default('l2')
      .describe(
        'l2: children are in the network of a parent port; l3: the parent is an interface, which routes what they send and takes what is for them; l3s: the same, with the checks of the router on what is for them as well.',
      ),
    flag: choice(IPVLAN_FLAGS, 'an ipvlan flag')
      .default('bridge')
      .describe(
        'bridge: children reach each other directly; private: not at all; vepa: by way of a switch or router outside that sends back.',
      ),
    parent: name('a name').describe('Port to the outside; in modes l3 and l3s an interface.'),
    vlan: vid().optional().describe('Mode l2: only this VLAN of the parent; children have its frames without the tag.'),
    mac: macText().optional().describe('Mode l2: MAC address of the parent, which children and host have as well.'),
    children: named(NAME_PATTERN, child, 'children', '{ p1: { addresses: [10.0.0.11] } }').describe(
      'Settings by port name.',
    ),
    host: map({ port: name('a port name').describe('Port of the host.') }, 'host settings')
      .optional()
      .describe(
        'Mode l2: takes the place of the network stack of the parent. Default: what is for no child is dropped.',
      ),
    hostAccess: boolean().default(false).describe('Mode l2: host and children reach each other.'),
  },
  'ipvlan settings',
).describe('Ports that share a parent and its MAC, as ipvlan devices of Linux do.');

export type RawIpvlan = z.output<typeof group>;

export const ipvlanSection = named(NAME_PATTERN, group, 'ipvlan groups', '{ lan: { parent: up, children: {} } }')
  .prefault({})
  .describe('ipvlan groups by name. Their ports are in no bridge.');
