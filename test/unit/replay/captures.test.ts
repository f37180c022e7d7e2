/**
 * Every shared capture through several switches: nothing throws, the ledger balances, every slot comes back, and
 * the result is the same bytes for every batch size, every slice and every run.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { ReplayError } from '../../../src/runtime/replay/replay.ts';
import { type Options, readBytes, replayBytes } from './run.ts';

const captures = join(import.meta.dirname, '../../../../shared/captures/files');
const present = existsSync(captures);

const SWITCHES = {
  'VLAN-aware': `
    switch: { fdb: { maxEntries: 64, ageSeconds: 10 }, reservedMac: transparent }
    ports:
      a: { adapter: memory, mode: trunk, vlans: '1-600', native: 1, hairpin: true }
      b: { adapter: memory, mode: hybrid, pvid: 1, untagged: '1-300', tagged: '301-600', mtu: 9000 }
      c: { adapter: memory, vlan: 1, fdbMaxEntries: 3 }
      d: { adapter: memory, mode: trunk, vlans: '1-600' }`,
  unaware: `
    switch: { type: unaware, fdb: { maxEntries: 1000, overflow: refuse } }
    ports:
      a: { adapter: memory, mtu: 65535 }
      b: { adapter: memory, mtu: 65535 }
      c: { adapter: memory, isolated: true }
      d: { adapter: memory, isolated: true }`,
  'provider bridge': `
    switch: { type: s-vlan, hashSeed: 7 }
    ports:
      a: { adapter: memory, mode: dot1q-tunnel, vlan: 100 }
      b: { adapter: memory, mode: trunk, vlans: '1-200', native: 1 }
      c: { adapter: memory, mode: dot1q-tunnel, vlan: 100, cvids: '1-99' }
      d: { adapter: memory, mode: dot1q-tunnel, vlan: 1 }`,
};

const ways: Record<keyof typeof SWITCHES, Options[]> = {
  'VLAN-aware': [{ batch: 1 }, { batch: 7 }, { batch: 64, slice: 3 }, {}],
  unaware: [{ batch: 7 }],
  'provider bridge': [{ batch: 64 }],
};

/** Number of Ethernet records, and whether others are there. */
function countEthernet(bytes: Uint8Array): { frames: number; foreign: number } {
  const found = { frames: 0, foreign: 0 };
  try {
    const reader = new CaptureReader(new MemorySource(bytes));
    while (reader.next()) {
      if (reader.kind === 'packet' && reader.linkType === 1) found.frames++;
      else found.foreign++;
    }
  } catch {
    // Damage: what was before it counts.
  }
  return found;
}

describe.skipIf(!present)('shared captures (../shared/captures)', () => {
  const names = present ? readdirSync(captures) : [];

  describe.each(Object.keys(SWITCHES) as (keyof typeof SWITCHES)[])('%s', (kind) => {
    const config = SWITCHES[kind];
    it.each(names)('%s', async (name) => {
      const bytes = readBytes(join(captures, name));
      const inputs = [
        ['a', bytes],
        ['b', bytes],
        ['d', bytes],
      ] as const;
      const { frames, foreign } = countEthernet(bytes);
      let first: Awaited<ReturnType<typeof replayBytes>>;
      try {
        first = await replayBytes(config, inputs, { batch: 256 });
      } catch (error) {
        // No capture at all (damage in the first header), or none of Ethernet: refused before anything is written.
        expect(frames, String(error)).toBe(0);
        if (error instanceof ReplayError) expect(foreign).toBeGreaterThan(0);
        else expect(error).toHaveProperty('name', 'CaptureError');
        return;
      }
      const { report } = first;
      expect(report.frames).toBe(frames * 3);
      expect(report.ledger.balanced, JSON.stringify(report.ledger)).toBe(true);
      expect(report.ledger.total.received).toBe(frames * 3);
      for (const row of [...Object.values(report.ledger.ports), ...report.ledger.vlans])
        expect(row.balanced).toBe(true);
      for (const way of ways[kind]) {
        const again = await replayBytes(config, inputs, way);
        expect(again.json, JSON.stringify(way)).toBe(first.json);
        expect([...again.captures.keys()]).toEqual([...first.captures.keys()]);
        for (const [port, written] of first.captures) {
          expect(Buffer.compare(again.captures.get(port)!, written), `${port} ${JSON.stringify(way)}`).toBe(0);
        }
      }
    });
  });
});
