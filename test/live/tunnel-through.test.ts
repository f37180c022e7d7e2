/**
 * VXLAN of Linux hosts through a switch that knows nothing of it: frames whose senders left undone what is inside the
 * tunnel, checksums and segments, between ports of every kind.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { capObstacle } from './adapter-kinds.ts';
import { cabled } from './cabled.ts';
import { liveObstacle, type Namespace, until } from './netns.ts';
import type { Raw, SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';
import { reaches } from './vxlan-lab.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;
const KINDS = ['af-packet', 'tap', 'af-xdp', ...(capObstacle() === null ? ['cap'] : [])];

describe.skipIf(obstacle !== null)('VXLAN between a host on af-packet and one on', () => {
  const lab = useLab();
  const bench = useBench('group');
  let sw: SwitchProcess;
  let one: Namespace;
  const others: Namespace[] = [];

  /** A tunnel of its own for each pair: host 1 has 10.61.n.1, host n + 2 has 10.61.n.2. */
  function tunnel(host: Namespace, device: string, n: number, local: number, remote: number, end: number): void {
    const [self, peer] = [`10.60.0.${local}`, `10.60.0.${remote}`];
    const link = `vx${n}`;
    const kind = ['type', 'vxlan', 'id', `${n + 1}`, 'dstport', '4789', 'local', self, 'remote', peer, 'dev', device];
    host.run('ip', 'link', 'add', link, ...kind);
    host.run('ip', 'link', 'set', link, 'mtu', '1450', 'up');
    host.run('ip', 'addr', 'add', `10.61.${n}.${end}/24`, 'dev', link);
  }

  beforeAll(async () => {
    const first = cabled(lab, 'v', 1, '60', { ipv6: false });
    one = first.hosts[0]!;
    const ports: Record<string, Raw> = { one: { adapter: 'af-packet', device: first.devices[0], vlan: 10 } };
    const ends: string[] = [];
    for (const [n, adapter] of KINDS.entries()) {
      if (adapter === 'tap') {
        const device = lab.device('vt');
        ports.tap = { adapter, device, vlan: 10 };
        ends.push(device);
        continue;
      }
      const { hosts, devices, fars } = cabled(lab, 'v', 1, '60', { ipv6: false, first: n + 2 });
      ports[`p${n}`] = { adapter, device: devices[0], vlan: 10 };
      others[n] = hosts[0]!;
      ends.push(fars[0]!);
    }
    sw = await bench.start({ ports });
    const at = KINDS.indexOf('tap');
    others[at] = lab.namespace('vt');
    others[at].adopt(ends[at]!, { address: `10.60.0.${at + 2}/24` });
    for (const n of KINDS.keys()) {
      tunnel(one, first.fars[0]!, n, 1, n + 2, 1);
      tunnel(others[n]!, ends[n]!, n, n + 2, 1, 2);
    }
    await until(() => sw.log().match(/link up/g)?.length === KINDS.length + 1, 'all links are up');
  });

  it.each(KINDS)('%s carries TCP whole', async (kind) => {
    const n = KINDS.indexOf(kind);
    await reaches(others[n]!, `10.61.${n}.1`); // libpcap loses the first frame
    await transfer(one, `10.61.${n}.1`, others[n]!, 4 * MIB);
    for (const { drops } of (await sw.ports()).values()) expect(drops).not.toHaveProperty('TX_ERROR');
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
