/** Mirrors and captures on real devices: an observer's TAP gets copies, TCP super-frames included, and TCP is as before. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control-client.ts';
import type { MirrorView } from '../../src/api/mirror-view.ts';
import { liveObstacle, type Namespace, until } from './netns.ts';
import { endOf, type SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;

describe.skipIf(obstacle !== null)('an observer', () => {
  const lab = useLab();
  const bench = useBench('group');
  let sw: SwitchProcess;
  let [one, two, observer]: Namespace[] = [];
  let watched = '';

  beforeAll(async () => {
    const [a, b, watch] = ['mira', 'mirb', 'mirw'].map((label) => lab.device(label)) as [string, string, string];
    watched = watch;
    const tap = (device: string) => ({ adapter: 'tap', device, mode: 'access', vlan: 10 });
    sw = await bench.start({
      ports: { a: tap(a), b: tap(b), watch: tap(watch) },
      mirrors: [{ name: 'both', output: 'watch', selectSrc: ['a'], selectDst: ['a'] }],
    });
    [one, two, observer] = [a, b, watch].map((device, i) => {
      const host = lab.namespace(`mir${i}`);
      host.adopt(device, { address: [`10.8.0.${i + 1}/24`] });
      return host;
    });
  });

  const mirrored = async () => ((await ask(sw.socket, 'mirrors')) as { mirrors: MirrorView[] }).mirrors[0]!;

  it('sees what a port receives and sends, and nobody sees the observer', async () => {
    const socket = await observer!.frameSocket(watched);
    expect(await one!.ping('10.8.0.2')).toBe(3);
    const isEcho = (type: number) => (frame: Buffer) =>
      frame.toString('hex', 12, 14) === '0800' && frame[23] === 1 && frame[34] === type;
    expect((await socket.next(isEcho(8))).length).toBe(98);
    expect((await socket.next(isEcho(0))).length).toBe(98);
    socket.close();
    expect(await observer!.ping('10.8.0.1', { count: 1, timeoutMs: 500 })).toBe(0);
    expect((await sw.ports()).get('watch')!.drops.INGRESS_MIRROR_OUTPUT).toBeGreaterThan(0);
    expect((await sw.ledger()).balanced).toBe(true);
  });

  it('gets super-frames of a TCP transfer that arrives whole, while it is captured as well', async () => {
    const file = join(bench.dir, 'tcp.pcapng');
    const before = await mirrored();
    const { child, log } = bench.spawn('capture', '--socket', sw.socket, '--port', 'a', '-w', file, 'tcp');
    await until(() => log().includes('capturing to'), 'the capture runs');
    await transfer(one!, '10.8.0.1', two!, 8 * MIB);
    const after = await mirrored();
    const frames = after.frames + after.lost - before.frames - before.lost;
    expect(after.bytes).toBeGreaterThan(before.bytes);
    // Far fewer copies than segments of 1,500 bytes would be.
    expect(frames).toBeLessThan((16 * MIB) / 1500);
    expect(await endOf(child, 'SIGINT')).toBe(0);
    expect(log()).toMatch(/\d+ frames captured/);
    expect(statSync(file).size).toBeGreaterThan(MIB);
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
