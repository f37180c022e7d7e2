/** A command was called in a way that it cannot be: exit status 2. Alone here, so that commands that only ask load little. */

export class UsageError extends Error {
  override readonly name = 'UsageError';
}
