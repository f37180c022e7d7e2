/**
 * The demo: what the switch is for, in half a minute.
 *
 * With privileges four Linux hosts in network namespaces, live; else the same topology by replay. It says which
 * of the two it did, and its exit status says whether everything came out as promised.
 */

import { liveDemo } from './demo/live.ts';
import { replayDemo } from './demo/replay.ts';
import { liveObstacle } from './lab/namespace.ts';

export async function demo(options: { replay: boolean }): Promise<number> {
  const obstacle = options.replay ? 'asked for with --replay' : liveObstacle();
  if (obstacle === null) return liveDemo();
  process.stdout.write(`Etherloom demo, by replay (${obstacle}).\n\n`);
  return replayDemo();
}
