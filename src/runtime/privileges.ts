/**
 * `switch.privileges: drop`: what a switch needs to open its devices, and not to move frames, is given up when all are open. A change that
 * would need it again is refused before anything is tried.
 */

import { native, nativeAvailable } from '../adapters/native.ts';
import type { AdapterConfig, SwitchConfig } from '../config/types.ts';
import { ControlError } from '../control/model.ts';
import type { Action } from '../control/plan/action.ts';
import { same } from '../control/plan/differences.ts';

/** Adapters that open without any capability. */
const UNPRIVILEGED: readonly string[] = ['memory', 'udp', 'vxlan', 'vxlan-udp'];

/** Gives up the capabilities of every thread, for good. Throws an Error that says why it cannot. */
export function dropPrivileges(): void {
  const addon = nativeAvailable();
  if (!addon.ok) throw new Error(`switch.privileges: capabilities cannot be dropped without the addon: ${addon.why}`);
  try {
    native().privilegesDrop();
  } catch (error) {
    throw new Error(`switch.privileges: capabilities cannot be dropped: ${(error as Error).message}`);
  }
}

/** Throws ControlError when a plan needs capabilities that the switch has given up. */
export function requireUnprivileged({ privileges, ports }: SwitchConfig, actions: readonly Action[]): void {
  if (privileges === 'keep') return;
  const held = ports.filter(({ adapter }) => needsPrivileges(adapter));
  for (const action of actions) {
    if (action.do === 'add-port') {
      const { name, adapter } = action.port;
      if (!needsPrivileges(adapter) || held.some((port) => same(port.adapter, adapter))) continue;
      throw new ControlError(refusal(name, `a device of "${adapter.kind}" cannot be opened`));
    }
    if (action.do !== 'set-port') continue;
    const before = held.find(({ name }) => name === action.port);
    if (before === undefined || before.mtu === action.settings.mtu) continue;
    throw new ControlError(refusal(action.port, 'the MTU of its device cannot be set'));
  }
}

function needsPrivileges({ kind }: AdapterConfig): boolean {
  return !UNPRIVILEGED.includes(kind);
}

function refusal(port: string, what: string): string {
  return `ports.${port}: ${what} any more, since the switch has dropped its privileges (switch.privileges: drop); restart it`;
}
