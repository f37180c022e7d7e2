/**
 * Values of a scenario file with their places: small readers that either give a value of the wanted kind or throw
 * one line that says where and what would be valid.
 */

import { ConfigError, didYouMean, type Path, type Source, show } from '../config/error.ts';

export class Value {
  readonly #source: Source;
  readonly #text: string;
  readonly path: Path;
  readonly raw: unknown;

  /** `text` is the whole file. */
  constructor(source: Source, text: string, raw: unknown, path: Path = []) {
    this.#source = source;
    this.#text = text;
    this.raw = raw;
    this.path = path;
  }

  get place() {
    return this.#source.place(this.path);
  }

  /** Whether the key is there at all; `null` counts as there. */
  has(key: string): boolean {
    return Object.hasOwn(this.map(), key);
  }

  at(key: string | number): Value {
    const holder = typeof key === 'string' ? this.map() : (this.raw as unknown[]);
    return new Value(this.#source, this.#text, (holder as Record<string | number, unknown>)[key], [...this.path, key]);
  }

  get missing(): boolean {
    return this.raw === undefined || this.raw === null;
  }

  map(): Record<string, unknown> {
    if (typeof this.raw !== 'object' || this.raw === null || Array.isArray(this.raw)) {
      throw this.error(this.missing ? 'is missing; valid is a map' : `is ${show(this.raw)}; valid is a map`);
    }
    return this.raw as Record<string, unknown>;
  }

  keys(): string[] {
    return Object.keys(this.map());
  }

  list(): Value[] {
    if (this.missing) return [];
    if (!Array.isArray(this.raw)) throw this.error(`is ${show(this.raw)}; valid is a list`);
    return this.raw.map((_, index) => this.at(index));
  }

  text(): string {
    // A word that looks like a number (`id: 12`) is still a word.
    if (typeof this.raw === 'number') return String(this.raw);
    if (typeof this.raw !== 'string' || this.raw === '') throw this.error(`is ${show(this.raw)}; valid is text`);
    return this.raw;
  }

  whole(least: number, most: number, otherwise?: number): number {
    if (this.missing && otherwise !== undefined) return otherwise;
    const n = this.raw;
    if (typeof n !== 'number' || !Number.isInteger(n) || n < least || n > most) {
      throw this.error(`is ${show(n)}; valid is a whole number ${least}-${most}`);
    }
    return n;
  }

  /** A number of up to 64 bits, decimal or hex, bare or in quotes: as it is written, for `raw` has only 53 of them. */
  word64(): bigint {
    const { line, column } = this.place;
    const rest = this.#text.split('\n')[line - 1]?.slice(column - 1) ?? '';
    const digits = /^["']?(0x[0-9a-f]{1,16}|\d{1,20})["']?\s*(?:[,}\]#]|$)/i.exec(rest)?.[1];
    const value = digits === undefined ? -1n : BigInt(digits);
    if (value < 0n || value >= 1n << 64n) throw this.error(`is ${show(this.raw)}; valid is a number of 64 bits`);
    return value;
  }

  flag(otherwise?: boolean): boolean {
    if (this.missing && otherwise !== undefined) return otherwise;
    if (typeof this.raw !== 'boolean') throw this.error(`is ${show(this.raw)}; valid is true or false`);
    return this.raw;
  }

  /** One of the names; `what` says what they are names of. */
  oneOf<T extends string>(names: readonly T[], what: string, otherwise?: T): T {
    if (this.missing && otherwise !== undefined) return otherwise;
    const name = this.raw;
    const found = names.find((n) => n === name);
    if (found !== undefined) return found;
    const hint = typeof name === 'string' ? didYouMean(name, names) : '';
    const valid = names.length > 24 ? `${names.slice(0, 24).join(', ')}, …` : names.join(', ') || 'none: there is none';
    throw this.error(`${show(name)} is not ${what}${hint}; valid are ${valid}`);
  }

  error(problem: string): ConfigError {
    return new ConfigError(this.place, problem);
  }
}
