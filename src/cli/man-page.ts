/**
 * The man page, made from the commands themselves: `etherloom man | man -l -`.
 */

import type { CommandEntry, OptionEntry } from './command-tree.ts';

/** `date`: of the build, YYYY-MM-DD; empty where there was none. */
export function manPage(commands: readonly CommandEntry[], version: string, date: string): string {
  const [program, ...rest] = commands;
  const lines = [
    `.TH ETHERLOOM 1 "${date}" "etherloom ${version}" "User commands"`,
    '.SH NAME',
    'etherloom \\- a VLAN\\-aware software switch',
    '.SH SYNOPSIS',
    '.B etherloom',
    '.I command',
    '[\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    escaped(program.description),
    '.SH COMMANDS',
  ];
  for (const command of rest) if (command.subcommands.length === 0) lines.push(...commandLines(command));
  lines.push(
    '.SH SIGNALS',
    'A running switch ends on SIGINT and SIGTERM, and reads its configuration again on SIGHUP.',
    '.SH EXIT STATUS',
    '0 success, 1 failure, 2 bad usage or input. An error is one line on stderr with its place.',
    '.SH FILES',
    '.TP',
    '.I /run/etherloom/NAME.sock',
    'Control socket of a switch that root runs; \\fI$XDG_RUNTIME_DIR/etherloom/NAME.sock\\fR for others.',
    '.SH SEE ALSO',
    '.BR bridge (8),',
    '.BR ip (8),',
    'the documentation that comes with the package.',
    '',
  );
  return lines.join('\n');
}

function commandLines({ path, description, arguments: args, options, after }: CommandEntry): string[] {
  const usage = [`\\fB${escaped(path)}\\fR`, ...args.map((arg) => `\\fI${escaped(arg)}\\fR`)];
  const lines = ['.SS', usage.join(' '), `${sentence(escaped(description))}`];
  for (const option of options) lines.push('.TP', optionHead(option), sentence(escaped(option.description)));
  if (after !== '') lines.push('.PP', '.nf', ...after.split('\n').map(escaped), '.fi');
  return lines;
}

function optionHead({ short, long, value }: OptionEntry): string {
  const names = [short, long].filter((name) => name !== null).map((name) => `\\fB${escaped(name)}\\fR`);
  return `${names.join(', ')}${value === null ? '' : ` \\fI${escaped(value)}\\fR`}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Neither a request nor an escape, and hyphens that can be copied. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}
