/**
 * YAML text to plain values, with the place of every key and value. JSON is read by the same door: YAML 1.2 is a
 * superset of it.
 *
 * The `yaml` package parses (yaml-text.ts); the conversion to values is ours, because a configuration file is input
 * from outside: keys that reach into object prototypes are refused, aliases are counted at their expanded size, numbers
 * that YAML 1.1 and 1.2 read differently (`010`) are refused, duplicate keys name both lines. Maps come out without a
 * prototype, and every map and list keeps the places of its keys for the errors of later stages.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode } from 'yaml';
import { ConfigError, type Path, type Place, pathText, type Source, show } from './error.ts';
import { isReservedName } from './plain.ts';
import { readYaml } from './yaml-text.ts';

const MAX_ALIASED = 100_000; // values that aliases may stand for, all together

type Mark = { key: number; value: number };
type Marks = Map<string | number, Mark>;
type At = (offset: number, path?: Path) => Place;

const EMPTY = 'the file is empty; valid is a map with "ports"';

export interface ParsedDocument {
  value: unknown;
  source: Source;
}

export function parseText(text: string, file: string): ParsedDocument {
  const lines = new LineCounter();
  const at: At = (offset, path = []) => {
    const { line, col } = lines.linePos(Math.max(0, offset));
    return { file, line: Math.max(1, line), column: Math.max(1, col), path: pathText(path) };
  };
  if (typeof text !== 'string') throw new ConfigError(at(0), 'the configuration is not text');
  const document = readYaml(text, lines);
  if ('problem' in document) {
    const { offset, problem } = document;
    throw new ConfigError(at(offset), /\.json$/i.test(file) ? inJson(problem) : problem);
  }
  if (document.contents === null) throw new ConfigError(at(0), EMPTY);

  const marks = new WeakMap<object, Marks>();
  const value = new Converter(marks, at).convert(document.contents as ParsedNode, []);
  if (value === null) throw new ConfigError(at(0), EMPTY);
  const place: Source['place'] = (path) => {
    let here: unknown = value;
    let offset = 0;
    for (const step of path) {
      const mark = typeof here === 'object' && here !== null ? marks.get(here)?.get(step) : undefined;
      if (mark === undefined) break;
      here = (here as Record<string | number, unknown>)[step];
      offset = typeof here === 'object' && here !== null ? mark.key : mark.value;
    }
    return at(offset, path);
  };
  return { value, source: { place } };
}

/** What is wrong with JSON, in its words. */
function inJson(problem: string): string {
  return problem
    .replace('not valid YAML', 'not valid JSON')
    .replace(
      /^(not valid JSON: Unexpected) flow-(map|seq)-end token in YAML stream$/,
      (_all, words: string, kind: string) => `${words} "${kind === 'map' ? '}' : ']'}"`,
    )
    .replace('flow map items', 'members of an object')
    .replace('flow sequence items', 'elements of an array');
}

/** Collections in a YAML document, as values with marks. Shared anchors stay shared: nothing is copied. */
class Converter {
  readonly #marks: WeakMap<object, Marks>;
  readonly #at: At;
  /** By name; an alias means the last anchor of its name before it. */
  readonly #anchored = new Map<string, { value: unknown; size: number }>();
  #size = 0;
  #aliased = 0;

  constructor(marks: WeakMap<object, Marks>, at: At) {
    this.#marks = marks;
    this.#at = at;
  }

  convert(node: ParsedNode, path: Path): unknown {
    const start = this.#size++;
    if (isAlias(node)) return this.#alias(node, node.source, path);
    if (node.tag !== undefined) throw this.#error(node, path, `the YAML tag ${show(node.tag)} is not supported`);
    const value = isMap(node) ? this.#map(node, path) : isSeq(node) ? this.#list(node, path) : this.#scalar(node, path);
    if (node.anchor !== undefined) this.#anchored.set(node.anchor, { value, size: this.#size - start });
    return value;
  }

  #alias(node: ParsedNode, name: string, path: Path): unknown {
    const known = this.#anchored.get(name);
    if (known === undefined)
      throw this.#error(node, path, `there is no anchor ${show(name)} complete before this alias`);
    this.#size += known.size;
    this.#aliased += known.size;
    if (this.#aliased > MAX_ALIASED) {
      throw this.#error(node, path, `aliases stand for more than ${MAX_ALIASED} values; write fewer aliases`);
    }
    return known.value;
  }

  #map(node: ParsedNode, path: Path): unknown {
    const map = Object.create(null) as Record<string, unknown>;
    const marks: Marks = new Map();
    if (!isMap(node)) return map;
    for (const pair of node.items) {
      const keyNode = pair.key as ParsedNode | null;
      const offset = keyNode?.range?.[0] ?? node.range[0];
      const key = this.#key(keyNode, offset, path);
      const first = marks.get(key);
      const here = [...path, key];
      if (first !== undefined) {
        const { line } = this.#at(first.key);
        throw new ConfigError(this.#at(offset, here), `the key is there twice; the first one is on line ${line}`);
      }
      const child = pair.value as ParsedNode | null;
      marks.set(key, { key: offset, value: child?.range?.[0] ?? offset });
      map[key] = child === null ? null : this.convert(child, here);
    }
    this.#marks.set(map, marks);
    return map;
  }

  /** A key is its text as written: `10`, `'10'` and `"10"` are one key; `010` is not the VLAN 10. */
  #key(node: ParsedNode | null, offset: number, path: Path): string {
    if (node === null || !isScalar(node) || node.tag !== undefined || node.anchor !== undefined) {
      throw new ConfigError(this.#at(offset, path), 'a key is not plain text; valid is a name or a number');
    }
    const key = typeof node.value === 'string' ? node.value : String(node.source ?? '');
    if (key === '') throw new ConfigError(this.#at(offset, path), 'a key is empty; valid is a name or a number');
    if (key === '<<') {
      throw new ConfigError(this.#at(offset, path), 'merge keys ("<<") are not supported; write the keys out');
    }
    if (isReservedName(key)) {
      throw new ConfigError(this.#at(offset, path), `${show(key)} is reserved and cannot be a key or a name`);
    }
    return key;
  }

  #list(node: ParsedNode, path: Path): unknown {
    const list: unknown[] = [];
    const marks: Marks = new Map();
    if (!isSeq(node)) return list;
    for (const item of node.items as ParsedNode[]) {
      const offset = item.range[0];
      marks.set(list.length, { key: offset, value: offset });
      list.push(this.convert(item, [...path, list.length]));
    }
    this.#marks.set(list, marks);
    return list;
  }

  #scalar(node: ParsedNode, path: Path): unknown {
    if (!isScalar(node)) throw this.#error(node, path, 'is not a value');
    const { value, source } = node;
    if (typeof value === 'number' && typeof source === 'string' && /^[-+]?0[0-9]/.test(source)) {
      throw this.#error(node, path, `${source.slice(0, 40)} could be decimal or octal; write it without leading zeros`);
    }
    return value;
  }

  #error(node: ParsedNode, path: Path, problem: string): ConfigError {
    return new ConfigError(this.#at(node.range[0], path), problem);
  }
}
