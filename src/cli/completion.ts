/**
 * Completion for shells, made from the commands themselves: `eval "$(etherloom completion bash)"`.
 *
 * All three find the command in the same way: the words before the cursor that are commands say which one it is, with a space before each. An
 * option before the cursor that takes a value says what may follow; file names are offered where files are meant, and nowhere else.
 */

import type { CommandEntry, OptionEntry } from './command-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completion(shell: Shell, commands: readonly CommandEntry[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/** Names of the switches that have a socket, by `sh` and by fish. */
const SOCKETS = '/run/etherloom "$XDG_RUNTIME_DIR/etherloom" "/tmp/etherloom-$(id -u)"';
const NAMES = `$(ls ${SOCKETS} 2>/dev/null | sed -n 's/\\.sock$//p')`;
const FISH_NAMES = `(ls /run/etherloom "$XDG_RUNTIME_DIR/etherloom" /tmp/etherloom-(id -u) 2>/dev/null | string replace -rf '\\.sock$' '')`;

/** Ports of the switch that runs. */
const PORTS = `$(command etherloom show ports --json 2>/dev/null | sed -n 's/^ *"name": "\\(.*\\)",$/\\1/p')`;
const FISH_PORTS = `(command etherloom show ports --json 2>/dev/null | string replace -rf '^ *"name": "(.*)",$' '$1')`;

type Value = 'nothing' | 'choices' | 'names' | 'ports' | 'files' | 'free';

function kindOf(path: string, { long, value, choices }: OptionEntry): Value {
  if (value === null) return 'nothing';
  if (choices.length > 0) return 'choices';
  if (long === '--name') return path === 'run' ? 'free' : 'names';
  if (`${long} ${value}` === '--port <name>' || `${long} ${value}` === '--to <port>') return 'ports';
  return isFile(value) ? 'files' : 'free';
}

function isFile(argument: string): boolean {
  return /^[<[](file|path|dir|capture)[.>\]]/.test(argument);
}

function bash(commands: readonly CommandEntry[]): string {
  const lines = [
    '_etherloom() {',
    '  local at="" word previous="$3" current="$2" words="" files=""',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$at $word" in',
    `      ${patterns(commands)}) at="$at $word" ;;`,
    '    esac',
    '  done',
    '  COMPREPLY=()',
    '  case "$at $previous" in',
  ];
  const replies: Record<Exclude<Value, 'nothing' | 'choices'>, string> = {
    names: `COMPREPLY=($(compgen -W "${NAMES}" -- "$current"))`,
    ports: `COMPREPLY=($(compgen -W "${PORTS}" -- "$current"))`,
    files: 'compopt -o default 2>/dev/null',
    free: ':',
  };
  for (const { path, options } of commands) {
    for (const option of options) {
      const kind = kindOf(path, option);
      if (kind === 'nothing') continue;
      const words = `COMPREPLY=($(compgen -W "${option.choices.join(' ')}" -- "$current"))`;
      lines.push(`    ${optionPatterns(path, option)}) ${kind === 'choices' ? words : replies[kind]}; return ;;`);
    }
  }
  lines.push('  esac', '  case "$at" in');
  for (const { path, options, subcommands, choices, arguments: args } of commands) {
    const words = [...subcommands, ...choices, ...options.map(({ long }) => long), '--help'];
    const files = args.some(isFile) ? ' files=1' : '';
    lines.push(`    "${spaced(path)}") words="${words.join(' ')}"${files} ;;`);
  }
  lines.push(
    '  esac',
    '  if [[ -n $files && $current != -* ]]; then compopt -o default 2>/dev/null; return; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -F _etherloom etherloom',
    '',
  );
  return lines.join('\n');
}

/** For `eval` as well as for a file `_etherloom` in the path of functions. */
function zsh(commands: readonly CommandEntry[]): string {
  const lines = [
    '#compdef etherloom',
    '(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }',
    '_etherloom() {',
    '  local at="" word',
    '  local -a found flags',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    '    case "$at $word" in',
    `      ${patterns(commands)}) at="$at $word" ;;`,
    '    esac',
    '  done',
    '  case "$at $words[CURRENT-1]" in',
  ];
  const replies: Record<Exclude<Value, 'nothing' | 'choices'>, string> = {
    names: `compadd -- $\{(f)"${NAMES}"}`,
    ports: `compadd -- $\{(f)"${PORTS}"}`,
    files: '_files',
    free: '_message value',
  };
  for (const { path, options } of commands) {
    for (const option of options) {
      const kind = kindOf(path, option);
      if (kind === 'nothing') continue;
      const words = `compadd -- ${option.choices.join(' ')}`;
      lines.push(`    ${optionPatterns(path, option)}) ${kind === 'choices' ? words : replies[kind]}; return ;;`);
    }
  }
  lines.push('  esac', '  case "$at" in');
  for (const { path, options, subcommands, choices, arguments: args } of commands) {
    const below = subcommands.map((name) => {
      const { description } = commands.find((each) => each.path === `${path} ${name}`.trim())!;
      return described(name, description);
    });
    const found = [...below, ...choices].join(' ');
    const flags = options.map(({ long, description }) => described(long, description)).join(' ');
    lines.push(`    "${spaced(path)}") found=(${found}) flags=(${flags} ${described('--help', 'help')})`);
    if (args.some(isFile)) lines.push('      [[ $PREFIX == -* ]] || { _files; return }');
    lines.push('      ;;');
  }
  lines.push(
    '  esac',
    '  if [[ $PREFIX == -* || $#found == 0 ]]; then _describe option flags; else _describe word found; fi',
    '}',
    'compdef _etherloom etherloom',
    '',
  );
  return lines.join('\n');
}

function described(word: string, description: string): string {
  return shellQuoted(`${word}:${description}`);
}

function fish(commands: readonly CommandEntry[]): string {
  const lines = [
    'function __etherloom_at',
    '  set -l at ""',
    '  set -l words (commandline -opc)',
    '  set -e words[1]',
    '  for word in $words',
    '    switch "$at $word"',
    `      case ${commands.flatMap(({ path }) => (path === '' ? [] : [`"${spaced(path)}"`])).join(' ')}`,
    '        set at "$at $word"',
    '    end',
    '  end',
    '  test "$at" = "$argv[1]"',
    'end',
    'complete -c etherloom -f',
  ];
  for (const { path, options, subcommands, choices, arguments: args } of commands) {
    const head = `complete -c etherloom -n ${quoted(`__etherloom_at "${spaced(path)}"`)}`;
    for (const name of subcommands) {
      const { description } = commands.find((each) => each.path === `${path} ${name}`.trim())!;
      lines.push(`${head} -a ${name} -d ${quoted(description)}`);
    }
    if (choices.length > 0) lines.push(`${head} -a ${quoted(choices.join(' '))}`);
    if (args.some(isFile)) lines.push(`${head} -F`);
    for (const option of options) {
      const { short, long, choices: values, description } = option;
      const parts = [`${head} -l ${long.slice(2)}`];
      if (short !== null) parts.push(`-s ${short.slice(1)}`);
      const kind = kindOf(path, option);
      if (kind === 'choices') parts.push(`-x -a ${quoted(values.join(' '))}`);
      else if (kind === 'names') parts.push(`-x -a ${quoted(FISH_NAMES)}`);
      else if (kind === 'ports') parts.push(`-x -a ${quoted(FISH_PORTS)}`);
      else if (kind !== 'nothing') parts.push(kind === 'files' ? '-r -F' : '-x');
      lines.push(`${parts.join(' ')} -d ${quoted(description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A path as the functions build it: a space before each word. */
function spaced(path: string): string {
  return path === '' ? '' : ` ${path}`;
}

function patterns(commands: readonly CommandEntry[]): string {
  return commands.flatMap(({ path }) => (path === '' ? [] : [`"${spaced(path)}"`])).join('|');
}

function optionPatterns(path: string, { short, long }: OptionEntry): string {
  return [long, short].flatMap((name) => (name === null ? [] : [`"${spaced(path)} ${name}"`])).join('|');
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
