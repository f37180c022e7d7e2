/**
 * Replays a capture through a switch: what would it have forwarded, where to, and what not?
 *
 *     node docs/examples/replay.mjs CAPTURE [OUT-DIRECTORY]
 *
 * The capture arrives on a trunk. Who is in VLAN 10 gets it without tags, as `host.pcap`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureError, ReplayError, replayCaptures } from 'etherloom';

const config = {
  ports: {
    uplink: { adapter: 'memory', mode: 'trunk', vlans: 'all', native: 1, mtu: 9000 },
    host: { adapter: 'memory', mode: 'access', vlan: 10, mtu: 9000 },
    rest: { adapter: 'memory', mode: 'trunk', vlans: 'all', native: 1, mtu: 9000 },
  },
};

const [file, out] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node docs/examples/replay.mjs CAPTURE [OUT-DIRECTORY]');
  process.exit(2);
}

try {
  const inputs = [{ port: 'uplink', name: file, capture: readFileSync(file) }];
  const { report, captures } = await replayCaptures({ config, inputs });
  const { frames, durationSeconds, ports, drops, ledger } = report;
  const { total, balanced } = ledger;
  console.log(JSON.stringify({ frames, durationSeconds, ports, drops, total, balanced }, null, 2));
  if (out !== undefined) {
    mkdirSync(out, { recursive: true });
    for (const [port, bytes] of Object.entries(captures)) writeFileSync(join(out, `${port}.pcap`), bytes);
  }
} catch (error) {
  const wrongInput = error instanceof CaptureError || error instanceof ReplayError || error.code === 'ENOENT';
  console.error(error.message);
  process.exit(wrongInput ? 2 : 1);
}
