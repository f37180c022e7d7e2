/** Ports on interfaces that exist already (af-packet): hosts behind veth cables, as behind network cards. */

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openPacket } from '../../src/adapters/af-packet.ts';
import { openXdp } from '../../src/adapters/af-xdp.ts';
import { createArena, frameStart, release, slotsInUse, takeFor } from '../../src/dataplane/arena.ts';
import { createBatch } from '../../src/dataplane/batch.ts';
import { ethernetFrame, udpIpv4 } from '../../src/wire/build.ts';
import { ETHERTYPE_IPV4 } from '../../src/wire/ethernet.ts';
import { cabled } from './cabled.ts';
import { liveObstacle, python, until } from './netns.ts';
import type { Raw } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;

describe.skipIf(obstacle !== null)('af-packet ports', () => {
  const lab = useLab();
  const bench = useBench();

  const port = (device: string, more: Raw = {}): Raw => ({ adapter: 'af-packet', device, vlan: 10, ...more });

  it('carry pings of every size and TCP with offloads, whole', async () => {
    const { hosts, devices } = cabled(lab, 'p', 2, '20');
    const sw = await bench.start({ ports: { a: port(devices[0]!), b: port(devices[1]!) } });
    expect(await hosts[0]!.ping('10.20.0.2', { count: 3 })).toBe(3);
    expect(await hosts[1]!.ping('10.20.0.1', { size: 1472, dontFragment: true })).toBe(3);
    await transfer(hosts[0]!, '10.20.0.1', hosts[1]!, 16 * MIB);
    await transfer(hosts[0]!, 'fd00:20::1', hosts[1]!, 16 * MIB);
    const a = (await sw.ports()).get('a')!;
    expect(a.offloads).toMatch(/^csum tso4 tso6/);
    expect(a.rxBytes / a.rxFrames).toBeGreaterThan(2000); // super-frames
    expect((await sw.ledger()).balanced).toBe(true);
    expect(await sw.stop()).toBe(0);
  });

  it('carry 9,000-byte packets, and say at the start when the interface cannot', async () => {
    const { hosts, devices } = cabled(lab, 'j', 2, '21', { mtu: 9000 });
    const jumbo = { mtu: 9000 };
    const sw = await bench.start({ ports: { a: port(devices[0]!, jumbo), b: port(devices[1]!, jumbo) } });
    expect(await hosts[0]!.ping('10.21.0.2', { size: 8972, dontFragment: true })).toBe(3);
    await transfer(hosts[0]!, '10.21.0.1', hosts[1]!, 8 * MIB);
    expect(await sw.stop()).toBe(0);
    lab.run('ip', 'link', 'set', devices[1]!, 'mtu', '1400');
    const { status, stderr } = bench.cli(
      'run',
      '--port',
      `a=af-packet:${devices[0]}`,
      '--port',
      `b=af-packet:${devices[1]}`,
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /port b \(af-packet \S+\): the interface has an MTU of 1400, the port one of 1500; set mtu: 1400/,
    );
  });

  it('are none of interfaces without Ethernet, with an error that has a name', async () => {
    const arena = createArena({ smallSlots: 64, largeSlots: 0 });
    const context = { arena, events: { link: () => {}, readable: () => {} } };
    await expect(openPacket({ device: 'lo', mtu: 1500, offloads: 'auto', fanout: null }, context)).rejects.toThrow(
      /^EPROTONOSUPPORT: .*: this interface does not carry Ethernet frames$/,
    );
  });

  it('take longer frames when their MTU is changed while they are open', async () => {
    const { hosts, devices, fars } = cabled(lab, 'l', 1, '28', { mtu: 9000, ipv6: false });
    const arena = createArena({ smallSlots: 4096, largeSlots: 8 });
    const events = { link: () => {}, readable: () => {} };
    const options = { device: devices[0]!, mtu: 1500 };
    const socket = await hosts[0]!.frameSocket(fars[0]!);
    const batch = createBatch();
    const long = Buffer.concat([udpOfFlow(1), Buffer.alloc(9014 - udpOfFlow(1).length, 0x5a)]);
    for (const open of [
      () => openPacket({ ...options, offloads: 'auto', fanout: null }, { arena, events }),
      () => openXdp({ ...options, queue: 0 }, { arena, events }),
    ]) {
      const port = await open();
      port.setMtu(9000);
      socket.send(long);
      await until(() => {
        batch.count = 0;
        return port.receive(batch, 0, 1) === 1 && batch.len[0] === 9014;
      }, 'the frame arrives');
      expect(port.send(batch, Int32Array.of(0), 0, 1)).toBe(1);
      expect(await socket.next((frame) => frame.length > 2000)).toEqual(long);
      release(arena, batch.slot[0]!);
      port.close();
    }
    expect(slotsInUse(arena)).toBe(0);
  });

  it('join with TAPs: super-frames pass whole both ways', async () => {
    const { hosts, devices } = cabled(lab, 'm', 1, '22');
    const tap = lab.device('mt');
    const sw = await bench.start({ ports: { a: port(devices[0]!), t: { adapter: 'tap', device: tap, vlan: 10 } } });
    const guest = lab.namespace('mt', { ipv6: true });
    guest.adopt(tap, { address: ['10.22.0.9/24', 'fd00:22::9/64'] });
    await transfer(hosts[0]!, '10.22.0.1', guest, 16 * MIB);
    await transfer(guest, 'fd00:22::9', hosts[0]!, 16 * MIB);
    const ports = await sw.ports();
    for (const name of ['a', 't']) {
      const { rxBytes, rxFrames, drops } = ports.get(name)!;
      expect(rxBytes / rxFrames).toBeGreaterThan(1000);
      expect(drops).not.toHaveProperty('PARSE_TOO_LONG');
    }
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('are trunks between two switches: tagged super-frames keep tag and checksum', async () => {
    const [near, far] = [lab.device('tn'), lab.device('tf')];
    lab.makeVeth(near, far);
    lab.run('ip', 'link', 'set', far, 'up');
    const one = cabled(lab, 'x', 1, '23');
    const two = cabled(lab, 'y', 1, '23', { first: 2 });
    const trunk = (device: string): Raw => ({ adapter: 'af-packet', device, mode: 'trunk', vlans: '10,20' });
    const first = await bench.start({ ports: { a: port(one.devices[0]!), up: trunk(near) } });
    await bench.start({ ports: { b: port(two.devices[0]!), up: trunk(far) } });
    await transfer(one.hosts[0]!, '10.23.0.1', two.hosts[0]!, 16 * MIB);
    const up = (await first.ports()).get('up')!;
    expect(up.rxBytes / up.rxFrames).toBeGreaterThan(2000);
    expect((await first.ledger()).balanced).toBe(true);
  });

  it('see tags that the kernel has put aside, one and two of them, and give them back', async () => {
    const { hosts, devices, fars } = cabled(lab, 'v', 2, '24');
    const trunk = (device: string): Raw => ({ adapter: 'af-packet', device, mode: 'trunk', vlans: '10,20' });
    await bench.start({ ports: { a: trunk(devices[0]!), b: trunk(devices[1]!) } });
    const [from, to] = [await hosts[0]!.frameSocket(fars[0]!), await hosts[1]!.frameSocket(fars[1]!)];
    const addresses = 'ffffffffffff020000000001';
    const body = `88b5${'a5'.repeat(60)}`;
    for (const tags of ['8100600a', '8100e014', '8100000a81000fff', '8100000a88a80014']) {
      const frame = Buffer.from(addresses + tags + body, 'hex');
      from.send(frame);
      expect(await to.next((got) => got.includes(Buffer.from(body, 'hex')))).toEqual(frame);
    }
    to.send(Buffer.from(`${addresses}8100001e${body}`, 'hex')); // VLAN 30 is not on the trunk
    to.send(Buffer.from(`${addresses}8100000a88b5${'11'.repeat(60)}`, 'hex'));
    expect((await from.next((got) => got.readUInt16BE(12) === 0x8100)).subarray(18, 20).toString('hex')).toBe('1111');
  });

  it('take nothing of what the host itself sends, and leave the interface as it was', async () => {
    const { devices } = cabled(lab, 'o', 2, '25', { ipv6: false });
    const promiscuity = () => /promiscuity (\d+)/.exec(lab.run('ip', '-d', 'link', 'show', devices[0]!))?.[1];
    const sw = await bench.start({ ports: { a: port(devices[0]!), b: port(devices[1]!) } });
    expect(promiscuity()).toBe('1');
    const socket = 's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))';
    lab.run(...python(), '-c', `import socket, sys; ${socket}; s.send(b'\\xff' * 6 + b'\\x02' * 60)`, devices[0]!);
    await sleep(200);
    expect((await sw.ports()).get('a')!.rxFrames).toBe(0);
    await sw.stop('SIGKILL');
    expect(promiscuity()).toBe('0');
  });

  it('go down and up with their interface, and come back when it was deleted', async () => {
    const { hosts, devices, fars } = cabled(lab, 'd', 3, '26');
    const sw = await bench.start({ ports: { a: port(devices[0]!), b: port(devices[1]!), c: port(devices[2]!) } });
    expect(await hosts[0]!.ping('10.26.0.2', { count: 1 })).toBe(1);
    const ups = () => sw.log().match(/port b: link up/g)?.length ?? 0;
    const far = fars[1]!;
    hosts[1]!.run('ip', 'link', 'set', far, 'down');
    await until(() => sw.log().includes('port b: link down (no carrier)'), 'the cable is dead');
    expect((await sw.fdb({ port: 'b' })).entries).toEqual([]);
    hosts[1]!.run('ip', 'link', 'set', far, 'up');
    expect(await hosts[1]!.ping('10.26.0.1', { count: 1 })).toBe(1);
    lab.run('ip', 'link', 'set', devices[1]!, 'down');
    await until(() => sw.log().includes('port b: link down (interface down)'), 'the interface is down');
    let before = ups();
    lab.run('ip', 'link', 'set', devices[1]!, 'up');
    await until(() => ups() > before, 'the interface is up');
    lab.removeDevice(devices[1]!);
    await until(() => sw.log().includes('port b: link down (interface deleted)'), 'the loss is told');
    expect(await hosts[0]!.ping('10.26.0.3', { count: 1 })).toBe(1); // the others go on
    before = ups();
    lab.makeVeth(devices[1]!, far);
    hosts[1]!.adopt(far, { address: '10.26.0.2/24' });
    await until(() => ups() > before, 'the port is back');
    hosts[0]!.run('ip', 'neigh', 'flush', 'all');
    expect(await hosts[0]!.ping('10.26.0.2', { count: 3 })).toBe(3);
    expect((await sw.ledger()).balanced).toBe(true);
    expect(await sw.stop()).toBe(0);
  });

  it('of one fanout group share the frames of an interface, each flow at one of them', async () => {
    const { hosts, devices, fars } = cabled(lab, 'f', 1, '27', { ipv6: false });
    const arena = createArena({ smallSlots: 1024, largeSlots: 0 });
    const events = { link: () => {}, readable: () => {} };
    const options = { device: devices[0]!, mtu: 1500, offloads: 'auto', fanout: process.pid & 0xffff } as const;
    const ports = await Promise.all([0, 1].map(() => openPacket(options, { arena, events })));
    const socket = await hosts[0]!.frameSocket(fars[0]!);
    const flows = 64;
    for (let n = 0; n < 3 * flows; n++) socket.send(udpOfFlow(n % flows));
    const seen = ports.map(() => new Map<number, number>());
    const batch = createBatch();
    const total = () => seen.reduce((sum, of) => sum + [...of.values()].reduce((a, b) => a + b, 0), 0);
    await until(() => {
      for (const [p, port] of ports.entries()) {
        batch.count = 0;
        const got = port.receive(batch, p, 256);
        for (let i = 0; i < got; i++) {
          const flow = arena.view.getUint16(batch.off[i]! + 34) - 1000;
          if (arena.view.getUint16(batch.off[i]! + 36) === 9) seen[p]!.set(flow, (seen[p]!.get(flow) ?? 0) + 1);
          release(arena, batch.slot[i]!);
        }
      }
      return total() >= 3 * flows;
    }, 'all frames arrive once');
    for (const port of ports) port.close();
    expect(total()).toBe(3 * flows);
    expect(seen.every((of) => of.size > 0)).toBe(true);
    expect([...seen[0]!.keys()].filter((flow) => seen[1]!.has(flow))).toEqual([]);
  });

  it.each([
    ['the socket', '100mb'],
    ['the queue of the interface', '50kb'],
  ])('are full when %s is, and say so without an error', async (_, limit) => {
    const [device, far] = [lab.device(`q${limit[0]}`), lab.device(`r${limit[0]}`)];
    lab.makeVeth(device, far);
    lab.run('ip', 'link', 'set', far, 'up');
    lab.run('ip', 'link', 'set', device, 'mtu', '9000');
    // A kilobyte a second leaves.
    lab.run('tc', 'qdisc', 'add', 'dev', device, 'root', 'tbf', 'rate', '8kbit', 'burst', '10kb', 'limit', limit);
    const arena = createArena({ smallSlots: 512, largeSlots: 64 });
    const events = { link: () => {}, readable: () => {} };
    const port = await openPacket({ device, mtu: 9000, offloads: 'auto', fanout: null }, { arena, events });
    const batch = createBatch();
    for (let i = 0; i < 64; i++) {
      batch.slot[i] = takeFor(arena, 9000);
      batch.off[i] = frameStart(arena, batch.slot[i]!);
      batch.len[i] = 9000;
      arena.bytes.set(udpOfFlow(i), batch.off[i]!);
    }
    const list = Int32Array.from({ length: 64 }, (_, i) => i);
    let taken = 0;
    let last = 64;
    for (let burst = 0; burst < 1000 && last === 64; burst++) {
      last = port.send(batch, list, 0, 64);
      taken += last;
    }
    expect(last).toBeLessThan(64);
    expect(port.lastError).toBe(0);
    expect(taken * 9000).toBeLessThan(100e6);
    port.close();
    lab.removeDevice(device);
  });
});

/** A datagram that is told by its source port. */
function udpOfFlow(flow: number): Buffer {
  const head = { dst: 'ff:ff:ff:ff:ff:ff', src: '02:00:00:00:00:01' };
  const ip = { src: '10.27.0.1', dst: '10.27.0.9' };
  return Buffer.from(ethernetFrame(head, ETHERTYPE_IPV4, udpIpv4(ip, 1000 + flow, 9, new Uint8Array(20))));
}
