/** A trace through tunnels: the outer frames are those that the switch sends, and the words say whereto. */

import { describe, expect, it } from 'vitest';
import type { ReadableSwitch } from '../../../src/api/reader.ts';
import { NO_RULES } from '../../../src/runtime/directory-of.ts';
import { trace } from '../../../src/trace/trace.ts';
import { copyWorld } from '../../../src/trace/world.ts';
import { innerFrame, MACS, outerV4, outerV6, story, type TunnelWorld, tunnelWorld } from '../dataplane/vxlan-world.ts';

function readable({ core }: TunnelWorld): ReadableSwitch {
  const { control } = core;
  const ports = [...control.ports.values()].map((port) => ({
    name: port.name,
    index: port.index,
    bridge: port.bridge?.name ?? null,
    adapter: 'memory',
    mode: port.settings.mode,
    pvid: port.settings.pvid,
    mtu: port.settings.mtu,
    state: port.settings.state,
    ...NO_RULES,
  }));
  const vlans = control.vlanByFid.flatMap((of, fid) =>
    of === undefined
      ? []
      : [{ fid, bridge: of.bridge.name, vid: of.vlan.vid || null, name: of.vlan.name, members: [] }],
  );
  const none = { vrfs: [], interfaces: [], routes: [], macvlan: [], ipvlan: [], mirrors: [], vteps: [], tunnels: [] };
  const directory = { name: 'x', bridges: [], ports, vlans, ...none };
  return { tables: core.dp, directory, statuses: [] };
}

const ask = (world: TunnelWorld, port: string, bytes: Uint8Array) =>
  trace(copyWorld(readable(world), world.now), { port, bytes });

describe('a trace through tunnels', () => {
  it('says from whom a frame comes, and behind whom its destination is', () => {
    const world = tunnelWorld(1);
    const inward = ask(world, 'u4', outerV4(1000, innerFrame(MACS[3]!, MACS[0]!, 0, 1)));
    expect(inward.stages[0]).toEqual({
      stage: 'decap',
      text: 'VNI 1000 from 192.0.2.34: a frame of tunnel m',
      reason: null,
    });
    expect(inward).toMatchObject({ tunnel: 'm', vid: 10, verdict: 'delivered' });
    expect(inward.outputs.map((output) => output.port)).toEqual(['a', 'b']);

    const outward = ask(world, 'b', innerFrame(MACS[1]!, MACS[0]!, 0, 1));
    expect(outward.stages.at(-1)?.text).toContain(`m: VNI 1000, ${MACS[1]} is behind 192.0.2.34 (static); one outer`);
    expect(outward.outputs.find((output) => output.tunnel === 'm')).toMatchObject({ port: 'u4' });
    expect(outward.outputs.find((output) => output.tunnel === 'm')?.text).toContain('vni 1000');

    const flood = ask(world, 'c', innerFrame('ff:ff:ff:ff:ff:ff', MACS[0]!, 0, 1));
    expect(flood.stages.at(-1)).toMatchObject({ stage: 'encap', reason: null });
    expect(flood.outputs.some((output) => output.tunnel === 'o')).toBe(true);
  });

  it.each([
    [outerV4(999, innerFrame(MACS[3]!, MACS[0]!, 0, 1)), 'VXLAN_UNKNOWN_VNI'],
    [outerV4(1000, innerFrame(MACS[3]!, MACS[0]!, 0, 1), { src: '192.0.2.99' }), 'VXLAN_UNKNOWN_PEER'],
    [outerV4(1000, innerFrame(MACS[3]!, MACS[0]!, 10, 1)), 'VXLAN_INNER_TAG'],
  ])('says why one is not taken (%#)', (bytes, reason) => {
    const found = ask(tunnelWorld(1), 'u4', bytes);
    expect(found.stages.map((stage) => [stage.stage, stage.reason])).toEqual([['decap', reason]]);
    expect(found).toMatchObject({ verdict: 'dropped', outputs: [] });
  });

  it.each([1, 2, 3])('is what the switch does, frame by frame (story %i)', (seed) => {
    const world = tunnelWorld(1);
    let delivered = 0;
    for (const { port, frame, wait } of story(seed, 120)) {
      world.now += wait;
      const found = ask(world, port, frame);
      for (const frames of world.left.values()) frames.length = 0;
      const { told: before } = world.core.tooBig;
      world.append(port, frame);
      world.core.forward();
      // What the switch itself says to the sender is no way of the frame.
      if (world.core.tooBig.told > before) continue;
      const left = [...world.left].flatMap(([name, frames]) => frames.map((hex) => `${name} ${hex}`)).sort();
      const told = found.outputs.map(({ port: name, hex }) => `${name} ${hex}`).sort();
      expect(told).toEqual(left);
      if (left.length > 0) delivered++;
      expect(found.verdict === 'delivered').toBe(left.length > 0);
    }
    expect(delivered).toBeGreaterThan(30);
  });

  it('takes a frame of an IPv6 underlay', () => {
    const found = ask(tunnelWorld(1), 'u6', outerV6(3000, innerFrame(MACS[3]!, MACS[0]!, 0, 1)));
    expect(found.stages[0].text).toBe('VNI 3000 from fd00::34: a frame of tunnel s');
  });
});
