/** The answer of a change: what it did, and what that may bring with it. */

import { type Action, describe } from '../control/plan/action.ts';
import type { ApiSwitch } from './switch.ts';

export async function changed(
  sw: ApiSwitch,
  actions: Promise<Action[]>,
  warnings: string[] = [],
): Promise<{ switch: string; actions: string[]; warnings?: string[] }> {
  const text = (await actions).map(describe);
  return { switch: sw.readable.directory.name, actions: text, ...(warnings.length === 0 ? {} : { warnings }) };
}
