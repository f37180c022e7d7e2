/**
 * Compile mirrors: the rows that forwarding reads, and which ports are outputs.
 *
 * Done again whenever a port or a VLAN comes or goes: a mirror keeps its names, and numbers change under them.
 */

import type { DataplaneShared } from '../dataplane/dataplane.ts';
import { clearRow, setBit } from '../tables/bitmap.ts';
import { flushPort } from '../tables/fdb/flush.ts';
import { MIRROR_VLAN_WORDS, NO_OUTPUT } from '../tables/mirror-table.ts';
import { compilePort, TPID_C, TPID_S } from './compile.ts';
import type { Bridge, Mirror, Port } from './model.ts';

/** The part of control that mirrors are made of. */
export interface Mirrored {
  readonly dp: DataplaneShared;
  readonly mirrors: ReadonlyMap<string, Mirror>;
  readonly ports: ReadonlyMap<string, Port>;
  readonly bridges: ReadonlyMap<string, Bridge>;
  readonly nowMs: () => number;
}

/** Whether the port is the output of a mirror. */
export function isMirrorOutput(control: Mirrored, port: string): boolean {
  for (const { config } of control.mirrors.values()) if (config.output === port) return true;
  return false;
}

/** Writes the mirrors' rows, and which ports are outputs. */
export function compileMirrors(control: Mirrored): void {
  const { dp, mirrors, ports } = control;
  const table = dp.mirrors;
  for (const port of ports.values()) {
    const output = isMirrorOutput(control, port.name);
    if (port.mirrorOutput === output) continue;
    port.mirrorOutput = output;
    // What was learned there would lead frames to a port that takes none.
    if (output) flushPort(dp.fdb, port.index, control.nowMs());
    compilePort(dp, port);
  }
  let inForce = 0;
  for (const { index, config } of mirrors.values()) {
    const bridge = control.bridges.get(config.bridge);
    const all = [...ports.values()].filter((port) => port.bridge === bridge && !port.mirrorOutput);
    const everything = config.selectAll || config.selectSrc.length + config.selectDst.length === 0;
    const rowOf = (words: Int32Array, names: readonly string[]): void => {
      clearRow(words, table.width, index);
      const selected = everything ? all : names.flatMap((name) => ports.get(name) ?? []);
      for (const port of selected) setBit(words, table.width, index, port.index, true);
    };
    rowOf(table.src, config.selectSrc);
    rowOf(table.dst, config.selectDst);
    table.byVlan[index] = config.selectVlan.length === 0 ? 0 : 1;
    clearRow(table.vlans, MIRROR_VLAN_WORDS, index);
    for (const vid of config.selectVlan) setBit(table.vlans, MIRROR_VLAN_WORDS, index, vid, true);
    table.output[index] = config.output === null ? NO_OUTPUT : (ports.get(config.output)?.index ?? NO_OUTPUT);
    table.outputVid[index] = config.outputVlan ?? 0;
    table.outputTpid[index] = bridge?.settings.type === 's-vlan' ? TPID_S : TPID_C;
    inForce |= 1 << index;
  }
  for (const a of mirrors.values()) {
    table.twins[a.index] = 0;
    for (const b of mirrors.values()) if (sameOutput(a, b)) table.twins[a.index] |= 1 << b.index;
  }
  compileOutputVlans(control);
  table.inForce[0] = inForce;
}

/** A VLAN has come or gone. */
export function compileOutputVlans({ dp, mirrors, bridges }: Mirrored): void {
  for (const { index, config } of mirrors.values()) {
    const vlans = config.outputVlan === null ? undefined : bridges.get(config.bridge)?.vlans;
    dp.mirrors.outputFid[index] = vlans?.get(config.outputVlan!)?.fid ?? 0;
  }
}

function sameOutput({ config: a }: Mirror, { config: b }: Mirror): boolean {
  return a.output === b.output && a.outputVlan === b.outputVlan && (a.output !== null || a.bridge === b.bridge);
}
