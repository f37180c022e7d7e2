/** Ports on a queue of an interface (af-xdp): on veth cables, where the kernel copies and nothing is finished for us. */

import { describe, expect, it } from 'vitest';
import { openXdp } from '../../src/adapters/af-xdp.ts';
import { xdpSlots } from '../../src/adapters/xdp-socket.ts';
import { createArena, release, retain, SMALL_SLOT_BYTES, slotsInUse } from '../../src/dataplane/arena.ts';
import { createBatch } from '../../src/dataplane/batch.ts';
import { cabled } from './cabled.ts';
import { liveObstacle, until } from './netns.ts';
import type { Raw } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;
/** Whoever runs it with more workers. */
const DETAIL = /^queue 0( of worker 0)?, copy, driver XDP$/;
const PORT_SLOTS = xdpSlots(1);

describe.skipIf(obstacle !== null)('af-xdp ports', () => {
  const lab = useLab();
  const bench = useBench();

  const port = (device: string, more: Raw = {}): Raw => ({ adapter: 'af-xdp', device, vlan: 10, ...more });
  const program = (device: string) => /xdp\S* .*id \d+|prog\/xdp/.test(lab.run('ip', '-d', 'link', 'show', device));

  it('carry pings and TCP whole, though the senders leave their checksums unfinished', async () => {
    const { hosts, devices } = cabled(lab, 'p', 2, '30');
    const sw = await bench.start({ ports: { a: port(devices[0]!), b: port(devices[1]!) } });
    expect(await hosts[0]!.ping('10.30.0.2', { count: 3 })).toBe(3);
    expect(await hosts[1]!.ping('10.30.0.1', { size: 1472, dontFragment: true })).toBe(3);
    await transfer(hosts[0]!, '10.30.0.1', hosts[1]!, 8 * MIB);
    await transfer(hosts[0]!, 'fd00:30::1', hosts[1]!, 8 * MIB);
    const a = (await sw.ports()).get('a')!;
    expect(a).toMatchObject({ link: 'up', detail: expect.stringMatching(DETAIL), offloads: 'none' });
    expect(bench.cli('show', 'ports', '--socket', sw.socket).stdout).toContain(`(${a.detail})`);
    expect((await sw.ledger()).balanced).toBe(true);
    expect(await sw.stop()).toBe(0);
    expect(program(devices[0]!)).toBe(false);
  });

  it('forward a frame where the kernel has put it, and give it no slot that somebody holds', async () => {
    const { hosts, devices, fars } = cabled(lab, 'u', 2, '34', { ipv6: false });
    const [near, far] = [await hosts[0]!.frameSocket(fars[0]!), await hosts[1]!.frameSocket(fars[1]!)];
    const arena = createArena({ smallSlots: 4 * PORT_SLOTS, largeSlots: 1 });
    const context = { arena, events: { link: () => {}, readable: () => {} } };
    const a = await openXdp({ device: devices[0]!, mtu: 1500, queue: 0 }, context);
    const b = await openXdp({ device: devices[1]!, mtu: 1500, queue: 0 }, context);
    try {
      expect(slotsInUse(arena)).toBe(2 * PORT_SLOTS);
      const batch = createBatch();
      const frame = (n: number) => {
        const bytes = Buffer.alloc(200, n & 0xff);
        bytes.write('02000000000202000000000188b5', 'hex');
        return bytes;
      };
      const receive = async (count: number) => {
        batch.count = 0;
        await until(() => a.receive(batch, 0, count - batch.count) >= 0 && batch.count === count, `${count} arrive`);
      };
      near.send(frame(7));
      await receive(1);
      const [slot, off] = [batch.slot[0]!, batch.off[0]!];
      expect(off - slot * SMALL_SLOT_BYTES).toBe(256);
      retain(arena, slot);
      expect(b.send(batch, Int32Array.of(0), 0, 1)).toBe(1);
      release(arena, slot);
      await until(() => far.frames.some((each) => each.equals(frame(7))), 'it is at the far end');
      for (let round = 0; round < 2 * PORT_SLOTS; round += 200) {
        for (let n = 0; n < 200; n++) near.send(frame(n));
        await receive(200);
        for (let i = 0; i < 200; i++) release(arena, batch.slot[i]!);
      }
      expect(Buffer.from(arena.bytes.subarray(off, off + 200))).toEqual(frame(7));
      release(arena, slot);
      const full = { ...context, arena: createArena({ smallSlots: 100, largeSlots: 1 }) };
      b.close();
      await expect(openXdp({ device: devices[1]!, mtu: 1500, queue: 0 }, full)).rejects.toThrow(
        /ENOBUFS: other af-xdp/,
      );
      expect(slotsInUse(full.arena)).toBe(0);
    } finally {
      a.close();
      b.close();
    }
    expect(slotsInUse(arena)).toBe(0);
  });

  it('carry 9,000-byte packets in several chunks, beside af-packet ports and TAPs with super-frames', async () => {
    const { hosts, devices } = cabled(lab, 'm', 2, '31', { mtu: 9000 });
    const tap = lab.device('mt');
    const jumbo = { mtu: 9000 };
    const sw = await bench.start({
      ports: {
        x: port(devices[0]!, jumbo),
        p: port(devices[1]!, { ...jumbo, adapter: 'af-packet' }),
        t: { adapter: 'tap', device: tap, vlan: 10, ...jumbo },
      },
    });
    const guest = lab.namespace('mt', { ipv6: true });
    guest.adopt(tap, { address: ['10.31.0.9/24', 'fd00:31::9/64'], mtu: 9000 });
    expect(await hosts[0]!.ping('10.31.0.2', { size: 8972, dontFragment: true })).toBe(3);
    await transfer(hosts[0]!, '10.31.0.1', hosts[1]!, 8 * MIB);
    await transfer(guest, '10.31.0.9', hosts[0]!, 8 * MIB);
    await transfer(hosts[0]!, 'fd00:31::1', guest, 8 * MIB);
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('leave nothing behind when the switch is killed, and say who has the interface', async () => {
    const { hosts, devices } = cabled(lab, 'k', 2, '32');
    const config = { ports: { a: port(devices[0]!), b: port(devices[1]!) } };
    const first = await bench.start(config);
    expect(program(devices[0]!)).toBe(true);
    const second = bench.cli('run', '--port', `a=af-xdp:${devices[0]}`, '--name', 'other');
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/port a \(af-xdp \S+\): EBUSY: .*another program has this interface's XDP/);
    await first.stop('SIGKILL');
    const sw = await bench.start(config); // at once
    expect(await hosts[0]!.ping('10.32.0.2', { count: 2 })).toBe(2);
    await sw.stop('SIGKILL');
    await until(() => !program(devices[0]!), 'the program is off the interface');
  });

  it('come back when their interface was deleted and made again', async () => {
    const { hosts, devices, fars } = cabled(lab, 'd', 2, '33');
    const sw = await bench.start({ ports: { a: port(devices[0]!), b: port(devices[1]!) } });
    expect(await hosts[0]!.ping('10.33.0.2', { count: 1 })).toBe(1);
    lab.removeDevice(devices[1]!);
    await until(() => sw.log().includes('port b: link down (interface deleted)'), 'the loss is told');
    lab.makeVeth(devices[1]!, fars[1]!);
    hosts[1]!.adopt(fars[1]!, { address: '10.33.0.2/24' });
    await until(() => sw.log().match(/port b: link up/g)?.length === 2, 'the port is back');
    hosts[0]!.run('ip', 'neigh', 'flush', 'all');
    expect(await hosts[0]!.ping('10.33.0.2', { count: 2 })).toBe(2);
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
