/** What goes wrong, said in one line; every command says it in this form. */

import { oneLine } from '../config/error.ts';

export function complain(err: NodeJS.WritableStream, problem: string): void {
  err.write(`etherloom: ${oneLine(problem)}\n`);
}
