/** Lines of a block `interface` that make its port one of a switch: modes, VLANs, private VLANs, MTU. */

import { compressVlans, expandVlans, MAX_VID } from '../vlan-range.ts';
import type { PortWords, RawInterface, RawPort } from './raw.ts';

/** A line of a port as one of a switch; false when it means nothing there. */
export function readSwitchport(port: RawPort, words: PortWords, line: string): boolean {
  const [, mode] = /^switchport mode (access|trunk|dot1q-tunnel)$/i.exec(line) ?? [];
  if (mode !== undefined) {
    port.mode = mode.toLowerCase() as 'access' | 'trunk' | 'dot1q-tunnel';
    // What belongs to the other mode has no effect on a switch either.
    if (port.mode !== 'trunk') {
      delete port.vlans;
      delete port.native;
      port.vlan ??= 1;
    } else delete port.vlan;
    return true;
  }
  const [, access] = /^switchport access vlan (\d{1,4})$/i.exec(line) ?? [];
  if (access !== undefined && port.mode !== 'trunk') {
    port.mode ??= 'access';
    port.vlan = Number(access);
    return true;
  }
  const [, side] = /^switchport mode private-vlan (host|promiscuous)$/i.exec(line) ?? [];
  if (side !== undefined) {
    port.mode = side.toLowerCase() === 'host' ? 'private-host' : 'promiscuous';
    return true;
  }
  const [, , host] = /^switchport private-vlan host-association (\d{1,4}) (\d{1,4})$/i.exec(line) ?? [];
  const [, primary] = /^switchport private-vlan mapping (\d{1,4}) (?:add )?[\d,-]+$/i.exec(line) ?? [];
  if (host !== undefined || primary !== undefined) {
    if (host !== undefined) words.hostVlan = Number(host);
    else words.mappedVlan = Number(primary);
    return true;
  }
  const [, native] = /^switchport trunk native vlan (\d{1,4})$/i.exec(line) ?? [];
  if (native !== undefined && (port.mode ?? 'trunk') === 'trunk') {
    port.mode = 'trunk';
    port.native = Number(native);
    return true;
  }
  const [, change, list] = /^switchport trunk allowed vlan (add |remove |except )?([\d,-]+|all)$/i.exec(line) ?? [];
  if (list !== undefined && (port.mode ?? 'trunk') === 'trunk')
    return allow(port, (change ?? '').trim().toLowerCase(), list);
  const [, mtu] = /^(?:system )?mtu (\d{2,5})$/i.exec(line) ?? [];
  if (mtu !== undefined) {
    port.mtu = Number(mtu);
    return true;
  }
  const shut = /^(no )?shut(?:down)?$/i.exec(line);
  if (shut?.[1] !== undefined) delete port.enabled;
  else if (shut !== null) port.enabled = false;
  return shut !== null;
}

function allow(port: RawPort, change: string, list: string): boolean {
  const named = expandVlans(list.toLowerCase());
  if (!Array.isArray(named)) return false;
  const before = change === '' ? [] : (expandVlans(change === 'except' ? 'all' : (port.vlans ?? 'all')) as number[]);
  const vids = change === 'add' || change === '' ? [...before, ...named] : before.filter((vid) => !named.includes(vid));
  const sorted = [...new Set(vids)].sort((a, b) => a - b);
  if (sorted.length === 0) return false;
  port.mode = 'trunk';
  port.vlans = sorted.length === MAX_VID ? 'all' : compressVlans(sorted);
  return true;
}

/** The VLAN of a sub-interface, which its port carries. */
export function readEncapsulation(parent: RawPort, made: RawInterface, line: string): boolean {
  const [, vid, native] = /^encapsulation dot1q (\d{1,4})( native)?$/i.exec(line) ?? [];
  if (vid === undefined || (parent.mode ?? 'trunk') !== 'trunk') return false;
  made.vlan = Number(vid);
  parent.mode = 'trunk';
  if (native !== undefined) parent.native = Number(vid);
  const vids = parent.vlans === undefined ? [] : (expandVlans(parent.vlans) as number[]);
  parent.vlans = compressVlans([...new Set([...vids, Number(vid)])].sort((a, b) => a - b));
  return true;
}
