/**
 * `ipvlan:` while a configuration is read. An address is one child's in its group; in modes l3 and l3s in its VRF, where it is no
 * interface's either.
 */
import { addressBytes, addressText, groupMac } from '../wire/address.ts';
import { formatMac, parseMac } from '../wire/ethernet.ts';
import { didYouMean, type Path, show } from './error.ts';
import type { GroupPorts } from './group-ports.ts';
import { isHost, isLinkLocal } from './routing.ts';
import type { RawIpvlan } from './schema/ipvlan.ts';
import type { RawConfig } from './schema/schema.ts';
import type { IpvlanConfig } from './types/groups.ts';

/** Keys of mode l2, which a group whose parent is an interface has no use for. */
const L2_KEYS = ['vlan', 'mac', 'host', 'hostAccess'] as const;

/** Who has which address, by VRF. */
type Taken = Map<string, Map<string, string>>;

export function readIpvlan(config: RawConfig, ports: GroupPorts): IpvlanConfig[] {
  const names = Object.keys(config.ipvlan);
  ports.refuseTooMany('ipvlan', names);
  const taken: Taken = new Map();
  return names.map((name) => readGroup(name, config.ipvlan[name]!, config, ports, taken));
}

function readGroup(name: string, raw: RawIpvlan, config: RawConfig, ports: GroupPorts, taken: Taken): IpvlanConfig {
  const path: Path = ['ipvlan', name];
  const { mode, flag, parent } = raw;
  const isRouted = mode !== 'l2';
  const owned = isRouted ? addressesOfVrf(name, raw, config, ports, taken) : new Map<string, string>();
  if (!isRouted) ports.claimParent('ipvlan', name, parent, raw.vlan);
  if (!isRouted && raw.mac === undefined) throw ports.error(path, 'mode l2 needs the MAC of the parent in "mac"');
  const host = raw.host ?? null;
  if (host !== null) ports.claim([...path, 'host', 'port'], host.port, `the host of ipvlan group ${name}`);
  if (raw.hostAccess && host === null) throw ports.error([...path, 'hostAccess'], 'needs a "host"');
  const children = Object.entries(raw.children).map(([port, child]) => {
    const at: Path = [...path, 'children', port];
    ports.claim(at, port, `a child of ipvlan group ${name}`);
    if (child.addresses.length === 0)
      throw ports.error([...at, 'addresses'], 'is empty; valid is at least one address');
    const addresses = child.addresses.map((text, n) => {
      const here = [...at, 'addresses', n];
      const bytes = addressBytes(text);
      if (bytes === null || !isHost(bytes)) throw ports.error(here, `${show(text)} is no address of a host`);
      if (isRouted && isLinkLocal(bytes))
        throw ports.error(here, `${text} is link-local, which is not routed; remove it`);
      const address = addressText(bytes);
      const other = owned.get(address);
      if (other !== undefined) throw ports.error(here, `${address} is an address of ${other} already`);
      owned.set(address, port);
      return address;
    });
    if (child.multicast === undefined) return { port, addresses };
    if (isRouted)
      throw ports.error(
        [...at, 'multicast'],
        `belongs to mode l2, and this is ${mode}, which has no multicast; remove it`,
      );
    const multicast = child.multicast.map((text, n) => {
      const group = groupAddress(text);
      if (group === null) throw ports.error([...at, 'multicast', n], `${show(text)} is no multicast address`);
      return group;
    });
    return { port, addresses, multicast: [...new Set(multicast)] };
  });
  const mac = raw.mac === undefined ? null : ports.stationMac([...path, 'mac'], raw.mac);
  return { name, mode, flag, parent, vlan: raw.vlan ?? null, mac, children, host, hostAccess: raw.hostAccess };
}

/** A multicast address of IPv4, IPv6 or Ethernet in its one text form, or null. */
function groupAddress(text: string): string | null {
  const bytes = addressBytes(text);
  if (bytes !== null) return groupMac(bytes) === null ? null : addressText(bytes);
  const mac = parseMac(text);
  const isGroup = mac !== null && (mac.high & 0x0100) !== 0 && !(mac.high === 0xffff && mac.low === -1);
  return isGroup ? formatMac(mac.high, mac.low) : null;
}

function addressesOfVrf(
  name: string,
  raw: RawIpvlan,
  { interfaces }: RawConfig,
  ports: GroupPorts,
  taken: Taken,
): Map<string, string> {
  const path: Path = ['ipvlan', name];
  if (!Object.hasOwn(interfaces, raw.parent)) {
    const hint = didYouMean(raw.parent, Object.keys(interfaces));
    const what = `there is no interface ${show(raw.parent)}${hint}; the parent in mode ${raw.mode} is one of "interfaces"`;
    throw ports.error([...path, 'parent'], what);
  }
  for (const key of L2_KEYS) {
    if (raw[key] === undefined || raw[key] === false) continue;
    throw ports.error([...path, key], `belongs to mode l2, and this is ${raw.mode}; remove it`);
  }
  const { vrf } = interfaces[raw.parent];
  const known = taken.get(vrf);
  if (known !== undefined) return known;
  const owned = new Map<string, string>();
  for (const [owner, each] of Object.entries(interfaces)) {
    if (each.vrf !== vrf) continue;
    for (const text of each.addresses) {
      const bytes = addressBytes(text.split('/')[0]!);
      if (bytes !== null) owned.set(addressText(bytes), `interface ${owner}`);
    }
  }
  taken.set(vrf, owned);
  return owned;
}
