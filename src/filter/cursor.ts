/** A place in the words of a filter, and the errors that are said about it. */

import { FilterError, quote } from './error.ts';
import type { Token } from './lex.ts';

export interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
  /** Parentheses, negations and indexes that are open. */
  depth: number;
  /** Changes from `and` to `or` or back, and operators of the comparison at hand: each nests all before it. */
  changes: number;
  operators: number;
}

// V8 gives up on code that nests some hundred blocks deep.
const MAX_DEPTH = 100;
const MAX_CHANGES = 200;
const MAX_OPERATORS = 200;

export function peek(cursor: Cursor, ahead = 0): Token {
  return cursor.tokens[Math.min(cursor.at + ahead, cursor.tokens.length - 1)]!;
}

export function take(cursor: Cursor): Token {
  const token = peek(cursor);
  if (token.kind !== 'end') cursor.at++;
  return token;
}

export function isSymbol(token: Token, text: string): boolean {
  return token.kind === 'symbol' && token.text === text;
}

export function isWord(token: Token, text: string): boolean {
  return token.kind === 'word' && token.text === text;
}

export function unexpected(token: Token, wanted: string): FilterError {
  const what = token.kind === 'end' ? 'the filter ends here' : `${quote(token.text)} does not fit here`;
  return new FilterError(token.column, `${what}; valid is ${wanted}`);
}

export function expectSymbol(cursor: Cursor, text: string): void {
  const token = take(cursor);
  if (!isSymbol(token, text)) throw unexpected(token, `"${text}"`);
}

export function expectNumber(cursor: Cursor, what: string): Token {
  const token = take(cursor);
  if (token.kind !== 'number') throw unexpected(token, what);
  return token;
}

export function countChange(cursor: Cursor, token: Token): void {
  if (++cursor.changes <= MAX_CHANGES) return;
  throw new FilterError(token.column, `"and" and "or" change more than ${MAX_CHANGES} times`);
}

export function countOperator(cursor: Cursor, token: Token): void {
  if (++cursor.operators <= MAX_OPERATORS) return;
  throw new FilterError(token.column, `more than ${MAX_OPERATORS} operators in one comparison`);
}

/** Runs `inside` one level deeper. */
export function nested<T>(cursor: Cursor, inside: () => T): T {
  if (++cursor.depth > MAX_DEPTH) {
    throw new FilterError(peek(cursor).column, `nested more than ${MAX_DEPTH} levels deep`);
  }
  const result = inside();
  cursor.depth--;
  return result;
}
