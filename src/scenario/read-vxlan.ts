/**
 * `kind: vxlan` ports and the `underlay` of a scenario file. The words are those of Linux: a VXLAN port has its local
 * address and UDP port with it, and what it knows of remotes is a table of its own.
 */

import { addressBytes, addressText } from '../wire/address.ts';
import type { Value } from './document.ts';
import type { UnderlaySpec, VxlanSpec } from './format.ts';

const VXLAN_KEYS: ReadonlySet<string> = new Set([
  'vni',
  'local',
  'dstport',
  'learning',
  'ttl',
  'tos',
  'df',
  'udp_checksum',
  'udp6_zero_checksum_rx',
  'udp6_zero_checksum_tx',
  'flood_remotes',
  'default_remote',
  'group',
  'ageing_s',
  'reserved_bits',
]);
const UNDERLAY_KEYS: ReadonlySet<string> = new Set(['port', 'mac', 'addresses', 'neighbours', 'routes', 'mtu', 'vlan']);
const MAX_AGE_SECONDS = 1_000_000;
const MAX_VNI = 0xff_ffff;
const VXLAN_PORT = 4789;
const DEFAULT_TTL = 64;
const DFS = ['set', 'unset', 'inherit'] as const;

/** `strict`: what a file means that says nothing of reserved bits. */
export function readVxlan(at: Value, strict: boolean, lacks: Set<string>): VxlanSpec {
  const spec: VxlanSpec = {
    vni: readVni(at.at('vni')),
    local: readAddress(at.at('local')),
    dstport: VXLAN_PORT,
    learning: true,
    ttl: DEFAULT_TTL,
    tos: 'inherit',
    df: 'set',
    udpChecksum: false,
    udp6ZeroRx: false,
    udp6ZeroTx: false,
    floodRemotes: [],
    peers: [],
    defaultRemote: null,
    group: null,
    ageSeconds: 300,
    reservedBits: strict ? 'strict' : 'ignore',
    suppress: false,
  };
  return { ...spec, ...readVxlanSettings(at, new Set(), lacks) };
}

/** What is written down, of the settings that can change; `others` are keys that somebody else reads. */
export function readVxlanSettings(at: Value, others: ReadonlySet<string>, lacks: Set<string>): Partial<VxlanSpec> {
  const found: Partial<VxlanSpec> = {};
  for (const key of at.keys()) {
    const value = at.at(key);
    if (others.has(key)) continue;
    if (!VXLAN_KEYS.has(key)) lacks.add(`vxlan.${key}`);
    if (key === 'vni') found.vni = readVni(value);
    else if (key === 'local') found.local = readAddress(value);
    else if (key === 'dstport') found.dstport = value.whole(1, 65_535);
    else if (key === 'learning') found.learning = value.flag();
    else if (key === 'ttl') found.ttl = value.raw === 'inherit' ? 'inherit' : value.whole(0, 255) || DEFAULT_TTL;
    else if (key === 'tos') found.tos = readTos(value);
    else if (key === 'df') found.df = value.oneOf(DFS, 'a setting of DF');
    else if (key === 'udp_checksum') found.udpChecksum = value.flag();
    else if (key === 'udp6_zero_checksum_rx') found.udp6ZeroRx = value.flag();
    else if (key === 'udp6_zero_checksum_tx') found.udp6ZeroTx = value.flag();
    else if (key === 'flood_remotes') found.floodRemotes = value.list().map(readAddress);
    else if (key === 'default_remote') found.defaultRemote = value.missing ? null : readAddress(value);
    else if (key === 'group') found.group = value.missing ? null : readAddress(value);
    else if (key === 'ageing_s') found.ageSeconds = value.whole(0, MAX_AGE_SECONDS);
    else if (key === 'reserved_bits') found.reservedBits = readReserved(value);
  }
  return found;
}

/** `inherit`, a number, or hex digits in quotes, as frames have them in their `fields`. */
function readTos(at: Value): number | 'inherit' {
  if (at.raw === 'inherit') return 'inherit';
  return typeof at.raw === 'string' && /^0x[0-9a-f]{1,2}$/i.test(at.raw) ? Number(at.raw) : at.whole(0, 255);
}

function readVni(at: Value): number {
  return at.whole(0, MAX_VNI);
}

/** `strict`, `ignore`, or the 64 bits of the header that drop a frame, as hex digits. */
function readReserved(at: Value): string {
  if (at.raw === 'strict' || at.raw === 'drop') return 'strict';
  if (at.raw === 'ignore') return 'ignore';
  return `0x${at.word64().toString(16)}`;
}

export function readUnderlay(at: Value, linkMtu: number, lacks: Set<string>): UnderlaySpec {
  for (const key of at.keys()) if (!UNDERLAY_KEYS.has(key)) lacks.add(`underlay.${key}`);
  return {
    port: at.at('port').text(),
    mac: at.at('mac').text().toLowerCase(),
    vlan: at.at('vlan').missing ? null : at.at('vlan').whole(1, 4094),
    mtu: at.at('mtu').whole(68, 65_535, linkMtu),
    addresses: at
      .at('addresses')
      .list()
      .map((address) => readPrefix(address)),
    neighbors: at
      .at('neighbours')
      .list()
      .map((one) => ({ address: readAddress(one.at('ip')), mac: one.at('mac').text().toLowerCase() })),
    routes: at
      .at('routes')
      .list()
      .map((one) => {
        const { address, bits } = readPrefix(one.at('to'));
        return { to: `${address}/${bits}`, via: one.at('via').missing ? null : readAddress(one.at('via')) };
      }),
  };
}

export function readAddress(at: Value): string {
  const bytes = addressBytes(at.text());
  if (bytes === null) throw at.error('is no IP address');
  return addressText(bytes);
}

function readPrefix(at: Value): { address: string; bits: number } {
  const [address = '', length] = at.text().split('/');
  const bytes = addressBytes(address);
  const bits = length === undefined ? (bytes?.length ?? 0) * 8 : Number(length);
  if (bytes === null || !Number.isInteger(bits) || bits < 0 || bits > bytes.length * 8) {
    throw at.error('is not ADDRESS/LENGTH');
  }
  return { address: addressText(bytes), bits };
}
