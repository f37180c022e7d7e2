/**
 * `etherloom port set` and `port add`: words as in `run --port` to the settings that the API takes.
 */

import { parsePortSpec, parsePortWords } from '../config/port-spec.ts';
import { type AskIo, answering, TERMINAL } from './asking.ts';
import { type ChangeOptions, changed } from './change.ts';

export function setPort(path: string, words: string[], options: ChangeOptions, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, () => changed({ method: 'PATCH', path, body: parsePortWords(words) }, options));
}

export function addPort(
  spec: string,
  pathOf: (name: string) => string,
  options: ChangeOptions,
  io: AskIo = TERMINAL,
): Promise<number> {
  return answering(io, () => {
    const { name, port } = parsePortSpec(spec);
    return changed({ method: 'PUT', path: pathOf(name), query: { replace: 'false' }, body: port }, options);
  });
}
