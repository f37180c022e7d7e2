/**
 * The commands as plain data, read from commander: what completion and the man page are made of.
 */

import type { EventEmitter } from 'node:events';
import type { Argument, Command, Option } from 'commander';
import { EVENT_NAMES } from '../api/events.ts';
import { TOPICS } from '../api/topics.ts';
import { ALL_BENCHMARKS, BENCHMARKS } from './bench-names.ts';
import { STORIES } from './lab.ts';

export interface CommandEntry {
  /** `fdb add`; empty for the program itself. */
  path: string;
  description: string;
  /** `<mac>`, `[vlan-name]`, `<key=value...>` */
  arguments: string[];
  /** What its argument may be, where that is a short list. */
  choices: readonly string[];
  options: OptionEntry[];
  subcommands: string[];
  /** The text behind the help: examples. */
  after: string;
}

export interface OptionEntry {
  /** `-c` */
  short: string | null;
  /** `--config` */
  long: string;
  /** `<file>`, `[host:port]`, or null for a flag. */
  value: string | null;
  description: string;
  choices: readonly string[];
}

/** Choices that commander is not told: its refusal would say less than the command's own. */
const ARGUMENT_CHOICES: Record<string, readonly string[]> = {
  show: TOPICS,
  lab: STORIES.map(({ name }) => name),
  bench: [...BENCHMARKS, ALL_BENCHMARKS],
};

/** Words of lists with commas. */
const OPTION_CHOICES: Record<string, readonly string[]> = {
  'capture --dir': ['in', 'out', 'drop'],
  'events --only': EVENT_NAMES,
};

/** The program first, then its commands as the help lists them. */
export function commandTree(program: Command): CommandEntry[] {
  return entriesOf(program, []);
}

function entriesOf(command: Command, path: readonly string[]): CommandEntry[] {
  const text = path.join(' ');
  const entry: CommandEntry = {
    path: text,
    description: command.description(),
    arguments: command.registeredArguments.map(argumentText),
    choices: ARGUMENT_CHOICES[text] ?? command.registeredArguments[0]?.argChoices ?? [],
    options: command.options.map((option) => optionEntry(text, option)),
    subcommands: command.commands.map((sub) => sub.name()),
    after: afterHelp(command),
  };
  return [entry, ...command.commands.flatMap((sub) => entriesOf(sub, [...path, sub.name()]))];
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionEntry(path: string, { short, long, flags, description, argChoices }: Option): OptionEntry {
  return {
    short: short ?? null,
    long: long ?? '',
    value: /[<[][^>\]]+[>\]]/.exec(flags)?.[0] ?? null,
    description,
    choices: argChoices ?? OPTION_CHOICES[`${path} ${long}`] ?? [],
  };
}

/** What `addHelpText('after', …)` would print. */
function afterHelp(command: Command): string {
  let text = '';
  const write = (chunk: string) => {
    text += chunk;
  };
  const context = { error: false, write, command };
  (command as unknown as EventEmitter).emit('afterHelp', context);
  return text.trim();
}
