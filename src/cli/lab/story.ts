/** A lab as it is listed: what it shows, in words and as a picture, and the steps. */

import type { Lab } from './lab.ts';

export interface Story {
  readonly name: string;
  readonly title: string;
  readonly picture: string;
  /** Kernel modules, programs: why it cannot run here, or null. */
  readonly obstacle?: () => string | null;
  readonly run: (lab: Lab) => Promise<void>;
}
