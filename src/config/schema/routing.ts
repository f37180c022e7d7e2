/** Schema of `vrfs:`, `interfaces:` and `routes:`: the way between VLANs. What holds between keys is checked in routing.ts. */
import { z } from 'zod';
import {
  boolean,
  choice,
  complain,
  integer,
  list,
  map,
  matching,
  NAME_PATTERN,
  name,
  named,
  text,
  vid,
} from './leaf.ts';

export const MAX_ROUTES = 16_384; // within the token budget of a file; more is a control plane's work
export const MAX_NEIGHBORS = 4096;
const MAX_ADDRESSES = 64;
const MAX_DESCRIPTION = 200;

export const macText = () =>
  matching(
    /^[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}$/,
    'a MAC address',
    'valid is a form such as 02:00:00:00:00:01',
  );

const address = () => text('an address', 'valid is an IPv4 or IPv6 address such as 10.0.10.254');

export const interfaceSection = map(
  {
    vlan: vid().optional().describe('VLAN of the interface; required unless the bridge is unaware.'),
    bridge: name('a bridge name').optional().describe('Bridge of the VLAN. Default: the one of `switch:`.'),
    port: name('a port name')
      .optional()
      .describe('Sub-interface of this trunk: the port becomes a tagged member of the VLAN. Its bridge is meant.'),
    addresses: list(
      text('an address with its length', 'valid is a form such as 10.0.10.1/24 or 2001:db8:10::1/64'),
      MAX_ADDRESSES,
      'addresses',
    )
      .default([])
      .describe('Addresses with the length of their subnet. The link-local IPv6 address comes by itself.'),
    mac: macText().optional().describe('MAC address. Default: made from the names of switch and interface.'),
    mtu: integer(576, 65_535, 'an MTU').default(1500).describe('Largest IP packet that is sent into the VLAN.'),
    vrf: name('a VRF name')
      .default('default')
      .describe('Routing table of the interface; tables know nothing of each other.'),
    routerAdvertisements: boolean()
      .default(false)
      .describe('Tell IPv6 hosts the prefixes and that this is a router, so that they address themselves (SLAAC).'),
    proxyArp: boolean().default(false).describe('Answer ARP for addresses that are routed to another interface.'),
    redirects: boolean()
      .default(false)
      .describe(
        'Tell hosts of a next hop that is on their own link (ICMP redirect). The packet is routed all the same.',
      ),
    dhcpRelay: map(
      {
        servers: list(address(), 16, 'servers').describe(
          'DHCP servers: IPv4 addresses for DHCP, IPv6 ones for DHCPv6.',
        ),
        option82: boolean()
          .default(true)
          .describe('Tell IPv4 servers the port and VLAN of the host in option 82, and take it out of their answers.'),
      },
      'relay settings',
    )
      .optional()
      .describe('Send what hosts ask by DHCP on to servers elsewhere. Default: the VLAN keeps it.'),
    detectDuplicates: boolean()
      .default(false)
      .describe('Probe for own addresses before they are used; one that somebody has is not used.'),
    neighbors: named('', macText(), 'neighbors', "{ 10.0.10.5: '02:00:00:00:00:05' }")
      .prefault({})
      .describe('Static neighbors: MAC address by IP address. They neither age nor move.'),
  },
  'interface settings',
).describe('An interface of the router in a VLAN.');

const routeShape = {
  to: text('a prefix', 'valid is a form such as 10.1.0.0/16 or ::/0').describe('Prefix of the destinations.'),
  via: z
    .union(
      [address(), list(address(), 64, 'next hops')],
      complain('a next hop', 'valid is an IPv4 or IPv6 address, or a list of them'),
    )
    .optional()
    .describe('Next hop, or several of equal cost: a flow stays with one of them.'),
  interface: name('an interface name')
    .optional()
    .describe('Interface of the next hops; needed for link-local ones. Default: the one whose subnet they are in.'),
  type: choice(['blackhole', 'unreachable', 'prohibited'], 'a type of route')
    .optional()
    .describe('Instead of via. blackhole: drop in silence; unreachable, prohibited: drop and tell the sender.'),
};

const route = map(
  {
    ...routeShape,
    vrf: name('a VRF name').default('default').describe('Routing table; an interface names it.'),
  },
  'route settings',
).describe('A static route.');

const vrfSection = map(
  {
    description: text('a description', `valid is a text of at most ${MAX_DESCRIPTION} characters`)
      .max(MAX_DESCRIPTION, `is longer than ${MAX_DESCRIPTION} characters`)
      .optional()
      .describe('What it is for, for people.'),
    maxRoutes: integer(0, MAX_ROUTES, 'a number of routes')
      .optional()
      .describe('Most static routes that it may have. Default: no limit of its own.'),
    routes: list(map(routeShape, 'route settings').describe('A static route of this VRF.'), MAX_ROUTES, 'routes')
      .prefault([])
      .describe('Static routes of this VRF, beside those of the section "routes" that name it.'),
  },
  'VRF settings',
).describe('A routing table of its own.');

export const vrfsSection = named(NAME_PATTERN, vrfSection, 'VRFs', "{ blue: { description: 'tenant blue' } }")
  .optional()
  .describe('VRFs by name. With this section interfaces and routes name these and "default", and no others.');

export const interfacesSection = named(NAME_PATTERN, interfaceSection, 'interfaces', '{ vlan10: { vlan: 10 } }')
  .prefault({})
  .describe('Interfaces of the router by name: a gateway in a VLAN.');

export const routesSection = list(route, MAX_ROUTES, 'routes').prefault([]).describe('Static routes.');

export type RawInterface = z.output<typeof interfaceSection>;
export type RawRoute = z.output<typeof route>;
