/** Schema of `switch:`, `vlans:` and `bridges:`: what is set once per bridge, and once per process. */
import type { z } from 'zod';
import { POLL_MODES } from '../poll.ts';
import { MAX_WORKERS } from '../types.ts';
import { VLAN_SET_PATTERN } from '../vlan-range.ts';
import { boolean, choice, integer, map, name, named, text, VALID_NAME, vid, vlanSet } from './leaf.ts';

export const MAX_FDB_ENTRIES = 1_048_576;

/** Bytes of UTF-8: the shortest `sun_path` of the platforms (macOS, 104) with its closing zero, and the `~` of a new one. */
export const MAX_SOCKET_PATH = 102;
export const VALID_SOCKET = `valid is a path of 1 to ${MAX_SOCKET_PATH} bytes`;

export const fdbLimit = () => integer(0, MAX_FDB_ENTRIES, 'a number of entries').default(0);

const fdb = map(
  {
    ageSeconds: integer(10, 1_000_000, 'a number of seconds')
      .default(300)
      .describe('Seconds after which a learned entry that was not refreshed is forgotten.'),
    maxEntries: integer(1, MAX_FDB_ENTRIES, 'a number of entries')
      .default(65_536)
      .describe('Learned entries of this bridge; configured entries do not count and always fit.'),
    overflow: choice(['fair', 'lru', 'refuse'], 'an overflow policy')
      .default('fair')
      .describe(
        'What a full table does with a new source. fair: the least recently used entry of the port that holds most goes; lru: the least recently used entry goes; refuse: the source is not learned.',
      ),
    staticViolation: choice(['forward', 'drop'], 'a policy for static violations')
      .default('forward')
      .describe('A frame that claims a static or sticky MAC on another port is counted and forwarded, or dropped.'),
  },
  'FDB settings',
);

const bridgeShape = {
  type: choice(['c-vlan', 's-vlan', 'unaware'], 'a bridge type')
    .default('c-vlan')
    .describe('c-vlan: TPID 0x8100 is a tag; s-vlan: TPID 0x88A8 is; unaware: every tag is payload, no VLANs.'),
  fdb: fdb.prefault({}).describe('The table of MAC addresses.'),
  reservedMac: choice(['c-vlan', 's-vlan', 'tpmr', 'transparent'], 'a reserved MAC policy')
    .optional()
    .describe(
      'Which of 01-80-C2-00-00-00 to -0F are filtered. c-vlan: all 16; s-vlan: 01-0A and 0E; tpmr: 01, 02, 04, 0E; transparent: only 01 (PAUSE). Default: s-vlan on an s-vlan bridge, otherwise c-vlan.',
    ),
  hub: boolean().default(false).describe('Repeat every frame to all members and learn nothing.'),
  learning: boolean().default(true).describe('Learn source addresses. Off: every unicast frame is unknown.'),
  unknownUnicastFlood: boolean().default(true).describe('Flood unicast frames to an unknown address.'),
  multicastFlood: boolean().default(true).describe('Flood multicast frames.'),
  broadcastFlood: boolean().default(true).describe('Flood broadcast frames.'),
};

export const vlanSettings = map(
  {
    name: name('a VLAN name').optional().describe(`Name of the VLAN, unique in its bridge; ${VALID_NAME}.`),
    fdbMaxEntries: fdbLimit().describe('Limit of learned entries in this VLAN; 0: none of its own.'),
    isolated: vid()
      .optional()
      .describe(
        'Makes the VLAN the primary of a private VLAN: hosts of the VLAN named here reach promiscuous ports only.',
      ),
    communities: vlanSet()
      .optional()
      .describe('The same: hosts of each VLAN named here reach each other and promiscuous ports.'),
  },
  'VLAN settings',
);

export const vlans = named(VLAN_SET_PATTERN, vlanSettings, 'VLANs', '{ 10: { name: red } }')
  .prefault({})
  .describe('VLANs by VID or range. A VLAN that only a port names needs no entry here.');

const pollSection = map(
  {
    mode: choice(POLL_MODES, 'a way to poll')
      .default('throughput')
      .describe(
        'throughput: sleep as soon as nothing is left to read, and take large bursts; latency: look for more for a while before sleeping, and take small bursts.',
      ),
    spinMicroseconds: integer(0, 10_000, 'a number of microseconds')
      .optional()
      .describe(
        'Longest time to look for the next frame before sleeping, which keeps a core busy; it is used as far as frames come that close. Default: 0 with throughput, 1000 with latency.',
      ),
    burst: integer(1, 256, 'a number of frames')
      .optional()
      .describe(
        'Most frames of one port before the next one has its turn. Default: 256 with throughput, 32 with latency.',
      ),
  },
  'poll settings',
);

export const switchSection = map(
  {
    name: name('a name').default('loom0').describe('Name of the switch and of its default bridge.'),
    ...bridgeShape,
    workers: integer(1, MAX_WORKERS, 'a number of workers')
      .default(1)
      .describe('Threads that forward, each with a queue of its own of every port that has queues.'),
    privileges: choice(['keep', 'drop'], 'what becomes of privileges')
      .default('keep')
      .describe('Whether the process drops its capabilities when all ports are open. Devices cannot be opened then.'),
    poll: pollSection.prefault({}).describe('How the forwarding thread waits for frames.'),
    hashSeed: integer(0, 4_294_967_295, 'a seed')
      .optional()
      .describe('Seed of the keyed hash of the tables. Default: random at start.'),
    controlSocket: text('a socket path', VALID_SOCKET)
      .optional()
      .describe('Path of the Unix socket for `etherloom show`. Default: made from the name.'),
  },
  'switch settings',
)
  .prefault({})
  .describe('The process and its default bridge.');

export const bridgeSection = map({ ...bridgeShape, vlans }, 'bridge settings').describe('One more bridge.');

export type RawBridge = z.output<typeof bridgeSection>;
export type RawVlans = z.output<typeof vlans>;
