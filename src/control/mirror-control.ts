/**
 * Mirrors by name: which frames are copied out of a port that does nothing else (SPAN), or into a VLAN (RSPAN).
 */

import type { MirrorConfig } from '../config/types.ts';
import { MAX_MIRRORS, MIRROR_COUNTERS } from '../tables/mirror-table.ts';
import type { Control } from './control.ts';
import { ControlError } from './model.ts';

export function addMirror(control: Control, config: MirrorConfig): void {
  const { mirrors } = control;
  if (mirrors.has(config.name)) throw new ControlError(`mirror ${config.name} exists`);
  const bridge = control.bridge(config.bridge);
  for (const name of [...config.selectSrc, ...config.selectDst]) control.port(name);
  if ((config.output === null) === (config.outputVlan === null)) {
    throw new ControlError(`mirror ${config.name} needs an output: a port or a VLAN`);
  }
  if (config.output !== null) refuseOutput(control, config, config.output);
  else if (bridge.settings.type === 'unaware') throw new ControlError(`bridge ${bridge.name} is VLAN-unaware`);
  const taken = new Set([...mirrors.values()].map((mirror) => mirror.index));
  let index = 0;
  while (taken.has(index)) index++;
  if (index >= MAX_MIRRORS) throw new ControlError(`no room for another mirror (${MAX_MIRRORS})`);
  for (const counters of control.dp.mirrors.countersOf) {
    counters.fill(0, index * MIRROR_COUNTERS, (index + 1) * MIRROR_COUNTERS);
  }
  mirrors.set(config.name, { index, config });
  control.layoutChanged();
}

/** An output takes part in nothing else, so it can be no source of any mirror. */
function refuseOutput(control: Control, config: MirrorConfig, output: string): void {
  control.port(output);
  const all = [...control.mirrors.values()].map((mirror) => mirror.config).concat(config);
  const selected = all.some((mirror) => mirror.selectSrc.includes(output) || mirror.selectDst.includes(output));
  if (selected) throw new ControlError(`port ${output} is selected by a mirror and cannot be the output of one`);
}

export function removeMirror(control: Control, name: string): void {
  if (!control.mirrors.delete(name)) throw new ControlError(`no mirror ${name}`);
  control.layoutChanged();
}
