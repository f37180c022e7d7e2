/**
 * Who needs a VLAN that is to be removed: whatever names it makes it exist, so that it would still be there. What an edit can take it out of,
 * lists of trunk and hybrid ports, is not among them.
 */
import type { PortInput } from './schema/port.ts';
import type { ConfigInput } from './schema/schema.ts';
import { expandVlans } from './vlan-range.ts';

/** In words, with what to do first; null: nobody. `isHere`: whether that is the bridge, `undefined` being the default one. */
export function holderOf(raw: ConfigInput, isHere: (bridge?: string) => boolean, vid: number): string | null {
  for (const [name, { vlan, bridge, port }] of Object.entries(raw.interfaces ?? {})) {
    if (vlan !== vid || !isHere(bridge ?? (port === undefined ? undefined : raw.ports?.[port]?.bridge))) continue;
    return `VLAN ${vid} has the interface ${name}; remove the interface first`;
  }
  const apart = inNoBridge(raw);
  const ports = Object.entries(raw.ports ?? {}).filter(([name, { bridge }]) => isHere(bridge) && !apart.has(name));
  for (const [name, port] of ports) {
    const why = whyPort(port, vid);
    if (why !== null) return `port ${name} ${why}`;
  }
  if (!ports.some(([, { classify }]) => classify === true)) return null;
  for (const way of ['macs', 'subnets', 'protocols'] as const) {
    const rule = Object.entries(raw.classify?.[way] ?? {}).find(([, into]) => into === vid);
    if (rule !== undefined) return `classify.${way} puts ${rule[0]} into VLAN ${vid}; change or remove that rule first`;
  }
  return null;
}

/** Uplinks of VTEPs, and ports of groups. */
function inNoBridge({ vteps = {}, macvlan = {}, ipvlan = {} }: ConfigInput): Set<string | undefined> {
  const groups = [...Object.values(macvlan), ...Object.values(ipvlan)];
  return new Set([
    ...Object.values(vteps).map(({ uplink }) => uplink),
    ...groups.flatMap(({ parent, children = {}, host }) => [parent, host?.port, ...Object.keys(children)]),
  ]);
}

function whyPort({ mode = 'access', vlan, vlans, serviceVlans, vxlan }: PortInput, vid: number): string | null {
  if (vxlan?.vnis !== undefined) {
    const key = Object.keys(vxlan.vnis).find((each) => has(each, vid));
    return key === undefined ? null : `has a VNI for VLAN ${vid}; take ${key} out of its "vnis" first`;
  }
  if (mode === 'trunk' || mode === 'hybrid') return null;
  if (mode === 'dot1q-tunnel' && serviceVlans !== undefined) {
    const into = Object.entries(serviceVlans).find(([, to]) => (typeof to === 'number' ? to : to.vlan) === vid);
    if (into !== undefined)
      return `puts customer VLANs ${into[0]} into VLAN ${vid}; take them out of its "serviceVlans" first`;
    if (vlan === undefined) return null;
  }
  // A trunk of private VLANs.
  if (vlans !== undefined)
    return has(vlans, vid) ? `lists VLAN ${vid} (mode ${mode}); take it out of its "vlans" first` : null;
  return (vlan ?? 1) === vid ? `is in VLAN ${vid} and in no other (mode ${mode}); give it another one first` : null;
}

function has(spec: NonNullable<PortInput['vlans']>, vid: number): boolean {
  const vids = expandVlans(spec);
  return Array.isArray(vids) && vids.includes(vid);
}
