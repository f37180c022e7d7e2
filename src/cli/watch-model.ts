/**
 * What `watch` shows: rates out of two looks at the counters, and how they went over the last minute.
 */

import type { DropView, PortView } from '../api/views.ts';
import type { LatencyView } from '../dataplane/latency.ts';

/** Looks that are remembered: what a sparkline can show. */
export const HISTORY = 60;

/** One look. */
export interface Look {
  /** Milliseconds; only differences count. */
  atMs: number;
  name: string;
  uptimeSeconds: number;
  confirmSeconds: number | null;
  activeSeconds: number;
  ports: readonly PortView[];
  drops: readonly DropView[];
  latency: Pick<LatencyView, 'frames' | 'buckets'>;
}

export interface PortRates {
  name: string;
  link: string;
  rxFrames: number;
  /** Null of an interface of the router, whose bytes are those of the ports. */
  rxBits: number | null;
  txFrames: number;
  txBits: number | null;
  dropped: number;
  learned: number;
  /** Received and sent frames a second, the newest last. */
  rxHistory: number[];
  txHistory: number[];
}

export interface DropRates {
  reason: string;
  port: string;
  frames: number;
  total: number;
}

export interface WatchModel {
  name: string;
  uptimeSeconds: number;
  confirmSeconds: number | null;
  /** 0..1 of a core. */
  load: number;
  /** 99 of 100 frames since the last look were in the switch for less, in microseconds; null without frames. */
  latencyP99: number | null;
  learned: number;
  ports: PortRates[];
  /** Only those that grow, the fastest first; then those that have grown. */
  drops: DropRates[];
  /** Lines, the newest last. */
  events: string[];
}

/** The end of the bucket within which `share` of the frames between two looks are. */
function latencyBelow(now: Look['latency'], before: Look['latency'], share: number): number | null {
  // Fewer than before: they were reset.
  const base = now.frames >= before.frames ? before : null;
  const frames = now.frames - (base?.frames ?? 0);
  if (frames === 0) return null;
  const within = (i: number) => now.buckets[i].frames - (base?.buckets[i].frames ?? 0);
  const at = now.buckets.findIndex((_, i) => within(i) >= frames * share);
  return at < 0 ? Number.POSITIVE_INFINITY : now.buckets[at].belowMicroseconds;
}

const KEPT_EVENTS = 200;

export class Watcher {
  #last: Look | null = null;
  readonly #history = new Map<string, { rx: number[]; tx: number[] }>();
  /** By what they are; the oldest first. */
  readonly #events = new Map<string, string>();
  #told = 0;

  /** One of a `kind` takes the place of the last: a storm of the same leaves the others in sight. */
  event(line: string, kind = `${this.#told++}`): void {
    this.#events.delete(kind);
    this.#events.set(kind, line);
    for (const [oldest] of this.#events) {
      if (this.#events.size <= KEPT_EVENTS) break;
      this.#events.delete(oldest);
    }
  }

  look(look: Look): WatchModel {
    const last = this.#last ?? look;
    const seconds = Math.max((look.atMs - last.atMs) / 1000, 1e-3);
    const lastPorts = new Map(last.ports.map((port) => [port.name, port]));
    // Counters that went back have been reset, or are another port's: they count from zero.
    const rate = (now: number, before: number) => (last === look ? 0 : (now >= before ? now - before : now) / seconds);
    const ports = look.ports.map((port) => this.#port(port, lastPorts.get(port.name) ?? port, rate));
    const before = new Map(last.drops.map((drop) => [`${drop.port} ${drop.reason}`, drop.frames]));
    const drops = look.drops
      .map(({ reason, port, frames }) => {
        return { reason, port, frames: rate(frames, before.get(`${port} ${reason}`) ?? 0), total: frames };
      })
      .sort((a, b) => b.frames - a.frames || b.total - a.total);
    this.#last = look;
    return {
      name: look.name,
      uptimeSeconds: look.uptimeSeconds,
      confirmSeconds: look.confirmSeconds,
      load: rate(look.activeSeconds, last.activeSeconds),
      latencyP99: last === look ? null : latencyBelow(look.latency, last.latency, 0.99),
      learned: look.ports.reduce((sum, port) => sum + port.learned, 0),
      ports,
      drops,
      events: [...this.#events.values()],
    };
  }

  #port(port: PortView, last: PortView, rate: (now: number, before: number) => number): PortRates {
    const rxFrames = rate(port.rxFrames, last.rxFrames);
    const txFrames = rate(port.txFrames, last.txFrames);
    const isInterface = port.adapter === 'router';
    const history = this.#history.get(port.name) ?? { rx: [], tx: [] };
    this.#history.set(port.name, history);
    for (const [list, value] of [
      [history.rx, rxFrames],
      [history.tx, txFrames],
    ] as const) {
      list.push(value);
      if (list.length > HISTORY) list.shift();
    }
    return {
      name: port.name,
      link: port.link,
      rxFrames,
      rxBits: isInterface ? null : 8 * rate(port.rxBytes, last.rxBytes),
      txFrames,
      txBits: isInterface ? null : 8 * rate(port.txBytes, last.txBytes),
      dropped: rate(port.dropped, last.dropped),
      learned: port.learned,
      rxHistory: history.rx,
      txHistory: history.tx,
    };
  }
}
