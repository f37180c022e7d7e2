/**
 * `interfaces:` and `routes:` against bridges, ports and each other: addresses in their one text form, MACs made,
 * next hops given their interface. What could never forward (a subnet on two interfaces, a next hop that is in
 * none) is an error, not a silence.
 */
import { addressBytes, addressText, hostMask, masked, maskedOnes, sharePrefix } from '../wire/address.ts';
import type { Bridge, Bridges } from './bridges.ts';
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import { membership } from './port-modes.ts';
import { keeping, Remembered } from './remembered.ts';
import { MAX_NEIGHBORS, type RawInterface, type RawRoute } from './schema/routing.ts';
import type { RawConfig } from './schema/schema.ts';
import type {
  DhcpRelayConfig,
  InterfaceConfig,
  NeighborConfig,
  NextHopConfig,
  RouteConfig,
  VrfConfig,
} from './types/routing.ts';
import type { PortConfig } from './types.ts';
import { refuseTooManyRoutes, type WrittenRoute, writtenRoutes } from './vrfs.ts';

/** Rows of the router table. */
export const MAX_INTERFACES = 4095;

interface Subnet {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly vrf: string;
  readonly owner: string;
}

export interface Interfaces {
  interfaces: InterfaceConfig[];
  /** VLANs of ports that are there for a sub-interface. */
  joins: readonly { port: string; vid: number }[];
}

const NO_INTERFACES: Interfaces = { interfaces: [], joins: [] };
const remembered = new Remembered<Interfaces>();

/** Interfaces; the VLANs that they are in exist. */
export function readInterfaces(
  config: RawConfig,
  bridges: Bridges,
  ports: readonly PortConfig[],
  source: Source,
): Interfaces {
  const all = Object.values(config.interfaces);
  if (all.length === 0) return NO_INTERFACES;
  const under = new Set(all.flatMap(({ port }) => port ?? []));
  const names = ports.map(({ name }) => name).join('\n');
  const on = [config.switch.name, names, ...bridges.natures, ...ports.filter(({ name }) => under.has(name))];
  const read = remembered.of(config.interfaces, on, () => readAll(config, bridges, ports, source));
  for (const { bridge, vid } of read.interfaces) if (vid !== null) bridges.find(bridge, []).ensure(vid);
  return read;
}

function readAll(config: RawConfig, bridges: Bridges, ports: readonly PortConfig[], source: Source): Interfaces {
  const raw = Object.entries(config.interfaces);
  const error = (path: Path, problem: string) => new ConfigError(source.place(path), problem);
  if (raw.length > MAX_INTERFACES) {
    throw error(['interfaces'], `there are ${raw.length} interfaces; valid are at most ${MAX_INTERFACES}`);
  }
  const byName = new Map(ports.map((port) => [port.name, port]));
  const vlans = new Map<string, string>();
  const subnets: Subnet[] = [];
  const joins: { port: string; vid: number }[] = [];
  const interfaces = raw.map(([name, settings]): InterfaceConfig => {
    const path: Path = ['interfaces', name];
    if (byName.has(name)) throw error(path, `${show(name)} is the name of a port`);
    const port = settings.port === undefined ? null : byName.get(settings.port);
    if (port === undefined) {
      const hint = didYouMean(settings.port!, [...byName.keys()].slice(0, 1024));
      throw error([...path, 'port'], `there is no port ${show(settings.port)}${hint}; valid is a name under "ports"`);
    }
    if (port?.bridge === null) throw error([...path, 'port'], `port ${port.name} is in no bridge`);
    const bridge = bridges.find(settings.bridge ?? port?.bridge, [...path, 'bridge']);
    if (port !== null && port.bridge !== bridge.name) {
      throw error([...path, 'bridge'], `port ${port.name} belongs to bridge ${port.bridge}, not to ${bridge.name}`);
    }
    if (bridge.isHub) throw error(path, `bridge ${bridge.name} is a hub, which has no address of its own`);
    const vid = vidOf(settings, bridge, path, error);
    if (port !== null && vid !== null && mustJoin(port, vid, path, error)) joins.push({ port: port.name, vid });
    const taken = vlans.get(`${bridge.name} ${vid}`);
    if (taken !== undefined) throw error([...path, 'vlan'], `VLAN ${vid} has the interface ${taken} already`);
    vlans.set(`${bridge.name} ${vid}`, name);
    const addresses = settings.addresses.map((text, i) => {
      const here = [...path, 'addresses', i];
      const { bytes, length } = hostAddress(text, here, error);
      for (const other of subnets) {
        if (other.vrf !== settings.vrf || other.bytes.length !== bytes.length) continue;
        if (!sharePrefix(other.bytes, bytes, Math.min(other.length, length))) continue;
        throw error(
          here,
          `${text} overlaps ${addressText(other.bytes)}/${other.length} of ${other.owner} in VRF ${settings.vrf}`,
        );
      }
      subnets.push({ bytes, length, vrf: settings.vrf, owner: name });
      return `${addressText(bytes)}/${length}`;
    });
    const mac = (settings.mac ?? macFrom(`${config.switch.name} ${name}`)).toLowerCase().replaceAll('-', ':');
    refuseOddMac(mac, [...path, 'mac'], error);
    const { mtu, vrf, routerAdvertisements, proxyArp, redirects, detectDuplicates } = settings;
    const dhcpRelay = readRelay(settings, addresses, path, error);
    const neighbors = readNeighbors(settings, path, error);
    return {
      name,
      bridge: bridge.name,
      vid,
      mac,
      vrf,
      mtu,
      addresses,
      routerAdvertisements,
      proxyArp,
      redirects,
      dhcpRelay,
      detectDuplicates,
      neighbors,
    };
  });
  return { interfaces, joins };
}

type MakeError = (path: Path, problem: string) => ConfigError;

function vidOf({ vlan }: RawInterface, bridge: Bridge, path: Path, error: MakeError): number | null {
  if (bridge.type === 'unaware') {
    if (vlan === undefined) return null;
    throw error([...path, 'vlan'], `bridge ${bridge.name} is unaware: it has no VLANs; remove "vlan"`);
  }
  if (vlan === undefined) throw error([...path, 'vlan'], 'is missing; valid are 1-4094');
  const secondary = bridge.secondaries.get(vlan);
  if (secondary !== undefined) {
    const problem = `VLAN ${vlan} is private: the interface of its primary is its own as well; write ${secondary.primary}`;
    throw error([...path, 'vlan'], problem);
  }
  return vlan;
}

/** Whether the port of a sub-interface is not a member of its VLAN yet. */
function mustJoin(port: PortConfig, vlan: number, path: Path, error: MakeError): boolean {
  if (port.members.some(({ vid }) => vid === vlan)) return false;
  if (port.mode !== 'trunk' && port.mode !== 'hybrid') {
    throw error(
      [...path, 'port'],
      `port ${port.name} is in mode ${port.mode}; a sub-interface needs a trunk or hybrid port`,
    );
  }
  return true;
}

/** The port of this name in the configuration before. */
export type WasPort = (name: string) => PortConfig | undefined;

const joined = new Remembered<PortConfig>();

/** The ports, in the VLANs of their sub-interfaces. */
export function joinPorts(ports: readonly PortConfig[], joins: Interfaces['joins'], was: WasPort): PortConfig[] {
  if (joins.length === 0) return [...ports];
  const vids = new Map<string, number[]>();
  for (const { port, vid } of joins) vids.set(port, [...(vids.get(port) ?? []), vid]);
  return ports.map((port) => {
    const more = vids.get(port.name);
    if (more === undefined) return port;
    return joined.of(port, more, () => {
      const members = [...port.members, ...more.map((vid) => membership(vid, false))].sort((a, b) => a.vid - b.vid);
      return keeping(was(port.name), { ...port, members });
    });
  });
}

/** An address that one host of its subnet may have. */
function hostAddress(text: string, path: Path, error: MakeError): { bytes: Uint8Array; length: number } {
  const found = parsePrefix(text);
  if (found === null)
    throw error(path, `${show(text)} is not an address with its length; valid is a form such as 10.0.10.1/24`);
  const { bytes, length } = found;
  const bits = bytes.length * 8;
  if (!isHost(bytes)) throw error(path, `${text} is no address of a host`);
  if (length === 0) throw error(path, `${text}: a subnet of every address; valid are lengths 1-${bits}`);
  if (isLinkLocal(bytes))
    throw error(path, `${text} is link-local: that address comes by itself, from the MAC; remove it`);
  const rest = hostBits(bytes, length);
  if (bits === 32 && length < 31 && (rest === 'zeros' || rest === 'ones')) {
    throw error(path, `${text} is the ${rest === 'zeros' ? 'network' : 'broadcast'} address of its subnet`);
  }
  return found;
}

/** A server is told of hosts by an address of the interface, so there has to be one of its family. */
function readRelay(
  { dhcpRelay }: RawInterface,
  addresses: readonly string[],
  path: Path,
  error: MakeError,
): DhcpRelayConfig | null {
  if (dhcpRelay === undefined) return null;
  const here = [...path, 'dhcpRelay', 'servers'];
  if (dhcpRelay.servers.length === 0) throw error(here, 'is empty; valid is at least one server');
  const servers = dhcpRelay.servers.map((text, i) => {
    const bytes = addressBytes(text);
    if (bytes === null || !isHost(bytes) || isLinkLocal(bytes)) {
      throw error([...here, i], `${show(text)} is no address of a server`);
    }
    if (!addresses.some((own) => own.includes(':') === (bytes.length === 16))) {
      const family = bytes.length === 16 ? 'IPv6' : 'IPv4';
      throw error([...here, i], `${text}: the interface has no ${family} address to ask from`);
    }
    return addressText(bytes);
  });
  if (new Set(servers).size < servers.length) throw error(here, 'names a server twice');
  return { servers, option82: dhcpRelay.option82 };
}

function readNeighbors(settings: RawInterface, path: Path, error: MakeError): NeighborConfig[] {
  const raw = Object.entries(settings.neighbors);
  if (raw.length > MAX_NEIGHBORS) {
    throw error([...path, 'neighbors'], `there are ${raw.length} neighbors; valid are at most ${MAX_NEIGHBORS}`);
  }
  return raw.map(([text, written]) => {
    const here = [...path, 'neighbors', text];
    const bytes = addressBytes(text);
    if (bytes === null || !isHost(bytes)) throw error(here, `${show(text)} is no address of a host`);
    const mac = written.toLowerCase().replaceAll('-', ':');
    refuseOddMac(mac, here, error);
    return { address: addressText(bytes), mac };
  });
}

const rememberedRoutes = new Remembered<RouteConfig[]>();

export function readRoutes(
  config: RawConfig,
  interfaces: InterfaceConfig[],
  declared: readonly VrfConfig[],
  source: Source,
): RouteConfig[] {
  return rememberedRoutes.of(config.routes, [config.vrfs, interfaces], () => {
    const routes = readWritten(writtenRoutes(config), interfaces, declared, source);
    refuseTooManyRoutes(declared, routes, source);
    return routes;
  });
}

function readWritten(
  written: readonly WrittenRoute[],
  interfaces: InterfaceConfig[],
  declared: readonly VrfConfig[],
  source: Source,
): RouteConfig[] {
  const error = (path: Path, problem: string) => new ConfigError(source.place(path), problem);
  const seen = new Map<string, Path>();
  const subnets = interfaces.flatMap(({ addresses, vrf, name }) =>
    addresses.map((text): Subnet => ({ ...parsePrefix(text)!, vrf, owner: name })),
  );
  const connected = new Set(subnets.flatMap(({ bytes, length, vrf }) => ownKeys(bytes, length, vrf)));
  const vrfs = new Set([...interfaces.map(({ vrf }) => vrf), ...declared.map(({ name }) => name)]);
  return written.map(({ route, path }) => {
    const found = parsePrefix(route.to);
    if (found === null)
      throw error([...path, 'to'], `${show(route.to)} is not a prefix; valid is a form such as 10.1.0.0/16`);
    const { bytes, length } = found;
    if (hostBits(bytes, length) !== 'zeros' && length < bytes.length * 8) {
      const plain = `${addressText(masked(bytes, length))}/${length}`;
      throw error([...path, 'to'], `${route.to} has bits behind its length; valid is ${plain}`);
    }
    if (!vrfs.has(route.vrf)) {
      throw error(
        [...path, 'vrf'],
        `no interface is in VRF ${show(route.vrf)}; valid are ${[...vrfs].join(', ') || 'none'}`,
      );
    }
    const prefix = `${addressText(bytes)}/${length}`;
    const key = `${route.vrf} ${prefix}`;
    const first = seen.get(key);
    if (first !== undefined)
      throw error([...path, 'to'], `${prefix} is configured twice; the first one is ${source.place(first).path}`);
    seen.set(key, path);
    if (connected.has(key)) throw error([...path, 'to'], `${prefix} belongs to an interface; valid is another prefix`);
    if ((route.via === undefined) === (route.type === undefined)) {
      throw error(path, 'a route has either "via" or "type"');
    }
    if (route.type !== undefined) {
      if (route.interface !== undefined) throw error([...path, 'interface'], `a ${route.type} route has no interface`);
      return { vrf: route.vrf, prefix, kind: route.type, via: [] };
    }
    const texts = typeof route.via === 'string' ? [route.via] : route.via!;
    if (texts.length === 0) throw error([...path, 'via'], 'is empty; valid is at least one next hop');
    const via = texts.map((text, i) => {
      const here = typeof route.via === 'string' ? [...path, 'via'] : [...path, 'via', i];
      return nextHop(text, route, bytes.length, interfaces, subnets, here, error);
    });
    if (new Set(via.map((hop) => `${hop.interface} ${hop.address}`)).size < via.length) {
      throw error([...path, 'via'], 'names a next hop twice');
    }
    return { vrf: route.vrf, prefix, kind: 'via' as const, via };
  });
}

function nextHop(
  text: string,
  route: RawRoute,
  family: number,
  interfaces: InterfaceConfig[],
  subnets: Subnet[],
  path: Path,
  error: MakeError,
): NextHopConfig {
  const bytes = addressBytes(text);
  if (bytes === null || !isHost(bytes)) throw error(path, `${show(text)} is no address of a host`);
  if (bytes.length !== family) throw error(path, `${text} is of another family than ${route.to}`);
  const address = addressText(bytes);
  const here = subnets.filter((s) => s.vrf === route.vrf && s.bytes.length === family);
  if (here.some((s) => addressText(s.bytes) === address)) throw error(path, `${address} is an address of the switch`);
  if (route.interface !== undefined) {
    const owner = interfaces.find((each) => each.name === route.interface && each.vrf === route.vrf);
    if (owner !== undefined) return { address, interface: owner.name };
    const names = interfaces.filter((each) => each.vrf === route.vrf).map((each) => each.name);
    throw error(
      [...path.slice(0, path.lastIndexOf('via')), 'interface'],
      `VRF ${route.vrf} has no interface ${show(route.interface)}${didYouMean(route.interface, names)}`,
    );
  }
  if (isLinkLocal(bytes)) throw error(path, `${text} is link-local: add "interface"`);
  const subnet = here.find((s) => sharePrefix(s.bytes, bytes, s.length));
  if (subnet === undefined) throw error(path, `${text} is in no subnet of an interface of VRF ${route.vrf}`);
  return { address, interface: subnet.owner };
}

/** The prefixes that an interface address makes, as keys of routes. */
function ownKeys(bytes: Uint8Array, length: number, vrf: string): string[] {
  const bits = bytes.length * 8;
  const all = [`${vrf} ${addressText(masked(bytes, length))}/${length}`, `${vrf} ${addressText(bytes)}/${bits}`];
  if (bits === 32 && length < 31) {
    all.push(`${vrf} ${addressText(masked(bytes, length))}/32`, `${vrf} ${addressText(maskedOnes(bytes, length))}/32`);
  }
  return all;
}

function parsePrefix(text: string): { bytes: Uint8Array; length: number } | null {
  const match = /^([0-9A-Fa-f:.]{2,45})\/(\d{1,3})$/.exec(text);
  const bytes = match === null ? null : addressBytes(match[1]!);
  if (match === null || bytes === null) return null;
  const length = Number(match[2]);
  return length > bytes.length * 8 || match[2] !== String(length) ? null : { bytes, length };
}

function hostBits(bytes: Uint8Array, length: number): 'zeros' | 'ones' | 'mixed' {
  let zeros = true;
  let ones = true;
  bytes.forEach((byte, i) => {
    const mask = hostMask(length, i);
    if ((byte & mask) !== 0) zeros = false;
    if ((byte & mask) !== mask) ones = false;
  });
  return zeros ? 'zeros' : ones ? 'ones' : 'mixed';
}

/** Neither nobody, loopback, a group nor broadcast. */
export function isHost(bytes: Uint8Array): boolean {
  if (bytes.length === 4) return bytes[0] !== 0 && bytes[0] !== 127 && bytes[0]! < 224;
  const low = bytes.subarray(0, 15).every((byte) => byte === 0);
  return bytes[0] !== 0xff && !(low && bytes[15]! <= 1);
}

export function isLinkLocal(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

function refuseOddMac(mac: string, path: Path, error: MakeError): void {
  if (mac === '00:00:00:00:00:00') throw error(path, 'the zero address is nobody; valid is a unicast MAC');
  if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1) {
    throw error(path, `${mac} is a group address; valid is a unicast MAC (even first byte)`);
  }
}

/** A locally administered MAC, the same for the same text (FNV-1a): a replay is the same every time. */
export function macFrom(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  const digits = BigInt.asUintN(40, hash ^ (hash >> 40n))
    .toString(16)
    .padStart(10, '0');
  return `02:${digits.match(/../g)!.join(':')}`;
}
