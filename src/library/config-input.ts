/**
 * What a program hands in, through the same checks as a file: an object of the file's shape, or its text.
 *
 * Everything that is wrong is a `ConfigError` with the path: `config: ports.p1.vlan: 5000 is not a VLAN ID; …`.
 */

import { ConfigError, type Path, show } from '../config/error.ts';
import { documentOf, loadConfig } from '../config/load.ts';
import { normalise } from '../config/normalise.ts';
import { isReservedName, plainCopy, valueSource } from '../config/plain.ts';
import type { PortInput as FilePortInput } from '../config/schema/port.ts';
import type { ConfigInput } from '../config/schema/schema.ts';
import type { FdbEntryConfig, FdbEntryKind } from '../config/types/fdb.ts';
import type { PortConfig, SwitchConfig } from '../config/types.ts';
import type { Control } from '../control/control.ts';
import { ControlError, type PortSettings } from '../control/model.ts';

export type { ConfigInput } from '../config/schema/schema.ts';

/** One port of a configuration. `adapter` may be left out: in the library it is `memory`. */
export type PortInput = Omit<FilePortInput, 'adapter'> & { adapter?: 'memory' };
/** What `setPort` changes: everything about a port that is neither its VLANs, its bridge nor its adapter. */
export type PortPatch = Partial<
  Omit<PortSettings, 'mode' | 'pvid' | 'tunnelCvids' | 'serviceVlans' | 'privateTrunk' | 'translate' | 'priority'>
>;

/** `kind` is `static` when left out; no `port` for `blackhole`, any or none for `local`. */
export interface FdbEntryInput {
  mac: string;
  /** Needed on a bridge with VLANs. */
  vid?: number | null;
  port?: string | null;
  kind?: FdbEntryKind;
  /** The port's bridge when left out, without a port the default one. */
  bridge?: string;
}

const KINDS: readonly string[] = ['static', 'sticky', 'local', 'external', 'blackhole'] satisfies FdbEntryKind[];

/** The name that errors carry in place of a file's. */
const FILE = 'config';
const PATCH_KEYS = {
  classify: true,
  acceptFrames: true,
  ingressFiltering: true,
  mtu: true,
  enabled: true,
  state: true,
  learning: true,
  unknownUnicastFlood: true,
  multicastFlood: true,
  broadcastFlood: true,
  isolated: true,
  splitHorizonGroup: true,
  hairpin: true,
  fdbMaxEntries: true,
} as const satisfies Record<keyof PortPatch, true>;

const source = valueSource(FILE);

function problem(path: Path, text: string): ConfigError {
  return new ConfigError(source.place(path), text);
}

/** Text is YAML or JSON. */
export function readConfig(input: ConfigInput | string): SwitchConfig {
  return typeof input === 'string' ? loadConfig(input, FILE) : documentOf(input, FILE).config;
}

/** The same for a switch in a program. Ports of other kinds than memory are refused: the library opens nothing. */
export function readMemoryConfig(input: ConfigInput | string): SwitchConfig {
  const config = readConfig(input);
  for (const { name, adapter } of config.ports) {
    if (adapter.kind === 'memory' || adapter.kind === 'vxlan') continue;
    const why = `is ${adapter.kind}; ports of a switch in a program are memory; valid is adapter: memory`;
    throw problem(['ports', name, 'adapter'], why);
  }
  return config;
}

/** One port, checked as if it stood in the configuration that `control` has now. */
export function readPort(control: Control, name: string, input: PortInput): PortConfig {
  const port = plainCopy(input, source, ['ports', name]);
  if (!isMap(port)) throw problem(['ports', name], `${show(port)} is not a map of port settings`);
  port.adapter ??= 'memory';
  const config = normalise(frameFor(control, name, port), source);
  const read = config.ports[0];
  if (read.adapter.kind !== 'memory') throw problem(['ports', name, 'adapter'], 'valid is memory');
  return read;
}

/** The settings of a patch, checked by the same schema. */
export function readPatch(control: Control, name: string, patch: PortPatch): Partial<PortSettings> {
  const given = plainCopy(patch, source, ['ports', name]);
  if (!isMap(given)) throw problem(['ports', name], `${show(given)} is not a map of port settings`);
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(PATCH_KEYS, key)) continue;
    const valid = `valid are ${Object.keys(PATCH_KEYS).join(', ')}; VLANs change by setMember, removeMember, setPvid`;
    throw problem(['ports', name, key], `cannot be set here; ${valid}`);
  }
  const { bridge } = control.port(name);
  const unaware = bridge?.settings.type === 'unaware';
  const vlans = unaware ? {} : { mode: 'hybrid', pvid: 'none', tagged: 1 };
  const port = { adapter: 'memory', ...(bridge === null ? {} : { bridge: bridge.name }), ...vlans, ...given };
  const read = normalise(frameFor(control, name, port), source).ports[0];
  const settings: Record<string, unknown> = {};
  for (const key of Object.keys(given)) settings[key] = read[key as keyof PortPatch];
  return settings as Partial<PortSettings>;
}

/** An entry with its bridge; control checks what it names. */
export function readEntry(control: Control, entry: FdbEntryInput, defaultBridge: string): FdbEntryConfig {
  const { mac, vid = null, port = null, kind = 'static' } = entry;
  if (!KINDS.includes(kind)) throw new ControlError(`${show(kind)} is no kind of entry; valid are ${KINDS.join(', ')}`);
  if (typeof mac !== 'string') throw new ControlError(`${show(mac)} is not a MAC address`);
  if (port !== null && kind === 'blackhole') throw new ControlError('a blackhole entry has no port');
  const bridge = entry.bridge ?? (port === null ? undefined : control.port(port).bridge?.name) ?? defaultBridge;
  return { bridge, vid, mac, port, kind };
}

/** The bridges that stand, by name and type, around one raw port. */
function frameFor(control: Control, name: string, port: Record<string, unknown>): Record<string, unknown> {
  if (typeof name !== 'string' || isReservedName(name)) throw problem(['ports'], `${show(name)} is not a port name`);
  const bridges: Record<string, unknown> = Object.create(null);
  let first: Record<string, unknown> | null = null;
  for (const bridge of control.bridges.values()) {
    const { type } = bridge.settings;
    if (first === null) first = { name: bridge.name, type };
    else bridges[bridge.name] = { type };
  }
  const ports: Record<string, unknown> = Object.create(null);
  ports[name] = port;
  return { ...(first === null ? {} : { switch: first }), bridges, ports };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
