/** `etherloom run` as a process: what it opens and when, what it leaves behind, its signals, its control socket. */

import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { eventually, liveObstacle, type Namespace, until } from './netns.ts';
import { endOf } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const deviceExists = (device: string) => existsSync(`/sys/class/net/${device}`);

describe.skipIf(obstacle !== null)('etherloom run', () => {
  const lab = useLab();
  const bench = useBench();

  const tap = (device: string, more = {}) => ({ adapter: 'tap', device, vlan: 10, ...more });

  /** Runs to the end and holds: this status, one line on stderr, and none of these devices. */
  async function fails(args: string[], status: number, line: RegExp, devices: string[]): Promise<void> {
    const { child, log } = bench.spawn('run', ...args);
    expect(await endOf(child)).toBe(status);
    expect(log().trimEnd().split('\n')).toHaveLength(1);
    expect(log()).toMatch(line);
    for (const device of devices) expect(deviceExists(device)).toBe(false);
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('removes its TAPs and its socket at %s and exits with 0', async (signal) => {
    const device = lab.device(signal === 'SIGINT' ? 'ri' : 'rt');
    const sw = await bench.start({ ports: { p1: tap(device) } });
    expect(deviceExists(device)).toBe(true);
    expect(statSync(sw.socket).mode & 0o777).toBe(0o660);
    expect(await sw.stop(signal)).toBe(0);
    expect(deviceExists(device)).toBe(false);
    expect(existsSync(sw.socket)).toBe(false);
    expect(sw.log()).toContain(`stopped by ${signal}`);
  });

  it('leaves a persistent TAP, and attaches to it again', async () => {
    const device = lab.device('rp');
    const config = { ports: { p1: tap(device, { persistent: true }) } };
    const first = await bench.start(config);
    await first.stop();
    expect(deviceExists(device)).toBe(true);
    const second = await bench.start(config);
    // Not "created".
    await until(() => second.log().includes(`port p1: tap ${device}, access 10`), 'it says its ports');
    await second.stop();
    lab.removeDevice(device);
  });

  it('says what it does: ports, VLANs, offloads, socket, link', async () => {
    const [a, b] = [lab.device('rs1'), lab.device('rs2')];
    const [local, remote] = [await freePort(), await freePort()];
    const sw = await bench.start({
      ports: {
        p1: tap(a),
        p2: { adapter: 'tap', device: b, mode: 'trunk', vlans: '10,20-22', native: 1 },
        u1: { adapter: 'udp', local: `127.0.0.1:${local}`, remote: `127.0.0.1:${remote}`, mode: 'access', vlan: 10 },
        m1: { adapter: 'memory', mode: 'access', vlan: 10 },
      },
    });
    await until(() => /port p1: link up.*port p2: link up/s.test(sw.log()), 'the links are told');
    const log = sw.log();
    expect(log).toMatch(/^etherloom: switch \S+: 4 ports, VLANs 1 10 20-22; control socket /);
    expect(log).toContain(`port p1: tap ${a}, created, access 10, offloads csum tso4 tso6`);
    expect(log).toContain(`port p2: tap ${b}, created, trunk 1 10 20-22, offloads csum tso4 tso6`);
    expect(log).toContain(`port u1: udp 127.0.0.1:${local}, access 10, offloads none; in software csum tso4 tso6`);
    expect(log).toContain('port m1: memory, no device here, its link stays down, access 10');
    expect(log).toContain(`control socket ${sw.socket}`);
  });

  it('opens nothing when the configuration is wrong, and exits with 2', async () => {
    const device = lab.device('rb');
    const file = join(bench.dir, 'bad.yaml');
    const bad = (text: string) => {
      writeFileSync(file, text);
      return ['-c', file];
    };
    const good = `p1: { adapter: tap, device: ${device}, mode: access, vlan: 10 }`;
    const port = `p1=tap:${device},access=10`;
    await fails(
      bad(`ports:\n  ${good}\n  p2: { adapter: tap, mode: access, vlan: 10 }\n`),
      2,
      /bad\.yaml:3: ports\.p2/,
      [device],
    );
    await fails(bad(`ports:\n  ${good}\n  p2: { adapter: pcap, file: x.pcap }\n`), 2, /ports\.p2\.adapter: "pcap"/, [
      device,
    ]);
    await fails(['--port', port, '--port', 'p2=tap'], 2, /device: is missing/, [device]);
    await fails(['-c', join(bench.dir, 'none.yaml')], 2, /none\.yaml: no such file/, []);
    await fails(['-c', bench.dir], 2, /is a directory/, []);
    await fails(['--port', port, '-c', file], 2, /not both/, [device]);
    await fails(['--port', port, '--name', 'a/b'], 2, /is not a name/, [device]);
    await fails([], 2, /run needs/, []);
  });

  it('opens all ports or none, names the one that failed, and exits with 1', async () => {
    const [one, two] = [lab.device('ra1'), lab.device('ra2')];
    const good = `p1=tap:${one},access=10,persistent`;
    // Not a TAP.
    await fails(
      ['--port', good, '--port', 'p2=tap:lo,access=10', '--name', one],
      1,
      /port p2 \(tap lo\): .*not a TAP/,
      [one],
    );
    // An address that is taken, and one that is nobody's.
    const [local, remote] = [await freePort(), await freePort()];
    const sw = await bench.start({
      ports: {
        u: { adapter: 'udp', local: `127.0.0.1:${local}`, remote: `127.0.0.1:${remote}`, vlan: 1 },
        t: tap(two),
      },
    });
    const udp = (host: string) => [
      '--port',
      good,
      '--port',
      `u1=udp:${host}:${local}/${host}:${remote}`,
      '--name',
      one,
    ];
    await fails(
      udp('127.0.0.1'),
      1,
      new RegExp(`port u1 \\(udp 127.0.0.1:${local}\\): another program uses this address`),
      [one],
    );
    await fails(udp('192.0.2.1'), 1, /port u1 .*: no interface of this machine has this address/, [one]);
    // A device that another switch holds.
    await fails(
      ['--port', good, '--port', `p2=tap:${two},access=10`, '--name', one],
      1,
      /port p2 \(tap .*another program/,
      [one],
    );
    await sw.stop();
  });

  it('refuses to be the second of a name, and takes over the socket of a killed switch', async () => {
    const [one, two] = [lab.device('rn1'), lab.device('rn2')];
    const first = await bench.start({ ports: { p1: tap(one) } });
    const file = join(bench.dir, 'same.json');
    const config = { switch: { name: 'same', controlSocket: first.socket }, ports: { p1: tap(two) } };
    writeFileSync(file, JSON.stringify(config));
    await fails(['-c', file], 1, /a switch same is running already \(it listens on .*\)/, [two]);
    expect((await first.ports()).size).toBe(1); // it goes on

    await first.stop('SIGKILL');
    await until(() => !deviceExists(one), 'the kernel removed the TAP');
    expect(existsSync(first.socket)).toBe(true);
    const { child } = bench.spawn('run', '-c', file);
    await until(() => deviceExists(two), 'the device is there');
    await until(() => bench.cli('show', 'ports', '--socket', first.socket).status === 0, 'it answers');
    expect(await endOf(child, 'SIGTERM')).toBe(0);
    expect(existsSync(first.socket)).toBe(false);
  });

  it('does not take the place of a file that is not a socket', async () => {
    const device = lab.device('rf');
    const path = join(bench.dir, 'precious');
    writeFileSync(path, 'data');
    const file = join(bench.dir, 'precious.json');
    writeFileSync(file, JSON.stringify({ switch: { controlSocket: path }, ports: { p1: tap(device) } }));
    await fails(['-c', file], 1, /precious exists and is not a socket/, [device]);
    expect(readFileSync(path, 'utf8')).toBe('data');
    rmSync(path);
  });

  it('shows its tables as text and as JSON', async () => {
    const [one, two] = [lab.device('rw1'), lab.device('rw2')];
    const sw = await bench.start({
      ports: { p1: tap(one), p2: tap(two) },
      fdb: [{ mac: '02:00:00:00:00:aa', vlan: 10, port: 'p1' }],
    });
    const hosts = [one, two].map((device, i) => {
      const host: Namespace = lab.namespace(`rw${i}`);
      host.adopt(device, { address: `10.4.0.${i + 1}/24` });
      return host;
    });
    expect(await hosts[0]!.ping('10.4.0.2', { count: 1 })).toBe(1);
    const show = (...args: string[]) => bench.cli('show', ...args, '--socket', sw.socket);
    for (const topic of ['ports', 'fdb', 'vlans', 'drops', 'ledger']) {
      const text = show(topic);
      expect([text.status, text.stderr]).toEqual([0, '']);
      expect(text.stdout).toMatch(/\n$/);
      const json = JSON.parse(show(topic, '--json').stdout) as { switch: string };
      expect(json.switch).toMatch(/^live/);
    }
    expect(show('fdb').stdout).toMatch(/^02:00:00:00:00:aa {2}10 {4}p1 {4}static {3}-$/m);
    expect(show('fdb', '--port', 'p2').stdout.trim().split('\n')).toHaveLength(2);
    expect(show('fdb', '--vlan', '11').stdout.trim().split('\n')).toHaveLength(1);
    expect(show('fdb', '--mac', '02-00-00-00-00-AA').stdout).toContain('static');
    expect(show('ledger').stdout).toMatch(/\nbalanced: yes\n$/);
    expect(show('fdb', '--port', 'nobody')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^etherloom: there is no port "nobody"; valid are .*\n$/),
    });
    expect(show('nothing').status).toBe(2);
    expect(bench.cli('show', 'ports', '--socket', join(bench.dir, 'no.sock')).status).toBe(1);
  });

  it('sleeps when there is nothing to do', async () => {
    const devices = ['rz1', 'rz2', 'rz3'].map((label) => lab.device(label));
    const sw = await bench.start({ ports: Object.fromEntries(devices.map((device, i) => [`p${i}`, tap(device)])) });
    const hosts = devices.map((device, i) => {
      const host = lab.namespace(`rz${i}`);
      host.adopt(device, { address: `10.4.1.${i + 1}/24` });
      return host;
    });
    hosts[2]!.run('ip', 'link', 'set', devices[2]!, 'down');
    lab.removeNamespace(hosts[1]!);
    // User and system time of the process, in ticks of 10 ms. At rest it is under one in two seconds.
    const ticks = () => {
      const fields = readFileSync(`/proc/${sw.child.pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(fields[11]) + Number(fields[12]);
    };
    await until(() => /interface deleted/.test(sw.log()) && /interface down/.test(sw.log()), 'both are down');
    // What it does at its start is over by and by.
    await eventually(async () => {
      const before = ticks();
      await sleep(2000);
      return ticks() - before < 20;
    }, 'it sleeps');
  });

  it('goes on when a client is slow, hostile or gone', async () => {
    const device = lab.device('rh');
    const sw = await bench.start({ ports: { p1: tap(device) } });
    /** All that is said until the switch hangs up. */
    const talk = (text: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(sw.socket, () => socket.write(text));
        let said = '';
        socket.on('data', (data) => {
          said += data;
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(said));
      });
    const idle = Array.from({ length: 20 }, () => connect(sw.socket).on('error', () => {}));
    expect((await sw.ports()).size).toBe(1);
    expect(await talk('POST /ports HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /);
    expect(await talk('GET /etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1.1 404 .*there is nothing at/s,
    );
    expect(await talk('GET /fdb?vlan=x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await talk('GET //[ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 [45]\d\d /);
    expect(await talk('\0\xff garbage\r\n\r\n')).not.toMatch(/200/);
    expect(await talk(`GET /ports HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).not.toMatch(/200/);
    expect((await sw.ports()).size).toBe(1);
    for (const socket of idle) socket.destroy();
    expect(await sw.stop()).toBe(0);
  });
});
