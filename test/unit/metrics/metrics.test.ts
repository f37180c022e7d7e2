/** The text of a scrape, of what no small switch has. */

import { describe, expect, it } from 'vitest';
import { createLatency, latencyView, recordLatency, recordStop } from '../../../src/dataplane/latency.ts';
import { Metrics, type Snapshot } from '../../../src/metrics/metrics.ts';

const latency = createLatency();
recordLatency(latency, 3, 5);
recordLatency(latency, 1e7, 2);
recordStop(latency, 1500);

const traffic = { rxFrames: 1, rxBytes: 2, txFrames: 3, txBytes: 4 };
const snapshot: Snapshot = {
  name: 'a "quoted"\nname',
  version: '1',
  ports: [],
  vlans: [{ bridge: 'br1', vid: null, learned: 5, rxFrames: 6, dropped: 7 }],
  vnis: [{ port: 'tun', vni: 5010, learned: 8, ...traffic }],
  peers: [{ vtep: 'v', address: '192.0.2.2', resolved: true, unknownVni: 9, refused: 0, ...traffic }],
  fdbEvents: { learned: 2 ** 50 },
  fdbCapacity: 10,
  workers: [{ worker: 0, up: true, restarts: 0, activeSeconds: 0.25, idleSeconds: 1, rxFrames: 10 }],
  latency: latencyView(latency),
};

describe('metrics', () => {
  it('have VNIs and peers, and names that need quoting', async () => {
    const text = await new Metrics().text(snapshot);
    expect(text).toContain('etherloom_vni_received_frames_total{port="tun",vni="5010"} 1\n');
    expect(text).toContain('etherloom_vni_fdb_entries{port="tun",vni="5010"} 8\n');
    expect(text).toContain('etherloom_peer_sent_bytes_total{vtep="v",peer="192.0.2.2"} 4\n');
    expect(text).toContain('etherloom_peer_unknown_vni_frames_total{vtep="v",peer="192.0.2.2"} 9\n');
    expect(text).toContain('etherloom_peer_resolved{vtep="v",peer="192.0.2.2"} 1\n');
    expect(text).toContain('etherloom_vlan_dropped_frames_total{bridge="br1",vid=""} 7\n');
    expect(text).toContain('etherloom_info{name="a \\"quoted\\"\\nname",version="1"} 1\n');
    expect(text).toContain(`etherloom_fdb_events_total{event="learned"} ${2 ** 50}\n`);
  });

  it('have the time in the switch as a histogram', async () => {
    const lines = (await new Metrics().text(snapshot)).split('\n');
    const name = 'etherloom_forwarding_latency_seconds';
    expect(lines).toContain(`# TYPE ${name} histogram`);
    const buckets = lines.filter((line) => line.startsWith(`${name}_bucket`));
    expect(buckets.slice(0, 3)).toEqual([
      `${name}_bucket{le="0.000001"} 0`,
      `${name}_bucket{le="0.000002"} 0`,
      `${name}_bucket{le="0.000004"} 5`,
    ]);
    expect(buckets.slice(-2)).toEqual([`${name}_bucket{le="1.048576"} 5`, `${name}_bucket{le="+Inf"} 7`]);
    expect(lines).toContain('etherloom_forwarding_longest_stop_seconds 0.0015');
    expect(lines).toContain(`${name}_count 7`);
    expect(lines).toContain(`${name}_sum 20.000015`);
  });

  it('forget what is gone', async () => {
    const metrics = new Metrics();
    await metrics.text(snapshot);
    const text = await metrics.text({ ...snapshot, vnis: [], peers: [], vlans: [] });
    expect(text).not.toMatch(/5010|192\.0\.2\.2|br1/);
  });
});
