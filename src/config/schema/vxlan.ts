/** Schema of `vteps:`, of `vxlan:` on a port, and of `vxlanFdb:`. What holds between them is checked in vxlan.ts. */
import { z } from 'zod';
import { VLAN_SET_PATTERN } from '../vlan-range.ts';
import { MAX_FDB_ENTRIES } from './bridge.ts';
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

export const MAX_VNI = 16_777_215;
const MAX_PEERS = 4000;
const MAX_ROUTES = 1024;
export const MAX_VXLAN_CONFIGURED = 16_384;
const MAX_NEIGHBORS = 4096;
const MAX_LEARNED_NEIGHBORS = 65_536;

export const address = (what: string) => text('an IP address', 'valid is an IPv4 or IPv6 address').describe(what);
const addresses = (what: string) =>
  list(text('an IP address', 'valid is an IPv4 or IPv6 address'), MAX_PEERS, 'addresses').describe(what);
const mac = () =>
  matching(
    /^[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}$/,
    'a MAC address',
    'valid is a form such as 02:00:00:00:00:01',
  );
const orInherit = (least: number, most: number, what: string) => {
  const valid = `valid are ${least}-${most}, inherit`;
  return z.union([integer(least, most, what, valid), z.literal('inherit')], complain(what, valid));
};

const route = map(
  {
    to: text('a prefix', 'valid is ADDRESS/LENGTH').describe('Prefix, ADDRESS/LENGTH.'),
    via: address('Gateway. Default: none, the prefix is on the link.').optional(),
  },
  'route settings',
);

const vtep = map(
  {
    underlay: choice(['udp', 'port', 'raw-socket'], 'an underlay')
      .default('udp')
      .describe(
        'How outer packets move. udp: UDP sockets of the kernel; port: a port of the switch, the VTEP has MAC and address there; raw-socket: UDP sockets to receive, raw ones to send.',
      ),
    local: text('an address', 'valid is ADDRESS or ADDRESS/LENGTH').describe(
      'Address of the VTEP, with the length of its subnet where the underlay is a port.',
    ),
    udpPort: integer(1, 65_535, 'a UDP port').default(4789).describe('UDP port of VXLAN, here and at the peers.'),
    uplink: name('a port name').optional().describe('port: the port with outer frames; it is in no bridge.'),
    mac: mac().optional().describe('port: MAC address of the VTEP. Default: made from the names.'),
    vlan: vid().optional().describe('port: VLAN of the underlay, tagged on the uplink. Default: untagged.'),
    neighbors: named('^.+$', mac(), 'neighbors', "{ 192.0.2.1: '02:00:00:00:00:01' }")
      .prefault({})
      .describe('port: MAC addresses by IP address that are not to be asked for.'),
    routes: list(route, MAX_ROUTES, 'routes').prefault([]).describe('port: ways to remotes outside the subnet.'),
    interface: text('an interface', 'valid is the name of an interface')
      .optional()
      .describe('udp, raw-socket: interface on which multicast groups are joined.'),
    mtu: integer(576, 65_535, 'an MTU')
      .default(1500)
      .describe('Longest outer IP packet of the link; paths may carry less, and are found out.'),
    peers: addresses('Remotes that may send, beside those that tunnels and entries name.').prefault([]),
    allow: choice(['peers', 'any'], 'who is allowed')
      .default('peers')
      .describe('peers: only listed and named remotes may send; any: everybody, and new ones are learned.'),
    nested: choice(['drop', 'allow'], 'a policy for nested VXLAN')
      .default('drop')
      .describe('What becomes of an inner frame that is VXLAN to the same UDP port again.'),
    udp6ZeroChecksum: boolean().default(false).describe('Take UDP over IPv6 without a checksum (RFC 6935).'),
    sourcePorts: matching(/^\d{1,5}-\d{1,5}$/, 'a range of ports', 'valid is a range such as 49152-65535')
      .default('49152-65535')
      .describe('Outer source ports, chosen by a hash of the inner flow.'),
    maxEntries: integer(1, MAX_FDB_ENTRIES, 'a number of entries')
      .default(65_536)
      .describe('Addresses learned behind all remotes.'),
    peerMaxEntries: integer(0, MAX_FDB_ENTRIES, 'a number of entries')
      .default(0)
      .describe('Addresses learned behind one remote; 0: no limit of its own.'),
    overflow: choice(['fair', 'lru', 'refuse'], 'an overflow policy')
      .default('fair')
      .describe('What a full table does with a new address; see fdb.overflow.'),
  },
  'VTEP settings',
);

export const vtepSection = named(NAME_PATTERN, vtep, 'VTEPs', '{ v0: { local: 192.0.2.1 } }')
  .prefault({})
  .describe('VXLAN tunnel endpoints by name.');

export const vni = () => integer(0, MAX_VNI, 'a VNI');

const neighbor = map(
  {
    ip: address('Address of the host.'),
    mac: mac().describe('Its MAC address.'),
    vlan: vid().optional().describe('Its VLAN; not on an unaware bridge.'),
  },
  'neighbor settings',
);

/** `vxlan:` of a port. */
export const tunnelSection = map(
  {
    vtep: name('a VTEP name').describe('VTEP of the tunnel.'),
    vni: vni().optional().describe('The VNI of the whole port.'),
    vnis: named(VLAN_SET_PATTERN, vni(), 'VNIs', '{ 10: 1010 }')
      .optional()
      .describe('VNIs by VLAN, instead: the port is a member of these; a range counts up from its VNI.'),
    remotes: addresses('Where floods go with head-end replication.').prefault([]),
    flood: choice(['head-end', 'multicast', 'none'], 'a kind of flooding')
      .default('head-end')
      .describe('head-end: a copy for every remote; multicast: to the group; none: floods stay here.'),
    group: address('multicast: the group.').optional(),
    learning: choice(['flood-and-learn', 'control-plane'], 'a way of learning')
      .default('flood-and-learn')
      .describe('control-plane: nothing is learned from the tunnel; entries are configured or told.'),
    ageSeconds: integer(10, 1_000_000, 'a number of seconds')
      .default(300)
      .describe('Seconds after which a remote for an address is forgotten.'),
    ttl: orInherit(1, 255, 'a TTL').default(64).describe('TTL of outer packets; inherit: that of the inner one.'),
    tos: orInherit(0, 255, 'a TOS')
      .default('inherit')
      .describe('TOS of outer packets; inherit: DSCP of the inner one. ECN is always that of RFC 6040.'),
    udpChecksum: boolean().optional().describe('Outer UDP checksums. Default: computed over IPv6, 0 over IPv4.'),
    df: choice(['set', 'unset', 'inherit'], 'a setting of DF')
      .default('set')
      .describe("Don't-fragment bit of outer IPv4 packets; inherit: that of the inner one."),
    flowLabel: choice(['flow', 'zero'], 'a flow label')
      .default('flow')
      .describe('Flow label of outer IPv6 packets; flow: a hash of the inner flow.'),
    innerTag: choice(['strip', 'keep'], 'a policy for inner tags')
      .default('strip')
      .describe('strip: inner frames have no VLAN tag, those that have are dropped (RFC 7348 6.1); keep: tags pass.'),
    reservedBits: matching(
      /^(ignore|strict|0x[0-9A-Fa-f]{1,16})$/,
      'a policy for reserved bits',
      'valid are ignore, strict, or 0x and up to 16 hex digits',
    )
      .default('ignore')
      .describe(
        'Reserved bits of the VXLAN header. strict: drop; ignore: count; a mask of the 64 bits: drop for those.',
      ),
    suppress: boolean()
      .default(false)
      .describe('Answer ARP and ND for the neighbors behind the tunnel, instead of asking through it.'),
    neighbors: list(neighbor, MAX_NEIGHBORS, 'neighbors')
      .prefault([])
      .describe('suppress: hosts behind the tunnel that are answered for, when the FDB has them there.'),
    maxNeighbors: integer(0, MAX_LEARNED_NEIGHBORS, 'a number of neighbors')
      .default(4096)
      .describe('suppress: neighbors learned behind the tunnel; 0: none are.'),
    vlanMaxNeighbors: integer(0, MAX_LEARNED_NEIGHBORS, 'a number of neighbors')
      .default(1024)
      .describe('suppress: neighbors learned in one VLAN.'),
    neighborAgeSeconds: integer(10, 1_000_000, 'a number of seconds')
      .default(300)
      .describe('suppress: seconds after which a learned neighbor that says nothing is forgotten.'),
  },
  'tunnel settings',
).describe('vxlan: what the port is to a VTEP.');

export const vxlanEntryShape = {
  port: name('a port name').describe('Tunnel port.'),
  vni: vni().optional().describe('VNI; needed where the port has several.'),
  mac: mac().describe('Address of the host, or of a group.'),
  remote: address('Remote that it is behind.').optional(),
  remotes: addresses('Remotes of a group address.').optional(),
  kind: choice(['static', 'external', 'blackhole'], 'a kind of entry')
    .default('static')
    .describe('static: never moves; external: told by a control plane, moves with traffic; blackhole: dropped.'),
};

export const vxlanEntry = map(vxlanEntryShape, 'entry settings');

export const vxlanFdbSection = list(vxlanEntry, MAX_VXLAN_CONFIGURED, 'VXLAN FDB entries')
  .prefault([])
  .describe('Which remote an address is behind, where it is not learned.');

export type RawVteps = z.output<typeof vtepSection>;
export type RawVtep = z.output<typeof vtep>;
export type RawTunnel = z.output<typeof tunnelSection>;
export type RawVxlanEntry = z.output<typeof vxlanEntry>;
export type VxlanFdbInput = z.input<typeof vxlanEntry>;
