/** Sampled drops as events: from when somebody listens, with the ID that explains them. */

import { afterEach, expect, it } from 'vitest';
import type { SwitchEvent } from '../../../src/api/events.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { closeAll, threePorts, until } from './world.ts';

afterEach(closeAll);

it('tells a drop when it happens, and not what was before', async () => {
  const sw = await threePorts();
  const drop = () => sw.send(0, Buffer.from(readFields('src=02:00:00:00:00:01,vlan=20')));
  drop();
  await until(() => sw.live.core.dp.samples.taken[0] === 1, 'the first is dropped');
  const told: SwitchEvent[] = [];
  sw.served.events.listen((events) => told.push(...events.filter(({ event }) => event === 'drop')));
  drop();
  await until(() => told.length > 0, 'the second is told');
  expect(told).toEqual([
    {
      event: 'drop',
      id: 2,
      reason: 'INGRESS_FRAME_TYPE',
      port: 'p1',
      vid: null,
      text: expect.stringContaining('02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff  vlan 20'),
    },
  ]);
  const { body } = await sw.get('/v1/samples');
  expect((body.samples as { id: number }[]).map(({ id }) => id)).toEqual([1, 2]);
});
