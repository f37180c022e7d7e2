/**
 * Schema of one port: a flat map. Which keys belong to which adapter and mode is checked afterwards
 * (adapters.ts, port-modes.ts), because "native belongs to mode trunk" helps more than "no variant matches".
 */
import { z } from 'zod';
import { VLAN_SET_PATTERN } from '../vlan-range.ts';
import { fdbLimit } from './bridge.ts';
import { boolean, choice, integer, list, map, name, named, pvid, text, vid, vlanSet } from './leaf.ts';
import { tunnelSection } from './vxlan.ts';

export const ADAPTERS = ['tap', 'af-packet', 'af-xdp', 'cap', 'udp', 'memory', 'vxlan', 'pcap'] as const;
export const MODES = ['access', 'trunk', 'hybrid', 'dot1q-tunnel', 'promiscuous', 'private-host'] as const;

const adapterShape = {
  adapter: choice(ADAPTERS, 'an adapter').describe(
    'What moves the bytes: a TAP device, an interface that exists already, a UDP socket, memory, captures.',
  ),
  device: text('a device name', 'valid is the name of a device such as tap1')
    .optional()
    .describe('Name of the device, at most 15 characters; tap: created if it does not exist.'),
  queue: integer(0, 4095, 'a receive queue')
    .optional()
    .describe('af-xdp: first receive queue of the interface whose frames are taken. Default: 0.'),
  fanout: integer(0, 65_535, 'a fanout group')
    .optional()
    .describe(
      'af-packet: group of packet sockets that share the frames of the interface by flow. Default: all frames come here.',
    ),
  queues: integer(1, 64, 'a number of queues')
    .optional()
    .describe(
      'tap: queues of the device. Default: 1. af-xdp: receive queues whose frames are taken. Default: all; 1 where queue is given.',
    ),
  persistent: boolean().optional().describe('tap: the device outlives the switch. Default: false.'),
  offloads: choice(['auto', 'on', 'off'], 'an offload setting')
    .optional()
    .describe('tap, af-packet: checksum and segmentation offload with the kernel. Default: auto.'),
  gro: choice(['auto', 'on', 'off'], 'a coalescing setting')
    .optional()
    .describe(
      'tap, af-packet, af-xdp, cap, udp: TCP segments that arrive together go on as one super-frame. Default: auto, where a port that takes them is there.',
    ),
  local: text('an address', 'valid is HOST:PORT or [IPV6]:PORT')
    .optional()
    .describe('udp: HOST:PORT or [IPV6]:PORT to receive on; one frame per datagram.'),
  remote: text('an address', 'valid is HOST:PORT or [IPV6]:PORT')
    .optional()
    .describe('udp: HOST:PORT or [IPV6]:PORT to send to.'),
  file: text('a path', 'valid is the path of a capture')
    .optional()
    .describe('pcap: what arrives on the port in a replay, where no --in says otherwise.'),
  vxlan: tunnelSection.optional(),
};

const vlanShape = {
  mode: choice(MODES, 'a port mode')
    .optional()
    .describe(
      'access: one VLAN, untagged; trunk: many VLANs, tagged; hybrid: tagged and untagged lists; dot1q-tunnel: customer frames inside one service VLAN; promiscuous: reaches every host of a private VLAN; private-host: a host of its isolated VLAN or of a community. Default: access in VLAN 1.',
    ),
  vlan: vid()
    .optional()
    .describe(
      'access, dot1q-tunnel: the VLAN of the port. promiscuous: a primary VLAN. private-host: an isolated or community VLAN.',
    ),
  vlans: vlanSet()
    .optional()
    .describe(
      'trunk: the VLANs that pass, e.g. "10,20-30". Default: all (1-4094). promiscuous, private-host: makes it a trunk, of primaries or of secondaries beside ordinary VLANs.',
    ),
  native: vid().optional().describe('trunk: the VLAN that is untagged on this trunk. Default: none.'),
  tagged: vlanSet().optional().describe('hybrid: VLANs that leave with a tag.'),
  untagged: vlanSet().optional().describe('hybrid: VLANs that leave without a tag.'),
  cvids: vlanSet().optional().describe('dot1q-tunnel: customer VLANs that may enter. Default: any frame.'),
  serviceVlans: named(
    VLAN_SET_PATTERN,
    z.union(
      [
        vid(),
        map(
          {
            vlan: vid(),
            keepTag: boolean().default(true).describe('false: the service tag stands for the tag of the customer.'),
          },
          'service VLAN settings',
        ),
      ],
      { error: 'is not a service VLAN; valid is a VLAN ID, or a map with vlan and keepTag' },
    ),
    'service VLANs',
    "{ '10-20': 100 }",
  )
    .optional()
    .describe(
      'dot1q-tunnel: service VLAN by customer VLAN or range. Frames of other customer VLANs are dropped; untagged ones go by "vlan".',
    ),
  pvid: pvid()
    .optional()
    .describe('VID of untagged and priority-tagged frames; none drops them. hybrid: default 1; other modes imply it.'),
  acceptFrames: choice(['all', 'untagged', 'tagged'], 'a kind of frames')
    .optional()
    .describe('Frames that may enter; priority-tagged frames count as untagged. The default depends on the mode.'),
  ingressFiltering: boolean()
    .optional()
    .describe('Drop frames of VLANs that the port is not a member of. Default: true.'),
};

const tag = z.union(
  [
    vid(),
    map(
      {
        tpid: z.union([z.literal(0x8100), z.literal(0x88a8)], { error: 'is not a TPID; valid are 0x8100, 0x88a8' }),
        vid: vid(),
      },
      'tag settings',
    ),
  ],
  { error: 'is not a tag; valid is a VLAN ID, or a map with tpid and vid' },
);
const tags = (max: number) =>
  z.union([tag, list(tag, max, 'tags')], { error: `is no tag and no list of at most ${max} tags, outermost first` });

const translateRule = map(
  {
    from: tags(2).describe(
      'Tags of frames that arrive, outermost first: a VLAN ID, or a map with tpid and vid, or a list.',
    ),
    to: tags(4).describe('Tags that they have inside the switch; an empty list: none.'),
  },
  'translation settings',
);

const pcp = () => integer(0, 7, 'a priority');
const priorities = (what: string, example: string) => named('', pcp(), what, example).prefault({});

const prioritySection = map(
  {
    trust: choice(['pcp', 'dscp', 'none'], 'what to trust')
      .default('pcp')
      .describe(
        'pcp: the PCP of the tag; dscp: the DSCP of IP packets, and the PCP of others; none: the default for all.',
      ),
    default: pcp().default(0).describe('Priority of frames that have nothing that is trusted.'),
    pcp: priorities('priorities', '{ 5: 6 }').describe('Priority by the PCP of the tag. Default: the same.'),
    dscp: priorities('priorities', "{ 46: 5, '8-15': 1 }").describe('Priority by DSCP. Default: its upper three bits.'),
    egress: priorities('priorities', '{ 6: 5 }').describe('PCP of tags that leave, by priority. Default: the same.'),
  },
  'priority settings',
);

const commonShape = {
  priority: prioritySection
    .optional()
    .describe('Priorities of frames that arrive and leave. Default: those of their tags, and 0 without one.'),
  classify: boolean()
    .default(false)
    .describe('Untagged frames get their VLAN by the section "classify", and the PVID where that says nothing.'),
  translate: list(translateRule, 4094, 'translations')
    .optional()
    .describe('VLAN translation: tags of arriving frames are replaced, and put back on frames that leave.'),
  bridge: name('a bridge name').optional().describe('Bridge that the port belongs to. Default: the one of `switch:`.'),
  mtu: integer(68, 65_535, 'an MTU').default(1500).describe('Bytes after the Ethernet header and tags.'),
  enabled: boolean().default(true).describe('Off: the port is down, whatever its link.'),
  state: choice(['discarding', 'learning', 'forwarding'], 'a port state')
    .default('forwarding')
    .describe('State of the port at start.'),
  learning: boolean().default(true).describe('Learn source addresses from this port.'),
  unknownUnicastFlood: boolean().default(true).describe('Flood unknown unicast out of this port.'),
  multicastFlood: boolean().default(true).describe('Flood multicast out of this port.'),
  broadcastFlood: boolean().default(true).describe('Flood broadcast out of this port.'),
  isolated: boolean().default(false).describe('Isolated ports do not reach each other.'),
  splitHorizonGroup: integer(0, 65_535, 'a group number')
    .default(0)
    .describe('Ports of one group do not reach each other; 0: no group.'),
  hairpin: boolean().default(false).describe('Frames may leave by the port they came from.'),
  fdbMaxEntries: fdbLimit().describe('Limit of entries learned from this port; 0: none of its own.'),
};

export const portSection = map({ ...adapterShape, ...vlanShape, ...commonShape }, 'port settings').describe('A port.');

export type RawPort = z.output<typeof portSection>;
/** As a person writes it: what has a default may be left out. */
export type PortInput = z.input<typeof portSection>;
export type PortKey = keyof typeof adapterShape | keyof typeof vlanShape | keyof typeof commonShape;
export const PORT_KEYS = Object.keys(portSection.shape) as PortKey[];
