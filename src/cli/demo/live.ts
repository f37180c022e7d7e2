/**
 * The live demo.
 *
 *   red1  ─ TAP ┐                        ┌ TAP ─ red2     VLAN 10
 *               sw1 ══ trunk 10,20 ══ sw2
 *   blue1 ─ TAP ┘     (802.1Q over UDP)  └ TAP ─ blue2    VLAN 20
 *
 * Two switches, a process each on one machine, joined by a trunk; all four hosts in one IP subnet, so that only the VLANs
 * keep them apart. The machine is a namespace as well, in which nobody speaks of himself: what the tables show is the demo's.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Namespace } from '../lab/namespace.ts';
import {
  askSwitch,
  type SwitchProcess,
  sleep,
  socketIn,
  startSwitch,
  stopSwitch,
  within,
} from '../lab/switch-process.ts';
import { Host } from './hosts.ts';
import { Report } from './report.ts';

const TRANSFER_BYTES = 32 * 1024 * 1024;
/** Tries before a promised answer is given up: the machine may be busy. */
const PATIENCE = 15;

const PICTURE = `
  red1  ─ TAP ┐                        ┌ TAP ─ red2     VLAN 10
              sw1 ══ trunk 10,20 ══ sw2
  blue1 ─ TAP ┘     (802.1Q over UDP)  └ TAP ─ blue2    VLAN 20
`;

export async function liveDemo(): Promise<number> {
  const report = new Report();
  process.stdout.write(`Etherloom demo, live: four Linux hosts in network namespaces.\n${PICTURE}`);
  const dir = mkdtempSync(join(tmpdir(), 'etherloom-demo-'));
  const red1 = new Host('red1', '10.77.0.11');
  const red2 = new Host('red2', '10.77.0.12');
  const blue1 = new Host('blue1', '10.77.0.21');
  const blue2 = new Host('blue2', '10.77.0.22');
  const hosts = [red1, red2, blue1, blue2];
  const machine = new Namespace('eldemo', 'switches');
  const switches: SwitchProcess[] = [];
  const cleanUp = () => {
    for (const s of switches) s.process.kill('SIGTERM');
    for (const namespace of [...hosts, machine]) namespace.remove();
    rmSync(dir, { recursive: true, force: true });
  };
  const interrupted = () => process.exit(130);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  // Whatever ends this process, no namespace stays.
  process.once('exit', cleanUp);
  try {
    report.title('Set-up');
    const ready = await report.step('two switches and four hosts', async () => {
      for (const namespace of [...hosts, machine]) {
        namespace.create();
        namespace.setIpv6(false);
      }
      switches.push(await startOne(dir, 'sw1', machine, [red1, blue1], [5001, 5002]));
      switches.push(await startOne(dir, 'sw2', machine, [red2, blue2], [5002, 5001]));
      for (const host of hosts) host.plug(machine);
      return undefined;
    });
    if (ready) {
      report.title('Hosts of one VLAN reach each other');
      await report.step('red1 pings red2 through the trunk', () => reach(red1, red2, true));
      await report.step('blue1 pings blue2 through the trunk', () => reach(blue1, blue2, true));
      await report.step('TCP red1 → red2, 32 MiB, content compared', () => transfer(red1, red2));
      await report.step('TCP blue2 → blue1, 32 MiB, content compared', () => transfer(blue2, blue1));
      report.title('Hosts of different VLANs do not, though all are in one subnet');
      await report.step('red1 cannot ping blue1 on the same switch', () => reach(red1, blue1, false));
      await report.step('red1 cannot ping blue2 on the other', () => reach(red1, blue2, false));
      for (const s of switches) {
        for (const topic of ['fdb', 'ports', 'drops', 'ledger']) {
          report.title(`${s.name}: etherloom show ${topic}`);
          report.check(await show(s, topic));
        }
      }
      await report.step('the ledger of both switches balances', () => balanced(switches));
    }
  } finally {
    process.removeListener('SIGINT', interrupted);
    process.removeListener('SIGTERM', interrupted);
    await Promise.all(switches.map(stopSwitch));
    process.removeListener('exit', cleanUp);
    cleanUp();
  }
  return report.end('live');
}

function startOne(
  dir: string,
  name: string,
  machine: Namespace,
  [red, blue]: readonly [Host, Host],
  [local, remote]: readonly [number, number],
): Promise<SwitchProcess> {
  const config = {
    switch: { name, controlSocket: socketIn(dir, name) },
    vlans: { 10: { name: 'red' }, 20: { name: 'blue' } },
    ports: {
      [red.name]: { adapter: 'tap', device: red.name, mode: 'access', vlan: 10 },
      [blue.name]: { adapter: 'tap', device: blue.name, mode: 'access', vlan: 20 },
      trunk: {
        adapter: 'udp',
        local: `127.0.0.1:${local}`,
        remote: `127.0.0.1:${remote}`,
        mode: 'trunk',
        vlans: '10,20',
      },
    },
  };
  return startSwitch(dir, name, JSON.stringify(config, null, 2), machine);
}

async function reach(from: Host, to: Host, expected: boolean): Promise<undefined> {
  let does = await from.reaches(to);
  for (let n = 0; expected && !does && n < PATIENCE; n++) does = await from.reaches(to);
  if (does !== expected) throw new Error(`${from.name} ${does ? 'reaches' : 'does not reach'} ${to.name}`);
  return undefined;
}

const RECEIVER = `
const { createHash } = require('node:crypto'), hash = createHash('sha256');
const server = require('node:net').createServer((s) => { s.on('data', (d) => hash.update(d)); s.on('end', () => { console.log(hash.digest('hex')); process.exit(0); }); });
server.listen(5001, process.argv[1], () => console.log('listening'));
`;
const SENDER = `
const { createHash, randomBytes } = require('node:crypto'), hash = createHash('sha256');
const block = randomBytes(65536); let left = Number(process.argv[2]);
const s = require('node:net').connect(5001, process.argv[1], () => { const go = () => { while (left > 0) { left -= block.length; hash.update(block); if (!s.write(block)) return s.once('drain', go); } s.end(() => console.log(hash.digest('hex'))); }; go(); });
`;

/** Moves random bytes over TCP; both ends must have hashed the same. */
async function transfer(from: Host, to: Host): Promise<string> {
  const receiver = to.start(process.execPath, '-e', RECEIVER, to.address);
  let output = '';
  receiver.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = new Promise((resolve) => receiver.once('exit', resolve));
  try {
    const end = Date.now() + 60_000;
    while (!output.includes('listening')) {
      if (Date.now() > end) throw new Error('the receiver did not start');
      await sleep(10);
    }
    const started = Date.now();
    const sent = await from.run(process.execPath, '-e', SENDER, to.address, String(TRANSFER_BYTES));
    await within(ended, 60_000);
    const received = output.replace('listening\n', '').trim();
    if (sent.status !== 0 || received === '' || received !== sent.stdout.trim()) throw new Error('content differs');
    const seconds = (Date.now() - started) / 1000;
    return `${((TRANSFER_BYTES * 8) / 1e6 / seconds).toFixed(0)} Mbit/s with process start-up`;
  } finally {
    receiver.kill('SIGKILL');
  }
}

/** Prints what the switch answers; an error text when it does not. */
async function show(s: SwitchProcess, topic: string): Promise<string | null> {
  const { status, stdout, stderr } = await askSwitch(s, ['show', topic]);
  process.stdout.write(`${stdout.trimEnd()}\n`);
  return status === 0 ? null : `show ${topic}: ${stderr.trim()}`;
}

async function balanced(switches: SwitchProcess[]): Promise<undefined> {
  for (const s of switches) {
    const { status, stdout } = await askSwitch(s, ['show', 'ledger', '--json']);
    if (status !== 0) throw new Error(`${s.name} does not answer`);
    if (/"balanced":\s*false/.test(stdout) || !/"balanced":\s*true/.test(stdout))
      throw new Error(`not that of ${s.name}`);
  }
  return undefined;
}
