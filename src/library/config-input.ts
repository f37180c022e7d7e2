/**
 * What a program hands in, through the same checks as a file: an object of the file's shape, or its text.
 *
 * An object is first copied into maps without a prototype: the switch keeps nothing of the caller's, getters and
 * proxies have had their say before checking begins, and a name like `__proto__` is refused as it is in a file.
 * Everything that is wrong is a `ConfigError` with the path: `config: ports.p1.vlan: 5000 is not a VLAN ID; …`.
 */

import type { z } from 'zod';
import { isReservedName } from '../config/document.ts';
import { ConfigError, type Path, pathText, type Source, show } from '../config/error.ts';
import { loadConfig } from '../config/load.ts';
import { normalise } from '../config/normalise.ts';
import type { configSchema } from '../config/schema.ts';
import type { portSection } from '../config/schema-port.ts';
import type { FdbEntryConfig, FdbEntryKind, PortConfig, SwitchConfig } from '../config/types.ts';
import type { Control } from '../control/control.ts';
import { ControlError, type PortSettings } from '../control/model.ts';

/** The object form of a configuration file; docs/configuration.md. */
export type ConfigInput = z.input<typeof configSchema>;
/** One port of it. `adapter` may be left out: in the library it is `memory`. */
export type PortInput = Omit<z.input<typeof portSection>, 'adapter'> & { adapter?: 'memory' };
/** What `setPort` changes: everything about a port that is neither its VLANs, its bridge nor its adapter. */
export type PortPatch = Partial<Omit<PortSettings, 'mode' | 'pvid' | 'tunnelCvids'>>;

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
const MAX_LEVELS = 32;
/** 1,024 ports with every key and 16,384 FDB entries are about 120,000. */
const MAX_VALUES = 500_000;
const PATCH_KEYS = {
  acceptFrames: true,
  ingressFiltering: true,
  mtu: true,
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

const source: Source = { place: (path) => ({ file: FILE, line: 0, column: 0, path: pathText(path) }) };

function problem(path: Path, text: string): ConfigError {
  return new ConfigError(source.place(path), text);
}

/** Text is YAML or JSON. */
export function readConfig(input: ConfigInput | string): SwitchConfig {
  return typeof input === 'string' ? loadConfig(input, FILE) : normalise(plain(input, []), source);
}

/** The same for a switch in a program. Ports of other kinds than memory are refused: the library opens nothing. */
export function readMemoryConfig(input: ConfigInput | string): SwitchConfig {
  const config = readConfig(input);
  for (const { name, adapter } of config.ports) {
    if (adapter.kind === 'memory') continue;
    const why = `is ${adapter.kind}; ports of a switch in a program are memory; valid is adapter: memory`;
    throw problem(['ports', name, 'adapter'], why);
  }
  return config;
}

/** One port, checked as if it stood in the configuration that `control` has now. */
export function readPort(control: Control, name: string, input: PortInput): PortConfig {
  const port = plain(input, ['ports', name]);
  if (!isMap(port)) throw problem(['ports', name], `${show(port)} is not a map of port settings`);
  port.adapter ??= 'memory';
  const config = normalise(frameFor(control, name, port), source);
  const read = config.ports[0];
  if (read.adapter.kind !== 'memory') throw problem(['ports', name, 'adapter'], 'valid is memory');
  return read;
}

/** The settings of a patch, checked by the same schema. */
export function readPatch(control: Control, name: string, patch: PortPatch): Partial<PortSettings> {
  const given = plain(patch, ['ports', name]);
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

/** A copy of plain data of at most `left.values` values. Keys whose value is undefined are as if they were not there. */
function plain(value: unknown, path: Path, left = { values: MAX_VALUES }): unknown {
  if (--left.values < 0) throw problem([], `has more than ${MAX_VALUES} values`);
  if (path.length > MAX_LEVELS) throw problem(path.slice(0, 4), `is nested more than ${MAX_LEVELS} levels deep`);
  if (typeof value === 'function' || typeof value === 'symbol') throw problem(path, `is a ${typeof value}, not data`);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    if (value.length > left.values)
      throw problem(path, `is a list of ${value.length} values; all together may be ${MAX_VALUES}`);
    return Array.from(value, (item, index) => plain(item, [...path, index], left));
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw problem(path, 'is an object with behaviour of its own; valid is plain data');
  }
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) {
    const here = [...path, key];
    if (isReservedName(key)) throw problem(here, `${show(key)} is reserved and cannot be a key or a name`);
    if (item !== undefined) copy[key] = plain(item, here, left);
  }
  return copy;
}
