/** TCP segments that come out of tunnels: together when they belong together, and nothing else is touched by it. */

import { expect, it } from 'vitest';
import type { MemoryAdapter } from '../../../../src/adapters/memory.ts';
import { vxlanEntries } from '../../../../src/control/vxlan/fdb.ts';
import { portLedger } from '../../../../src/dataplane/counters.ts';
import { createCoalesce } from '../../../../src/dataplane/offload/coalesce.ts';
import { checkLedger, innerFrame, MACS, outerV4, tunnelWorld } from '../vxlan-world.ts';
import { type Flow, segments, superFrame } from './flows.ts';

const FLOW: Flow = {
  tags: [],
  isIpv6: false,
  isTcp: true,
  extra: 0,
  ident: 7,
  dontFragment: true,
  tos: 0,
  ttl: 64,
  sequence: 1,
  acknowledgment: 77,
  flags: 0x10,
  window: 500,
  options: new Uint8Array(0),
  payload: Uint8Array.from({ length: 3600 }, (_, i) => i * 13),
  size: 1200,
  tunnel: null,
};
const OTHER = '192.0.2.50';

/** Frames that arrive at the underlay in one burst, and what leaves the bridge by its host's port. */
function arrive(frames: Uint8Array[], isInside = true) {
  const world = tunnelWorld(64);
  const { core, left } = world;
  const { index } = core.control.port('u4');
  if (isInside) core.coalesceInside(createCoalesce(core.dp.arena), [index]);
  const adapter = core.adapters[index] as MemoryAdapter;
  for (const frame of frames) expect(adapter.push(Buffer.from(frame))).toBe(true);
  expect(core.poll(index)).toBe(frames.length);
  checkLedger(core);
  return { ...world, delivered: left.get('a')!.map((frame) => Buffer.from(frame, 'hex')), index };
}

/** Without an outer checksum, as most peers send. */
const outer = (vni: number, frame: Uint8Array, src?: string) =>
  outerV4(vni, frame, src === undefined ? {} : { src }).fill(0, 40, 42);

it('segments of a flow leave as the super-frame that they are, with the tag of their VLAN', () => {
  const { delivered, core } = arrive(segments(FLOW).map((frame) => outer(1000, frame)));
  const whole = Buffer.from(superFrame({ ...FLOW, tags: [0x8100_000a] }).bytes);
  expect(delivered.map((frame) => frame.toString('hex'))).toEqual([whole.toString('hex')]);
  expect(portLedger(core.dp.counters, core.control.port('m').index).received).toBe(1);
  expect(vxlanEntries(core.control)).toContainEqual(
    expect.objectContaining({ vni: 1000, remotes: ['192.0.2.34'], kind: 'dynamic' }),
  );
});

it('segments of two remotes, or of two VNIs, stay apart; so do those of ports that are not asked to', () => {
  const [one, two, three] = segments(FLOW);
  expect(arrive([outer(1000, one!), outer(1000, two!, OTHER), outer(1000, three!)]).delivered).toHaveLength(3);
  expect(arrive([outer(1000, one!), outer(2000, two!), outer(1000, three!)]).delivered).toHaveLength(3);
  expect(
    arrive(
      [one!, two!, three!].map((frame) => outer(1000, frame)),
      false,
    ).delivered,
  ).toHaveLength(3);
});

it('what is dropped, or for the VTEP, between segments has its own fate', () => {
  const [one, two, three] = segments(FLOW);
  const stray = innerFrame(MACS[3]!, MACS[2]!, 0, 1);
  const frames = [
    outer(1000, one!),
    outer(4711, stray),
    outer(1000, two!),
    outer(1000, stray, '192.0.2.99'),
    outer(1000, innerFrame(MACS[3]!, MACS[2]!, 10, 1)),
    outer(1000, three!),
    outer(1000, stray),
  ];
  const { core, delivered, index } = arrive(frames);
  const drops = (port: number) => portLedger(core.dp.counters, port).drops;
  expect(delivered.map((frame) => frame.length)).toEqual([4 + 14 + 40 + 3600, stray.length + 4]);
  expect(drops(index)).toEqual({ VXLAN_UNKNOWN_VNI: 1, VXLAN_UNKNOWN_PEER: 1 });
  expect(drops(core.control.port('m').index)).toEqual({ VXLAN_INNER_TAG: 1 });
});
