/**
 * The tables of a switch by name, so that two switches that numbered their ports and VLANs differently compare.
 */
import type { Control } from '../../../src/control/control.ts';
import { fdbEntries } from '../../../src/control/fdb-control.ts';
import type { Port } from '../../../src/control/model.ts';
import type { DataplaneShared } from '../../../src/dataplane/dataplane.ts';
import { hasBit } from '../../../src/tables/bitmap.ts';
import {
  CHILD_WORDS,
  GROUP_CHILD_COUNT,
  GROUP_CHILDREN,
  GROUP_HOST,
  GROUP_PARENT,
  GROUP_WORDS,
} from '../../../src/tables/group-table.ts';
import { ADDRESS_PORT, ADDRESS_WORDS, type IpvlanTable } from '../../../src/tables/ipvlan-table.ts';
import { type MacvlanTable, STATION_WORDS } from '../../../src/tables/macvlan-table.ts';
import { PORT_TUNNEL_CVIDS, PRIORITY_WORDS, TUNNEL_ROW } from '../../../src/tables/port-table.ts';
import { fidAt, VIDS_PER_BRIDGE } from '../../../src/tables/vlan-table.ts';

export function tablesOf(control: Control) {
  const { dp } = control;
  const all = [...control.ports.values()];
  const names = (words: Int32Array, width: number, row: number) =>
    all
      .filter((port) => hasBit(words, width, row, port.index))
      .map((port) => port.name)
      .sort();
  const ports = Object.fromEntries(all.map((port) => [port.name, portOf(dp, port, names)]));
  const vlans: Record<string, unknown> = {};
  for (const bridge of control.bridges.values()) {
    for (let vid = 0; vid < VIDS_PER_BRIDGE; vid++) {
      const fid = fidAt(dp.vlans, bridge.index * VIDS_PER_BRIDGE + vid);
      if (fid === 0) continue;
      vlans[`${bridge.name} ${vid}`] = {
        name: bridge.vlans.get(vid)?.name,
        vid: dp.vlans.vid[fid],
        bridge: dp.vlans.bridge[fid] === bridge.index,
        member: names(dp.vlans.member, dp.vlans.width, fid),
        untagged: names(dp.vlans.untagged, dp.vlans.width, fid),
        limit: dp.fdb.fidLimit[fid],
        ageMs: dp.fdb.fidAgeMs[fid],
        fast: dp.vlans.fidOf[bridge.index * VIDS_PER_BRIDGE + vid] === fid,
        learnsIn: dp.vlans.vid[dp.vlans.fdbFid[fid]],
      };
    }
  }
  const bridges = Object.fromEntries(
    [...control.bridges.values()].map(({ name, index }) => [
      name,
      { limit: dp.fdb.bridgeLimit[index], overflow: dp.fdb.bridgeOverflow[index] },
    ]),
  );
  const entries = fdbEntries(control).filter((entry) => entry.kind !== 'dynamic');
  const groups = {
    macvlan: groupsOf(control, dp.macvlan, control.macvlan.length),
    ipvlan: groupsOf(control, dp.ipvlan, control.ipvlan.length),
  };
  return { ports, vlans, bridges, entries, mirrors: mirrorsOf(control, names), groups, minMtu: dp.limits[0] };
}

/** Groups with their ports by name; MACs and addresses, which lie by hash, in their own order. */
function groupsOf(control: Control, table: MacvlanTable | IpvlanTable, count: number) {
  const nameOf = (port: number) => control.portByIndex[port]?.name ?? null;
  const rowsOf = (words: Int32Array, size: number, port: number) =>
    Array.from({ length: words.length / size }, (_, n) => [...words.subarray(n * size, (n + 1) * size)]).map((row) => [
      nameOf(row[port]!),
      ...row.filter((_, at) => at !== port),
    ]);
  const inUse = (rows: readonly (readonly (string | number | null)[])[], column: number) =>
    rows
      .filter((row) => row[column] !== 0)
      .map((row) => row.join(' '))
      .sort();
  const stations =
    'macs' in table
      ? inUse(rowsOf(table.macs, STATION_WORDS, 3), 3)
      : inUse(rowsOf(table.addresses, ADDRESS_WORDS, ADDRESS_PORT), 1);
  const groups = rowsOf(table.groups.subarray(0, count * GROUP_WORDS), GROUP_WORDS, GROUP_PARENT).map(
    ([parent, ...rest]) => [parent, ...rest.map((word, at) => (at === GROUP_HOST - 1 ? nameOf(Number(word)) : word))],
  );
  const roles = [...control.ports.values()].map(({ name, index }) => [name, table.role[index], table.tagged[index]]);
  const row = (count - 1) * GROUP_WORDS;
  const end =
    count === 0 ? 0 : table.groups[row + GROUP_CHILDREN]! + table.groups[row + GROUP_CHILD_COUNT]! * CHILD_WORDS;
  return { groups, children: rowsOf(table.children.subarray(0, end), CHILD_WORDS, 0), stations, roles: roles.sort() };
}

function mirrorsOf(control: Control, names: (words: Int32Array, width: number, row: number) => string[]) {
  const { mirrors } = control.dp;
  const rows = [...control.mirrors.values()].map(({ index, config }) => {
    const fid = mirrors.outputFid[index];
    const output = control.portByIndex[mirrors.output[index]]?.name;
    return [
      config.name,
      {
        src: names(mirrors.src, mirrors.width, index),
        dst: names(mirrors.dst, mirrors.width, index),
        vlans: mirrors.byVlan[index] === 0 ? null : [...mirrors.vlans.subarray(index * 128, (index + 1) * 128)],
        output,
        into: fid === 0 ? null : [control.vlanByFid[fid]?.bridge.name, control.vlanByFid[fid]?.vlan.vid],
        tag: [mirrors.outputVid[index], mirrors.outputTpid[index]],
        inForce: (mirrors.inForce[0] >>> index) & 1,
      },
    ];
  });
  return Object.fromEntries(rows);
}

function portOf(dp: DataplaneShared, port: Port, names: (words: Int32Array, width: number, row: number) => string[]) {
  const { ports, fdb } = dp;
  const p = port.index;
  const flags = ports.flags[p];
  const row = ports.tunnelRow[p] * TUNNEL_ROW;
  return {
    flags,
    pvid: ports.pvid[p],
    tpid: ports.tpid[p],
    pushTpid: ports.pushTpid[p],
    mtu: ports.mtu[p],
    reservedMac: ports.reservedMac[p],
    bridge: port.bridge !== null && ports.bridge[p] === port.bridge.index && fdb.portBridge[p] === port.bridge.index,
    reach: names(ports.reach, ports.width, p),
    floods: [0, 1, 2].map((kind) => hasBit(ports.flood, ports.width, kind, p)),
    limit: fdb.portLimit[p],
    priority: [...ports.priority.subarray(p * PRIORITY_WORDS, (p + 1) * PRIORITY_WORDS)],
    cvids: (flags & PORT_TUNNEL_CVIDS) === 0 ? null : [...ports.tunnelCvids.subarray(row, row + TUNNEL_ROW)],
  };
}

/** Every word that forwarding reads, to see that nothing changed. */
export function wordsOf(control: Control) {
  const { ports, vlans, fdb, mirrors, limits } = control.dp;
  const columns = [
    ...[ports.flags, ports.bridge, ports.vlanBase, ports.pvid, ports.tpid, ports.pushTpid, ports.mtu],
    ...[ports.reservedMac, ports.reach, ports.flood, ports.tunnelRow, ports.tunnelCvids, ports.priority],
    ...[vlans.fidOf, vlans.secondaryOf, vlans.fdbFid, vlans.vid, vlans.bridge, vlans.member, vlans.untagged],
    ...[fdb.rec, fdb.portGeneration, fdb.fidGeneration, fdb.fidAgeMs, fdb.portCount, fdb.fidCount, fdb.bridgeCount],
    ...[mirrors.inForce, mirrors.src, mirrors.dst, mirrors.byVlan, mirrors.vlans, mirrors.twins],
    ...[mirrors.output, mirrors.outputFid, mirrors.outputVid, mirrors.outputTpid],
    ...[fdb.portLimit, fdb.fidLimit, fdb.bridgeLimit, fdb.bridgeOverflow, fdb.portBridge, limits],
  ];
  return columns.map((column) => Buffer.from(column.buffer).toString('latin1'));
}

/** The model, for the same. */
export function modelOf(control: Control): unknown {
  return structuredClone({
    bridges: [...control.bridges],
    ports: [...control.ports],
    mirrors: [...control.mirrors],
    vlans: control.vlanByFid.map((at) => at && [at.bridge.name, at.vlan.vid]),
  });
}
