/** What was asked is wrong: one line for the one who asked. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}
