/**
 * Parse: the words of a filter into what they say, by the grammar of pcap-filter(7).
 *
 * Its two quirks are kept. `and` and `or` rank alike and bind to the left, so `a or b and c` is `(a or b) and c`. And
 * an identifier without qualifiers takes those of the primitive before it: `host a or b`, `port 80 or (443 and 8080)`;
 * after a primitive that has none (`tcp or 80`) it is an error.
 */

import type { Direction, Expression, Identifier, Qualifiers } from './ast.ts';
import {
  type Cursor,
  countChange,
  expectNumber,
  expectSymbol,
  isSymbol,
  isWord,
  nested,
  peek,
  take,
  unexpected,
} from './cursor.ts';
import { FilterError } from './error.ts';
import { lex, type Token, type TokenKind } from './lex.ts';
import { ADDRESS_KINDS, ENCAPSULATIONS, PROTOCOLS } from './names.ts';
import { parseRelation, startsArithmetic } from './parse-arithmetic.ts';

/** A test, and the qualifiers that the next bare identifier inherits; null for none. */
interface Parsed {
  readonly expression: Expression;
  readonly qualifiers: Qualifiers | null;
}

const IDENTIFIERS: ReadonlySet<TokenKind> = new Set<TokenKind>(['number', 'ipv4', 'ipv6', 'mac', 'name']);
const WANTED = 'a primitive such as "host 10.0.0.1", "tcp port 80", "vlan 10", "arp", "ip[8] < 5"';

/** null for a filter without words, which every frame passes. */
export function parseFilter(text: string): Expression | null {
  const tokens = lex(text);
  if (tokens.length === 1) return null;
  const cursor: Cursor = { tokens, at: 0, depth: 0, changes: 0, operators: 0 };
  const { expression } = parseExpression(cursor, null);
  if (peek(cursor).kind !== 'end') throw unexpected(peek(cursor), '"and", "or", or the end');
  return expression;
}

function parseExpression(cursor: Cursor, inherited: Qualifiers | null): Parsed {
  let { expression, qualifiers } = parseTerm(cursor, inherited);
  for (let joint = peek(cursor); isWord(joint, 'and') || isWord(joint, 'or'); joint = peek(cursor)) {
    take(cursor);
    const next = parseTerm(cursor, qualifiers);
    const kind = joint.text as 'and' | 'or';
    if (expression.kind !== kind) countChange(cursor, joint);
    const of = expression.kind === kind ? [...expression.of, next.expression] : [expression, next.expression];
    expression = { kind, of };
    qualifiers = next.qualifiers;
  }
  return { expression, qualifiers };
}

function parseTerm(cursor: Cursor, inherited: Qualifiers | null): Parsed {
  const token = peek(cursor);
  if (startsArithmetic(cursor)) {
    return { expression: { kind: 'relation', ...parseRelation(cursor) }, qualifiers: null };
  }
  if (isWord(token, 'not')) {
    take(cursor);
    const { expression, qualifiers } = nested(cursor, () => parseTerm(cursor, inherited));
    return { expression: { kind: 'not', of: expression }, qualifiers };
  }
  if (isSymbol(token, '(')) {
    take(cursor);
    const { expression } = nested(cursor, () => parseExpression(cursor, inherited));
    expectSymbol(cursor, ')');
    // What is inside is over: the next identifier looks at what stood before the parenthesis.
    return { expression, qualifiers: inherited };
  }
  if (IDENTIFIERS.has(token.kind)) {
    if (inherited === null) throw new FilterError(token.column, bare(token));
    return { expression: identifier(cursor, inherited), qualifiers: inherited };
  }
  return parsePrimitive(cursor);
}

function bare(token: Token): string {
  if (token.kind === 'name')
    return `"${token.text.slice(0, 40)}" is not a word of filters; as the name of a host it wants "host" before it`;
  const kind = token.kind === 'number' ? '"port", "net" or "proto"' : token.kind === 'mac' ? '"ether host"' : '"host"';
  return `"${token.text.slice(0, 40)}" has nothing to say what it is; write ${kind} before it`;
}

function parsePrimitive(cursor: Cursor): Parsed {
  const token = peek(cursor);
  if (token.kind !== 'word') throw unexpected(token, WANTED);
  const plain = (expression: Expression): Parsed => ({ expression, qualifiers: null });
  if (ENCAPSULATIONS.has(token.text)) {
    take(cursor);
    const id = peek(cursor).kind === 'number' ? take(cursor) : null;
    return plain({ kind: 'encapsulation', token, id });
  }
  switch (token.text) {
    case 'less':
    case 'greater':
      take(cursor);
      return plain({ kind: 'length', operator: token.text, bytes: expectNumber(cursor, 'a length in bytes').value });
    case 'pppoed':
      take(cursor);
      return plain({ kind: 'pppoed', token });
    case 'llc':
      take(cursor);
      return plain({ kind: 'llc', type: peek(cursor).kind === 'name' ? take(cursor) : null });
    default:
      return parseQualified(cursor);
  }
}

/** `[PROTOCOL] [src|dst] [host|net|port|portrange] ID`, or a protocol, broadcast or multicast. */
function parseQualified(cursor: Cursor): Parsed {
  let protocol = '';
  const first = peek(cursor);
  if (PROTOCOLS.has(first.text)) protocol = take(cursor).text;
  const next = peek(cursor);
  if (isWord(next, 'broadcast') || isWord(next, 'multicast')) {
    take(cursor);
    return { expression: { kind: 'group', protocol, token: next }, qualifiers: null };
  }
  if (isWord(next, 'proto') || isWord(next, 'protochain')) {
    take(cursor);
    return withIdentifier(cursor, { protocol, direction: 'either', kind: next.text });
  }
  const direction = parseDirection(cursor);
  const kind = peek(cursor).kind === 'word' && ADDRESS_KINDS.has(peek(cursor).text) ? take(cursor).text : '';
  if (direction === null && kind === '') {
    if (protocol === '') throw unexpected(next, WANTED);
    return { expression: { kind: 'protocol', token: first }, qualifiers: null };
  }
  return withIdentifier(cursor, { protocol, direction: direction ?? 'either', kind });
}

function parseDirection(cursor: Cursor): Direction | null {
  const first = peek(cursor);
  if (!isWord(first, 'src') && !isWord(first, 'dst')) return null;
  take(cursor);
  const other = first.text === 'src' ? 'dst' : 'src';
  const joint = peek(cursor);
  if ((isWord(joint, 'or') || isWord(joint, 'and')) && isWord(peek(cursor, 1), other)) {
    cursor.at += 2;
    return joint.text === 'or' ? 'either' : 'both';
  }
  return first.text as Direction;
}

function withIdentifier(cursor: Cursor, qualifiers: Qualifiers): Parsed {
  return { expression: parseIdentifier(cursor, qualifiers), qualifiers };
}

/** An identifier, its negation, or several in parentheses. */
function parseIdentifier(cursor: Cursor, qualifiers: Qualifiers): Expression {
  const token = peek(cursor);
  if (isWord(token, 'not')) {
    take(cursor);
    return { kind: 'not', of: nested(cursor, () => parseIdentifier(cursor, qualifiers)) };
  }
  if (isSymbol(token, '(')) {
    take(cursor);
    let inside = nested(cursor, () => parseIdentifier(cursor, qualifiers));
    for (let joint = peek(cursor); isWord(joint, 'and') || isWord(joint, 'or'); joint = peek(cursor)) {
      take(cursor);
      countChange(cursor, joint);
      const next = nested(cursor, () => parseIdentifier(cursor, qualifiers));
      inside = { kind: joint.text as 'and' | 'or', of: [inside, next] };
    }
    expectSymbol(cursor, ')');
    return inside;
  }
  // `ip proto tcp`: libpcap wants a backslash before a word of its own; here the place says what is meant.
  const named = qualifiers.kind.startsWith('proto') && token.kind === 'word' && PROTOCOLS.has(token.text);
  if (!IDENTIFIERS.has(token.kind) && !named) throw unexpected(token, wantedFor(qualifiers));
  return identifier(cursor, qualifiers);
}

function wantedFor({ kind, protocol }: Qualifiers): string {
  if (kind === 'port') return 'a port number';
  if (kind === 'portrange') return 'a range of ports such as 1024-2047';
  if (kind.startsWith('proto')) return 'a protocol number or name';
  return protocol === 'ether' ? 'a MAC address' : 'an IPv4 or IPv6 address';
}

function identifier(cursor: Cursor, qualifiers: Qualifiers): Expression {
  const token = take(cursor);
  let id: Identifier = { token };
  if ((token.kind === 'ipv4' || token.kind === 'ipv6') && isSymbol(peek(cursor), '/')) {
    take(cursor);
    id = { token, prefix: expectNumber(cursor, `a prefix length of 0-${token.kind === 'ipv4' ? 32 : 128}`) };
  } else if (token.kind === 'ipv4' && isWord(peek(cursor), 'mask')) {
    take(cursor);
    const mask = take(cursor);
    if (mask.kind !== 'ipv4') throw unexpected(mask, 'a mask such as 255.255.0.0');
    id = { token, mask };
  }
  return { kind: 'identifier', qualifiers, id };
}
