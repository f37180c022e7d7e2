/**
 * The one error of this room, and the words it is made of.
 *
 * A configuration error is one line that names the file, the line, the path of the key, what is wrong and what
 * would be valid, so that it can be read in a terminal, clicked in an editor and searched in a journal:
 *
 *     switch.yaml:12: ports.p2.vlans: 4095 is not a VLAN ID; valid are 1-4094, ranges "10,20-30", or "all"
 *
 * Everything that comes from the user is quoted through `show`, which bounds its length and removes line breaks.
 */

export type Path = readonly (string | number)[];

/** Where an error is. `line` and `column` count from 1; 0 means that the place has no lines (`--port "…"`). */
export interface Place {
  file: string;
  line: number;
  column: number;
  path: string;
}

/** Turns a path in the raw configuration into a place that the user knows. */
export interface Source {
  place(path: Path): Place;
}

export class ConfigError extends Error {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  /** What is wrong and what would be valid, without the place. */
  readonly problem: string;

  constructor(place: Place, problem: string) {
    const where = place.line > 0 ? `${place.file}:${place.line}` : place.file;
    const text = clip(problem, MAX_PROBLEM);
    super(oneLine(place.path === '' ? `${where}: ${text}` : `${where}: ${place.path}: ${text}`));
    this.name = 'ConfigError';
    this.file = place.file;
    this.line = place.line;
    this.column = place.column;
    this.path = oneLine(place.path);
    this.problem = oneLine(text);
  }
}

/** Characters: the longest list of valid keys fits, a pasted file does not. */
const MAX_PROBLEM = 1000;
/** Characters of a user's value that are quoted back. */
const MAX_SHOWN = 40;

function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** Without what would end the line or steer the terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** A value as the user would recognise it: quoted text, a plain number, or the kind of a collection. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string') return oneLine(JSON.stringify(clip(value, MAX_SHOWN)));
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return clip(String(value), MAX_SHOWN);
}

/** `['fdb', 0, 'mac']` as `fdb[0].mac`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${clip(step, MAX_SHOWN)}`;
  }
  return text;
}

/** ` (did you mean "trunk"?)` when a candidate is near enough to be a slip of the finger; otherwise nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  if (word.length === 0 || word.length > MAX_SHOWN) return '';
  let best = '';
  let bestDistance = 1 + Math.max(1, Math.floor(word.length / 3));
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === '' ? '' : ` (did you mean "${best}"?)`;
}

/** Names listed where none is near, and where one is. */
const SOME_NAMES = 16;
const FEW_NAMES = 8;

/** `there is no port "p9"`, with the one that is nearly it, or those that there are. */
export function noSuch(what: string, name: string, names: readonly string[]): string {
  const hint = didYouMean(name, names);
  const more = names.length > SOME_NAMES ? ` and ${names.length - SOME_NAMES} more` : '';
  const valid = `; valid are ${names.slice(0, SOME_NAMES).join(', ') || 'none'}${more}`;
  return `there is no ${what} ${show(name)}${hint}${hint === '' || names.length <= FEW_NAMES ? valid : ''}`;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
