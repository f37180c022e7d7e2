/** Mirrors as `show mirrors` shows them: what they copy, where to, and how much it was. */

import type { MirrorConfig } from '../config/types.ts';
import { MIRROR_COUNTERS, MIRROR_LOST, MIRRORED_BYTES, MIRRORED_FRAMES } from '../tables/mirror-table.ts';
import { sumAt } from '../tables/shared.ts';
import { type ReadableSwitch, StableReads } from './reader.ts';

export interface MirrorView extends MirrorConfig {
  /** Copies that left. */
  frames: number;
  bytes: number;
  /** Copies that their port could not send. */
  lost: number;
}

export function mirrorViews({ tables, directory }: ReadableSwitch): MirrorView[] {
  const { countersOf } = tables.mirrors;
  const stable = new StableReads(tables.gate);
  return directory.mirrors.map(({ index, config }) => {
    const at = index * MIRROR_COUNTERS;
    return {
      ...config,
      ...stable.read(() => ({
        frames: sumAt(countersOf, at + MIRRORED_FRAMES),
        bytes: sumAt(countersOf, at + MIRRORED_BYTES),
        lost: sumAt(countersOf, at + MIRROR_LOST),
      })),
    };
  });
}
