/**
 * The one error of this room: a filter is one line, so its place is a column.
 *
 *     filter:6: "web" is a name, and a switch has no resolver; give the address
 */

export class FilterError extends Error {
  /** Characters from 1. */
  readonly column: number;
  /** What is wrong and what would be valid, without the place. */
  readonly problem: string;

  constructor(column: number, problem: string) {
    const line = problem.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
    super(`filter:${column}: ${line}`);
    this.name = 'FilterError';
    this.column = column;
    this.problem = line;
  }
}

/** Characters of the filter that are quoted back. */
const MAX_SHOWN = 40;

export function quote(text: string): string {
  return `"${text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`}"`;
}
