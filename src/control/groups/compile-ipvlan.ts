/** Compile ipvlan groups: rows, lists and addresses that the stages read. */

import type { IpvlanChild, IpvlanConfig, IpvlanFlag, IpvlanMode } from '../../config/types/groups.ts';
import { LIMIT_CHILDREN } from '../../dataplane/dataplane.ts';
import { setBit } from '../../tables/bitmap.ts';
import {
  CHILD_WORDS,
  GROUP_CHILD_COUNT,
  GROUP_CHILDREN,
  GROUP_HOST_ACCESS,
  GROUP_VID,
  GROUP_WORDS,
} from '../../tables/group-table.ts';
import {
  ADDRESS_WORDS,
  addressAt,
  addressKey,
  EVERY_CHILD,
  FILTER_WORDS,
  GROUP_FLAG,
  GROUP_INTERFACE,
  GROUP_MAC_HIGH,
  GROUP_MAC_LOW,
  GROUP_SCOPE,
  groupBit,
  IPVLAN_BRIDGE,
  IPVLAN_L2,
  IPVLAN_L3,
  IPVLAN_L3S,
  IPVLAN_PRIVATE,
  IPVLAN_VEPA,
  vrfScope,
} from '../../tables/ipvlan-table.ts';
import { addressBytes, groupMac } from '../../wire/address.ts';
import { parseMac } from '../../wire/ethernet.ts';
import { solicitedNodeGroup } from '../../wire/ipv6.ts';
import { ControlError } from '../model.ts';
import {
  clearRoles,
  freePort,
  type Grouped,
  hashWords,
  placeChild,
  placeGroup,
  requireGroups,
  shareWords,
} from './group-words.ts';

const MODES: Record<IpvlanMode, number> = { l2: IPVLAN_L2, l3: IPVLAN_L3, l3s: IPVLAN_L3S };
const FLAGS: Record<IpvlanFlag, number> = { bridge: IPVLAN_BRIDGE, private: IPVLAN_PRIVATE, vepa: IPVLAN_VEPA };

export function requireIpvlan(control: Grouped, groups: readonly IpvlanConfig[]): void {
  requireGroups(control, 'ipvlan', groups);
  for (const { name, mode, parent } of groups) {
    if (mode === 'l2' || control.router?.hasInterface(parent)) continue;
    throw new ControlError(`no interface ${parent}, the parent of group ${name}`);
  }
}

/** The last four bytes of ff:ff:ff:ff:ff:ff. */
const BROADCAST_LOW = -1;
/** What the stack of every host joins by itself (RFC 1112 7.2, RFC 4291 2.8), beside the solicited-node groups of its addresses. */
const EVERY_HOST = ['224.0.0.1', 'ff02::1'];

/** What a child is given of group addresses: broadcast, and what it has joined or cannot do without; all where nothing is said. */
function filterOf({ addresses, multicast }: IpvlanChild): Int32Array {
  const filter = new Int32Array(FILTER_WORDS);
  if (multicast === undefined) return filter.fill(-1);
  setBit(filter, FILTER_WORDS, 0, groupBit(BROADCAST_LOW), true);
  const own = addresses.map((text) => addressBytes(text)!).filter(({ length }) => length === 16);
  const all = [...multicast, ...EVERY_HOST].map((text) => addressBytes(text) ?? parseMac(text)!);
  for (const group of [...all, ...own.map(solicitedNodeGroup)]) {
    const { low } = group instanceof Uint8Array ? groupMac(group)! : group;
    setBit(filter, FILTER_WORDS, 0, groupBit(low), true);
  }
  return filter;
}

export function compileIpvlan(control: Grouped): void {
  const { ipvlan, dp } = control;
  const { router } = dp;
  const table = dp.ipvlan;
  clearRoles(table);
  router.children.fill(0);
  const groups: number[] = [];
  const childList: number[] = [];
  const filters: number[] = [];
  const addresses: { scope: number; text: string; port: number; mode: number }[] = [];
  ipvlan.forEach((config, group) => {
    const mode = MODES[config.mode];
    const row = mode === IPVLAN_L2 ? 0 : (control.router?.interfaceRow(config.parent) ?? 0);
    const parent = mode === IPVLAN_L2 ? freePort(control, config.parent) : -1;
    const scope = row === 0 ? group : vrfScope(router.vrf[row]);
    const mac = config.mac === null ? { high: router.macHigh[row], low: router.macLow[row] } : parseMac(config.mac)!;
    const words = new Array<number>(GROUP_WORDS).fill(0);
    words[GROUP_VID] = config.vlan ?? 0;
    words[GROUP_HOST_ACCESS] = config.hostAccess ? 1 : 0;
    words[GROUP_FLAG] = FLAGS[config.flag];
    words[GROUP_MAC_HIGH] = mac.high;
    words[GROUP_MAC_LOW] = mac.low;
    words[GROUP_SCOPE] = scope;
    words[GROUP_INTERFACE] = row;
    words[GROUP_CHILDREN] = childList.length;
    for (const child of config.children) {
      const port = freePort(control, child.port);
      // Without its parent the group is nowhere.
      if (port < 0 || (parent < 0 && row === 0)) continue;
      placeChild(table, group, port);
      childList.push(port, EVERY_CHILD);
      filters.push(...filterOf(child));
      for (const text of child.addresses) addresses.push({ scope, text, port, mode });
    }
    words[GROUP_CHILD_COUNT] = (childList.length - words[GROUP_CHILDREN]) / CHILD_WORDS;
    placeGroup(table, group, words, { parent, host: freePort(control, config.host?.port ?? null), vlan: config.vlan });
    if (row !== 0) markVrf(router.vrf[row]);
    groups.push(...words);
  });
  dp.limits[LIMIT_CHILDREN] = addresses.filter(({ mode }) => mode !== IPVLAN_L2).length;
  table.groups = shareWords(groups, GROUP_WORDS);
  table.children = shareWords(childList, CHILD_WORDS);
  table.filters = shareWords(filters, FILTER_WORDS);
  table.addresses = hashWords(addresses.length, ADDRESS_WORDS);
  for (const { scope, text, port, mode } of addresses) {
    const bytes = addressBytes(text)!;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const key = addressKey(scope, bytes.length === 16);
    const word = (n: number) => (n * 4 < bytes.length ? view.getInt32(n * 4) : 0);
    const at = addressAt(table, key, word(0), word(1), word(2), word(3));
    table.addresses.set([key, word(0), word(1), word(2), word(3), port, mode], at);
  }

  /** Packets that come to any interface of the VRF may be for children. */
  function markVrf(vrf: number): void {
    for (let row = 1; row < router.vrf.length; row++) {
      if (router.vrf[row] === vrf && router.ifaceOf[router.fid[row]] === row) router.children[row] = 1;
    }
  }
}
