/** `micro` of groups: unicast between the ports of macvlan and ipvlan groups, in runs as ports are polled. */

import { loadConfig } from '../src/config/load.ts';
import { createBatch } from '../src/dataplane/batch.ts';
import { forwardBatch, forwardBatchSlowly } from '../src/dataplane/pipeline.ts';
import { configure, SwitchCore } from '../src/runtime/core.ts';
import { ethernetFrame, udpIpv4 } from '../src/wire/build.ts';
import type { Case } from './case.ts';

const FRAMES = 1024;
const BATCH = 256;
/** Frames in a row from one port. */
const RUN = 32;
const CHILDREN = 16;
const STRIDE = 33 * 64;
const HEADROOM = 128;
/** Addresses, a tag and the type; with the IPv4 header, where the router takes a hop off. */
const HEAD_WORDS = 5;
const ROUTED_WORDS = 9;
const PORTS = ['up', ...Array.from({ length: CHILDREN }, (_, k) => `c${k}`)];
const SHARED_MAC = '02:00:00:00:00:fe';
const OUTSIDE = '02:00:00:00:99:01';

const macOf = (k: number) => `02:00:00:00:01:${k.toString(16).padStart(2, '0')}`;
const addressOf = (k: number) => `10.0.0.${k + 1}`;

const groups = (vlan: string) => `
ports: { ${PORTS.map((name) => `${name}: { adapter: memory }`).join(', ')} }
macvlan:
  g:
    parent: up
    ${vlan}
    children: { ${PORTS.slice(1)
      .map((name, k) => `${name}: { macs: ['${macOf(k)}'] }`)
      .join(', ')} }
`;
const MACVLAN = groups('');
const MACVLAN_VLAN = groups('vlan: 10');
const IPVLAN = `
ports: { ${PORTS.map((name) => `${name}: { adapter: memory }`).join(', ')} }
ipvlan:
  g:
    parent: up
    mac: '${SHARED_MAC}'
    children: { ${PORTS.slice(1)
      .map((name, k) => `${name}: { addresses: [${addressOf(k)}] }`)
      .join(', ')} }
`;

const IPVLAN_L3 = `
vlans: { 10: {} }
ports: { ${PORTS.map((name) => `${name}: { adapter: memory${name === 'up' ? ', mode: access, vlan: 10' : ''} }`).join(', ')} }
interfaces: { gate: { vlan: 10, mac: '${SHARED_MAC}', addresses: [10.9.0.1/24], neighbors: { 10.9.0.2: '${OUTSIDE}' } } }
routes: [{ to: 0.0.0.0/0, via: 10.9.0.2 }]
ipvlan:
  g:
    mode: l3
    parent: gate
    children: { ${PORTS.slice(1)
      .map((name, k) => `${name}: { addresses: [${addressOf(k)}] }`)
      .join(', ')} }
`;

/** A frame from child `from` (or outside, -1) to child `to` (or outside, -1). */
type Build = (from: number, to: number) => Uint8Array;
const byMac: Build = (from, to) =>
  ethernetFrame({ dst: to < 0 ? OUTSIDE : macOf(to), src: from < 0 ? OUTSIDE : macOf(from) }, 0x0800, datagram(0, 1));
const taggedByMac: Build = (from, to) =>
  from < 0
    ? ethernetFrame({ dst: macOf(to), src: OUTSIDE, tags: [{ vid: 10 }] }, 0x0800, datagram(0, 1))
    : byMac(from, to);
const byAddress: Build = (from, to) =>
  ethernetFrame(
    { dst: to < 0 ? OUTSIDE : SHARED_MAC, src: from < 0 ? OUTSIDE : SHARED_MAC },
    0x0800,
    datagram(from < 0 ? 98 : from, to < 0 ? 99 : to),
  );

function datagram(from: number, to: number): Uint8Array {
  return udpIpv4({ src: addressOf(from), dst: addressOf(to) }, 1, 2, Buffer.alloc(18));
}

export function groupCases(): Case[] {
  const ways = [
    ['child to child', (k: number) => [k % CHILDREN, (k + 1) % CHILDREN]],
    ['parent to child', (k: number) => [-1, k % CHILDREN]],
    ['child to parent', (k: number) => [k % CHILDREN, -1]],
  ] as const;
  const kinds = [
    ['macvlan', MACVLAN, byMac],
    ['macvlan in a VLAN', MACVLAN_VLAN, taggedByMac],
    ['ipvlan', IPVLAN, byAddress],
    ['ipvlan l3', IPVLAN_L3, byAddress],
    ['ipvlan l3s', IPVLAN_L3.replace('mode: l3', 'mode: l3s'), byAddress],
  ] as const;
  const cases = kinds.flatMap(([kind, text, build]) => {
    const run = world(text);
    return ways.map(([way, ends]) => ({
      name: `${kind}, ${way}`,
      items: FRAMES,
      run: run((i) => ends(Math.floor(i / RUN)), build, forwardBatch),
    }));
  });
  // Beside them what the lanes save.
  const slow = kinds.flatMap(([kind, text, build]) => {
    const run = world(text);
    return ways.map(([way, ends]) => ({
      name: `${kind}, ${way}, slow lane`,
      items: FRAMES,
      run: run((i) => ends(Math.floor(i / RUN)), build, forwardBatchSlowly),
    }));
  });
  return [...cases, ...slow];
}

function world(text: string) {
  const core = new SwitchCore({ ports: 64, fids: 16, fdbEntries: 64, smallSlots: FRAMES, nowMs: () => 0 });
  configure(core, loadConfig(text, 'bench.yaml'));
  for (const name of PORTS) core.control.setLink(name, true);
  const { dp } = core;
  const headWords = text.includes('interfaces:') ? ROUTED_WORDS : HEAD_WORDS;
  const batch = createBatch(BATCH);
  // The frames that lie in the arena: cases of one group share it.
  let written: unknown = null;
  const index = PORTS.map((name) => core.control.port(name).index);
  return (ends: (i: number) => readonly number[], build: Build, forward: typeof forwardBatch) => {
    const frames = Array.from({ length: FRAMES }, (_, i) => ends(i));
    const lengths = new Int32Array(FRAMES);
    const ports = new Int32Array(FRAMES);
    const heads = new Int32Array(FRAMES * headWords);
    const { view } = dp.arena;
    const slots = frames.map(([from, to], i) => {
      const bytes = build(from, to);
      lengths[i] = bytes.length;
      ports[i] = index[from + 1];
      for (let k = 0; k < headWords; k++) heads[i * headWords + k] = Buffer.from(bytes).readInt32BE(k * 4);
      return bytes;
    });
    return () => {
      if (written !== slots) {
        for (let i = 0; i < FRAMES; i++) dp.arena.bytes.set(slots[i], i * STRIDE + HEADROOM);
        written = slots;
      }
      for (let first = 0; first < FRAMES; first += BATCH) {
        batch.count = BATCH;
        for (let j = 0; j < BATCH; j++) {
          const i = first + j;
          const off = i * STRIDE + HEADROOM;
          // A tag may have been put there or taken off.
          for (let k = 0; k < headWords; k++) view.setInt32(off + k * 4, heads[i * headWords + k]);
          batch.off[j] = off;
          batch.len[j] = lengths[i];
          batch.port[j] = ports[i];
          batch.rxFlags[j] = 0;
        }
        forward(dp, batch);
        dp.egress.count.fill(0);
      }
    };
  };
}
