/**
 * From the validated raw shape to the normalised configuration: names resolved, presets named, ranges expanded,
 * defaults filled in, and everything checked that holds between keys. Nothing is returned before all of it holds.
 *
 * Ports keep the order of the file, except that JavaScript lists names made of digits first, in their order.
 */
import { AdapterReader, isEndpoint } from './adapters.ts';
import { type Bridge, Bridges, type VidBits } from './bridges.ts';
import { readClassification } from './classify.ts';
import { fdbEntriesHold, vxlanEntriesHold } from './entries-hold.ts';
import { ConfigError, type Path, type Source, show } from './error.ts';
import { readFdbEntries } from './fdb-entries.ts';
import { GroupPorts } from './group-ports.ts';
import { readIpvlan } from './ipvlan.ts';
import { readMacvlan } from './macvlan.ts';
import { readMirrors } from './mirrors.ts';
import { readPoll } from './poll.ts';
import { mappedMembers, NO_VLANS, readMappedTunnel, readPortVlans, readUnawarePort, readUplink } from './port-modes.ts';
import { readPriority } from './priority.ts';
import { keeping, Remembered } from './remembered.ts';
import { joinPorts, readInterfaces, readRoutes, type WasPort } from './routing.ts';
import { MAX_SOCKET_PATH, VALID_SOCKET } from './schema/bridge.ts';
import { NAME_PATTERN, VALID_NAME } from './schema/leaf.ts';
import type { RawPort } from './schema/port.ts';
import { type RawConfig, validate } from './schema/schema.ts';
import { readTranslation } from './translate.ts';
import type { VtepConfig } from './types/vxlan.ts';
import type { PortConfig, SwitchConfig } from './types.ts';
import { readVrfs } from './vrfs.ts';
import { Vxlan } from './vxlan.ts';
import { readVxlanEntries } from './vxlan-entries.ts';

export const MAX_PORTS = 1024;

export function normalise(raw: unknown, source: Source): SwitchConfig {
  return normaliseValid(validate(raw, source), source);
}

/** What was read of the document before an edit. */
interface Before {
  config: SwitchConfig;
  /** The section is the very list that it was. */
  stays(section: string): boolean;
}

/** The same of what is validated. What has been read already is not read again (remembered.ts); ports are made of what is equal in `before`. */
export function normaliseValid(config: RawConfig, source: Source, before: Before | null = null): SwitchConfig {
  refuseBadNames(config, source);
  refuseBadSocket(config.switch.controlSocket, source);
  refuseBadService(config, source);
  const bridges = new Bridges(config, source);
  const vxlan = new Vxlan(config, source);
  const groupPorts = new GroupPorts(config, vxlan, source);
  const macvlan = readMacvlan(config, groupPorts);
  const ipvlan = readIpvlan(config, groupPorts);
  const was: WasPort = (name) => before?.config.ports.find((port) => port.name === name);
  const own = readPorts(config, bridges, vxlan, groupPorts, was, source);
  const apart = [...own, ...socketPorts(vxlan.vteps, was)];
  const mirrors = readMirrors(config.mirrors, bridges, apart, source);
  groupPorts.refuseMirrors(mirrors);
  const asking = new Set(
    apart.filter((port) => port.classify).map((port) => bridges.find(port.bridge ?? undefined, [])),
  );
  const classification = readClassification(config.classify, asking, source);
  const { interfaces, joins } = readInterfaces(config, bridges, apart, source);
  const ports = joinPorts(apart, joins, was);
  const vrfs = readVrfs(config, interfaces, source);
  const routes = readRoutes(config, interfaces, vrfs, source);
  const { vteps } = vxlan;
  const around = { bridges: bridges.normalised(), ports, interfaces, vteps };
  const keepsFdb = before?.stays('fdb') && fdbEntriesHold(before.config, around);
  const keepsVxlanFdb = before?.stays('vxlanFdb') && vxlanEntriesHold(before.config, around);
  return {
    name: config.switch.name,
    bridges: around.bridges,
    ports,
    fdbEntries: keepsFdb ? before!.config.fdbEntries : readFdbEntries(config.fdb, bridges, ports, interfaces, source),
    vteps,
    vxlanEntries: keepsVxlanFdb ? before!.config.vxlanEntries : readVxlanEntries(config.vxlanFdb, ports, vteps, source),
    mirrors,
    classification,
    macvlan,
    ipvlan,
    vrfs,
    interfaces,
    routes,
    workers: config.switch.workers,
    privileges: config.switch.privileges,
    poll: readPoll(config.switch.poll),
    hashSeed: config.switch.hashSeed ?? null,
    controlSocket: config.switch.controlSocket ?? null,
    api: config.api ?? null,
    state: config.state ?? null,
  };
}

const NAMED = [
  ['bridges', 'a bridge name'],
  ['ports', 'a port name'],
  ['interfaces', 'an interface name'],
  ['vteps', 'a VTEP name'],
  ['macvlan', 'a group name'],
  ['ipvlan', 'a group name'],
] as const;

function refuseBadNames(config: RawConfig, source: Source): void {
  const pattern = new RegExp(NAME_PATTERN);
  for (const [section, what] of NAMED) {
    for (const name of Object.keys(config[section])) {
      if (pattern.test(name)) continue;
      throw new ConfigError(source.place([section, name]), `${show(name)} is not ${what}; ${VALID_NAME}`);
    }
  }
}

function refuseBadSocket(path: string | undefined, source: Source): void {
  if (path === undefined) return;
  const bytes = new TextEncoder().encode(path).length;
  if (bytes >= 1 && bytes <= MAX_SOCKET_PATH && !/\p{Cc}/u.test(path)) return;
  const place = source.place(['switch', 'controlSocket']);
  throw new ConfigError(place, `${show(path)} is not a socket path; ${VALID_SOCKET}`);
}

function refuseBadService({ api, state }: RawConfig, source: Source): void {
  const error = (path: Path, problem: string) => new ConfigError(source.place(path), problem);
  if (api !== undefined && !isEndpoint(api.listen)) {
    throw error(['api', 'listen'], `${show(api.listen)} is no endpoint; valid is HOST:PORT or [IPV6]:PORT`);
  }
  const isPath = (path: string) => path !== '' && !path.includes('\0');
  if (api !== undefined && !isPath(api.tokenFile)) throw error(['api', 'tokenFile'], 'is not a path of a file');
  if (state !== undefined && !isPath(state.file)) throw error(['state', 'file'], 'is not a path of a file');
}

/** `vids`: the VLANs that it brings. */
const remembered = new Remembered<{ read: PortConfig; vids: VidBits }>();

function readPorts(
  config: RawConfig,
  bridges: Bridges,
  vxlan: Vxlan,
  groups: GroupPorts,
  was: WasPort,
  source: Source,
): PortConfig[] {
  const names = Object.keys(config.ports);
  if (names.length > MAX_PORTS) {
    throw new ConfigError(source.place(['ports']), `there are ${names.length} ports; valid are at most ${MAX_PORTS}`);
  }
  const adapters = new AdapterReader(source);
  return names.map((name) => {
    const port = config.ports[name]!;
    const vtep = vxlan.ownerOf(name);
    const owner = vtep === undefined ? groups.ownerOf(name) : `the uplink of VTEP ${vtep}`;
    const bridge = owner === undefined ? bridges.find(port.bridge, ['ports', name, 'bridge']) : null;
    const local = port.vxlan === undefined ? undefined : vxlan.localOf(port.vxlan.vtep);
    const { read, vids } = remembered.of(port, [name, owner, bridge?.nature, local], () => {
      const alone = keeping(was(name), readPort(name, port, owner, bridge, vxlan, adapters, source));
      return { read: alone, vids: bitsOf(alone) };
    });
    adapters.take(name, read.adapter);
    if (read.tunnel !== null) vxlan.take(name, read.tunnel);
    bridge?.ensureAll(vids);
    return read;
  });
}

function bitsOf({ members, pvid }: PortConfig): VidBits {
  const bits: number[] = [];
  const add = (vid: number) => {
    bits[vid >> 5] = (bits[vid >> 5] ?? 0) | (1 << (vid & 31));
  };
  for (const { vid } of members) add(vid);
  if (pvid !== null) add(pvid);
  return bits;
}

/** One port by itself; `owner`: what has it in the place of a bridge. */
function readPort(
  name: string,
  port: RawPort,
  owner: string | undefined,
  bridge: Bridge | null,
  vxlan: Vxlan,
  adapters: AdapterReader,
  source: Source,
): PortConfig {
  const adapter = adapters.read(name, port);
  const unaware = bridge?.type === 'unaware';
  const isMapped = port.vxlan?.vnis !== undefined && port.vxlan.vni === undefined;
  const vlans =
    owner !== undefined
      ? readUplink(name, port, owner, source)
      : isMapped && !unaware
        ? readMappedTunnel(name, port, source)
        : unaware
          ? readUnawarePort(name, port, source)
          : readPortVlans(name, port, bridge!, source);
  const tagged = vlans.members.some(({ untagged }) => !untagged);
  const tunnel = vxlan.tunnel(name, port, unaware, tagged);
  if (isMapped) vlans.members = mappedMembers(tunnel!);
  if (port.classify && (bridge === null || unaware)) {
    const why = owner === undefined ? 'the bridge of this port is unaware: it has no VLANs' : `the port is ${owner}`;
    throw new ConfigError(source.place(['ports', name, 'classify']), `${why}; remove "classify"`);
  }
  const priority = readPriority(name, port, bridge?.type ?? 'unaware', source);
  const translate = readTranslation(name, port, bridge?.type ?? 'unaware', vlans.members, source);
  const { mtu, enabled, state, learning, unknownUnicastFlood, multicastFlood, broadcastFlood } = port;
  const { classify, isolated, splitHorizonGroup, hairpin, fdbMaxEntries } = port;
  return {
    name,
    bridge: bridge?.name ?? null,
    adapter,
    ...vlans,
    translate,
    priority,
    classify,
    mtu,
    enabled,
    state,
    // What a control plane tells is not to be overwritten by what a tunnel shows.
    learning: learning && tunnel?.learning !== 'control-plane',
    unknownUnicastFlood,
    multicastFlood,
    broadcastFlood,
    isolated,
    splitHorizonGroup,
    hairpin,
    fdbMaxEntries,
    tunnel,
  };
}

/** The sockets of VTEPs: each is a port with outer frames, of the VTEP's own name. */
function socketPorts(vteps: readonly VtepConfig[], was: WasPort): PortConfig[] {
  return vteps.flatMap((vtep) =>
    vtep.underlay === 'port' ? [] : [sockets.of(vtep, [], () => keeping(was(vtep.name), socketPort(vtep)))],
  );
}

const sockets = new Remembered<PortConfig>();

function socketPort(vtep: VtepConfig): PortConfig {
  const { name, underlay, local, udpPort, mtu, sourcePorts, udp6ZeroChecksum, groupInterface } = vtep;
  const { first, last } = sourcePorts;
  const where = groupInterface === null ? {} : { interface: groupInterface };
  const options = {
    local,
    port: udpPort,
    sourcePorts: `${first}-${last}`,
    zeroChecksum6: udp6ZeroChecksum,
    ...where,
  };
  const kind = underlay === 'udp' ? 'vxlan-udp' : 'vxlan-raw-socket';
  return { ...SOCKET_PORT, name, adapter: { kind, options }, mtu };
}

const SOCKET_PORT: Omit<PortConfig, 'name' | 'adapter' | 'mtu'> = {
  ...NO_VLANS,
  bridge: null,
  classify: false,
  enabled: true,
  state: 'forwarding',
  learning: true,
  unknownUnicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  isolated: false,
  splitHorizonGroup: 0,
  hairpin: false,
  fdbMaxEntries: 0,
  translate: [],
  priority: null,
  tunnel: null,
};
