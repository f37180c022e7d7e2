/** Trunks: two switches joined by UDP and by TAP, TCP super-frames that carry a tag, a host that tags by itself. */

import { describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { liveObstacle, type Namespace, until } from './netns.ts';
import type { SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;
const access = (device: string, vlan: number, more = {}) => ({ adapter: 'tap', device, mode: 'access', vlan, ...more });

describe.skipIf(obstacle !== null)('trunks', () => {
  const lab = useLab();
  const bench = useBench();

  function host(label: string, device: string, address: string): Namespace {
    const namespace = lab.namespace(label);
    namespace.adopt(device, { address });
    return namespace;
  }

  async function balanced(...switches: SwitchProcess[]): Promise<void> {
    for (const s of switches) expect((await s.ledger()).balanced).toBe(true);
  }

  it('joins two switches over UDP, each VLAN for itself', async () => {
    const [one, two] = [await freePort(), await freePort()];
    const trunk = (local: number, remote: number) => ({
      adapter: 'udp',
      local: `127.0.0.1:${local}`,
      remote: `127.0.0.1:${remote}`,
      mode: 'trunk',
      vlans: '10,20',
    });
    const [r1, r2, b1, b2] = ['ur1', 'ur2', 'ub1', 'ub2'].map((label) => lab.device(label));
    const sw1 = await bench.start({ ports: { red: access(r1, 10), blue: access(b1, 20), up: trunk(one, two) } });
    const sw2 = await bench.start({ ports: { red: access(r2, 10), blue: access(b2, 20), up: trunk(two, one) } });
    // All in one subnet: only the VLANs keep them apart.
    const red1 = host('ur1', r1, '10.1.0.1/24');
    const red2 = host('ur2', r2, '10.1.0.2/24');
    const blue1 = host('ub1', b1, '10.1.0.3/24');
    host('ub2', b2, '10.1.0.4/24');
    expect(await red1.ping('10.1.0.2')).toBe(3);
    expect(await blue1.ping('10.1.0.4')).toBe(3);
    expect(await red1.ping('10.1.0.3', { count: 1, timeoutMs: 400 })).toBe(0);
    expect(await red2.ping('10.1.0.4', { count: 1, timeoutMs: 400 })).toBe(0);
    await transfer(red1, '10.1.0.1', red2, 16 * MIB);

    const ports = await sw1.ports();
    expect(ports.get('red')?.offloads).toContain('csum tso4 tso6');
    expect(ports.get('up')).toMatchObject({ offloads: 'none', offloadsWhy: null });
    expect(ports.get('up')?.software).toContain('csum tso4 tso6');
    // Super-frames that came in whole left in segments, of which none was refused.
    const { rxBytes, rxFrames } = ports.get('red')!;
    expect(rxBytes / rxFrames).toBeGreaterThan(2000);
    const { drops } = await sw1.drops();
    expect(drops.filter(({ port, reason }) => port === 'red' && reason === 'TX_ERROR')).toEqual([]);
    const learned = (await sw1.fdb({ vlan: '10' })).entries.map((entry) => entry.port);
    expect(learned.sort()).toEqual(['red', 'up']);
    await balanced(sw1, sw2);
  });

  it('joins two switches by TAP: TCP super-frames carry the tag whole', async () => {
    const [h1, t1, h2, t2] = ['th1', 'tt1', 'th2', 'tt2'].map((label) => lab.device(label));
    const trunk = (device: string) => ({ adapter: 'tap', device, mode: 'trunk', vlans: '10,20' });
    const sw1 = await bench.start({ ports: { host: access(h1, 10), up: trunk(t1) } });
    const sw2 = await bench.start({ ports: { host: access(h2, 10), up: trunk(t2) } });
    // The cable: a bridge of the kernel that knows nothing of VLANs.
    const cable = lab.namespace('tcable');
    cable.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    for (const device of [t1, t2]) {
      cable.adopt(device);
      cable.run('ip', 'link', 'set', device, 'master', 'br0');
    }
    cable.run('ip', 'link', 'set', 'br0', 'up');
    const a = host('th1', h1, '10.2.0.1/24');
    const b = host('th2', h2, '10.2.0.2/24');
    expect(await a.ping('10.2.0.2', { count: 2 })).toBe(2);
    // Frames of a host that speaks while its cable is being moved to the namespace are lost, and counted.
    const before = (await sw1.ports()).get('up')!.txDropped;
    await transfer(a, '10.2.0.1', b, 64 * MIB);

    const up = (await sw1.ports()).get('up')!;
    expect(up.offloads).toContain('tso4');
    // Far fewer frames than segments of 1,460 bytes: they passed whole.
    expect(up.txBytes / up.txFrames).toBeGreaterThan(2000);
    expect(up.txDropped - before).toBe(0);
    await balanced(sw1, sw2);
  });

  it('serves a host that tags its own frames', async () => {
    const [a1, t1] = ['sa1', 'st1'].map((label) => lab.device(label));
    const sw = await bench.start({
      ports: { a: access(a1, 10), up: { adapter: 'tap', device: t1, mode: 'trunk', vlans: '10,20' } },
    });
    const a = host('sa1', a1, '10.3.0.1/24');
    const tagging = lab.namespace('st1');
    tagging.adopt(t1);
    const wire = await tagging.frameSocket(t1);
    const near = await a.frameSocket(a1);

    // ARP request of 10.3.0.2 (02:00:00:00:00:02) for 10.3.0.1, in VLAN 10 and then in VLAN 20.
    const arp = (vid: number) =>
      Buffer.from(
        `ffffffffffff020000000002 8100 ${(0xa000 | vid).toString(16)} 0806 0001080006040001 020000000002 0a030002 000000000000 0a030001`.replaceAll(
          ' ',
          '',
        ),
        'hex',
      );
    wire.send(arp(10));
    const answer = await wire.next((frame) => frame.readUInt16BE(12) === 0x8100 && frame.readUInt16BE(16) === 0x0806);
    expect(answer.readUInt16BE(14) & 0xfff).toBe(10);
    expect(answer.subarray(0, 6).toString('hex')).toBe('020000000002');
    const seen = await near.next((frame) => frame.readUInt16BE(12) === 0x0806);
    expect(seen.length).toBe(42); // the tag is gone on the access port

    near.frames.length = 0;
    wire.send(arp(20));
    wire.send(arp(30)); // not a VLAN of the trunk
    await until(() => near.frames.length > 0, 'nothing arrives', 300).catch(() => {});
    expect(near.frames).toEqual([]);
    const { drops } = await sw.drops();
    const reasons = drops.filter((drop) => drop.port === 'up').map((drop) => drop.reason);
    expect(reasons).toContain('INGRESS_VLAN');
    expect(reasons).toContain('EGRESS_NO_PORT');
    await balanced(sw);
  });
});
