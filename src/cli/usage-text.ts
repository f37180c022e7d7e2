/** What commander says of a call that cannot be, in the words and the one line of all other errors. */

import { oneLine } from '../config/error.ts';

const FORMS: readonly [RegExp, string][] = [
  [/\n\(Did you mean one of (.*)\?\)$/, ' (did you mean $1?)'],
  [/\n\(Did you mean (.*)\?\)$/, ' (did you mean $1?)'],
  [/^option '(?:-\w, )?(--[\w-]+).*?' argument '(.*)' is invalid\. /s, '$1: "$2" is not valid; '],
  [/^command-argument value '(.*)' is invalid for argument '(.*)'\. /s, '<$2>: "$1" is not valid; '],
  [/Allowed choices are (.*)\.$/, 'valid are $1'],
  [/^option '(?:-\w, )?(--[\w-]+) (.*)' argument missing$/, '$1 needs $2'],
  [/^required option '(?:-\w, )?(--[\w-]+ .*)' not specified$/, '$1 is missing'],
  [/^missing required argument '(.*)'$/, '<$1> is missing'],
  [/^(too many arguments.*)\. Expected (\d+) .* but got (\d+)\.$/, '$1: $3; it takes $2'],
  [/^(unknown command '[^']*')$/, '$1; `etherloom --help` lists them'],
];

export function usageText(text: string): string {
  const bare = text.replace(/^error: /, '').replace(/\n$/, '');
  return `etherloom: ${oneLine(FORMS.reduce((said, [form, words]) => said.replace(form, words), bare))}\n`;
}
