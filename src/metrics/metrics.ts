/**
 * The switch as Prometheus metrics: a snapshot in, the text of an exposition out.
 *
 * Everything is read from shared memory at the moment of a scrape and nothing is counted here, so that a scrape costs
 * the forwarding thread nothing. Names end in their unit; what only grows ends in `_total`.
 */

import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import type { LatencyView } from '../dataplane/latency.ts';

type Labels = Record<string, string>;

export interface Snapshot {
  name: string;
  version: string;
  ports: readonly PortSample[];
  vlans: readonly VlanSample[];
  vnis: readonly VniSample[];
  peers: readonly PeerSample[];
  /** Learned, moved, aged, … since the start. */
  fdbEvents: Readonly<Record<string, number>>;
  fdbCapacity: number;
  workers: readonly WorkerSample[];
  latency: LatencyView;
}

export interface PortSample {
  name: string;
  bridge: string | null;
  up: boolean;
  learned: number;
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  flooded: number;
  floodCopies: number;
  txDropped: number;
  rxMissed: number;
  drops: Readonly<Record<string, number>>;
}

export interface VlanSample {
  bridge: string;
  vid: number | null;
  learned: number;
  rxFrames: number;
  dropped: number;
}

export interface WorkerSample {
  worker: number;
  up: boolean;
  restarts: number;
  activeSeconds: number;
  idleSeconds: number;
  rxFrames: number;
}

export interface VniSample {
  port: string;
  vni: number;
  learned: number;
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
}

export interface PeerSample {
  vtep: string;
  address: string;
  resolved: boolean;
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  unknownVni: number;
  refused: number;
}

const VLAN = ['bridge', 'vid'];
const VNI = ['port', 'vni'];
const WORKER = ['worker'];
const PEER = ['vtep', 'peer'];

export class Metrics {
  readonly #registry = new Registry();
  #latency: LatencyView | null = null;
  readonly #portCounters: [keyof PortSample, Counter][];
  readonly #vniCounters: [keyof VniSample, Counter][];
  readonly #peerCounters: [keyof PeerSample, Counter][];
  readonly #portUp = this.#gauge('etherloom_port_up', 'Whether frames pass the port.', ['port', 'bridge']);
  readonly #portLearned = this.#gauge('etherloom_port_fdb_entries', 'Addresses learned on the port.', ['port']);
  readonly #drops = this.#counter('etherloom_dropped_frames_total', 'Dropped frames, by port of arrival and reason.', [
    'port',
    'reason',
  ]);
  readonly #vlanRx = this.#counter('etherloom_vlan_received_frames_total', 'Frames received in the VLAN.', VLAN);
  readonly #vlanDropped = this.#counter('etherloom_vlan_dropped_frames_total', 'Frames dropped in the VLAN.', VLAN);
  readonly #vlanLearned = this.#gauge('etherloom_vlan_fdb_entries', 'Addresses learned in the VLAN.', VLAN);
  readonly #vniLearned = this.#gauge('etherloom_vni_fdb_entries', 'Addresses learned behind peers.', VNI);
  readonly #peerResolved = this.#gauge('etherloom_peer_resolved', 'Whether the next hop of a peer is known.', PEER);
  readonly #fdbEvents = this.#counter('etherloom_fdb_events_total', 'What happened to addresses.', ['event']);
  readonly #fdbCapacity = this.#gauge('etherloom_fdb_capacity_entries', 'Room of the forwarding database.', []);
  readonly #active = this.#counter(
    'etherloom_forwarding_active_seconds_total',
    'Each thread that forwards at work.',
    WORKER,
  );
  readonly #idle = this.#counter(
    'etherloom_forwarding_idle_seconds_total',
    'Each thread that forwards at rest.',
    WORKER,
  );
  readonly #workerUp = this.#gauge('etherloom_worker_up', 'Whether the thread forwards.', WORKER);
  readonly #workerRestarts = this.#counter('etherloom_worker_restarts_total', 'Starts after it had ended.', WORKER);
  readonly #workerRx = this.#counter('etherloom_worker_received_frames_total', 'Frames received by it.', WORKER);
  readonly #longestStop = this.#gauge(
    'etherloom_forwarding_longest_stop_seconds',
    'The longest time for which a thread did not look at its ports, since the start or a reset of counters.',
    [],
  );
  readonly #memory = this.#gauge('process_resident_memory_bytes', 'Resident memory of the process.', []);
  readonly #cpu = this.#counter('process_cpu_seconds_total', 'User and system time of the process.', []);
  readonly #info = this.#gauge('etherloom_info', 'The switch.', ['name', 'version']);

  constructor() {
    this.#registry.registerMetric(this.#latencyMetric());
    const counters = (what: string, labels: readonly string[]) => (name: string, help: string) =>
      this.#counter(`etherloom_${what}_${name}_total`, help, labels);
    const vni = counters('vni', VNI);
    this.#vniCounters = [
      ['rxFrames', vni('received_frames', 'Frames received in the VNI.')],
      ['rxBytes', vni('received_bytes', 'Bytes of them, inside.')],
      ['txFrames', vni('sent_frames', 'Frames sent in the VNI, a copy for each peer.')],
      ['txBytes', vni('sent_bytes', 'Bytes of them, inside.')],
    ];
    const peer = counters('peer', PEER);
    this.#peerCounters = [
      ['rxFrames', peer('received_frames', 'Frames received from the peer.')],
      ['rxBytes', peer('received_bytes', 'Bytes of them.')],
      ['txFrames', peer('sent_frames', 'Frames sent to the peer or group.')],
      ['txBytes', peer('sent_bytes', 'Bytes of them.')],
      ['unknownVni', peer('unknown_vni_frames', 'Frames of a VNI that is not there.')],
      ['refused', peer('refused_frames', 'Frames dropped after their VNI was known.')],
    ];
    const counter = counters('port', ['port']);
    this.#portCounters = [
      ['rxFrames', counter('received_frames', 'Frames received.')],
      ['rxBytes', counter('received_bytes', 'Bytes received, without FCS.')],
      ['txFrames', counter('sent_frames', 'Frames sent.')],
      ['txBytes', counter('sent_bytes', 'Bytes sent, without FCS.')],
      ['flooded', counter('flooded_frames', 'Received frames that were flooded.')],
      ['floodCopies', counter('flood_copies', 'Copies beyond the first of received frames.')],
      ['txDropped', counter('send_dropped_frames', 'Copies that should have left by the port and could not.')],
      ['rxMissed', counter('missed_frames', 'Thrown away by the adapter before the switch had them.')],
    ];
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of a scrape. */
  text(snapshot: Snapshot): Promise<string> {
    this.#registry.resetMetrics();
    for (const port of snapshot.ports) this.#port(port);
    for (const { bridge, vid, learned, rxFrames, dropped } of snapshot.vlans) {
      const labels = { bridge, vid: vid === null ? '' : String(vid) };
      this.#vlanRx.inc(labels, rxFrames);
      this.#vlanDropped.inc(labels, dropped);
      this.#vlanLearned.set(labels, learned);
    }
    for (const sample of snapshot.vnis) this.#vni(sample);
    for (const sample of snapshot.peers) this.#peer(sample);
    for (const [event, n] of Object.entries(snapshot.fdbEvents)) this.#fdbEvents.inc({ event }, n);
    this.#fdbCapacity.set(snapshot.fdbCapacity);
    for (const { worker, up, restarts, activeSeconds, idleSeconds, rxFrames } of snapshot.workers) {
      const labels = { worker: String(worker) };
      this.#workerUp.set(labels, up ? 1 : 0);
      this.#workerRestarts.inc(labels, restarts);
      this.#active.inc(labels, activeSeconds);
      this.#idle.inc(labels, idleSeconds);
      this.#workerRx.inc(labels, rxFrames);
    }
    this.#latency = snapshot.latency;
    this.#longestStop.set(snapshot.latency.longestStopMicroseconds / 1e6);
    this.#memory.set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    this.#cpu.inc((user + system) / 1e6);
    this.#info.set({ name: snapshot.name, version: snapshot.version }, 1);
    return this.#registry.metrics();
  }

  #port(port: PortSample): void {
    const labels = { port: port.name };
    for (const [key, counter] of this.#portCounters) counter.inc(labels, port[key] as number);
    this.#portUp.set({ ...labels, bridge: port.bridge ?? '' }, port.up ? 1 : 0);
    this.#portLearned.set(labels, port.learned);
    for (const [reason, frames] of Object.entries(port.drops)) this.#drops.inc({ ...labels, reason }, frames);
  }

  #vni(sample: VniSample): void {
    const labels = { port: sample.port, vni: String(sample.vni) };
    for (const [key, counter] of this.#vniCounters) counter.inc(labels, sample[key] as number);
    this.#vniLearned.set(labels, sample.learned);
  }

  #peer(sample: PeerSample): void {
    const labels = { vtep: sample.vtep, peer: sample.address };
    for (const [key, counter] of this.#peerCounters) counter.inc(labels, sample[key] as number);
    this.#peerResolved.set(labels, sample.resolved ? 1 : 0);
  }

  /** A histogram that is counted already, which prom-client's own cannot be given. */
  #latencyMetric(): Metric {
    const name = 'etherloom_forwarding_latency_seconds';
    const help = 'From the read of a burst until it was sent, for each frame.';
    const row = (suffix: string, value: number, labels: Labels = {}) => ({
      metricName: `${name}_${suffix}`,
      value,
      labels,
    });
    const values = () => {
      if (this.#latency === null) return [];
      const { buckets, frames, sumMicroseconds } = this.#latency;
      return [
        ...buckets.map((each) => row('bucket', each.frames, { le: String(each.belowMicroseconds / 1e6) })),
        row('bucket', frames, { le: '+Inf' }),
        row('sum', sumMicroseconds / 1e6),
        row('count', frames),
      ];
    };
    const metric = { name, get: async () => ({ name, help, type: 'histogram', values: values() }), reset: () => {} };
    return metric as unknown as Metric;
  }

  #counter(name: string, help: string, labelNames: readonly (keyof Labels)[]): Counter {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: readonly (keyof Labels)[]): Gauge {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
  }
}
