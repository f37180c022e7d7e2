/**
 * YAML text to the document tree of the `yaml` package, within bounds.
 *
 * `parseDocument` would collect every error of a text and recurse once per level: 8 MiB of quotes cost it a minute and
 * the heap, a kilobyte of brackets the stack. So its three stages (lexer, parser, composer) are driven here one token at
 * a time, and the first error, the token budget and the nesting limit end the work. Node 20 reads a text that spends the
 * whole budget in a few seconds.
 */
import { Composer, type CST, type Document, Lexer, type LineCounter, Parser, type YAMLError } from 'yaml';

export const MAX_TEXT = 8 * 1024 * 1024; // UTF-16 units; a configuration of 1,024 ports is about 200 KiB
export const MAX_TOKENS = 1_000_000; // 1,024 ports with every key are about 200,000
export const MAX_DEPTH = 32; // the deepest valid path has 4 steps

/** What is wrong with the text, and where. */
export interface TextProblem {
  offset: number;
  problem: string;
}

/** Carries a problem out of the generators; never leaves this file. */
class Stop extends Error {
  readonly found: TextProblem;
  constructor(offset: number, problem: string) {
    super(problem);
    this.found = { offset, problem };
  }
}

/** The one document of the text, or the first thing that is wrong with it. `lines` learns where the lines start. */
export function readYaml(text: string, lines: LineCounter): Document.Parsed | TextProblem {
  if (text.length > MAX_TEXT) {
    return { offset: 0, problem: `the file has ${text.length} characters; valid are at most ${MAX_TEXT}` };
  }
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    uniqueKeys: false, // checked by the reader of values, without the package's quadratic comparison
    logLevel: 'silent',
    prettyErrors: false,
  });
  const documents: CST.Document[] = [];
  try {
    let document: Document.Parsed | null = null;
    for (const next of composer.compose(boundedTokens(text, lines, documents), true, text.length)) {
      if (document !== null) {
        return { offset: next.range[0], problem: 'a second document starts here ("---"); valid is one document' };
      }
      const error = next.errors[0];
      if (error !== undefined) return unclosedProblem(error, text, documents) ?? syntaxProblem(error);
      document = next as Document.Parsed;
    }
    return document ?? { offset: 0, problem: 'the file is empty' };
  } catch (error) {
    if (error instanceof Stop) return error.found;
    throw error;
  }
}

function* boundedTokens(text: string, lines: LineCounter, documents: CST.Document[]): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let budget = MAX_TOKENS;
  for (const lexeme of new Lexer().lex(text)) {
    if (--budget < 0) throw new Stop(parser.offset, `the file has more than ${MAX_TOKENS} YAML tokens`);
    yield* acceptable(parser.next(lexeme), documents);
    // The stack holds the document, one entry per open collection, and the scalar being read.
    if (parser.stack.length > MAX_DEPTH + 2) {
      throw new Stop(parser.offset, `the text is nested deeper than ${MAX_DEPTH} levels`);
    }
  }
  yield* acceptable(parser.end(), documents);
}

/** Errors end the work, and so do directives: YAML 1.1 would read `010` and `yes` in another way. */
function* acceptable(tokens: Iterable<CST.Token>, documents: CST.Document[]): Generator<CST.Token, void> {
  for (const token of tokens) {
    if (token.type === 'error') throw new Stop(token.offset, `not valid YAML: ${token.message}`);
    if (token.type === 'directive' && !/^%YAML 1\.2$/.test(token.source.trim())) {
      throw new Stop(token.offset, 'the YAML directive is not supported; valid is %YAML 1.2');
    }
    if (token.type === 'document') documents.push(token);
    yield token;
  }
}

const OPEN = /^Flow (map|sequence) .*\bend with/;

/** What is open at the end is told where it opens. */
function unclosedProblem({ message }: YAMLError, text: string, documents: readonly CST.Document[]): TextProblem | null {
  const last = documents.at(-1)?.value;
  const open = OPEN.test(message) && last !== undefined ? unclosedIn(last) : null;
  if (open === null) return null;
  const [begin, end] = text[open.offset] === '{' ? ['{', '}'] : ['[', ']'];
  return { offset: open.offset, problem: `not valid YAML: the "${begin}" here is not closed with "${end}"` };
}

/** The innermost; as deep as the text, which is bounded. */
function unclosedIn(token: CST.Token): CST.FlowCollection | null {
  if (!('items' in token)) return null;
  for (const { key, value } of [...token.items].reverse()) {
    for (const each of [value, key]) {
      const found = each === undefined || each === null ? null : unclosedIn(each);
      if (found !== null) return found;
    }
  }
  const isOpen = token.type === 'flow-collection' && !token.end.some(({ type }) => /^flow-.*-end$/.test(type));
  return isOpen ? token : null;
}

function syntaxProblem({ code, message, pos }: YAMLError): TextProblem {
  if (code === 'TAB_AS_INDENT') {
    return { offset: pos[0], problem: 'a tab indents this line; YAML allows only spaces there' };
  }
  return { offset: pos[0], problem: `not valid YAML: ${message}` };
}
