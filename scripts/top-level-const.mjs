/**
 * Makes `const` again what esbuild has made `var`: in a bundle it turns every declaration of a module's top level into one, and V8
 * builds a constant into the code of those who use it, where it loads and checks a `var` at every use (a quarter of a frame's
 * time in the lanes). There is no option to leave them alone.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import remapping from '@jridgewell/remapping';
import { parse } from '@swc/core';
import MagicString from 'magic-string';

/** Rewrites a bundled file, and its source map beside it. */
export async function makeConst(file) {
  const text = readFileSync(file, 'utf8');
  const edited = new MagicString(text);
  for (const { at, found, word } of await findEdits(text)) {
    const there = text.slice(at, at + found.length);
    if (there !== found) throw new Error(`a declaration begins with ${JSON.stringify(there)}, not with ${found}`);
    edited.update(at, at + found.length, word);
  }
  const edits = edited.generateMap({ hires: 'boundary', source: file });
  const bundled = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
  const map = remapping(edits, (source) => (source === file ? bundled : null));
  writeFileSync(file, edited.toString());
  writeFileSync(`${file}.map`, map.toString());
}

/** What to put in place of what, in their order. */
async function findEdits(text) {
  const { body, span } = await parse(text, { syntax: 'ecmascript', target: 'es2022' });
  const assigned = assignedIn(body);
  const indexOf = indexOfBytes(text);
  const edits = [];
  for (const { type, kind, declarations, span: whole } of body) {
    if (type !== 'VariableDeclaration' || kind !== 'var') continue;
    let before = null;
    for (const { id, init, span: own } of declarations) {
      const word = id.type === 'Identifier' && init !== null && !assigned.has(id.value) ? 'const' : 'var';
      if (before === null) edits.push({ at: indexOf(whole.start - span.start), found: 'var', word });
      else if (word !== before) {
        const at = indexOf(own.start - span.start);
        // In minified code there is nothing between a comma and what it parts, but for the end of a line.
        edits.push({ at: text[at - 1] === '\n' ? at - 2 : at - 1, found: ',', word: `;${word} ` });
      }
      before = word;
    }
  }
  return edits.filter(({ found, word }) => found !== word);
}

/** The parser counts bytes of UTF-8. Asked in ascending order. */
function indexOfBytes(text) {
  const bytes = Buffer.from(text);
  let [byte, index] = [0, 0];
  return (at) => {
    index += bytes.toString('utf8', byte, at).length;
    byte = at;
    return index;
  };
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
