/**
 * Etherloom's side of the routing benchmark, in a process of its own: packets for the gateway's MAC, through the whole
 * data plane. Speaks as bench/worker.ts does.
 *
 *   route-worker.js WORLD
 *
 *   ▸ "build"     ◂ "ROUTES NANOSECONDS"       all routes into an empty table
 *   ▸ "lookup"    ◂ "LOOKUPS NANOSECONDS"      addresses of the packets
 *   ▸ "update"    ◂ "CHANGES NANOSECONDS"      routes taken out of the full table and put back
 *   ▸ "tables"    ◂ "written"                  what lookups read, to WORLD.tables, for the C twin (bench/c/route-main.c)
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { loadConfig } from '../src/config/load.ts';
import { forwardBatch } from '../src/dataplane/pipeline.ts';
import { configure, SwitchCore, sizeFor } from '../src/runtime/core.ts';
import { createPages, createTree, lookup4, lookup6, MATCH } from '../src/tables/lpm/lpm.ts';
import { createRib4, createRib6, growVrfs, putPrefix, type Rib, removePrefix } from '../src/tables/lpm/update.ts';
import { addressText } from '../src/wire/address.ts';
import { FIRST_VLAN, gatewayMacLow, hostAddress, LAID, PORTS, portOfHost } from './route-world.ts';
import { BATCH, CHECKED_FRAMES, Fnv, FRAME_BYTES, RECORD_BYTES } from './world.ts';

const HEADROOM = 128;
const STRIDE = 33 * 64;
const ROUTE_WORDS = 7;
const HEADER_WORDS = 5;
const CHANGES = 10_000;
const path = process.argv[2];
const routesFile = readFileSync(`${path}.routes`);
const words = new Int32Array(routesFile.buffer, routesFile.byteOffset, routesFile.length / 4);
const [familyWord, hosts, nextHops, routes, ways] = words;
const family = familyWord as 4 | 6;
const file = readFileSync(`${path}.frames`);
const packets = file.readInt32LE(0);
const frameWords = new Int32Array((packets * FRAME_BYTES) / 4);
const from = new Int32Array(packets);
for (let i = 0; i < packets; i++) {
  const at = 4 + i * RECORD_BYTES;
  from[i] = file.readInt32LE(at);
  for (let k = 0; k < FRAME_BYTES; k += 4) frameWords[(i * FRAME_BYTES + k) / 4] = file.readInt32LE(at + 8 + k);
}

const bytesOf = (address: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, address[at / 4]);
  return bytes;
};
const macText = (low: number) =>
  `02:00:${[low >>> 24, low >>> 16, low >>> 8, low].map((x) => (x & 0xff).toString(16).padStart(2, '0')).join(':')}`;

function makeCore(): SwitchCore {
  const interfaces = Array.from({ length: PORTS }, (_, port) => {
    const neighbors: Record<string, string> = {};
    for (let n = port; n < nextHops; n += PORTS) neighbors[addressText(bytesOf(hostAddress(family, n)))] = macText(n);
    const address = family === 4 ? `10.${port}.0.1/16` : `2001:db8:${port.toString(16)}::1/64`;
    return [
      `vlan${port}`,
      { vlan: FIRST_VLAN + port, mac: macText(gatewayMacLow(port)), addresses: [address], neighbors },
    ];
  });
  const ports = Array.from({ length: PORTS }, (_, port) => [
    `p${port}`,
    { adapter: 'memory', mode: 'access', vlan: FIRST_VLAN + port },
  ]);
  const config = loadConfig(
    JSON.stringify({
      switch: { hashSeed: 12_345 },
      ports: Object.fromEntries(ports),
      interfaces: Object.fromEntries(interfaces),
    }),
    'bench',
  );
  const made = new SwitchCore({
    ...sizeFor(config),
    nowMs: () => performance.now(),
    fdbEntries: 65_536,
    smallSlots: LAID + 32,
    largeSlots: 1,
  });
  configure(made, config);
  for (const { name } of config.ports) made.control.setLink(name, true);
  return made;
}

const core = makeCore();
const { dp, batch, router } = core;
const { view, bytes } = dp.arena;
const arenaWords = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
const offs = Int32Array.from({ length: LAID }, (_, i) => i * STRIDE + HEADROOM);
const offsets = Array.from({ length: LAID / BATCH }, (_, k) => offs.subarray(k * BATCH, (k + 1) * BATCH));
const prefixes = Array.from({ length: routes }, (_, r) => {
  const at = HEADER_WORDS + r * ROUTE_WORDS;
  return bytesOf([...words.subarray(at + 3, at + 7)].map((word) => word >>> 0));
});
const lengthOf = (r: number) => words[HEADER_WORDS + r * ROUTE_WORDS];

/** The adjacency of a route, as control would take it. */
function rowFor(r: number): number {
  const first = words[HEADER_WORDS + r * ROUTE_WORDS + 1];
  const rows = Array.from({ length: ways }, (_, k) => {
    const n = (first + k) % nextHops;
    const iface = router.interface(`vlan${portOfHost(n)}`);
    return router.rows.takeNeighbor(iface.row, addressText(bytesOf(hostAddress(family, n))));
  });
  if (rows.length === 1) return rows[0];
  const key = rows.join();
  const known = groups.get(key) ?? router.rows.takeGroup(rows);
  groups.set(key, known);
  return known;
}

const groups = new Map<string, number>();
const rowOf = Int32Array.from({ length: routes }, (_, r) => rowFor(r));
const rib = family === 4 ? router.routes.rib4 : router.routes.rib6;
for (let r = 0; r < routes; r++) putPrefix(rib, 0, prefixes[r], lengthOf(r), rowOf[r]);

function build(): string {
  const made: Rib = family === 4 ? createRib4(createPages()) : createRib6(createTree());
  growVrfs(made, 1);
  const start = performance.now();
  for (let r = 0; r < routes; r++) putPrefix(made, 0, prefixes[r], lengthOf(r), rowOf[r]);
  return `${Math.max(1, routes)} ${Math.round((performance.now() - start) * 1e6)}`;
}

function update(): string {
  const changes = Math.min(CHANGES, routes);
  const start = performance.now();
  for (let k = 0; k < changes; k++) {
    const r = (k * 7919) % routes;
    removePrefix(rib, 0, prefixes[r], lengthOf(r));
    putPrefix(rib, 0, prefixes[r], lengthOf(r), rowOf[r]);
  }
  return `${Math.max(1, 2 * changes)} ${Math.round((performance.now() - start) * 1e6)}`;
}

/** Each array as its length and its words. */
function writeTables(): string {
  const { lpm4, lpm6, adj, own } = dp.router;
  const blocks = new Int32Array(lpm6.blocks.buffer);
  const lpm = family === 4 ? [lpm4.roots, lpm4.lines, lpm4.shorts] : [lpm6.roots, lpm6.nodes, lpm6.values];
  const gateways = Array.from({ length: PORTS }, (_, p) => {
    const { fid, port, config } = router.interface(`vlan${p}`);
    return [fid, port, config.vid!, gatewayMacLow(p)];
  });
  const ways = [adj.kind, adj.ready, adj.first, adj.count, adj.members, own];
  const parts = [...lpm, blocks, ...ways, Int32Array.from([...gateways.flat(), ...MATCH])];
  writeFileSync(
    `${path}.tables`,
    Buffer.concat(
      parts.flatMap((part) => [Int32Array.of(part.length), part].map((w) => Buffer.from(new Int32Array(w).buffer))),
    ),
  );
  return 'written';
}

let sink = 0;

function lookup(): string {
  const addresses = new DataView(frameWords.buffer);
  const { lpm4, lpm6 } = dp.router;
  const start = performance.now();
  if (family === 4) {
    for (let i = 0; i < packets; i++) sink ^= lookup4(lpm4, 0, addresses.getUint32(i * FRAME_BYTES + 30));
  } else {
    for (let i = 0; i < packets; i++) sink ^= lookup6(lpm6, 0, addresses, i * FRAME_BYTES + 38);
  }
  return `${packets} ${Math.round((performance.now() - start) * 1e6)}`;
}

const ports = Array.from({ length: packets / BATCH }, (_, k) => from.subarray(k * BATCH, (k + 1) * BATCH));
let packet = 0;

/** Puts the next packets into the arena: forwarding has changed those that lay there. */
function lay(): void {
  for (let i = 0; i < LAID; i++) {
    const word = offs[i] >>> 2;
    const source = (packet + i) * (FRAME_BYTES / 4);
    for (let k = 0; k < FRAME_BYTES / 4; k++) arenaWords[word + k] = frameWords[source + k];
  }
}

function forwardNext(k: number, nowMs: number): void {
  batch.count = BATCH;
  batch.off.set(offsets[k]);
  batch.port.set(ports[packet / BATCH]);
  batch.len.fill(FRAME_BYTES);
  batch.rxFlags.fill(0);
  batch.nowMs.fill(nowMs | 0);
  packet = packet + BATCH === packets ? 0 : packet + BATCH;
  for (let next = 0; next < BATCH; ) next = forwardBatch(dp, batch, next);
}

function emptyLists(): void {
  for (let p = 0; p < PORTS; p++) dp.egress.count[p] = 0;
}

/** A frame from every host, to an address that nobody has. */
function teach(): void {
  for (let host = 0; host < hosts; host++) {
    const off = offs[0];
    view.setUint16(off, 0x0200);
    view.setUint32(off + 2, 0x7fffffff);
    view.setUint16(off + 6, 0x0200);
    view.setUint32(off + 8, host);
    view.setUint32(off + 12, 0x08000000);
    batch.count = 1;
    batch.off[0] = off;
    batch.len[0] = FRAME_BYTES;
    batch.port[0] = portOfHost(host);
    batch.rxFlags[0] = 0;
    batch.nowMs[0] = performance.now() | 0;
    forwardBatch(dp, batch);
    dp.egress.count.fill(0);
  }
}

function round(seconds: number): string {
  const began = performance.now();
  let spent = 0;
  let done = 0;
  for (let now = began; now < began + seconds * 1e3; ) {
    lay();
    const start = performance.now();
    for (let k = 0; k < offsets.length; k++) {
      forwardNext(k, start);
      emptyLists();
    }
    now = performance.now();
    spent += now - start;
    done += LAID;
  }
  return `${done} ${Math.round(spent * 1e6)} ${Math.round((performance.now() - began) * 1e6)}`;
}

/** So many frames by one reading of the clock, for what they leave on the heap. */
function forwardFrames(count: number): string {
  const now = performance.now() | 0;
  for (let done = 0; done < count; done += LAID) {
    lay();
    for (let k = 0; k < offsets.length; k++) {
      forwardNext(k, now);
      emptyLists();
    }
  }
  return String(count);
}

function check(): string {
  const hash = new Fnv();
  packet = 0;
  for (let done = 0; done < CHECKED_FRAMES; done += BATCH) {
    if (done % LAID === 0) lay();
    forwardNext((done % LAID) / BATCH, performance.now());
    for (let p = 0; p < PORTS; p++) {
      for (let n = 0; n < dp.egress.count[p]; n++) {
        const i = dp.egress.list[p * dp.egress.stride + n];
        hash.copy(p, batch.len[i], bytes, batch.off[i]);
      }
    }
    emptyLists();
  }
  packet = 0;
  return String(hash.value());
}

teach();
process.stdout.write('ready\n');
const answer = (line: string): string => {
  if (line === 'check') return check();
  if (line === 'build') return build();
  if (line === 'lookup') return lookup();
  if (line === 'update') return update();
  if (line === 'tables') return writeTables();
  if (line === 'gc') return String(globalThis.gc?.() ?? 0);
  if (line === 'heap') return String(process.memoryUsage().heapUsed);
  if (line === 'sink') return String(sink);
  if (line.startsWith('frames ')) return forwardFrames(Number(line.slice(7)));
  return round(Number(line));
};
for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${answer(line)}\n`);
