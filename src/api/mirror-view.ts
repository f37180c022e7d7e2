/** Mirrors as `show mirrors` shows them: what they copy, where to, and how much it was. */

import type { MirrorConfig } from '../config/types.ts';
import { MIRROR_COUNTERS, MIRROR_LOST, MIRRORED_BYTES, MIRRORED_FRAMES } from '../tables/mirror-table.ts';
import { type ReadableSwitch, StableReads } from './reader.ts';

export interface MirrorView extends MirrorConfig {
  /** Copies that left. */
  frames: number;
  bytes: number;
  /** Copies that their port could not send. */
  lost: number;
}

export function mirrorViews({ tables, epoch, directory }: ReadableSwitch): MirrorView[] {
  const { counters } = tables.mirrors;
  const stable = new StableReads(epoch);
  return directory.mirrors.map(({ index, config }) => {
    const at = index * MIRROR_COUNTERS;
    return {
      ...config,
      ...stable.read(() => ({
        frames: counters[at + MIRRORED_FRAMES],
        bytes: counters[at + MIRRORED_BYTES],
        lost: counters[at + MIRROR_LOST],
      })),
    };
  });
}
