/** The answer of a change: what it did. */

import { type Action, describe } from '../control/plan/action.ts';
import type { ApiSwitch } from './switch.ts';

export async function changed(
  sw: ApiSwitch,
  actions: Promise<Action[]>,
): Promise<{ switch: string; actions: string[] }> {
  const text = (await actions).map(describe);
  return { switch: sw.readable.directory.name, actions: text };
}
