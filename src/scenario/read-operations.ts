/**
 * `config` and `config_must_fail`: the changes a step makes, checked as far as the file is concerned. Whether the
 * switch takes a VLAN 5000 is the switch's to say; whether there is a port of that name in the file is said here,
 * unless the step is about a refusal.
 */

import { didYouMean } from '../config/error.ts';
import type { Value } from './document.ts';
import type { Operation } from './format.ts';
import { noteAbsent, readOverflow, readPortFlags } from './read-topology.ts';
import { readAddress, readVxlanSettings } from './read-vxlan.ts';

export interface Names {
  ports: string[];
  bridges: string[];
}

type Kind = 'remote' | 'bridge' | 'port' | 'port-or-bridge' | 'number' | 'flag' | 'mac' | 'kind';

const FDB_ENTRY = {
  bridge: 'bridge!',
  mac: 'mac!',
  port: 'port-or-bridge',
  vlan: 'number',
  kind: 'kind',
  sticky: 'flag',
  only_vlan_0: 'flag',
} as const;

/** Arguments of each change; `!` means that it has to be there. A capability instead: not of this switch. */
const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Kind | `${Kind}!`>> | string>> = {
  set_bridge: { bridge: 'bridge!', default_pvid: 'number', ageing_s: 'number', fdb_max_learned: 'number' },
  set_port: { port: 'port!' },
  vlan_add: { port: 'port-or-bridge!', vid: 'number!', pvid: 'flag', untagged: 'flag' },
  vlan_del: { port: 'port-or-bridge!', vid: 'number!' },
  fdb_add: FDB_ENTRY,
  fdb_replace: FDB_ENTRY,
  fdb_del: { bridge: 'bridge!', mac: 'mac!', port: 'port-or-bridge', vlan: 'number' },
  fdb_flush: { bridge: 'bridge', port: 'port', vlan: 'number' },
  topology_change: { bridge: 'bridge!' },
  port_join: { port: 'port!', bridge: 'bridge!' },
  port_down: { port: 'port!' },
  port_up: { port: 'port!' },
  port_leave: { port: 'port!' },
  port_delete: { port: 'port!' },
  set_vlan: 'mcast_vlan_snooping',
  set_port_vlan: 'mcast_vlan_snooping',
  mdb_add: 'mdb',
  mdb_replace: 'mdb',
  mdb_del: 'mdb',
  neigh_add: { bridge: 'bridge!', vlan: 'number', ip: 'remote!', mac: 'mac!' },
  neigh_del: { bridge: 'bridge!', vlan: 'number', ip: 'remote!', mac: 'mac' },
  vxlan_fdb_add: { port: 'port!', mac: 'mac!', remote: 'remote!', kind: 'kind' },
  vxlan_fdb_append: { port: 'port!', mac: 'mac!', remote: 'remote!', kind: 'kind' },
  vxlan_fdb_del: { port: 'port!', mac: 'mac!', remote: 'remote' },
  vxlan_set: { port: 'port!' },
  vxlan_mdb_add: 'vxlan_mdb',
  vxlan_mdb_replace: 'vxlan_mdb',
  vxlan_mdb_del: 'vxlan_mdb',
};
const OPERATION_NAMES = [...Object.keys(OPERATIONS), 'comment'];
/** Kinds of entries that can be configured; `dynamic` ones are only learned. */
const FDB_KINDS = ['static', 'extern_learn', 'local', 'sticky', 'blackhole', 'dynamic'] as const;
const BRIDGE_FLAGS = ['learning', 'unknown_unicast_flood', 'broadcast_flood'];
const PORT_KEY: ReadonlySet<string> = new Set(['port']);

export function readOperations(at: Value, checkNames: boolean, names: Names, lacks: Set<string>): Operation[] {
  const operations: Operation[] = [];
  for (const key of at.keys()) {
    const op = at.at(key);
    if (key === 'comment') continue;
    if (!Object.hasOwn(OPERATIONS, key)) {
      const hint = didYouMean(key, OPERATION_NAMES);
      throw op.error(`is not a change that a scenario can make${hint}; valid are ${OPERATION_NAMES.join(', ')}`);
    }
    const known = OPERATIONS[key]!;
    if (typeof known === 'string') {
      lacks.add(known);
      continue;
    }
    // `port_down: p1` is short for `port_down: {port: p1}`.
    const [subject] = Object.keys(known);
    const short = typeof op.raw === 'string';
    const args: Record<string, unknown> = {};
    const taken = short ? [subject!] : op.keys();
    for (const name of taken) {
      const value = short ? op : op.at(name);
      const kind = known[name]?.replace('!', '') as Kind | undefined;
      if (kind !== undefined) args[name] = readArgument(value, kind, checkNames ? names : null);
      else if (key === 'set_bridge') readBridgeArgument(args, value, name, lacks);
      else if (key !== 'set_port' && key !== 'vxlan_set') noteAbsent(key, value, name, lacks);
    }
    if (key === 'set_port' && !short) Object.assign(args, { flags: readPortFlags(op, PORT_KEY, lacks) });
    if (key === 'vxlan_set' && !short) Object.assign(args, { settings: readVxlanSettings(op, PORT_KEY, lacks) });
    for (const [name, kind] of Object.entries(known)) {
      if (kind.endsWith('!') && args[name] === undefined) throw op.at(name).error('is missing');
    }
    if (args.kind === 'dynamic') lacks.add('fdb.dynamic');
    operations.push({ op: key, args });
  }
  return operations;
}

function readBridgeArgument(args: Record<string, unknown>, value: Value, name: string, lacks: Set<string>): void {
  if (BRIDGE_FLAGS.includes(name)) args[name] = value.flag();
  else if (name === 'fdb_overflow') args[name] = readOverflow(value);
  else if (name !== 'stp_state_control') noteAbsent('set_bridge', value, name, lacks);
}

function readArgument(at: Value, kind: Kind, names: Names | null): unknown {
  switch (kind) {
    case 'number':
      if (at.missing) return undefined;
      return at.whole(-0x8000_0000, 0x7fff_ffff);
    case 'flag':
      return at.flag(false);
    case 'kind':
      return at.oneOf(FDB_KINDS, 'a kind of entry');
    case 'remote':
      return at.missing ? undefined : readAddress(at);
    case 'mac':
      return at.text().toLowerCase();
    default: {
      if (names === null) return at.text();
      const valid =
        kind === 'bridge' ? names.bridges : kind === 'port' ? names.ports : [...names.ports, ...names.bridges];
      return at.oneOf(valid, kind === 'bridge' ? 'a bridge' : 'a port');
    }
  }
}
