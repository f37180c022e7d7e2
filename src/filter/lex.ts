/**
 * Words of a filter. The longest match wins, as in libpcap's scanner: `1-2` is one word (a port range), `tcp-syn` a
 * constant, and `aabbccddeeff` an address although it looks like a name.
 */

import { parseMac } from '../wire/ethernet.ts';
import { parseIpv6 } from '../wire/ipv6-text.ts';
import { FilterError, quote } from './error.ts';
import { CONSTANTS, REFUSED, RESERVED, SYNONYMS } from './names.ts';

export type TokenKind = 'word' | 'symbol' | 'number' | 'ipv4' | 'ipv6' | 'mac' | 'name' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As written, but the one spelling of words and symbols that have several. */
  readonly text: string;
  /** Of numbers, 0..2^32-1. */
  readonly value: number;
  /** Column from 1. */
  readonly column: number;
}

/** Characters: room for any filter that is meant, and its code stays far below what V8 refuses to compile. */
export const MAX_FILTER_LENGTH = 4096;

const SPACE = /[ \t\r\n]*/y;
const SYMBOL = /&&|\|\||>=|<=|!=|==|<<|>>|[-+*/%:[\]!<>()&|^=]/y;
const WORD = /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y;
const ESCAPED = /\\[^ !()\n\t]+/y;
const NUMBER = /0[xX][0-9A-Fa-f]+|[0-9]+/y;
const IPV4 = /[0-9]+(?:\.[0-9]+){1,3}/y;
/** A run that may be an IPv6 or a MAC address: two colons, or six groups. */
const COLONS = /[0-9A-Fa-f]*:(?:[0-9A-Fa-f]*:)*(?:(?:[0-9]+\.){3}[0-9]+|[0-9A-Fa-f]*)/y;
const MAC =
  /(?:[0-9A-Fa-f]{1,2}([:.-]))(?:[0-9A-Fa-f]{1,2}\1){4}[0-9A-Fa-f]{1,2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}|[0-9A-Fa-f]{12}/y;

export function lex(text: string): Token[] {
  if (text.length > MAX_FILTER_LENGTH) {
    throw new FilterError(MAX_FILTER_LENGTH + 1, `a filter has at most ${MAX_FILTER_LENGTH} characters`);
  }
  const tokens: Token[] = [];
  let at = match(SPACE, text, 0).length;
  while (at < text.length) {
    const column = at + 1;
    const escaped = match(ESCAPED, text, at);
    if (escaped !== '') {
      tokens.push({ kind: 'name', text: escaped.slice(1), value: 0, column });
      at += escaped.length;
    } else {
      const token = longest(text, at, column);
      tokens.push(token.token);
      at += token.length;
    }
    at += match(SPACE, text, at).length;
  }
  tokens.push({ kind: 'end', text: '', value: 0, column: text.length + 1 });
  return tokens;
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function longest(text: string, at: number, column: number): { token: Token; length: number } {
  const word = match(WORD, text, at);
  const mac = match(MAC, text, at);
  const colons = match(COLONS, text, at);
  const number = match(NUMBER, text, at);
  const ipv4 = match(IPV4, text, at);
  const length = Math.max(word.length, mac.length, number.length, ipv4.length);
  const found = (kind: TokenKind, written: string, value = 0) => ({
    token: { kind, text: written, value, column },
    length: written.length,
  });
  if (colons.length > length && isIpv6(colons)) return found('ipv6', colons);
  if (mac !== '' && mac.length === length) return found('mac', mac);
  if (/^(?:[0-9A-Fa-f]{1,2}:){2}/.test(colons) && colons.length > length) {
    throw new FilterError(column, `${quote(colons)} is neither a MAC nor an IPv6 address`);
  }
  if (number !== '' && number.length === length) return found('number', number, readNumber(number, column));
  if (ipv4 !== '' && ipv4.length === length) return found('ipv4', ipv4);
  if (word !== '') {
    if (Object.hasOwn(CONSTANTS, word)) return found('number', word, CONSTANTS[word]);
    if (Object.hasOwn(REFUSED, word)) throw new FilterError(column, `"${word}" ${REFUSED[word]}`);
    const kind = RESERVED.has(word) ? 'word' : 'name';
    return { token: { kind, text: plain(word), value: 0, column }, length };
  }
  const symbol = match(SYMBOL, text, at);
  if (symbol === '') {
    const character = String.fromCodePoint(text.codePointAt(at)!);
    throw new FilterError(column, `${quote(character)} has no meaning in a filter`);
  }
  const kind = Object.hasOwn(SYNONYMS, symbol) && symbol !== '==' ? 'word' : 'symbol';
  return { token: { kind, text: plain(symbol), value: 0, column }, length: symbol.length };
}

function plain(text: string): string {
  return Object.hasOwn(SYNONYMS, text) ? SYNONYMS[text]! : text;
}

function isIpv6(text: string): boolean {
  return text.includes(':') && parseIpv6(text) !== null;
}

function readNumber(text: string, column: number): number {
  const octal = /^0[0-9]/.test(text);
  if (octal && /[89]/.test(text)) {
    throw new FilterError(column, `${quote(text)} begins with 0 and is octal, but 8 and 9 are no octal digits`);
  }
  const value = octal ? Number.parseInt(text, 8) : Number(text);
  if (value > 0xffffffff) throw new FilterError(column, `${quote(text)} does not fit 32 bits`);
  return value;
}

/** The address of a `mac` token: one or two digits a byte, or four a group. */
export function macOf(text: string): { high: number; low: number } {
  const parts = text.split(/[:.-]/);
  const full = parts.length === 6 ? parts.map((part) => part.padStart(2, '0')).join('') : parts.join('');
  return parseMac(full)!;
}
