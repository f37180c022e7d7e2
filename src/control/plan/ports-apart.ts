/**
 * Ports of a plan that only come, or only go, one by one between frames: two hundred in one go take longer than frames may wait.
 *
 * A port that is there and one that is not yet are the old configuration and the new one for who sends to it; nothing else of the plan depends on
 * them where no bridge, VLAN, mirror, group or tunnel comes, goes or changes in the same instant. Where ports come and go they may hand over
 * a device, and do so at once.
 */

import type { Control } from '../control.ts';
import type { Action } from './action.ts';

/** Fewer take less than frames may wait. */
const WORTH_IT = 5;

export type PortAction = Extract<Action, { do: 'add-port' | 'remove-port' }>;

const INDEPENDENT: ReadonlySet<string> = new Set<Action['do'] | 'empty-vlans'>([
  'add-port',
  'remove-port',
  'set-port',
  'set-pvid',
  'set-member',
  'remove-member',
  'empty-vlans',
  'set-poll',
  'set-classification',
  'set-vrfs',
  'add-interface',
  'set-interface',
  'remove-interface',
  'add-route',
  'remove-route',
  'add-entry',
  'remove-entry',
]);

/** `visible` is what frames see at once, VLANs that have no members apart. */
export function portsApart<T extends { do: string }>(
  control: Control,
  visible: readonly (Action | T)[],
): { apart: PortAction[]; rest: readonly (Action | T)[] } {
  const kinds = new Set(visible.map((action) => action.do));
  const none = { apart: [], rest: visible };
  if (kinds.has('add-port') === kinds.has('remove-port')) return none;
  for (const kind of kinds) if (!INDEPENDENT.has(kind)) return none;
  const apart: PortAction[] = [];
  const rest: (Action | T)[] = [];
  for (const action of visible) {
    if (isPort(action) && isOrdinary(control, action)) apart.push(action);
    else rest.push(action);
  }
  return apart.length < WORTH_IT ? none : { apart, rest };
}

function isPort(action: { do: string }): action is PortAction {
  return action.do === 'add-port' || action.do === 'remove-port';
}

function isOrdinary({ bridges, ports, vxlan }: Control, action: PortAction): boolean {
  if (action.do === 'remove-port') return ports.get(action.port)?.bridge != null && !vxlan.tunnels.has(action.port);
  const { bridge, tunnel } = action.port;
  return tunnel === null && bridge !== null && bridges.get(bridge)?.secondaries.size === 0;
}
