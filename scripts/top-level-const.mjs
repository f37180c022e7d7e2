/**
 * Makes `const` again what esbuild has made `var`: in a bundle it turns every declaration of a module's top level into one, and V8
 * builds a constant into the code of those who use it, where it loads and checks a `var` at every use (a quarter of a frame's
 * time in the lanes). There is no option to leave them alone.
 *
 * A source map keeps its lines; its columns are shifted by what is inserted.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from '@swc/core';

/** Rewrites a bundled file, and its source map beside it. */
export async function makeConst(file) {
  const source = readFileSync(file);
  const edits = await findEdits(source);
  if (edits.length === 0) return;
  const map = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
  map.mappings = shiftMappings(map.mappings, placesOf(source, edits));
  writeFileSync(file, apply(source, edits));
  writeFileSync(`${file}.map`, JSON.stringify(map));
}

/** What to put in place of what, in bytes from `start` to `end`, in their order. */
async function findEdits(source) {
  const { body, span } = await parse(source.toString(), { syntax: 'ecmascript', target: 'es2022' });
  const assigned = assignedIn(body);
  const edits = [];
  for (const { type, kind, declarations, span: whole } of body) {
    if (type !== 'VariableDeclaration' || kind !== 'var') continue;
    let before = null;
    for (const { id, init, span: own } of declarations) {
      const word = id.type === 'Identifier' && init !== null && !assigned.has(id.value) ? 'const' : 'var';
      const start = (before === null ? whole.start : own.start) - span.start;
      if (before === null) edits.push({ start, end: start + 3, found: 'var', word });
      else if (word !== before) edits.push({ ...commaBefore(source, start), found: ',', word: `;${word} ` });
      before = word;
    }
  }
  for (const { start, end, found } of edits) {
    const text = source.subarray(start, end).toString();
    if (text !== found) throw new Error(`a declaration begins with ${JSON.stringify(text)}, not with ${found}`);
  }
  return edits.filter(({ found, word }) => found !== word);
}

/** In minified code there is nothing between a comma and what it parts, but for the end of a line. */
function commaBefore(source, at) {
  const start = source[at - 1] === 10 ? at - 2 : at - 1;
  return { start, end: start + 1 };
}

/** Names that are assigned to anywhere, whatever they mean there: they stay as they are. */
function assignedIn(body) {
  const names = new Set();
  const collect = (target) => {
    if (typeof target !== 'object' || target === null || target.type === 'MemberExpression') return;
    if (target.type === 'Identifier') names.add(target.value);
    for (const part of Object.values(target)) collect(part);
  };
  const walk = (node) => {
    if (typeof node !== 'object' || node === null) return;
    if (node.type === 'AssignmentExpression') collect(node.left);
    if (node.type === 'UpdateExpression') collect(node.argument);
    if (node.type === 'ForOfStatement' || node.type === 'ForInStatement') collect(node.left);
    for (const part of Object.values(node)) walk(part);
  };
  walk(body);
  return names;
}

function apply(source, edits) {
  const parts = [];
  let at = 0;
  for (const { start, end, word } of edits) {
    parts.push(source.subarray(at, start), Buffer.from(word));
    at = end;
  }
  parts.push(source.subarray(at));
  return Buffer.concat(parts);
}

/** By line, where columns shift and by how much. A column is a UTF-16 unit. */
function placesOf(source, edits) {
  const places = new Map();
  let line = 0;
  let lineStart = 0;
  for (const { start, end, word } of edits) {
    for (let at = source.indexOf(10, lineStart); at >= 0 && at < start; at = source.indexOf(10, lineStart)) {
      line++;
      lineStart = at + 1;
    }
    const column = source.subarray(lineStart, end).toString().length;
    if (!places.has(line)) places.set(line, []);
    places.get(line).push({ column, by: word.length - (end - start) });
  }
  return places;
}

/** `mappings` of a source map: lines are parted by semicolons, segments by commas; a segment begins with its column's distance. */
function shiftMappings(mappings, places) {
  const lines = mappings.split(';');
  for (const [line, shifts] of places) {
    let column = 0;
    let shifted = 0;
    const segments = (lines[line] ?? '').split(',').filter((segment) => segment !== '');
    lines[line] = segments
      .map((segment) => {
        const { value, length } = readVlq(segment);
        column += value;
        let now = column;
        for (const shift of shifts) if (shift.column <= column) now += shift.by;
        const distance = now - shifted;
        shifted = now;
        return writeVlq(distance) + segment.slice(length);
      })
      .join(',');
  }
  return lines.join(';');
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The first number of a segment: five bits a digit, lowest first, 32 = more follow; the lowest bit of all is the sign. */
function readVlq(text) {
  let value = 0;
  let length = 0;
  for (let digit = 32; (digit & 32) !== 0; length++) {
    digit = DIGITS.indexOf(text[length]);
    value |= (digit & 31) << (5 * length);
  }
  return { value: (value & 1) !== 0 ? -(value >> 1) : value >> 1, length };
}

function writeVlq(value) {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = rest & 31;
    rest >>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}
