/**
 * Actions: what a plan is made of. Plain data, so that a plan can be shown to people and sent to another thread.
 */

import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { IpvlanConfig, MacvlanConfig } from '../../config/types/groups.ts';
import type { InterfaceConfig, RouteConfig, VrfConfig } from '../../config/types/routing.ts';
import type { TunnelConfig, VtepConfig, VxlanEntryConfig } from '../../config/types/vxlan.ts';
import type { ClassificationConfig, MirrorConfig, PollConfig, VlanConfig } from '../../config/types.ts';
import { configOf, type ReadyClassification } from '../classify-control.ts';
import type { BridgeSettings, PlacedPort, PortSettings } from '../model.ts';

/**
 * `vids`, `tagged` and `untagged` are VLAN sets, such as `10,20-30`, or empty: a trunk may have thousands. `changes` says to people what of the
 * settings differs; a VLAN that has some was there already.
 */
export type Action =
  | { do: 'remove-mirror'; mirror: string }
  | { do: 'remove-vxlan-entry'; entry: VxlanEntryConfig }
  | { do: 'remove-vtep'; vtep: string }
  | { do: 'remove-entry'; entry: FdbEntryConfig }
  | { do: 'remove-port'; port: string }
  | { do: 'remove-vlan'; bridge: string; vid: number }
  | { do: 'remove-bridge'; bridge: string }
  | { do: 'add-bridge'; bridge: string; settings: BridgeSettings }
  | { do: 'set-bridge'; bridge: string; settings: BridgeSettings; changes: string }
  | { do: 'add-vlan'; bridge: string; vlan: VlanConfig; changes?: string }
  | { do: 'add-port'; port: PlacedPort; tagged: string; untagged: string }
  | { do: 'set-port'; port: string; settings: PortSettings; changes: string }
  | { do: 'remove-member'; port: string; vids: string }
  | { do: 'set-member'; port: string; vids: string; untagged: boolean }
  | { do: 'set-pvid'; port: string; pvid: number | null }
  | { do: 'add-vtep'; vtep: VtepConfig }
  | { do: 'set-vtep'; vtep: VtepConfig; changes: string }
  | { do: 'set-tunnel'; port: string; tunnel: TunnelConfig; changes: string }
  | { do: 'add-entry'; entry: FdbEntryConfig }
  | { do: 'add-vxlan-entry'; entry: VxlanEntryConfig }
  | { do: 'add-mirror'; mirror: MirrorConfig }
  | { do: 'set-poll'; poll: PollConfig }
  | { do: 'set-classification'; classification: ClassificationConfig | ReadyClassification }
  | { do: 'set-macvlan'; groups: MacvlanConfig[] }
  | { do: 'set-ipvlan'; groups: IpvlanConfig[] }
  | { do: 'set-vrfs'; vrfs: VrfConfig[] }
  | { do: 'remove-route'; route: RouteConfig }
  | { do: 'remove-interface'; interface: string }
  | { do: 'add-interface'; interface: InterfaceConfig }
  | { do: 'set-interface'; interface: InterfaceConfig; changes: string }
  | { do: 'add-route'; route: RouteConfig };

/** One line for people. */
export function describe(action: Action): string {
  switch (action.do) {
    case 'add-port':
      return action.port.bridge === null
        ? `add-port ${action.port.name} (in no bridge)`
        : `add-port ${action.port.name} (${action.port.mode}, bridge ${action.port.bridge})`;
    case 'set-bridge':
      return `set-bridge ${action.bridge} (${action.changes})`;
    case 'add-vtep':
      return `add-vtep ${action.vtep.name} (${action.vtep.local} on ${action.vtep.uplink})`;
    case 'set-vtep':
      return `set-vtep ${action.vtep.name} (${action.changes})`;
    case 'remove-vtep':
      return `remove-vtep ${action.vtep}`;
    case 'set-tunnel':
      return `set-tunnel ${action.port} (${action.changes})`;
    case 'add-vxlan-entry':
    case 'remove-vxlan-entry':
      return `${action.do} ${action.entry.mac} vni ${action.entry.vni} ${action.entry.kind}`;
    case 'remove-entry':
    case 'add-entry':
      return `${action.do} ${entryText(action.entry)}`;
    case 'add-vlan':
      if (action.changes !== undefined)
        return `set-vlan ${action.bridge} ${action.vlan.vid} (${action.changes})${secondaryText(action.vlan)}`;
      return `add-vlan ${action.bridge} ${action.vlan.vid} (${action.vlan.name})${secondaryText(action.vlan)}`;
    case 'remove-vlan':
      return `remove-vlan ${action.bridge} ${action.vid}`;
    case 'set-member':
      return `set-member ${action.port} vlan ${action.vids} ${action.untagged ? 'untagged' : 'tagged'}`;
    case 'remove-member':
      return `remove-member ${action.port} vlan ${action.vids}`;
    case 'set-pvid':
      return `set-pvid ${action.port} ${action.pvid ?? 'none'}`;
    case 'add-mirror':
      return `add-mirror ${action.mirror.name} to ${action.mirror.output ?? `vlan ${action.mirror.outputVlan}`}`;
    case 'remove-mirror':
      return `remove-mirror ${action.mirror}`;
    case 'remove-port':
      return `remove-port ${action.port}`;
    case 'set-port':
      return `set-port ${action.port} (${action.changes})`;
    case 'set-poll':
      return `set-poll ${action.poll.mode} (spin ${action.poll.spinMicroseconds} µs, burst ${action.poll.burst})`;
    case 'set-classification': {
      const { classification } = action;
      const { macs, subnets, protocols } = 'table' in classification ? configOf(classification) : classification;
      return `set-classification (${macs.length} MACs, ${subnets.length} subnets, ${protocols.length} protocols)`;
    }
    case 'set-macvlan':
    case 'set-ipvlan':
      return `${action.do} (${action.groups.map(({ name }) => name).join(', ') || 'no group'})`;
    case 'set-vrfs':
      return `set-vrfs (${action.vrfs.map(({ name }) => name).join(', ') || 'none declared'})`;
    case 'remove-route':
    case 'add-route':
      return `${action.do} ${action.route.prefix} ${action.route.via.map((hop) => hop.address).join(' ') || action.route.kind}`;
    case 'remove-interface':
      return `${action.do} ${action.interface}`;
    case 'set-interface':
      return `set-interface ${action.interface.name} (${action.changes})`;
    case 'add-interface':
      return `${action.do} ${action.interface.name} (${action.interface.addresses.join(', ') || 'no address'})`;
    default:
      return `${action.do} ${action.bridge}`;
  }
}

function entryText({ mac, vid, kind, port }: FdbEntryConfig): string {
  return `${mac} vlan ${vid ?? '-'} ${kind}${port === null ? '' : ` on ${port}`}`;
}

function secondaryText({ secondary }: VlanConfig): string {
  return secondary === undefined ? '' : `, ${secondary.kind} VLAN of ${secondary.primary}`;
}
