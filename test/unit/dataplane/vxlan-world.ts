/**
 * A switch with tunnels for tests: two bridges, an IPv4 and an IPv6 underlay, four tunnel ports; and stories, random but
 * repeatable, of frames from hosts and from the underlay, sound ones and broken ones.
 */

import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import type { TunnelConfig, VtepConfig } from '../../../src/config/types/vxlan.ts';
import { fdbEntries } from '../../../src/control/fdb-control.ts';
import { addVxlanEntry, vxlanEntries } from '../../../src/control/vxlan/fdb.ts';
import { setTunnel } from '../../../src/control/vxlan/tunnel-control.ts';
import { addVtep } from '../../../src/control/vxlan/vtep-control.ts';
import { slotsInUse } from '../../../src/dataplane/arena.ts';
import {
  DELIVERED,
  FLOOD_COPIES,
  fidLedger,
  MIRROR_COPIES,
  PORT_COUNTERS,
  portLedger,
  TX_FRAMES,
} from '../../../src/dataplane/counters.ts';
import { lanesOf, type TunnelLanes } from '../../../src/dataplane/vxlan/lanes.ts';
import { SwitchCore } from '../../../src/runtime/core.ts';
import { ethernetFrame, udpIpv4, udpIpv6, vxlanPayload } from '../../../src/wire/build.ts';

export const VTEP: VtepConfig = {
  name: 'v4',
  underlay: 'port',
  uplink: 'u4',
  local: '192.0.2.17',
  prefix: 24,
  mac: '02:00:00:00:17:17',
  vlan: null,
  udpPort: 4789,
  mtu: 1500,
  peers: [],
  anyPeer: false,
  nested: 'drop',
  udp6ZeroChecksum: false,
  sourcePorts: { first: 49_152, last: 65_535 },
  neighbors: [
    { address: '192.0.2.34', mac: '02:00:00:00:34:34' },
    { address: '192.0.2.50', mac: '02:00:00:00:50:50' },
  ],
  routes: [],
  groupInterface: null,
  fdb: { maxEntries: 64, peerMaxEntries: 0, overflow: 'fair' },
};

export const TUNNEL: TunnelConfig = {
  vtep: 'v4',
  vnis: [{ vid: null, vni: 5000 }],
  remotes: ['192.0.2.34', '192.0.2.50'],
  flood: 'head-end',
  group: null,
  learning: 'flood-and-learn',
  ageSeconds: 300,
  ttl: 64,
  tos: 'inherit',
  udpChecksum: false,
  df: 'set',
  flowLabel: 'flow',
  innerTag: 'strip',
  reservedBits: 'ignore',
  suppress: false,
  neighbors: [],
  maxNeighbors: 4096,
  vlanMaxNeighbors: 1024,
  neighborAgeSeconds: 300,
};

const V6: VtepConfig = {
  ...VTEP,
  name: 'v6',
  uplink: 'u6',
  local: 'fd00::17',
  prefix: 64,
  vlan: 42,
  neighbors: [
    { address: 'fd00::34', mac: '02:00:00:00:34:34' },
    { address: 'fd00::50', mac: '02:00:00:00:50:50' },
  ],
};

export interface TunnelWorld {
  core: SwitchCore;
  /** Puts a frame into the batch. */
  append(port: string, frame: Uint8Array): void;
  /** What left, by port, in order. */
  left: Map<string, string[]>;
  now: number;
}

/** Ports: a (trunk 10, 20), b (access 10), c (unaware bridge); tunnels m, s, k, o; underlays u4, u6. */
export function tunnelWorld(size: number): TunnelWorld {
  const world: { now: number } = { now: 1000 };
  const core = new SwitchCore({
    nowMs: () => world.now,
    ports: 32,
    fids: 16,
    bridges: 3,
    fdbEntries: 256,
    smallSlots: 96,
    largeSlots: 2,
    batch: size,
    seed: 7,
    vxlan: { vteps: 4, vnis: 16, tunnels: 8, remotes: 16, fdbEntries: 256 },
  });
  const { control } = core;
  control.addBridge('br0');
  control.addBridge('br1', { type: 'unaware' });
  const left = new Map<string, string[]>();
  const adapters = new Map<string, MemoryAdapter>();
  const link = (name: string, bridge: string | null) => {
    control.addPort(name, bridge, { mtu: 1600 });
    const adapter = new MemoryAdapter({ mtu: 9000 }, { arena: core.dp.arena, events: { link() {}, readable() {} } });
    const frames: string[] = [];
    left.set(name, frames);
    adapter.onFrame = (frame) => frames.push(frame.toString('hex')) > 0;
    adapters.set(name, adapter);
    core.attach(name, adapter);
  };
  link('a', 'br0');
  link('b', 'br0');
  link('c', 'br1');
  link('u4', null);
  link('u6', null);
  for (const vid of [10, 20]) control.setMember('a', vid, false);
  control.setMember('b', 10, true);
  control.setPvid('b', 10);
  addVtep(control, VTEP);
  addVtep(control, V6);
  const tunnel = (name: string, bridge: string, settings: Partial<TunnelConfig>) => {
    control.addPort(name, bridge, { mtu: 9000 });
    setTunnel(control, name, { ...TUNNEL, ...settings });
    control.setLink(name, true);
  };
  const two = { vnis: [10, 20].map((vid) => ({ vid, vni: vid * 100 })) };
  tunnel('m', 'br0', two);
  tunnel('s', 'br0', {
    vtep: 'v6',
    vnis: [{ vid: 20, vni: 3000 }],
    remotes: ['fd00::34', 'fd00::50'],
    udpChecksum: true,
    ttl: 'inherit',
    tos: 4,
  });
  tunnel('k', 'br1', { innerTag: 'keep', df: 'inherit', udpChecksum: true });
  tunnel('o', 'br1', { vtep: 'v6', vnis: [{ vid: null, vni: 6000 }], remotes: ['fd00::50'], innerTag: 'keep' });
  for (const vid of [10, 20]) control.setMember('m', vid, true);
  control.setMember('s', 20, true);
  addVxlanEntry(control, { port: 'm', vni: 1000, mac: MACS[1]!, remotes: ['192.0.2.34'], kind: 'static' });
  const append = (name: string, frame: Uint8Array) => {
    const adapter = adapters.get(name)!;
    if (!adapter.push(frame)) throw new Error('no slot');
    adapter.receive(core.batch, control.port(name).index, 1);
    core.batch.nowMs[core.batch.count - 1] = world.now;
    core.batch.timeUs[core.batch.count - 1] = world.now * 1000;
  };
  return Object.assign(world, { core, append, left });
}

export const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03', '02:00:00:00:00:04'];

/** An inner frame: tagged or not, IPv4, IPv6 or neither. */
export function innerFrame(dst: string, src: string, vid: number, kind: number, length = 40): Uint8Array {
  const head = { dst, src, tags: vid === 0 ? [] : [{ vid }] };
  const payload = new Uint8Array(length).fill(kind);
  if (kind === 0) return ethernetFrame(head, 0x8847, payload);
  const source = 1000 + kind;
  if (kind === 4)
    return ethernetFrame(head, 0x86dd, udpIpv6({ src: 'fd01::1', dst: 'fd01::2' }, source, 2000, payload));
  const ip = { src: '10.0.0.1', dst: '10.0.0.2', tos: kind & 3 };
  return ethernetFrame(head, 0x0800, udpIpv4(ip, source, 2000, payload));
}

/** An outer frame of a peer of `v4`, as the peer's own switch would send it. */
export function outerV4(
  vni: number,
  frame: Uint8Array,
  more: { src?: string; tos?: number; port?: number; checksum?: boolean } = {},
) {
  const head = { dst: '02:00:00:00:17:17', src: '02:00:00:00:34:34' };
  const ip = { src: more.src ?? '192.0.2.34', dst: '192.0.2.17', tos: more.tos ?? 0 };
  return ethernetFrame(head, 0x0800, udpIpv4(ip, 50_000, more.port ?? 4789, vxlanPayload(vni, frame), more.checksum));
}

export function outerV6(vni: number, frame: Uint8Array, src = 'fd00::34') {
  const head = { dst: '02:00:00:00:17:17', src: '02:00:00:00:34:34', tags: [{ vid: 42 }] };
  return ethernetFrame(head, 0x86dd, udpIpv6({ src, dst: 'fd00::17' }, 50_000, 4789, vxlanPayload(vni, frame)));
}

export interface Arrival {
  port: string;
  frame: Uint8Array;
  wait: number;
}

/** Numbers that look random and are the same for the same seed. */
export function dice(seed: number): (sides: number) => number {
  let state = seed | 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return ((state >>> 16) * sides) >>> 16;
  };
}

export function story(seed: number, frames: number): Arrival[] {
  const roll = dice(seed);
  const mac = () => MACS[roll(MACS.length)]!;
  const dst = () => (roll(5) === 0 ? 'ff:ff:ff:ff:ff:ff' : mac());
  const inner = (tags: number[]) =>
    innerFrame(dst(), mac(), tags[roll(tags.length)]!, roll(5), roll(9) === 0 ? 1380 + roll(200) : 20 + roll(60));
  const arrivals: Arrival[] = [];
  for (let n = 0; n < frames; n++) {
    const kind = roll(9);
    let port = 'a';
    let frame: Uint8Array;
    if (kind === 0) frame = inner([10, 20, 30]);
    else if (kind === 1) [port, frame] = ['b', inner([0])];
    else if (kind === 2) [port, frame] = ['c', inner([0, 7])];
    else if (kind < 6) {
      const vni = [1000, 2000, 5000, 1000, 4000][roll(5)]!;
      const src = ['192.0.2.34', '192.0.2.50', '192.0.2.34', '192.0.2.99', '192.0.2.17'][roll(5)]!;
      port = 'u4';
      const port4 = roll(12) === 0 ? 4790 : 4789;
      frame = outerV4(vni, inner([0, 0, 0, 7]), { src, tos: roll(4), port: port4, checksum: roll(3) === 0 });
    } else {
      port = 'u6';
      frame = outerV6([3000, 6000, 3000, 1000][roll(4)]!, inner([0, 0, 0, 7]), ['fd00::34', 'fd00::50'][roll(2)]!);
    }
    arrivals.push({
      port,
      frame: roll(4) === 0 ? broken(frame, roll) : frame,
      wait: roll(40) === 0 ? 400_000 : roll(90),
    });
  }
  return arrivals;
}

/** What tunnels carry mostly, which is for the fast ways in and out: hosts behind `a` and two remotes that know each other. */
export function traffic(seed: number, frames: number): Arrival[] {
  const roll = dice(seed);
  const here = [0, 1, 2].map((n) => `02:00:00:00:0a:0${n}`);
  const there = [0, 1, 2, 3, 4].map((n) => `02:00:00:00:0b:0${n}`);
  const odd = story(seed, frames);
  return odd.map((arrival) => {
    const [local, remote] = [here[roll(here.length)]!, there[roll(there.length)]!];
    const vid = [10, 20, 10][roll(3)]!;
    const kind = 1 + roll(3);
    const length = 30 + roll(60);
    const peer = VTEP.neighbors[roll(8) === 0 ? roll(2) : Number(remote.at(-1)) & 1]!.address;
    const more = { src: peer, tos: roll(64) << 2, checksum: roll(8) === 0 };
    const sound =
      roll(2) === 0
        ? { port: 'a', frame: innerFrame(remote, local, vid, kind, length) }
        : { port: 'u4', frame: outerV4(vid * 100, innerFrame(local, remote, 0, kind, length), more) };
    if (roll(12) === 0) return arrival;
    const frame = roll(8) === 0 ? broken(sound.frame, roll) : sound.frame;
    return { ...sound, frame, wait: roll(20) === 0 ? 60 + roll(60) : roll(3) };
  });
}

/** A bit flipped in the headers, or an end cut off. */
export function broken(frame: Uint8Array, roll: (sides: number) => number): Uint8Array {
  if (roll(3) === 0) return frame.slice(0, roll(frame.length) + 1);
  const bytes = frame.slice();
  for (let flips = roll(3); flips >= 0; flips--) {
    const at = roll(Math.min(bytes.length, 120));
    bytes[at] = bytes[at]! ^ (1 << roll(8));
  }
  return bytes;
}

/** Everything that a story leads to. */
export function tellTunnels(arrivals: readonly Arrival[], size: number, poison: number, slowly = false): unknown {
  const world = tunnelWorld(size);
  const { core, left } = world;
  if (slowly) leaveAllToSlowWay(core);
  const { arena } = core.dp;
  for (const { port, frame, wait } of arrivals) {
    if (core.batch.count === 0) arena.bytes.fill(poison);
    world.now += wait;
    world.append(port, frame);
    if (core.batch.count === size) core.forward();
  }
  core.forward();
  const { control, dp } = core;
  checkLedger(core);
  return {
    left: [...left],
    ports: [...control.ports.values()].map(({ name, index }) => [name, portLedger(dp.counters, index)]),
    fids: control.vlanByFid.map((_, fid) => fidLedger(dp.counters, fid)),
    fdb: fdbEntries(control),
    vxlan: vxlanEntries(control),
    peers: [...dp.vxlan.remotes.counters],
    vnis: [...dp.vxlan.vnis.counters],
  };
}

/** No frame is for the fast ways into tunnels and out of them. */
function leaveAllToSlowWay({ dp, batch }: SwitchCore): void {
  const lanes = lanesOf(dp, batch) as { -readonly [name in keyof TunnelLanes]: TunnelLanes[name] };
  lanes.decap = (first) => first;
  lanes.encap = (_port, from) => from;
}

/** Throws when a row does not balance, a copy is unaccounted for or a slot is lost. */
export function checkLedger(core: SwitchCore): void {
  const { counters, arena } = core.dp;
  let given = 0;
  let sent = 0;
  for (let p = 0; p < counters.ports; p++) {
    const row = portLedger(counters, p);
    if (!row.balanced) throw new Error(`port ${core.control.portByIndex[p]?.name}: ${JSON.stringify(row)}`);
    given += counters.port[p * PORT_COUNTERS + DELIVERED]! + counters.port[p * PORT_COUNTERS + FLOOD_COPIES]!;
    given += counters.port[p * PORT_COUNTERS + MIRROR_COPIES]!;
    sent += counters.port[p * PORT_COUNTERS + TX_FRAMES]!;
  }
  for (let fid = 0; fid < counters.fids; fid++) {
    const row = fidLedger(counters, fid);
    if (!row.balanced) throw new Error(`FID ${fid}: ${JSON.stringify(row)}`);
  }
  if (given !== sent) throw new Error(`${given} copies were made, ${sent} left`);
  if (slotsInUse(arena) !== 0) throw new Error(`${slotsInUse(arena)} slots were never freed`);
}
