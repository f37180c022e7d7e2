/** One end of a VXLAN underlay for tests: an arena, an adapter, and frames in and out as bytes. */

import { expect } from 'vitest';
import { readOuter } from '../../../src/adapters/outer-headers.ts';
import type { openVxlanUdp, VxlanUdpAdapter, VxlanUdpOptions } from '../../../src/adapters/vxlan-udp.ts';
import { type Arena, createArena, release } from '../../../src/dataplane/arena.ts';
import { createBatch, RX_CSUM_VERIFIED, SHAPE_ALT } from '../../../src/dataplane/batch.ts';
import { ethernetFrame, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../../src/wire/ethernet.ts';

export interface End {
  adapter: VxlanUdpAdapter;
  arena: Arena;
  mtus: [string, number][];
}

export type Open = typeof openVxlanUdp;

export async function openEnd(open: Open, options: Partial<VxlanUdpOptions> = {}, smallSlots = 300): Promise<End> {
  const arena = createArena({ smallSlots, largeSlots: 16 });
  const mtus: [string, number][] = [];
  const events = {
    link: () => {},
    readable: () => {},
    pathMtu: (at: string, mtu: number) => void mtus.push([at, mtu]),
  };
  const adapter = await open({ local: '127.0.0.1', port: 0, mtu: 65_535, ...options }, { arena, events });
  return { adapter, arena, mtus };
}

export interface Sent {
  port: number;
  payload: Uint8Array;
  sourcePort?: number;
  ttl?: number;
  tos?: number;
  dst?: string;
  checksum?: boolean;
  /** Given in two parts, the first of this many bytes. */
  split?: number | undefined;
  gso?: number;
  /** Counted from the payload on. */
  csum?: number;
}

export function outerFrame(sent: Sent): Uint8Array {
  const { port, payload, sourcePort = 50_000, ttl = 64, tos = 0, checksum = false, dst = '127.0.0.1' } = sent;
  const head = { dst: '02:00:00:00:00:01', src: '02:00:00:00:00:02' };
  const v6 = dst.includes(':');
  const ip = { src: v6 ? '::1' : '127.0.0.1', dst, ttl, tos };
  const packet = v6
    ? udpIpv6(ip, sourcePort, port, payload, checksum)
    : udpIpv4(ip, sourcePort, port, payload, checksum);
  return ethernetFrame(head, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4, packet);
}

/** Sends all in one burst; returns how many were taken. */
export function send(end: End, ...sent: Sent[]): number {
  const batch = createBatch(Math.max(1, sent.length));
  let at = 0;
  const list = sent.map((each, i) => {
    const frame = outerFrame(each);
    end.arena.bytes.set(frame, at);
    batch.off[i] = at;
    batch.len[i] = frame.length;
    batch.gso[i] = each.gso ?? 0;
    batch.csum[i] = each.gso === undefined ? 0 : (each.csum ?? 0) + frame.length - each.payload.length;
    if (each.split !== undefined) {
      batch.altHeadOff[i] = at;
      batch.altHeadLen[i] = each.split;
      batch.altOff[i] = at + each.split;
      batch.altLen[i] = frame.length - each.split;
    }
    at += frame.length;
    return each.split === undefined ? i : i | SHAPE_ALT;
  });
  return end.adapter.send(batch, Int32Array.from(list), 0, list.length);
}

export interface Received {
  bytes: Uint8Array;
  view: DataView;
  payload: Buffer;
  headerBytes: number;
  gso: number;
  csum: number;
}

/** Receives until there are `count` frames. */
export async function receive(end: End, count: number, max = 256): Promise<Received[]> {
  const frames: Received[] = [];
  const until = Date.now() + 60_000;
  while (frames.length < count) {
    if (Date.now() > until) throw new Error(`timed out with ${frames.length} of ${count} frames`);
    const batch = createBatch();
    const got = end.adapter.receive(batch, 5, max);
    for (let i = 0; i < got; i++) {
      expect(batch.port[i]).toBe(5);
      expect(batch.rxFlags[i]).toBe(RX_CSUM_VERIFIED);
      const bytes = end.arena.bytes.slice(batch.off[i], batch.off[i] + batch.len[i]);
      const view = new DataView(bytes.buffer);
      const v4 = view.getUint16(12) === ETHERTYPE_IPV4;
      const { headerBytes } = readOuter(view, 0, bytes.length, v4)!;
      const payload = Buffer.from(bytes.subarray(headerBytes));
      frames.push({ bytes, view, payload, headerBytes, gso: batch.gso[i], csum: batch.csum[i] });
    }
    for (let i = got - 1; i >= 0; i--) release(end.arena, batch.slot[i]);
    if (got === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return frames;
}
