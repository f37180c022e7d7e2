/**
 * Columns for a terminal: as wide as their widest cell, two spaces apart; numbers to the right.
 */

import { oneLine } from '../../config/error.ts';

export type Cell = string | number | null;

/** No trailing spaces, one line break at the end. Empty cells are `-`. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const text = rows.map((row) => row.map((cell) => (cell === null || cell === '' ? '-' : oneLine(String(cell)))));
  const width = head.map((title, c) => text.reduce((most, row) => Math.max(most, row[c].length), title.length));
  const right = head.map(
    (_, c) =>
      rows.some((row) => typeof row[c] === 'number') &&
      rows.every((row) => row[c] === null || typeof row[c] === 'number'),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, c) => (right[c] ? cell.padStart(width[c]) : cell.padEnd(width[c])))
      .join('  ')
      .trimEnd();
  return `${[head, ...text].map(line).join('\n')}\n`;
}
