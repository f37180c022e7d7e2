/**
 * A port in one line, for a command without a file: `NAME=ADAPTER:DEVICE,KEY=VALUE…`
 *
 *     p1=tap:tap1,access=10
 *     p2=tap:tap2,trunk=10+20-30,native=1,isolated
 *     p3=memory,hybrid,pvid=10,tagged=20,untagged=10
 *     u1=udp:127.0.0.1:5001/127.0.0.1:5002,access=10
 *     e1=af-packet:eth1,access=10
 *     c1=tap:tap3,dot1q-tunnel=100,cvids=100+200-210
 *     h1=tap:tap4,private-host=101
 *
 * Every port key of the file works here; `access`, `trunk`, `hybrid` and the other modes are short for `mode` and its
 * VLANs. "," separates keys, so "+" joins VLANs. A key of true or false may stand alone for true. A line becomes the
 * same raw map that a file has and goes through the same checks; errors are placed at `--port "…"`.
 */

import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import { type ConfigDocument, checked } from './load.ts';
import { isReservedName } from './plain.ts';
import { PORT_KEYS, type PortKey } from './schema/port.ts';
import type { PollMode, SwitchConfig } from './types.ts';

/** The kinds of values that a key reads from its text; all others are plain text. */
const NUMBERS: readonly string[] = [
  'vlan',
  'native',
  'pvid',
  'queues',
  'queue',
  'fanout',
  'mtu',
  'splitHorizonGroup',
  'fdbMaxEntries',
] satisfies PortKey[];
const VLAN_SETS: readonly string[] = ['vlans', 'tagged', 'untagged', 'cvids'] satisfies PortKey[];
const FLAGS: readonly string[] = [
  'ingressFiltering',
  'enabled',
  'learning',
  'unknownUnicastFlood',
  'multicastFlood',
  'broadcastFlood',
  'isolated',
  'hairpin',
  'persistent',
] satisfies PortKey[];

/** Short forms: the mode, and the key that takes the value. */
const MODE_WORDS: Readonly<Record<string, 'vlan' | 'vlans' | null>> = {
  access: 'vlan',
  trunk: 'vlans',
  hybrid: null,
  'dot1q-tunnel': 'vlan',
  promiscuous: 'vlan',
  'private-host': 'vlan',
};
const WORDS: readonly string[] = [...Object.keys(MODE_WORDS), ...PORT_KEYS.filter((key) => key !== 'adapter')];

interface Line {
  spec: string;
  name: string;
  port: Record<string, unknown>;
  /** The word of the line that each key came from. */
  words: Map<string, string>;
}

export function parsePortSpecs(specs: readonly string[]): SwitchConfig {
  return portSpecsDocument(specs).config;
}

/** What `switch:` says; its name is the bridge's, too. */
export interface SwitchWords {
  name?: string | undefined;
  poll?: PollMode | undefined;
}

export function portSpecsDocument(specs: readonly string[], { name, poll }: SwitchWords = {}): ConfigDocument {
  const lines = new Map<string, Line>();
  const ports = Object.create(null) as Record<string, unknown>;
  for (const spec of specs) {
    const line = readLine(spec);
    if (lines.has(line.name)) throw problem(spec, '', `port ${show(line.name)} is given twice`);
    lines.set(line.name, line);
    ports[line.name] = line.port;
  }
  const words = {
    ...(name === undefined ? {} : { name }),
    ...(poll === undefined ? {} : { poll: { mode: poll } }),
  };
  return checked({ ...(Object.keys(words).length === 0 ? {} : { switch: words }), ports }, sourceOf(lines));
}

/**
 * Words of such a line alone, to change a port: `access=20`, `isolated`, `native=1`; `native=` takes a key away and is
 * null in the answer.
 */
export function parsePortWords(words: readonly string[]): Record<string, unknown> {
  const line: Line = { spec: words.join(' '), name: '', port: Object.create(null), words: new Map() };
  for (const word of words) {
    const key = word.slice(0, -1);
    if (word.endsWith('=') && WORDS.includes(key)) set(line, key, key, null);
    else readWord(line, word);
  }
  return line.port;
}

/** `p9=tap:tap9,access=10` as the name of a port and its settings. */
export function parsePortSpec(spec: string): { name: string; port: Record<string, unknown> } {
  const { name, port } = readLine(spec);
  return { name, port };
}

function sourceOf(lines: ReadonlyMap<string, Line>): Source {
  return {
    place: ([, name, key]: Path) => {
      const line = lines.get(String(name));
      if (line === undefined) return placeOf(null, '');
      const path = key === undefined ? '' : (line.words.get(String(key)) ?? String(key));
      return placeOf(line.spec, path);
    },
  };
}

function readLine(spec: string): Line {
  if (typeof spec !== 'string') throw problem(null, '', 'a port is not text');
  const equals = spec.indexOf('=');
  if (equals < 1) throw problem(spec, '', 'valid is NAME=ADAPTER:DEVICE,KEY=VALUE… such as p1=tap:tap1,access=10');
  const name = spec.slice(0, equals);
  if (isReservedName(name)) throw problem(spec, '', `${show(name)} is reserved and cannot be a name`);
  const [head = '', ...parts] = spec.slice(equals + 1).split(',');
  const line: Line = { spec, name, port: Object.create(null) as Record<string, unknown>, words: new Map() };
  readAdapter(line, head);
  for (const part of parts) readWord(line, part);
  return line;
}

/** `tap:DEVICE`, `af-packet:DEVICE`, `af-xdp:DEVICE`, `cap:DEVICE`, `udp:LOCAL/REMOTE`, `pcap:FILE`, `memory`. */
function readAdapter(line: Line, head: string): void {
  const colon = head.indexOf(':');
  const adapter = colon === -1 ? head : head.slice(0, colon);
  const device = colon === -1 ? '' : head.slice(colon + 1);
  line.port.adapter = adapter;
  if (device === '') return;
  if (adapter === 'udp') {
    const slash = device.indexOf('/');
    if (slash === -1) throw problem(line.spec, 'udp', `${show(device)} has no "/"; valid is udp:HOST:PORT/HOST:PORT`);
    line.port.local = device.slice(0, slash);
    line.port.remote = device.slice(slash + 1);
    return;
  }
  line.port[adapter === 'pcap' ? 'file' : 'device'] = device;
}

function readWord(line: Line, part: string): void {
  const equals = part.indexOf('=');
  const word = equals === -1 ? part : part.slice(0, equals);
  const text = equals === -1 ? null : part.slice(equals + 1);
  if (!WORDS.includes(word)) {
    const hint = didYouMean(word, WORDS);
    const known = hint === '' ? `; valid are ${WORDS.join(', ')}` : hint;
    throw problem(line.spec, word, `the key ${show(word)} is not known${known}`);
  }
  if (!Object.hasOwn(MODE_WORDS, word)) {
    set(line, word, word, readValue(line, word, word, text));
    return;
  }
  set(line, 'mode', word, word);
  const key = MODE_WORDS[word] ?? null;
  if (key !== null && text !== null) set(line, key, word, readValue(line, key, word, text));
  else if (key !== null) line.words.set(key, word);
  else if (text !== null) throw problem(line.spec, word, 'takes no value; its VLANs are tagged=LIST and untagged=LIST');
}

function set(line: Line, key: string, word: string, value: unknown): void {
  if (line.port[key] !== undefined) {
    const first = line.words.get(key);
    const where = first === undefined ? 'in the adapter' : `by "${first}"`;
    throw problem(line.spec, word, `"${key}" is given already ${where}`);
  }
  line.port[key] = value;
  line.words.set(key, word);
}

function readValue(line: Line, key: string, word: string, text: string | null): unknown {
  if (FLAGS.includes(key)) {
    if (text === null || text === 'true') return true;
    return text === 'false' ? false : text;
  }
  if (text === null) throw problem(line.spec, word, `has no value; valid is ${word}=VALUE`);
  if (NUMBERS.includes(key)) return toNumber(line, word, text);
  return VLAN_SETS.includes(key) ? text.replaceAll('+', ',') : text;
}

/** Decimal digits only; anything else stays text for the schema to refuse. */
function toNumber(line: Line, word: string, text: string): number | string {
  if (/^0\d/.test(text)) throw problem(line.spec, word, `${show(text)} has a leading zero; write it without one`);
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function placeOf(spec: string | null, path: string): ReturnType<Source['place']> {
  return { file: spec === null ? '--port' : `--port ${shorten(spec)}`, line: 0, column: 0, path };
}

/** The whole line unless it is not one that a person typed. */
function shorten(spec: string): string {
  return JSON.stringify(spec.length <= 200 ? spec : `${spec.slice(0, 199)}…`);
}

function problem(spec: string | null, path: string, text: string): ConfigError {
  return new ConfigError(placeOf(spec, path), text);
}
