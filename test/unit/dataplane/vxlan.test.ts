/** Tunnels: results do not depend on batches or on the memory around frames, and every fate has its reason. */

import { describe, expect, it } from 'vitest';
import { addEntry } from '../../../src/control/fdb-control.ts';
import { vxlanEntries } from '../../../src/control/vxlan/fdb.ts';
import { setTunnel } from '../../../src/control/vxlan/tunnel-control.ts';
import { setPathMtu, setVtep } from '../../../src/control/vxlan/vtep-control.ts';
import { SOURCE_KNOWN } from '../../../src/dataplane/batch.ts';
import { portLedger } from '../../../src/dataplane/counters.ts';
import { csumWord, GSO_TCPV4, gsoWord } from '../../../src/dataplane/offload/needs.ts';
import { forwardBatch } from '../../../src/dataplane/pipeline.ts';
import { decapBatch } from '../../../src/dataplane/vxlan/decap.ts';
import { lanesOf } from '../../../src/dataplane/vxlan/lanes.ts';
import { STAT_MOVED } from '../../../src/tables/fdb/fdb.ts';
import { flushAll } from '../../../src/tables/fdb/flush.ts';
import { findRemote, removeRemote } from '../../../src/tables/remote-table.ts';
import { arpFrame, ethernetFrame, ipv4Packet } from '../../../src/wire/build.ts';
import { writeIpv4Checksum, writeIpv4Fragment } from '../../../src/wire/ipv4.ts';
import { fuzzDatagrams } from '../../fuzz/datagrams.ts';
import {
  checkLedger,
  dice,
  innerFrame,
  MACS,
  outerV4,
  outerV6,
  story,
  tellTunnels,
  traffic,
  tunnelWorld,
} from './vxlan-world.ts';

const ZERO = '00:00:00:00:00:00';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const STRANGER = '02:00:00:00:00:99';
const TCP_HEAD = [0, 80, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 1, 0, 0, 0, 0];

describe('tunnels', () => {
  it.each([
    ['strange frames', story],
    ['ordinary traffic', traffic],
  ])('give the same for every batch size, without lanes and whatever lies around the frames: %s', (_, invent) => {
    for (let seed = 1; seed <= 8; seed++) {
      const arrivals = invent(seed, 250);
      const one = tellTunnels(arrivals, 1, 0xaa);
      expect(tellTunnels(arrivals, 1, 0x00), `seed ${seed}, poison`).toEqual(one);
      expect(tellTunnels(arrivals, 7, 0x00, true), `seed ${seed}, without lanes`).toEqual(one);
      for (const size of [2, 7, 64]) expect(tellTunnels(arrivals, size, 0x55), `seed ${seed}, by ${size}`).toEqual(one);
    }
  });
});

function one(port: string, frame: Uint8Array) {
  const world = tunnelWorld(4);
  world.append(port, frame);
  world.core.forward();
  checkLedger(world.core);
  const drops: Record<string, number> = {};
  for (const { index } of world.core.control.ports.values()) {
    Object.assign(drops, portLedger(world.core.dp.counters, index).drops);
  }
  const counts = [...world.left].map(([name, frames]) => [name, frames.length] as const);
  return { ...world, drops, counts: Object.fromEntries(counts.filter(([, n]) => n !== 0)) };
}

describe('a frame', () => {
  const inner = innerFrame(BROADCAST, STRANGER, 0, 1);

  it('from a tunnel is flooded to hosts, not to other remotes, and teaches both tables', () => {
    const { counts, core, left } = one('u4', outerV4(2000, inner));
    // Another tunnel with another VNI of the same VLAN is a port like any other.
    expect(counts).toEqual({ a: 1, u6: 2 });
    expect(left.get('a')![0]).toBe(Buffer.from(innerFrame(BROADCAST, STRANGER, 20, 1)).toString('hex'));
    expect(vxlanEntries(core.control)).toMatchObject([
      { port: 'm', vni: 1000, kind: 'static' },
      { port: 'm', vni: 2000, mac: STRANGER, remotes: ['192.0.2.34'], kind: 'dynamic' },
    ]);
  });

  it('may come in a datagram longer than the MTU of its uplink, and has to fit the port it leaves by', () => {
    const long = (length: number) => outerV4(2000, innerFrame(MACS[3]!, STRANGER, 0, 1, length));
    const fits = 1600 - 28;
    expect(long(fits).length).toBeGreaterThan(1600 + 14);
    expect(one('u4', long(fits)).counts).toMatchObject({ a: 1 });
    expect(one('u4', long(fits + 1)).counts.a).toBeUndefined();
  });

  it('to a known host goes to its remote alone', () => {
    const { counts } = one('b', innerFrame(MACS[1]!, MACS[0]!, 0, 1));
    // The bridge does not know the host: it floods, and the tunnel knows where to.
    expect(counts).toEqual({ a: 1, u4: 1 });
  });

  it('leaves by no underlay port that is turned off, whatever its device would take', () => {
    const { core, append, left } = tunnelWorld(4);
    core.control.setPort('u4', { enabled: false });
    append('b', innerFrame(MACS[1]!, MACS[0]!, 0, 1));
    core.forward();
    checkLedger(core);
    expect(left.get('u4') ?? []).toEqual([]);
    expect(portLedger(core.dp.counters, core.control.port('u4').index).drops).toEqual({ EGRESS_PORT_DOWN: 1 });
  });

  it.each<[string, Uint8Array]>([
    ['VXLAN_UNKNOWN_PEER', outerV4(1000, inner, { src: '192.0.2.99' })],
    ['VXLAN_UNKNOWN_VNI', outerV4(4711, inner)],
    ['VXLAN_LOOP', outerV4(1000, inner, { src: '192.0.2.17' })],
    ['VXLAN_LOOP', outerV4(1000, innerFrame(BROADCAST, '02:00:00:00:17:17', 0, 1))],
    ['VXLAN_NOT_FOR_VTEP', outerV4(1000, inner, { port: 4790 })],
    ['VXLAN_INNER_MALFORMED', outerV4(1000, inner.slice(0, 13))],
    ['VXLAN_INNER_TAG', outerV4(1000, innerFrame(BROADCAST, STRANGER, 10, 1))],
    ['VXLAN_NESTED', outerV4(1000, outerV4(1000, inner))],
    ['VXLAN_ECN', outerV4(1000, innerFrame(BROADCAST, STRANGER, 0, 4), { tos: 3 })],
    ['VXLAN_NO_I_FLAG', patched(outerV4(1000, inner), 42, 0x00, 40)],
    ['VXLAN_CHECKSUM', patched(outerV4(1000, inner), 60, 0x77)],
    ['VXLAN_CHECKSUM', patched(outerV4(1000, inner), 22, 0x77)],
    ['VXLAN_FRAGMENT', fragmented(outerV4(1000, inner))],
    ['VXLAN_OUTER_MALFORMED', outerV4(1000, inner).slice(0, 60)],
    ['PARSE_RUNT', outerV4(1000, inner).slice(0, 13)],
  ])('is dropped as %s', (reason, frame) => {
    const { drops, counts, core } = one('u4', frame);
    expect(drops).toEqual({ [reason]: 1 });
    expect(counts).toEqual({});
    expect(vxlanEntries(core.control).filter((entry) => entry.kind === 'dynamic')).toEqual([]);
  });

  it('is taken from peers alone, whoever came before it from an address that ends alike', () => {
    const world = tunnelWorld(8);
    const { dp, control } = world.core;
    const drops = () => portLedger(dp.counters, control.port('u4').index).drops;
    const arrive = (...sources: string[]) => {
      for (const src of sources) {
        // Without a checksum, so that it is for the fast way.
        world.append('u4', outerV4(1000, innerFrame(MACS[0]!, STRANGER, 0, 1), { src }).fill(0, 40, 42));
      }
      world.core.forward();
      checkLedger(world.core);
    };
    arrive('192.0.2.34', '192.0.2.98', '192.0.2.34', '0.0.0.0', '192.0.2.162', '192.0.2.50');
    expect(world.left.get('a')).toHaveLength(3);
    expect(drops()).toEqual({ VXLAN_UNKNOWN_PEER: 3 });
    removeRemote(dp.vxlan.remotes, findRemote(dp.vxlan.remotes, 0, 0xc000_0222 | 0, 0, 0, 0));
    arrive('192.0.2.34', '0.0.0.0', '192.0.2.50');
    expect(world.left.get('a')).toHaveLength(4);
    expect(drops()).toEqual({ VXLAN_UNKNOWN_PEER: 5 });
  });

  it('over IPv6 without a checksum is taken only where that is allowed', () => {
    const frame = patched(outerV6(3000, inner), 14 + 4 + 40 + 6, 0, -1);
    frame[14 + 4 + 40 + 7] = 0;
    expect(one('u6', frame).drops).toEqual({ VXLAN_CHECKSUM: 1 });
    const world = tunnelWorld(1);
    setVtep(world.core.control, 'v6', { udp6ZeroChecksum: true });
    world.append('u6', frame);
    world.core.forward();
    expect(world.left.get('a')).toHaveLength(1);
  });
});

it('a super-frame as long as can be leaves its own bits alone', () => {
  const payload = new Uint8Array(65_535 - 28 - 20).fill(1);
  const packet = ipv4Packet({ src: '10.0.0.1', dst: '10.0.0.2' }, 6, Uint8Array.of(...TCP_HEAD, ...payload));
  const { core, left, append } = tunnelWorld(1);
  append('b', ethernetFrame({ dst: MACS[1]!, src: MACS[0]! }, 0x0800, packet));
  core.batch.gso[0] = gsoWord(GSO_TCPV4, 1000);
  core.batch.csum[0] = csumWord(34, 16);
  core.forward();
  const outer = Buffer.from(left.get('u4')![0]!, 'hex');
  expect(outer.length).toBe(14 + packet.length + 50);
  expect(outer.readUInt16BE(14)).toBe(0x4500);
});

describe('a packet that is too long for the tunnel', () => {
  const long = (kind: number) => innerFrame(MACS[1]!, MACS[0]!, 0, kind, 1500 - 28 - (kind === 4 ? 20 : 0));
  /** The bridge knows that the far host is behind the tunnel. */
  const told = (size: number) => {
    const world = tunnelWorld(size);
    addEntry(world.core.control, { bridge: 'br0', vid: 10, mac: MACS[1]!, port: 'm', kind: 'static' });
    return world;
  };

  it.each([
    ['IPv4', 1, 0x0800, 34, [3, 4], 40],
    ['IPv6', 4, 0x86dd, 54, [2, 0], 60],
  ])('is dropped, and its sender is told, %s, before the next frame', (_, kind, type, icmp, code, mtuAt) => {
    for (const size of [1, 3, 8]) {
      const { core, left, append } = told(size);
      for (let n = 0; n < 6; n++) {
        append('b', n % 2 === 0 ? long(kind) : innerFrame(MACS[1]!, MACS[0]!, 0, 1));
        if (core.batch.count === size) core.forward();
      }
      core.forward();
      checkLedger(core);
      expect(portLedger(core.dp.counters, core.control.port('b').index).drops).toEqual({ VXLAN_MTU: 3 });
      expect(left.get('u4')).toHaveLength(3);
      expect(left.get('b')).toHaveLength(3);
      for (const hex of left.get('b')!) {
        const answer = Buffer.from(hex, 'hex');
        expect(answer.toString('hex', 0, 12)).toBe((MACS[0]! + MACS[1]!).replaceAll(':', ''));
        expect(answer.readUInt16BE(12)).toBe(type);
        expect([answer[icmp], answer[icmp + 1]]).toEqual(code);
        expect(answer.readUInt16BE(mtuAt)).toBe(1450);
      }
    }
  });

  it('follows what the path is said to carry', () => {
    const { core, left, append } = told(8);
    const middling = innerFrame(MACS[1]!, MACS[0]!, 0, 1, 1360 - 28);
    setPathMtu(core.control, 'v4', '192.0.2.50', 1400);
    append('b', middling);
    core.forward();
    expect(Buffer.from(left.get('b')![0]!, 'hex').readUInt16BE(40)).toBe(1350);
    setPathMtu(core.control, 'v4', '192.0.2.50', null);
    append('b', middling);
    core.forward();
    expect(left.get('u4')).toHaveLength(1);
  });

  it('is answered a bounded number of times', () => {
    const { core, left, append } = told(64);
    for (let n = 0; n < 200; n++) {
      append('b', long(1));
      if (core.batch.count === 64) core.forward();
    }
    core.forward();
    expect(left.get('b')).toHaveLength(50);
  });
});

describe('a question for a host behind the tunnel', () => {
  const asks = (spa: string, tpa: string, src = MACS[0]!) =>
    arpFrame({ dst: BROADCAST, src }, { operation: 1, senderMac: src, senderIp: spa, targetMac: ZERO, targetIp: tpa });
  const suppressing = (size: number) => {
    const world = tunnelWorld(size);
    const { control } = world.core;
    const neighbors = [{ vid: 10, address: '10.0.0.2', mac: MACS[1]! }];
    setTunnel(control, 'm', { ...control.vxlan.tunnels.get('m')!.settings, suppress: true, neighbors });
    addEntry(control, { bridge: 'br0', vid: 10, mac: MACS[1]!, port: 'm', kind: 'static' });
    return world;
  };

  it.each([1, 2, 8])('is answered and not sent into it, by %i', (size) => {
    const { core, left, append } = suppressing(size);
    for (let n = 0; n < 4; n++) {
      append('b', n % 2 === 0 ? asks('10.0.0.1', '10.0.0.2') : asks('10.0.0.1', '10.0.0.3'));
      if (core.batch.count === size) core.forward();
    }
    core.forward();
    checkLedger(core);
    // What is not known goes to the trunk and both remotes; what is known comes back.
    expect(left.get('a')).toHaveLength(2);
    expect(left.get('u4')).toHaveLength(4);
    expect(left.get('b')).toHaveLength(2);
    const answer = Buffer.from(left.get('b')![0]!, 'hex');
    expect(answer.toString('hex', 0, 12)).toBe((MACS[0]! + MACS[1]!).replaceAll(':', ''));
    expect(answer.readUInt16BE(20)).toBe(2);
    expect([...answer.subarray(28, 32)]).toEqual([10, 0, 0, 2]);
  });

  it.each([
    ['a probe', asks('0.0.0.0', '10.0.0.2')],
    ['gratuitous ARP', asks('10.0.0.2', '10.0.0.2')],
    ['the host itself', asks('10.0.0.1', '10.0.0.2', MACS[1]!)],
  ])('passes when it is %s', (_, frame) => {
    const { core, left, append } = suppressing(4);
    append('b', frame);
    core.forward();
    checkLedger(core);
    expect(left.get('b')).toEqual([]);
    expect(left.get('u4')).toHaveLength(2);
  });
});

/** A byte replaced; with `checksumAt` the UDP checksum there is cleared, so that the byte is what counts. */
function patched(frame: Uint8Array, at: number, value: number, checksumAt = -1): Uint8Array {
  const bytes = frame.slice();
  bytes[at] = value;
  if (checksumAt >= 0) bytes.fill(0, checksumAt, checksumAt + 2);
  return bytes;
}

/** The first of several fragments. */
function fragmented(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice();
  const view = new DataView(bytes.buffer);
  writeIpv4Fragment(view, 14, false, true, 0);
  writeIpv4Checksum(view, 14);
  return bytes;
}

describe('a source that is known when its frame comes out of the tunnel', () => {
  const HOST = '02:00:00:00:00:77';
  const REMOTES = ['192.0.2.34', '192.0.2.50'];
  const from = (mac: string, src: string) => outerV4(5000, innerFrame(HOST, mac, 0, 1), { src, checksum: false });

  /** Where hosts of the bridge with one local host are, after frames by these remotes. */
  function tell(arrivals: readonly { frame: Uint8Array; wait: number }[], size: number) {
    const world = tunnelWorld(size);
    const { core } = world;
    world.append('c', innerFrame(BROADCAST, HOST, 0, 1));
    core.forward();
    let batches = 0;
    for (const { frame, wait } of arrivals) {
      world.now += wait;
      world.append('u4', frame);
      if (core.batch.count < size) continue;
      core.forward();
      batches++;
    }
    core.forward();
    checkLedger(core);
    const { stats } = core.dp.vxlan.fdb;
    const entries = vxlanEntries(core.control).sort((x, y) => x.mac.localeCompare(y.mac));
    return { batches, told: { entries, stats: [...stats], left: [...world.left] } };
  }

  it('teaches when frames before it have moved it', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const roll = dice(seed);
      const arrivals = Array.from({ length: 200 }, () => ({
        frame: from(MACS[roll(4)]!, REMOTES[roll(6) === 0 ? 1 : 0]!),
        wait: roll(30) === 0 ? 150 : roll(3),
      }));
      const { told } = tell(arrivals, 1);
      expect(told.stats[STAT_MOVED]).toBeGreaterThan(10);
      for (const size of [2, 5, 64]) {
        const other = tell(arrivals, size);
        expect(other.batches).toBe(Math.floor(arrivals.length / size));
        expect(other.told, `seed ${seed}, by ${size}`).toEqual(told);
      }
    }
  });

  it('teaches behind a frame at which control may have changed the table', () => {
    const { core, append } = tunnelWorld(8);
    const { dp, batch } = core;
    append('u4', from(MACS[2]!, REMOTES[0]!));
    core.forward();
    for (let n = 0; n < 3; n++) append('u4', from(MACS[2]!, REMOTES[0]!));
    decapBatch(dp, batch);
    expect([...batch.sourceHash.subarray(0, 3)]).toEqual([SOURCE_KNOWN, SOURCE_KNOWN, SOURCE_KNOWN]);
    forwardBatch(dp, batch);
    const learned = () => vxlanEntries(core.control).filter(({ mac }) => mac === MACS[2]);
    expect(learned()).toHaveLength(1);
    flushAll(dp.vxlan.fdb, 1000);
    expect(learned()).toHaveLength(0);
    lanesOf(dp, batch).learn(1, 3);
    expect(learned()).toMatchObject([{ remotes: [REMOTES[0]] }]);
  });
});

describe('forged datagrams', () => {
  it('are never delivered, never learned, and counted; real ones go on between them', () => {
    fuzzDatagrams(5, 30_000);
  });
});
