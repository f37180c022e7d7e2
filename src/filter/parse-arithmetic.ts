/**
 * Arithmetic: `tcp[tcpflags] & (tcp-syn|tcp-fin) != 0`.
 *
 * Binds from loose to tight: | & shifts + * unary minus. `%` and `^` have no rank in libpcap's grammar, so that what
 * follows them is taken whole: `8 % 3 + 1` is 8 % 4, and `2 * 7 % 4` is 2 * 3. It is the same here.
 */

import type { Arithmetic } from './ast.ts';
import {
  type Cursor,
  countOperator,
  expectNumber,
  expectSymbol,
  isSymbol,
  isWord,
  nested,
  peek,
  take,
  unexpected,
} from './cursor.ts';
import { PROTOCOLS } from './names.ts';

const RANK: Readonly<Record<string, number>> = {
  '|': 1,
  '&': 2,
  '<<': 3,
  '>>': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
};
const LOOSEST = 1;
const UNARY = 6;
const UNRANKED: ReadonlySet<string> = new Set(['%', '^']);
const RELATIONS: ReadonlySet<string> = new Set(['>', '>=', '<', '<=', '=', '!=']);

/** Whether arithmetic begins here, rather than an identifier, a protocol or a parenthesis around a test. */
export function startsArithmetic(cursor: Cursor): boolean {
  const token = peek(cursor);
  if (token.kind === 'number') return goesOn(cursor, 1);
  if (isSymbol(token, '-') || isWord(token, 'len')) return true;
  if (isSymbol(token, '(')) return goesOn(cursor, afterParenthesis(cursor));
  return token.kind === 'word' && PROTOCOLS.has(token.text) && isSymbol(peek(cursor, 1), '[');
}

function goesOn(cursor: Cursor, ahead: number): boolean {
  const { kind, text } = peek(cursor, ahead);
  return kind === 'symbol' && (Object.hasOwn(RANK, text) || UNRANKED.has(text) || RELATIONS.has(text));
}

/** How far ahead the word behind the matching parenthesis is. */
function afterParenthesis(cursor: Cursor): number {
  let open = 0;
  for (let ahead = 0; ; ahead++) {
    const token = peek(cursor, ahead);
    if (token.kind === 'end') return ahead;
    if (isSymbol(token, '(')) open++;
    else if (isSymbol(token, ')') && --open === 0) return ahead + 1;
  }
}

export function parseRelation(cursor: Cursor): { operator: string; left: Arithmetic; right: Arithmetic } {
  cursor.operators = 0;
  const left = parseArithmetic(cursor, LOOSEST);
  const operator = take(cursor);
  if (operator.kind !== 'symbol' || !RELATIONS.has(operator.text)) {
    throw unexpected(operator, 'a comparison: > >= < <= = !=');
  }
  return { operator: operator.text, left, right: parseArithmetic(cursor, LOOSEST) };
}

export function parseArithmetic(cursor: Cursor, loosest: number = LOOSEST): Arithmetic {
  let left = parseOperand(cursor);
  for (;;) {
    const operator = peek(cursor);
    if (operator.kind !== 'symbol') return left;
    const unranked = UNRANKED.has(operator.text);
    const rank = RANK[operator.text];
    if (!unranked && (rank === undefined || rank < loosest)) return left;
    take(cursor);
    countOperator(cursor, operator);
    const right = nested(cursor, () => parseArithmetic(cursor, unranked ? LOOSEST : rank! + 1));
    left = { kind: 'binary', operator, left, right };
  }
}

function parseOperand(cursor: Cursor): Arithmetic {
  const token = take(cursor);
  if (token.kind === 'number') return { kind: 'constant', value: token.value };
  if (isWord(token, 'len')) return { kind: 'length' };
  if (isSymbol(token, '-')) return { kind: 'negate', of: nested(cursor, () => parseArithmetic(cursor, UNARY)) };
  if (isSymbol(token, '(')) {
    const inside = nested(cursor, () => parseArithmetic(cursor));
    expectSymbol(cursor, ')');
    return inside;
  }
  if (token.kind === 'word' && PROTOCOLS.has(token.text)) {
    expectSymbol(cursor, '[');
    const index = nested(cursor, () => parseArithmetic(cursor));
    let size = null;
    if (isSymbol(peek(cursor), ':')) {
      take(cursor);
      size = expectNumber(cursor, 'a size of 1, 2 or 4 bytes');
    }
    expectSymbol(cursor, ']');
    return { kind: 'load', protocol: token, index, size };
  }
  throw unexpected(token, 'a number, "len", PROTOCOL[BYTE] or PROTOCOL[BYTE:SIZE]');
}
