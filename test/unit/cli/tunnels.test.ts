/** Tunnels of a switch process are changed on the command line, over kernel sockets, without privileges. */

import { createSocket, type Socket } from 'node:dgram';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEvents } from '../../../src/cli/event-stream.ts';
import { ethernetFrame, vxlanPayload } from '../../../src/wire/build.ts';
import { freePort } from '../../free-port.ts';
import { endOf } from '../../live/switch-process.ts';
import { useBench } from '../../live/use.ts';
import { until } from '../api/world.ts';

const LOCAL = '127.0.0.17';
const REMOTE = '127.0.0.34';
const MAC = '02:00:00:00:00:0a';

const bench = useBench();
let remote: Socket;
beforeEach(async () => {
  remote = createSocket('udp4');
  await new Promise<void>((done) => remote.bind(0, REMOTE, done));
});
afterEach(async () => {
  remote.close();
});

describe('vxlan-fdb and peer', () => {
  it('say who may send, and where addresses are', async () => {
    const socket = join(bench.dir, 'sw.sock');
    const file = join(bench.dir, 'switch.json');
    const udpPort = await freePort();
    const config = {
      switch: { name: `tunnels${process.pid}`, controlSocket: socket },
      vteps: { v0: { local: LOCAL, udpPort } },
      ports: { vx: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { 10: 10_010, 20: 10_020 } } } },
    };
    writeFileSync(file, JSON.stringify(config));
    const { child, log } = bench.spawn('run', '-c', file);
    await until(() => existsSync(socket) || child.exitCode !== null, 'the switch is up');
    expect(child.exitCode, log()).toBeNull();
    const cli = (...args: string[]) => bench.cli(...args, '--socket', socket);

    expect(cli('peer', 'add', REMOTE, '--vtep', 'v0').stdout).toMatch(/^set-vtep v0 /);
    const heard: string[] = [];
    const stream = openEvents(socket, 'vxlan-learned', (event) => heard.push(JSON.stringify(event)));
    const inner = ethernetFrame({ dst: 'ff:ff:ff:ff:ff:ff', src: MAC }, 0x88b5, Buffer.alloc(46));
    const isToldAnew = async () => {
      const before = heard.length;
      expect(cli('vxlan-fdb', 'flush', '--peer', REMOTE).stdout).toBe('flushed\n');
      remote.send(vxlanPayload(10_010, inner), udpPort, LOCAL);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return heard.length > before;
    };
    await until(isToldAnew, 'the peer is heard');
    await until(isToldAnew, 'and again when it was forgotten');
    const learned = { event: 'vxlan-learned', vtep: 'v0', port: 'vx', vni: 10_010, mac: MAC, remote: REMOTE };
    expect(JSON.parse(heard[0]!)).toEqual({ ...learned, oldRemote: null });
    expect(cli('show', 'vxlan-fdb').stdout).toMatch(new RegExp(`${MAC} +10010 +vx +${REMOTE} +dynamic`));
    stream.close();

    const at = ['--port', 'vx', '--vni', '10020'];
    expect(cli('vxlan-fdb', 'add', MAC, ...at, '--remote', REMOTE, '--kind', 'external').stdout).toBe(
      `add-vxlan-entry ${MAC} vni 10020 external\n`,
    );
    expect(cli('vxlan-fdb', 'add', MAC, ...at, '--kind', 'blackhole')).toMatchObject({ status: 1 });
    expect(cli('vxlan-fdb', 'del', MAC, ...at).stdout).toBe(`remove-vxlan-entry ${MAC} vni 10020 external\n`);
    expect(cli('vxlan-fdb', 'del', MAC, ...at)).toMatchObject({ status: 1 });
    expect(cli('vxlan-fdb', 'add', MAC, '--port', 'vx', '--remote', REMOTE)).toMatchObject({ status: 2 });
    const group = ['01:00:5e:00:00:05', ...at, '--remote', REMOTE, '--remote', '127.0.0.35'];
    expect(cli('vxlan-fdb', 'add', ...group).status).toBe(0);
    expect(cli('peer', 'del', REMOTE).stdout).toMatch(/^set-vtep v0 /);
    expect(cli('peer', 'del', REMOTE).stderr).toContain(`${REMOTE} is not among the peers of VTEP v0`);
    expect(await endOf(child, 'SIGTERM')).toBe(0);
  });
});
