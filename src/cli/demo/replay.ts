/**
 * The demo without privileges: the same two switches, their trunk and four hosts, from a fixture's captures.
 *
 * What left every port is compared with the captures that were made by hand beside the fixture.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openFileSource } from '../../adapters/file-source.ts';
import { CaptureReader } from '../../pcap/reader.ts';
import { etherSrcText } from '../../wire/ethernet.ts';
import { Report } from './report.ts';

const BIN = fileURLToPath(new URL('../../../bin/etherloom', import.meta.url));
const FIXTURE = fileURLToPath(new URL('../../../fixtures/demo/', import.meta.url));
const PORTS = ['red1', 'red2', 'blue1', 'blue2', 'up1', 'up2'];
const OTHERS: Record<string, string[]> = { red: ['blue1', 'blue2'], blue: ['red1', 'red2'] };

export async function replayDemo(): Promise<number> {
  const report = new Report();
  const dir = mkdtempSync(join(tmpdir(), 'etherloom-demo-'));
  try {
    process.stdout.write('sw1 and sw2 joined by a trunk (up1, up2); red hosts in VLAN 10, blue hosts in VLAN 20.\n');
    report.title('etherloom replay of fixtures/demo');
    await report.step('what the four hosts sent, through both switches', () => {
      const { status, stdout, stderr } = runReplay(dir, []);
      if (status !== 0) throw new Error(stderr.trim());
      process.stdout.write(`\n\n${stdout.trimEnd()}\n\n  `);
      return undefined;
    });
    report.title('Checked');
    await report.step('every port sent what was expected, byte for byte', () => {
      for (const port of PORTS) {
        const [sent, expected] = [join(dir, `${port}.pcap`), join(FIXTURE, 'expect', `${port}.pcap`)];
        if (!existsSync(sent) || !readFileSync(sent).equals(readFileSync(expected))) throw new Error(`not ${port}`);
      }
      return undefined;
    });
    for (const colour of ['red', 'blue']) {
      await report.step(`no frame of a ${colour} host reached a host of the other VLAN`, () => {
        const senders = new Set([
          ...sourcesOf(join(FIXTURE, `${colour}1.pcap`)),
          ...sourcesOf(join(FIXTURE, `${colour}2.pcap`)),
        ]);
        for (const other of OTHERS[colour]!) {
          for (const source of sourcesOf(join(dir, `${other}.pcap`))) {
            if (senders.has(source)) throw new Error(`${other} got a frame of ${source}`);
          }
        }
        return undefined;
      });
    }
    await report.step('the ledger balances', () => {
      const { status, stdout, stderr } = runReplay(dir, ['--json']);
      if (status !== 0) throw new Error(stderr.trim());
      if (/"balanced":\s*false/.test(stdout) || !/"balanced":\s*true/.test(stdout)) throw new Error('it does not');
      return undefined;
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return report.end('by replay');
}

function runReplay(out: string, more: string[]): { status: number | null; stdout: string; stderr: string } {
  const inputs = PORTS.flatMap((port) => ['--in', `${port}=${join(FIXTURE, `${port}.pcap`)}`]);
  const args = [BIN, 'replay', '-c', join(FIXTURE, 'switch.yaml'), ...inputs, '--out', out, ...more];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}

/** Source addresses of the frames of a capture. */
function sourcesOf(file: string): Set<string> {
  const source = openFileSource(file);
  try {
    const reader = new CaptureReader(source, { file });
    const found = new Set<string>();
    while (reader.next()) found.add(etherSrcText(reader.view, reader.offset));
    return found;
  } finally {
    source.close();
  }
}
