/**
 * From the validated raw shape to the normalised configuration: names resolved, presets named, ranges expanded,
 * defaults filled in, and everything checked that holds between keys. Nothing is returned before all of it holds.
 *
 * Ports keep the order of the file, except that JavaScript lists names made of digits first, in their order.
 */
import { AdapterReader, isEndpoint } from './adapters.ts';
import { Bridges } from './bridges.ts';
import { ConfigError, type Path, type Source, show } from './error.ts';
import { readFdbEntries } from './fdb-entries.ts';
import { NAME_PATTERN, VALID_NAME } from './leaf.ts';
import { readMirrors } from './mirrors.ts';
import { readPortVlans, readUnawarePort } from './port-modes.ts';
import { readInterfaces, readRoutes } from './routing.ts';
import { type RawConfig, validate } from './schema.ts';
import { MAX_SOCKET_PATH, VALID_SOCKET } from './schema-bridge.ts';
import { readTranslation } from './translate.ts';
import type { PortConfig, SwitchConfig } from './types.ts';

export const MAX_PORTS = 1024;

export function normalise(raw: unknown, source: Source): SwitchConfig {
  const config = validate(raw, source);
  refuseBadNames(config, source);
  refuseBadSocket(config.switch.controlSocket, source);
  refuseBadService(config, source);
  const bridges = new Bridges(config, source);
  const ports = readPorts(config, bridges, source);
  const mirrors = readMirrors(config.mirrors, bridges, ports, source);
  const interfaces = readInterfaces(config, bridges, ports, source);
  const routes = readRoutes(config.routes, interfaces, source);
  const fdbEntries = readFdbEntries(config.fdb, bridges, ports, source);
  return {
    name: config.switch.name,
    bridges: bridges.normalised(),
    ports,
    fdbEntries,
    mirrors,
    interfaces,
    routes,
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

function readPorts(config: RawConfig, bridges: Bridges, source: Source): PortConfig[] {
  const raw = Object.entries(config.ports);
  if (raw.length > MAX_PORTS) {
    throw new ConfigError(source.place(['ports']), `there are ${raw.length} ports; valid are at most ${MAX_PORTS}`);
  }
  const adapters = new AdapterReader(source);
  return raw.map(([name, port]) => {
    const bridge = bridges.find(port.bridge, ['ports', name, 'bridge']);
    const adapter = adapters.read(name, port);
    const vlans = bridge.type === 'unaware' ? readUnawarePort(name, port, source) : readPortVlans(name, port, source);
    for (const { vid } of vlans.members) bridge.ensure(vid);
    if (vlans.pvid !== null) bridge.ensure(vlans.pvid);
    const translate = readTranslation(name, port, bridge.type, vlans.members, source);
    const { mtu, enabled, state, learning, unknownUnicastFlood, multicastFlood, broadcastFlood } = port;
    const { isolated, splitHorizonGroup, hairpin, fdbMaxEntries } = port;
    return {
      name,
      bridge: bridge.name,
      adapter,
      ...vlans,
      translate,
      mtu,
      enabled,
      state,
      learning,
      unknownUnicastFlood,
      multicastFlood,
      broadcastFlood,
      isolated,
      splitHorizonGroup,
      hairpin,
      fdbMaxEntries,
    };
  });
}
