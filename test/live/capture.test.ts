/** `etherloom capture` from a running process into tshark: what users pipe. */

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { until } from './netns.ts';
import { BIN, endOf } from './switch-process.ts';
import { useBench } from './use.ts';

const ARP = `ffffffffffff02000000000a0806000108000604000102000000000a0a0000010000000000000a000002${'00'.repeat(18)}`;

describe('capture', () => {
  const bench = useBench();

  it('pipes into tshark, and ends with what it reads', async () => {
    const [local, remote, other] = [await freePort(), await freePort(), await freePort()];
    const sw = await bench.start({
      ports: {
        p1: { adapter: 'udp', local: `127.0.0.1:${local}`, remote: `127.0.0.1:${remote}`, mode: 'access', vlan: 10 },
        p2: { adapter: 'udp', local: `127.0.0.1:${other}`, remote: `127.0.0.1:${remote}`, mode: 'trunk', vlans: '10' },
      },
    });
    const fields = '-T fields -e frame.interface_name -e vlan.id -e arp.dst.proto_ipv4 -e frame.comment';
    const command = `"${process.execPath}" "${BIN}" capture --socket "${sw.socket}" --count 20 -w - 'arp or (vlan and arp)' | tshark -n -l -r - ${fields}`;
    const pipe = spawn('bash', ['-o', 'pipefail', '-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [seen, said] = ['', ''];
    pipe.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
    });
    pipe.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const socket = createSocket('udp4');
    await new Promise<void>((done) => socket.bind(remote, '127.0.0.1', done));
    const timer = setInterval(() => socket.send(Buffer.from(ARP, 'hex'), local, '127.0.0.1'), 50);
    try {
      await until(() => pipe.exitCode !== null, 'tshark has read the capture');
    } finally {
      clearInterval(timer);
      socket.close();
      await endOf(pipe);
    }
    expect(pipe.exitCode, said).toBe(0);
    const lines = seen.split('\n').filter(Boolean);
    // How they come in batches is the machine's affair.
    expect(lines).toHaveLength(20);
    expect(new Set(lines)).toEqual(
      new Set(['p1\t\t10.0.0.2\tvlan 10; flood to 1 port', 'p2\t10\t10.0.0.2\tvlan 10; from p1']),
    );
    expect(said).toContain('20 frames captured');
    expect(await sw.stop()).toBe(0);
  });
});
