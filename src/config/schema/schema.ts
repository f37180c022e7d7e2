/**
 * The user-facing shape of a configuration, as one zod schema: the loader validates with it, editors read it as
 * JSON Schema (`dist/config.schema.json`), docs/configuration.md explains it. It says which keys exist and which
 * values each may have; what holds between keys is checked in normalise.ts.
 */
import { z } from 'zod';
import { ConfigError, type Path, type Place, type Source } from '../error.ts';
import { Remembered } from '../remembered.ts';
import { bridgeSection, switchSection, vlans } from './bridge.ts';
import { ipvlanSection } from './ipvlan.ts';
import { choice, integer, list, map, NAME_PATTERN, name, named, text, unknownKey, vid } from './leaf.ts';
import { macvlanSection } from './macvlan.ts';
import { mirrorSection } from './mirror.ts';
import { portSection } from './port.ts';
import { interfacesSection, macText, routesSection, vrfsSection } from './routing.ts';
import { apiSection, stateSection } from './service.ts';
import { vtepSection, vxlanEntry, vxlanFdbSection } from './vxlan.ts';

export const MAX_FDB_CONFIGURED = 16_384; // within the token budget of a file; more is a control plane's work

export const fdbEntryShape = {
  mac: macText().describe('Unicast MAC address, with ":" or "-".'),
  vlan: integer(1, 4094, 'a VLAN ID').optional().describe('VLAN of the entry; required unless the bridge is unaware.'),
  port: name('a port name').optional().describe('Port of the entry; none for blackhole, optional for local.'),
  kind: choice(['static', 'sticky', 'local', 'external', 'blackhole'], 'a kind of entry')
    .default('static')
    .describe(
      'static: never moves; sticky: the same, configured as learned; local: address of the switch; external: told by a control plane; blackhole: frames to and from it are dropped.',
    ),
  bridge: name('a bridge name').optional().describe('Bridge of the entry. Default: the bridge of the port.'),
};

const fdbEntry = map(fdbEntryShape, 'entry settings').describe('A configured FDB entry.');

export const configSchema = map(
  {
    $schema: text('a URL', 'valid is a text').optional().describe('JSON Schema of this file, for editors; ignored.'),
    switch: switchSection,
    vlans,
    bridges: named(NAME_PATTERN, bridgeSection, 'bridges', '{ br1: {} }')
      .prefault({})
      .describe('Further bridges of the same process, by name.'),
    vteps: vtepSection,
    ports: named(NAME_PATTERN, portSection, 'ports', '{ p1: { adapter: tap, device: tap1 } }')
      .prefault({})
      .describe('Ports by name.'),
    classify: map(
      {
        order: list(choice(['mac', 'subnet', 'protocol'], 'a way to classify'), 3, 'ways to classify')
          .default(['mac', 'subnet', 'protocol'])
          .describe('Which is asked first; one that is left out is not asked.'),
        macs: named('', vid(), 'MAC addresses', "{ '02:00:00:00:00:01': 10 }")
          .prefault({})
          .describe('VLAN by source MAC, or by its first bits: 02:00:00:00:00:00/24.'),
        subnets: named('', vid(), 'subnets', '{ 10.0.10.0/24: 10 }')
          .prefault({})
          .describe('VLAN by the subnet of the source address, IPv4 (ARP too) and IPv6.'),
        protocols: named('', vid(), 'protocols', '{ ipv6: 10 }')
          .prefault({})
          .describe("VLAN by protocol: ipv4, arp, ipv6, pppoe, … or an EtherType such as '0x88b5'."),
      },
      'classification settings',
    )
      .optional()
      .describe('VLANs of untagged frames by what they are, on ports with classify: true.'),
    macvlan: macvlanSection,
    ipvlan: ipvlanSection,
    vrfs: vrfsSection,
    interfaces: interfacesSection,
    routes: routesSection,
    fdb: list(fdbEntry, MAX_FDB_CONFIGURED, 'FDB entries').prefault([]).describe('FDB entries that are not learned.'),
    vxlanFdb: vxlanFdbSection,
    mirrors: mirrorSection,
    api: apiSection.optional().describe('The API over TCP. Default: the Unix socket alone.'),
    state: stateSection.optional().describe('What outlives the process. Default: nothing.'),
  },
  'sections',
).describe('Configuration of an Etherloom switch.');

export type RawConfig = z.output<typeof configSchema>;
/** As a person writes it: what has a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
export type FdbEntryInput = z.input<typeof fdbEntry>;

/** The validated raw configuration, or the first complaint in the order of the text. */
export function validate(raw: unknown, source: Source): RawConfig {
  return validated(configSchema, raw, source, []);
}

/** The same for one FDB entry of the list. */
export function validateFdbEntry(raw: unknown, source: Source, index: number): RawConfig['fdb'][number] {
  return validated(fdbEntry, raw, source, ['fdb', index]);
}

/**
 * The same, where sections and their items that have been validated are not validated again. What is wrong may be another of several mistakes.
 * Sections that `stay` are looked at when somebody wants them: long lists of entries are often as they were.
 */
export function validateParts(raw: ConfigInput, source: Source, stays: (section: string) => boolean): RawConfig {
  for (const key of Object.keys(raw)) {
    if (!Object.hasOwn(configSchema.shape, key)) return validate(raw, source);
  }
  const parts: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(configSchema.shape)) {
    const read = () => validatedPart(schema, raw[key as keyof ConfigInput], source, key);
    if (stays(key)) Object.defineProperty(parts, key, { get: read });
    else parts[key] = read();
  }
  return parts as RawConfig;
}

const known = new Remembered<unknown>();

/** A section, or the item `name` of one. */
function validatedPart(schema: z.ZodType, raw: unknown, source: Source, section: string, name?: string): unknown {
  // A section that is not there is what its schema makes of that, always the same.
  const of = raw === undefined ? schema : raw;
  const whole = () => validated(schema, raw, source, name === undefined ? [section] : [section, name]);
  if (typeof of !== 'object' || of === null) return whole();
  const item = name === undefined ? itemOf(schema) : null;
  if (item === null || of === schema || Array.isArray(of)) return known.of(of, [schema], whole);
  return known.of(of, [schema], () => {
    const items: Record<string, unknown> = Object.create(null);
    for (const key of Object.keys(of)) {
      items[key] = validatedPart(item, (of as Record<string, unknown>)[key], source, section, key);
    }
    return items;
  });
}

/** Of a section of named items. */
function itemOf(schema: z.ZodType): z.ZodType | null {
  const section = schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  return section instanceof z.ZodRecord ? (section.valueType as z.ZodType) : null;
}

/** The same for one entry of the VXLAN FDB. */
export function validateVxlanEntry(raw: unknown, source: Source, index: number): RawConfig['vxlanFdb'][number] {
  return validated(vxlanEntry, raw, source, ['vxlanFdb', index]);
}

function validated<T extends z.ZodType>(schema: T, raw: unknown, source: Source, at: Path): z.output<T> {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  let first: { place: Place; problem: string } | null = null;
  const consider = (path: PropertyKey[], problem: string) => {
    const place = source.place([...at, ...(path as (string | number)[])]);
    if (first === null || isBefore(place, first.place)) first = { place, problem };
  };
  for (const issue of result.error.issues) {
    if (issue.code !== 'unrecognized_keys') consider(issue.path, issue.message);
    else {
      const cut = unquotedList(raw, issue.path, issue.keys);
      for (const key of issue.keys) {
        consider([...issue.path, key], cut ?? elsewhere([...at, ...issue.path], key) ?? unknownKey(key, issue.message));
      }
    }
  }
  const { place, problem } = first!;
  throw new ConfigError(place, problem);
}

/** Keys of the children of a group. */
const CHILD_KEYS: Readonly<Record<string, readonly string[]>> = {
  macvlan: ['mode', 'macs', 'sources'],
  ipvlan: ['addresses'],
};

/** Keys that have lists of VLANs as text. */
const LISTS = ['vlans', 'tagged', 'untagged', 'cvids', 'communities'] as const;

/** `{ vlans: 10,20 }`: in a flow map the comma ends the value, and 20 is a key. */
function unquotedList(raw: unknown, path: readonly PropertyKey[], keys: readonly string[]): string | null {
  const holder = path.reduce((value, key) => (value as Record<PropertyKey, unknown> | null)?.[key], raw);
  if (typeof holder !== 'object' || holder === null || !keys.every((key) => /^\d+(-\d+)?$/.test(key))) return null;
  const list = LISTS.find((key) => Object.hasOwn(holder, key));
  if (list === undefined) return null;
  const value = [(holder as Record<string, unknown>)[list], ...keys].join(',');
  return `the key is not known: between { and } a comma ends a value; write ${list}: '${value}'`;
}

/** A key that is known in another place than where it stands. */
function elsewhere(path: readonly PropertyKey[], key: string): string | null {
  const [section] = path;
  if (path.length === 2 && CHILD_KEYS[String(section)]?.includes(key) === true) {
    return `the key is not known here; it is one of each child: children: { NAME: { ${key}: … } }`;
  }
  if (path.length === 0 || !Object.hasOwn(configSchema.shape, key)) return null;
  return `the key is not known here; it is one of the file itself, beside "${String(section)}"`;
}

function isBefore(a: Place, b: Place): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

/** JSON Schema (draft 7, which the YAML language servers know) of the file that a user writes. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    title: 'Etherloom configuration',
    ...z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }),
  };
}
