/** `switch.privileges: drop`: no thread of the switch has a capability when it is there, frames go on, and what would need one is refused. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { askSwitch } from '../../src/api/control-client.ts';
import { liveObstacle, python, until } from './netns.ts';
import { BIN } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

/** What each thread of a process may do; the kernel's own for io_uring run no program. */
function threads(pid: number): Record<string, string>[] {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'))
    .map((status) =>
      Object.fromEntries([...status.matchAll(/^(\w+):\s*(.*)$/gm)].map(([, key, value]) => [key!, value!])),
    )
    .filter(({ Name }) => !Name!.startsWith('iou-'));
}

const CAPABILITIES = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];
const NONE = '0'.repeat(16);

describe.skipIf(obstacle !== null)('a switch that drops its privileges', () => {
  const lab = useLab();
  const bench = useBench('group');

  it.each([1, 2])(
    'has none on any of its threads, forwards, and refuses what needs them: %d workers',
    async (workers) => {
      const devices = [0, 1, 2].map((n) => lab.device(`v${workers}${n}`));
      const tap = (n: number) => ({ adapter: 'tap', device: devices[n], mode: 'access', vlan: 10 });
      const config = { switch: { privileges: 'drop', workers }, ports: { p1: tap(0), p2: tap(1) } };
      const sw = await bench.start(config);
      await until(() => sw.log().includes(sw.socket), 'it has said what it is');
      await until(() => sw.log().includes('privileges are dropped: no thread has a capability\n'), 'and what it may');
      const pid = sw.child.pid!;
      const bare = () => {
        const all = threads(pid);
        expect(all.length).toBeGreaterThan(4 + workers);
        for (const thread of all) {
          for (const set of CAPABILITIES) expect([thread.Name, set, thread[set]]).toEqual([thread.Name, set, NONE]);
          expect(thread.NoNewPrivs).toBe('1');
        }
      };
      bare();

      const hosts = [0, 1].map((n) => {
        const host = lab.namespace(`v${workers}${n}`);
        host.adopt(devices[n]!, { address: `10.7.0.${n + 1}/24` });
        return host;
      });
      expect(await hosts[0]!.ping('10.7.0.2', { count: 3 })).toBe(3);

      const ask = (method: 'PUT' | 'PATCH', name: string, body: object) =>
        askSwitch(sw.socket, { method, path: `/v1/ports/${name}`, body });
      const dropped = /^ports\.p\d: .* any more, since the switch has dropped its privileges .*; restart it$/;
      await expect(ask('PUT', 'p3', tap(2))).rejects.toThrow(dropped);
      await expect(ask('PATCH', 'p1', { mtu: 1400 })).rejects.toThrow(dropped);
      // The same device under another name, other VLANs, and a port without a device need none.
      await ask('PUT', 'p4', { adapter: 'memory', mode: 'trunk', vlans: '10' });
      await ask('PATCH', 'p2', { vlan: 20 });
      expect(await hosts[0]!.ping('10.7.0.2', { count: 1, timeoutMs: 200 })).toBe(0);
      await ask('PATCH', 'p2', { vlan: 10 });
      expect(await hosts[0]!.ping('10.7.0.2', { count: 1 })).toBe(1);
      // With the threads of what was loaded meanwhile.
      bare();
      expect(await sw.stop()).toBe(0);
      expect(readdirSync('/sys/class/net')).not.toContain(devices[0]);
    },
  );

  it('ends when its thread has ended, with a line that names the port that cannot be opened again', async () => {
    const [device, far] = [lab.device('w0'), lab.device('w1')];
    lab.makeVeth(device, far);
    const ports = { p1: { adapter: 'tap', device: lab.device('w2') }, p2: { adapter: 'af-xdp', device } };
    const sw = await bench.start({ switch: { privileges: 'drop' }, ports });
    await until(() => sw.log().includes(sw.socket), 'it has said what it is');
    const exited = new Promise((resolve) => sw.child.once('exit', resolve));
    await askSwitch(sw.socket, { method: 'POST', path: '/v1/workers/0/restart' });
    expect(await exited).toBe(1);
    expect(sw.log()).toMatch(/port p2.*(?:permitted|denied)/i);
  });

  it('does not start where it may not give them up, and says why', () => {
    const options = JSON.stringify({ switch: { name: lab.device('nc'), privileges: 'drop' } });
    const refusing = fileURLToPath(new URL('no-capset.py', import.meta.url));
    const [command, ...flags] = python();
    const run = [refusing, process.execPath, BIN, 'run', '-c', '-'];
    const { status, stderr } = spawnSync(command, [...flags, ...run], { input: options, encoding: 'utf8' });
    expect([status, stderr]).toEqual([
      1,
      'etherloom: switch.privileges: capabilities cannot be dropped: EPERM: operation not permitted, capset\n',
    ]);
  });

  it('keeps them otherwise', async () => {
    const sw = await bench.start({});
    expect(threads(sw.child.pid!).every(({ CapEff }) => CapEff !== NONE)).toBe(true);
  });
});
