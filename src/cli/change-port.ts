/**
 * `etherloom port set` and `port add`: words as in `run --port` to the settings that the API takes.
 */

import { ConfigError } from '../config/error.ts';
import { parsePortSpec, parsePortWords } from '../config/port-spec.ts';
import { type AskIo, answering, TERMINAL } from './asking.ts';
import { type ChangeOptions, changed } from './change.ts';
import { UsageError } from './usage-error.ts';

export function setPort(
  name: string,
  pathOf: (name: string) => string,
  words: string[],
  options: ChangeOptions,
  io: AskIo = TERMINAL,
): Promise<number> {
  return answering(io, () => {
    const what = `port ${name}: `;
    const body = typed(what, () => parsePortWords(words));
    return changed({ method: 'PATCH', path: pathOf(name), body }, options, '', what);
  });
}

export function addPort(
  spec: string,
  pathOf: (name: string) => string,
  options: ChangeOptions,
  io: AskIo = TERMINAL,
): Promise<number> {
  return answering(io, () => {
    const { name, port } = typed(`${spec}: `, () => parsePortSpec(spec));
    const question = { method: 'PUT', path: pathOf(name), query: { replace: 'false' }, body: port } as const;
    return changed(question, options, '', `port ${name}: `);
  });
}

/** Errors of words are placed at `--port`, an option that was not typed here. */
function typed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError(`${what}${error.path === '' ? '' : `${error.path}: `}${error.problem}`);
  }
}
