/**
 * `etherloom lab NAME`: real Linux hosts in network namespaces around a switch, step by step. What was built is gone afterwards, also
 * after Ctrl-C and failures. The exit status says whether everything came out as promised.
 */

import { complain } from './complain.ts';
import { Lab } from './lab/lab.ts';
import { hasProgram, liveObstacle } from './lab/namespace.ts';
import { ipvlan } from './lab/stories/ipvlan.ts';
import { isolation } from './lab/stories/isolation.ts';
import { layer3Switch } from './lab/stories/layer-3-switch.ts';
import { macvlan } from './lab/stories/macvlan.ts';
import { privateVlan } from './lab/stories/private-vlan.ts';
import { routerOnAStick } from './lab/stories/router-on-a-stick.ts';
import { trunkNative } from './lab/stories/trunk-native.ts';
import { vxlan } from './lab/stories/vxlan.ts';
import type { Story } from './lab/story.ts';
import { table } from './text/table.ts';

export const STORIES: readonly Story[] = [
  isolation,
  trunkNative,
  routerOnAStick,
  layer3Switch,
  privateVlan,
  macvlan,
  ipvlan,
  vxlan,
];

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export async function lab(name: string | undefined, { keep }: { keep: boolean }): Promise<number> {
  if (name === undefined) {
    process.stdout.write(
      table(
        ['LAB', 'WHAT IT SHOWS'],
        STORIES.map((story) => [story.name, story.title]),
      ),
    );
    return 0;
  }
  const story = STORIES.find((each) => each.name === name);
  if (story === undefined) {
    const names = STORIES.map((each) => each.name).join(', ');
    complain(process.stderr, `there is no lab ${JSON.stringify(name)}; valid are ${names}`);
    return 2;
  }
  const obstacle = liveObstacle() ?? (hasProgram('ping') ? null : 'it needs ping') ?? story.obstacle?.() ?? null;
  if (obstacle !== null) {
    complain(process.stderr, `lab ${name} cannot run here: ${obstacle}`);
    return 1;
  }
  return runStory(story, keep);
}

async function runStory(story: Story, keep: boolean): Promise<number> {
  const lab = new Lab((text) => process.stdout.write(text));
  const cleanUp = () => lab.remove();
  // Whatever ends this process, no namespace stays.
  process.once('exit', cleanUp);
  const handlers = Object.entries(SIGNALS).map(([signal, status]) => [signal, () => process.exit(status)] as const);
  for (const [signal, handler] of handlers) process.once(signal, handler);
  try {
    process.stdout.write(`Lab ${story.name}: ${story.title}.\n${story.picture}`);
    await story.run(lab);
    if (keep) await wait(lab);
  } catch (error) {
    lab.check(false, error instanceof Error ? error.message : String(error));
  } finally {
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
    // From here on a signal waits for the end.
    for (const [signal] of handlers) process.on(signal, ignore);
    await lab.end();
    process.removeListener('exit', cleanUp);
    for (const [signal] of handlers) process.removeListener(signal, ignore);
  }
  const { checks, failures } = lab;
  const verdict = failures === 0 ? 'all as promised' : `${failures} not as promised`;
  process.stdout.write(`\nLab ${story.name}: ${checks} checks, ${verdict}.\n`);
  return failures === 0 ? 0 : 1;
}

const ignore = () => {};

/** Until Enter, or the end of the input. */
async function wait(lab: Lab): Promise<void> {
  process.stdout.write(`\nThe lab stays for you to look around:\n${lab.whereabouts}\nEnter or Ctrl-C ends it.\n`);
  await new Promise<void>((resolve) => {
    process.stdin.once('data', () => resolve());
    process.stdin.once('end', () => resolve());
  });
  process.stdin.pause();
}
