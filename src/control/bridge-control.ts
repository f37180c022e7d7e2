/** Bridges: made, changed and removed, and the room of the FDB for what all of them may learn. */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { setFidAge } from '../tables/fdb/fdb.ts';
import { resizeFdb } from '../tables/fdb/resize.ts';
import { compilePort } from './compile.ts';
import { type Domains, UNAWARE_VID } from './domains.ts';
import { type Bridge, type BridgeSettings, ControlError, DEFAULT_BRIDGE, OVERFLOWS, type Port } from './model.ts';
import { emptyVids } from './vid-set.ts';

/** The part of control that bridges are made of. */
export interface Bridged {
  readonly dp: DataplaneShared;
  readonly bridges: Map<string, Bridge>;
  portsOf(bridge: Bridge): Port[];
  tablesMoved(): void;
}

export function addBridge(control: Bridged, domains: Domains, name: string, settings: Partial<BridgeSettings>): Bridge {
  const { bridges, dp } = control;
  if (bridges.has(name)) throw new ControlError(`bridge ${name} exists`);
  const taken = new Set([...bridges.values()].map((b) => b.index));
  let index = 0;
  while (taken.has(index)) index++;
  if (index >= dp.vlans.bridges) throw new ControlError(`no room for another bridge (${dp.vlans.bridges})`);
  const bridge: Bridge = {
    index,
    name,
    settings: { ...DEFAULT_BRIDGE, ...settings },
    vlans: new Map(),
    vids: emptyVids(),
    unlisted: new Set(),
    secondaries: new Set(),
    suppresses: false,
  };
  if (bridge.settings.type === 'unaware') domains.make(bridge, UNAWARE_VID, name, true);
  bridges.set(name, bridge);
  write(control, bridge);
  return bridge;
}

export function setBridge(control: Bridged, domains: Domains, bridge: Bridge, patch: Partial<BridgeSettings>): void {
  const { name } = bridge;
  if (patch.type !== undefined && patch.type !== bridge.settings.type) {
    if (control.portsOf(bridge).length !== 0)
      throw new ControlError(`bridge ${name} has ports: its type cannot change`);
    const aware = patch.type !== 'unaware';
    if (!aware || bridge.settings.type === 'unaware')
      for (const vlan of [...bridge.vlans.values()]) domains.drop(bridge, vlan);
    if (!aware) domains.make(bridge, UNAWARE_VID, name, true);
  }
  bridge.settings = { ...bridge.settings, ...patch };
  write(control, bridge);
  for (const port of control.portsOf(bridge)) compilePort(control.dp, port);
}

export function removeBridge(control: Bridged, domains: Domains, bridge: Bridge): void {
  if (control.portsOf(bridge).length !== 0) throw new ControlError(`bridge ${bridge.name} still has ports`);
  for (const vlan of [...bridge.vlans.values()]) domains.drop(bridge, vlan);
  control.dp.fdb.bridgeLimit[bridge.index] = 0;
  control.bridges.delete(bridge.name);
}

function write(control: Bridged, bridge: Bridge): void {
  const { fdb } = control.dp;
  const { maxEntries, overflow, ageSeconds } = bridge.settings.fdb;
  fdb.bridgeLimit[bridge.index] = maxEntries;
  fdb.bridgeOverflow[bridge.index] = OVERFLOWS[overflow];
  for (const vlan of bridge.vlans.values()) setFidAge(fdb, vlan.fid, ageSeconds * 1000);
  let room = 0;
  for (const b of control.bridges.values()) room += b.settings.fdb.maxEntries;
  if (fdb.slots * 0.8 < room + 1) {
    resizeFdb(fdb, room + 1024);
    control.tablesMoved();
  }
}
