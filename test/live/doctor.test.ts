/** `etherloom doctor vxlan` beside the kernel's vxlan device: what it finds is what was set up. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/cli/doctor/checks.ts';
import { CaptureReader } from '../../src/pcap/reader.ts';
import { MemorySource } from '../../src/pcap/source.ts';
import { liveObstacle } from './netns.ts';
import { BIN } from './switch-process.ts';
import { useLab } from './use.ts';
import { cable, kernelVtep, type UnderlayHost } from './vxlan-lab.ts';

const obstacle = liveObstacle();
if (obstacle !== null) console.warn(`skipped: doctor: ${obstacle}`);

const dir = mkdtempSync(join(tmpdir(), 'etherloom-doctor-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.skipIf(obstacle !== null)('doctor vxlan', () => {
  const lab = useLab('test');

  async function ask({ namespace }: UnderlayHost, ...args: string[]): Promise<{ status: number; report: Report }> {
    const { status, stdout, stderr } = await namespace.tryAsync(
      process.execPath,
      BIN,
      'doctor',
      'vxlan',
      ...args,
      '--json',
    );
    if (!stdout.startsWith('{')) throw new Error(`doctor ended with ${status}: ${stderr}`);
    return { status, report: JSON.parse(stdout) as Report };
  }
  const verdicts = ({ findings }: Report) => Object.fromEntries(findings.map((f) => [f.check, f.verdict]));

  it.each([
    { v6: false, target: '10.9.0.2', overhead: 50 },
    { v6: true, target: 'fd00::2', overhead: 70 },
  ])('examines a VTEP and writes down what it saw: %o', async ({ v6, target, overhead }) => {
    const [a, b] = cable(lab, { v6, mtu: 1600 });
    kernelVtep(b, { vni: 77, address: `${target}/64`.replace(/^10.*/, '10.9.0.2/24') });
    const capture = join(dir, `${v6}.pcapng`);
    const { status, report } = await ask(a, b.address, '--vni', '77', '--target', target, '--capture', capture);
    expect(report.findings.filter((f) => f.verdict === 'fault')).toEqual([]);
    expect(status).toBe(0);
    expect(verdicts(report)).toMatchObject({ port: 'ok', answer: 'ok', 'i-flag': 'ok', 'path-mtu': 'ok' });
    expect(verdicts(report)['checksum-0']).toBe(v6 ? 'note' : 'ok');
    expect(['ok', 'unknown']).toContain(verdicts(report)['checksum-wrong']); // unknown: no package raw-socket
    expect(report).toMatchObject({ local: a.address, pathMtu: 1600, innerMtu: 1600 - overhead });
    expect(report.answer).toMatchObject({ from: b.address, ttl: 64 });
    const reader = new CaptureReader(new MemorySource(readFileSync(capture)));
    let frames = 0;
    while (reader.next()) frames++;
    expect(frames).toBeGreaterThan(8);
  });

  it('finds a closed port, a host that is not there, and a segment that is not', async () => {
    const [a, b] = cable(lab);
    a.namespace.run('sysctl', '-qw', `net.ipv4.neigh.${a.device}.mcast_solicit=3`); // what it is everywhere
    a.namespace.run('ip', 'addr', 'add', '192.0.2.3/24', 'dev', a.device);
    kernelVtep(b, { vni: 5, address: '10.9.0.2/24', port: 8472 });
    const [closed, nobody, silent, open, away] = await Promise.all([
      ask(a, b.address, '--vni', '5'),
      ask(a, '192.0.2.99', '--vni', '5', '--port', '4790'),
      ask(a, b.address, '--vni', '6', '--port', '8472', '--target', '10.9.0.2', '--wait', '100'),
      ask(a, b.address, '--vni', '5', '--port', '8472', '--local', '192.0.2.3'),
      ask(a, '203.0.113.1', '--vni', '5', '--port', '4791'),
    ]);
    expect(closed.status).toBe(1);
    expect(closed.report.findings[0]?.text).toMatch(/4789 is closed: 192.0.2.2 refused it by ICMP; .*8472/);
    expect(nobody.report.findings[0]?.text).toMatch(/192.0.2.99 cannot be reached: EHOSTUNREACH/);
    expect(away.report.findings.map((f) => f.text)).toEqual(['this host has no route to 203.0.113.1']);
    expect(silent.status).toBe(1);
    expect(verdicts(silent.report)).toMatchObject({ port: 'unknown', answer: 'fault' });
    expect(silent.report.findings[1]?.text).toMatch(/^nobody answered: VNI 6 is not there/);
    expect(open.status).toBe(0);
    expect(verdicts(open.report)).toMatchObject({ port: 'unknown', answer: 'unknown' });
  });

  it('finds a path that is narrower than it looks', async () => {
    const [a, b] = cable(lab);
    b.namespace.run('ip', 'link', 'set', b.device, 'mtu', '1400'); // drops what is longer, without a word
    kernelVtep(b, { vni: 5, address: '10.9.0.2/24' });
    const { status, report } = await ask(a, b.address, '--vni', '5', '--target', '10.9.0.2', '--wait', '100');
    expect(status).toBe(1);
    // An Ethernet device takes a tag's four bytes more than its MTU.
    expect(report.pathMtu).toBeGreaterThanOrEqual(1400);
    expect(report.pathMtu).toBeLessThanOrEqual(1404);
    expect(report.findings.find((f) => f.check === 'path-mtu')?.text).toMatch(/without saying so/);
  });

  it('has its findings also when their evidence cannot be written', async () => {
    const [a, b] = cable(lab);
    const { status, stdout, stderr } = a.namespace.try(
      ...[process.execPath, BIN, 'doctor', 'vxlan', b.address, '--vni', '5', '--wait', '50', '--capture', '/dev/full'],
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/^VTEP 192.0.2.2 port 4789/);
    expect(stderr).toBe('etherloom: --capture /dev/full: no space left on the device\n');
  });

  it('refuses what is no address', async () => {
    const [a] = cable(lab);
    const { status, stderr } = a.namespace.try(process.execPath, BIN, 'doctor', 'vxlan', 'nowhere', '--vni', '5');
    expect(status).toBe(2);
    expect(stderr).toBe('etherloom: PEER: "nowhere" is not an IP address\n');
  });
});
