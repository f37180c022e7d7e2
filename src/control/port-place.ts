/** A port's place in a bridge: entering, leaving with all that it was there, and what its tunnels ask of the bridge's other ports. */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { setBit } from '../tables/bitmap.ts';
import { setPortBridge } from '../tables/fdb/entries.ts';
import { flushPort } from '../tables/fdb/flush.ts';
import { clearPort, compilePort } from './compile.ts';
import { UNAWARE_VID } from './domains.ts';
import { ANY, type Forgetting } from './forget.ts';
import type { MemberSets } from './member-sets.ts';
import type { Bridge, Port } from './model.ts';
import { isEmpty } from './vid-set.ts';

/** The part of control that places are in. */
export interface Placing {
  readonly dp: DataplaneShared;
  readonly forgetting: Forgetting;
  readonly nowMs: () => number;
  portsOf(bridge: Bridge): Port[];
  setPvid(port: string, pvid: number | null): void;
  layoutChanged(): void;
}

/** `bridge` null: the port is in none. Its member set starts empty. */
export function enterBridge(control: Placing, port: Port, bridge: Bridge | null): void {
  const { dp } = control;
  port.bridge = bridge;
  setPortBridge(dp.fdb, port.index, bridge === null ? -1 : bridge.index);
  if (bridge !== null) setUnaware(dp, bridge, port, true);
  if (bridge === null) clearPort(dp, port.index);
  else compilePort(dp, port);
  control.layoutChanged();
  if (bridge !== null && port.tunnel !== null) settleSuppression(control, bridge);
}

export function leaveBridge(control: Placing, memberSets: MemberSets, port: Port): void {
  const { dp, forgetting, nowMs } = control;
  flushPort(dp.fdb, port.index, nowMs());
  forgetting.forget(ANY, port.index);
  if (!isEmpty(port.members.vids)) memberSets.withdraw(port, port.members.vids.slice());
  if (port.bridge !== null && port.settings.pvid !== null) control.setPvid(port.name, null);
  const left = port.bridge;
  if (left !== null) setUnaware(dp, left, port, false);
  port.bridge = null;
  setPortBridge(dp.fdb, port.index, -1);
  if (left !== null && port.tunnel !== null) settleSuppression(control, left);
}

/** On an unaware bridge every port is a member of its one VLAN. */
function setUnaware({ vlans }: DataplaneShared, { settings, vlans: own }: Bridge, port: Port, on: boolean): void {
  if (settings.type !== 'unaware') return;
  const { fid } = own.get(UNAWARE_VID)!;
  setBit(vlans.member, vlans.width, fid, port.index, on);
  setBit(vlans.untagged, vlans.width, fid, port.index, on);
}

/** Whether ports of the bridge have to look at questions, which depends on its tunnels. */
export function settleSuppression(control: Placing, bridge: Bridge): void {
  const suppresses = control.portsOf(bridge).some(({ tunnel }) => tunnel?.suppresses === true);
  if (bridge.suppresses === suppresses) return;
  bridge.suppresses = suppresses;
  for (const port of control.portsOf(bridge)) compilePort(control.dp, port);
}
