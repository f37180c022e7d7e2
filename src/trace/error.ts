import { Refusal } from '../api/refusal.ts';

/** What was asked is wrong: one line for the one who asked. */
export class TraceError extends Refusal {
  override readonly name = 'TraceError';
}
