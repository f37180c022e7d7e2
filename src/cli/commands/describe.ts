/**
 * Commands that describe the others.
 */

import { Argument, type Command } from 'commander';
import type { Shell } from '../completion.ts';
import { builtOn, version } from '../version.ts';
import type { Finish } from './on-switch.ts';

export function addDescribeCommands(program: Command, finish: Finish): void {
  program
    .command('api-doc')
    .description('the OpenAPI document of the API')
    .addHelpText('after', '\nExample:\n  etherloom api-doc > openapi.json\n')
    .action(async () => finish((await import('../api-doc.ts')).apiDoc()));

  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .description('completion for a shell')
    .addHelpText(
      'after',
      '\nExamples:\n  eval "$(etherloom completion bash)"          # zsh as well\n  etherloom completion fish | source\n',
    )
    .action(async (shell: Shell) => {
      const { completion } = await import('../completion.ts');
      const { commandTree } = await import('../command-tree.ts');
      process.stdout.write(completion(shell, commandTree(program)));
    });

  program
    .command('man')
    .description('the man page')
    .addHelpText('after', '\nExample:\n  etherloom man | man -l -\n')
    .action(async () => {
      const { manPage } = await import('../man-page.ts');
      const { commandTree } = await import('../command-tree.ts');
      process.stdout.write(manPage(commandTree(program), version, builtOn()));
    });
}
