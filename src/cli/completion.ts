/**
 * Completion for shells, made from the commands themselves: `eval "$(etherloom completion bash)"`.
 */

import type { CommandEntry } from './command-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completion(shell: Shell, commands: readonly CommandEntry[]): string {
  if (shell === 'fish') return fish(commands);
  return shell === 'bash' ? bash(commands) : `autoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
}

/**
 * The words before the cursor that are commands say which command it is; an option before the cursor that takes a value
 * says what may follow, a file where nothing else is known.
 */
function bash(commands: readonly CommandEntry[]): string {
  const lines = [
    '_etherloom() {',
    '  local path="" word previous="$3" current="$2" words=""',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$path $word" in',
    `      ${commandPatterns(commands)}) path="$path $word" ;;`,
    '    esac',
    '  done',
    '  case "$path $previous" in',
  ];
  for (const { path, options } of commands) {
    for (const { short, long, value, choices } of options) {
      if (value === null) continue;
      const names = [long, short].filter((name) => name !== null).map((name) => `"${spaced(path)} ${name}"`);
      const replies = choices.length > 0 ? `-W "${choices.join(' ')}"` : '-f';
      lines.push(`    ${names.join('|')}) COMPREPLY=($(compgen ${replies} -- "$current")); return ;;`);
    }
  }
  lines.push('  esac', '  case "$path" in');
  for (const { path, options, subcommands, choices } of commands) {
    const words = [...subcommands, ...choices, ...options.map(({ long }) => long), '--help'];
    lines.push(`    "${spaced(path)}") words="${words.join(' ')}" ;;`);
  }
  lines.push(
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _etherloom etherloom',
    '',
  );
  return lines.join('\n');
}

/** A path as the function builds it: a space before each word. */
function spaced(path: string): string {
  return path === '' ? '' : ` ${path}`;
}

function commandPatterns(commands: readonly CommandEntry[]): string {
  return commands
    .filter(({ path }) => path !== '')
    .map(({ path }) => `"${spaced(path)}"`)
    .join('|');
}

function fish(commands: readonly CommandEntry[]): string {
  const lines = ['complete -c etherloom -f'];
  for (const { path, description, options, choices } of commands) {
    const words = path.split(' ').filter((word) => word !== '');
    const here = words.length === 0 ? '__fish_use_subcommand' : seen(words);
    if (words.length > 0) {
      const parent = words.length === 1 ? '__fish_use_subcommand' : seen(words.slice(0, -1));
      lines.push(`complete -c etherloom -n '${parent}' -a ${words.at(-1)} -d ${quoted(description)}`);
    }
    if (choices.length > 0) lines.push(`complete -c etherloom -n '${here}' -a ${quoted(choices.join(' '))}`);
    for (const { short, long, value, description: text, choices: values } of options) {
      const parts = [`complete -c etherloom -n '${here}' -l ${long.slice(2)}`];
      if (short !== null) parts.push(`-s ${short.slice(1)}`);
      if (values.length > 0) parts.push(`-x -a ${quoted(values.join(' '))}`);
      else if (value !== null) parts.push(value === '<file>' || value === '<path>' ? '-r -F' : '-x');
      lines.push(`${parts.join(' ')} -d ${quoted(text)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function seen(words: readonly string[]): string {
  return words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
