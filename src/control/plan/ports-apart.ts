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

type PortAction = Extract<Action, { do: 'add-port' | 'remove-port' }>;

const INDEPENDENT: ReadonlySet<Action['do']> = new Set<Action['do']>([
  'add-port',
  'remove-port',
  'set-port',
  'set-pvid',
  'set-member',
  'remove-member',
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

/** `visible` is what frames see at once, VLANs that have no members apart. With a port that goes, in one go, go its entries. */
export function portsApart(
  control: Control,
  visible: readonly Action[],
): { apart: readonly (readonly Action[])[]; rest: readonly Action[] } {
  const kinds = new Set(visible.map((action) => action.do));
  const none = { apart: [], rest: visible };
  if (kinds.has('add-port') === kinds.has('remove-port')) return none;
  for (const kind of kinds) if (!INDEPENDENT.has(kind)) return none;
  const ports = new Map<string, Action[]>();
  for (const action of visible) if (isPort(action) && isOrdinary(control, action)) ports.set(nameOf(action), [action]);
  if (ports.size < WORTH_IT) return none;
  const rest = visible.filter((action) => {
    const port = isPort(action) ? nameOf(action) : action.do === 'remove-entry' ? action.entry.port : null;
    const own = port === null ? undefined : ports.get(port);
    if (own !== undefined && !isPort(action)) own.unshift(action);
    return own === undefined;
  });
  return { apart: [...ports.values()], rest };
}

function nameOf(action: PortAction): string {
  return action.do === 'add-port' ? action.port.name : action.port;
}

function isPort(action: Action): action is PortAction {
  return action.do === 'add-port' || action.do === 'remove-port';
}

function isOrdinary({ bridges, ports, vxlan }: Control, action: PortAction): boolean {
  if (action.do === 'remove-port') return ports.get(action.port)?.bridge != null && !vxlan.tunnels.has(action.port);
  const { bridge, tunnel } = action.port;
  return tunnel === null && bridge !== null && bridges.get(bridge)?.secondaries.size === 0;
}
