/** A plan that breaks, wherever it does: afterwards everything is as it was, what lies under tunnels too. */
import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { SwitchConfig } from '../../../src/config/types.ts';
import { applyWhole } from '../../../src/control/plan/change.ts';
import { currentConfig } from '../../../src/control/plan/current.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';

const made = (local: string, uplink: string) =>
  loadConfig(
    JSON.stringify({
      ports: {
        a: { adapter: 'memory', mode: 'access', vlan: 10 },
        [uplink]: { adapter: 'memory' },
        t: { adapter: 'vxlan', mode: 'access', vlan: 10, vxlan: { vtep: 'v', vni: 7, remotes: ['192.0.2.9'] } },
      },
      vteps: { v: { underlay: 'port', uplink, local } },
      interfaces: { i: { vlan: 10, addresses: ['10.0.0.1/24'] } },
      mirrors: [{ name: 'm', outputVlan: 99, selectSrc: ['a', 't'] }],
      vlans: { 99: {} },
    }),
    'test.json',
  );

/** By name, since the order of ports is no part of it. */
function stands({ control }: SwitchCore) {
  const { ports, vteps, interfaces, mirrors, bridges } = currentConfig(control, 'x');
  const sorted = (config: readonly { name: string }[]) => config.toSorted((x, y) => (x.name < y.name ? -1 : 1));
  return [ports, vteps, interfaces, mirrors, bridges].map(sorted);
}

it.each<[string, SwitchConfig]>([
  ['address', made('192.0.2.2/24', 'u')],
  ['uplink', made('192.0.2.1/24', 'w')],
])('with another %s of a VTEP', (_, to) => {
  const before = made('192.0.2.1/24', 'u');
  const actions = plan(before, to);
  for (let at = 0; at <= actions.length; at++) {
    const core = new SwitchCore({ nowMs: () => 0, smallSlots: 8, largeSlots: 0 });
    configure(core, before);
    const was = stands(core);
    const broken = actions.toSpliced(at, 0, { do: 'remove-bridge', bridge: 'nowhere' });
    const follower = { removing: () => {}, added: () => {} };
    expect(() => applyWhole(core.control, broken, follower)).toThrow('nowhere');
    expect(stands(core), `broken at ${at}`).toEqual(was);
  }
});
