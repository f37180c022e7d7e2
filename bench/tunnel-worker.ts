/**
 * S4's side of VXLAN, in a process of its own: frames that go into a tunnel, or come out of one, through the whole
 * switch but for devices. Speaks as bench/worker.ts does.
 *
 *   tunnel-worker.js encap|decap
 *
 * Four access ports and one tunnel to four remotes, 5,000 addresses on either side; 1,024 prepared frames of 64 bytes,
 * in bursts of 32. What leaves is handed to a device that takes everything.
 */

import { createInterface } from 'node:readline';
import { setTunnel } from '../src/control/vxlan/tunnel-control.ts';
import { addVtep } from '../src/control/vxlan/vtep-control.ts';
import type { Batch } from '../src/dataplane/batch.ts';
import type { Sender } from '../src/dataplane/transmit.ts';
import { SwitchCore } from '../src/runtime/core.ts';
import { parseMac } from '../src/wire/ethernet.ts';
import { BATCH, Fnv, FRAME_BYTES } from './world.ts';

const HEADROOM = 128;
const STRIDE = 33 * 64;
const SEED = 12_345;
const FRAMES = 1024;
const BURST = 32;
const PORTS = 4;
const REMOTES = 4;
/** Addresses on either side. */
const MACS = 5000;
const LOCAL = 0;
const REMOTE = 0x10000;
const UNKNOWN = 0x7fff_ffff;
const VNI = 5000;
const OUTER_BYTES = 50;
const VTEP_MAC = '02:00:00:00:aa:01';
const PEER_MAC = '02:00:00:00:aa:02';
const MTU = 1600;

const encap = process.argv[2] === 'encap';
let nowMs = 1_000_000;

/** Takes everything; remembers the last frames when somebody wants to see them. */
class Sink implements Sender {
  readonly lastError = 0;
  frames = 0;
  port = 0;
  watching: ((batch: Batch, word: number, port: number) => void) | null = null;

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    this.frames += count;
    if (this.watching !== null) for (let k = start; k < start + count; k++) this.watching(batch, list[k], this.port);
    return count;
  }
}

const sink = new Sink();
const core = new SwitchCore({
  nowMs: () => nowMs,
  senderOf: (port) => {
    sink.port = port;
    return sink;
  },
  ports: 64,
  seed: SEED,
  smallSlots: FRAMES + 64,
  largeSlots: 2,
});
const { control, dp, batch } = core;
const { view, bytes } = dp.arena;

control.addBridge('br', { type: 'unaware' });
const access = Array.from({ length: PORTS }, (_, p) => control.addPort(`p${p}`, 'br', {}).index);
for (let p = 0; p < PORTS; p++) control.setLink(`p${p}`, true);
const uplink = control.addPort('u', null, { mtu: MTU }).index;
control.setLink('u', true);
const remoteOf = (r: number) => `192.0.2.${10 + r}`;
addVtep(control, {
  name: 'v',
  underlay: 'port',
  uplink: 'u',
  local: '192.0.2.1',
  prefix: 24,
  mac: VTEP_MAC,
  vlan: null,
  udpPort: 4789,
  mtu: MTU,
  peers: Array.from({ length: REMOTES }, (_, r) => remoteOf(r)),
  anyPeer: false,
  nested: 'drop',
  udp6ZeroChecksum: false,
  sourcePorts: { first: 49_152, last: 65_535 },
  neighbors: Array.from({ length: REMOTES }, (_, r) => ({ address: remoteOf(r), mac: PEER_MAC })),
  routes: [{ to: '192.0.2.0/24', via: null }],
  groupInterface: null,
  fdb: { maxEntries: 65_536, peerMaxEntries: 0, overflow: 'fair' },
});
control.addPort('vx', 'br', {});
setTunnel(control, 'vx', {
  vtep: 'v',
  vnis: [{ vid: null, vni: VNI }],
  remotes: Array.from({ length: REMOTES }, (_, r) => remoteOf(r)),
  flood: 'head-end',
  group: null,
  learning: 'flood-and-learn',
  ageSeconds: 1_000_000,
  ttl: 64,
  tos: 'inherit',
  udpChecksum: false,
  df: 'set',
  flowLabel: 'flow',
  innerTag: 'strip',
  reservedBits: 'ignore',
  suppress: false,
  neighbors: [],
  maxNeighbors: 4096,
  vlanMaxNeighbors: 1024,
  neighborAgeSeconds: 300,
});
control.setLink('vx', true);

function mac(at: number, text: string): void {
  const { high, low } = parseMac(text)!;
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
}

/** An IPv4 packet in a frame of 64 bytes: the flow hash has something to read. */
function inner(at: number, destination: number, source: number): void {
  for (let j = 14; j < FRAME_BYTES; j++) bytes[at + j] = Math.imul(source + j, 0x9e37) >>> 8;
  view.setUint16(at, 0x0200);
  view.setUint32(at + 2, destination);
  view.setUint16(at + 6, 0x0200);
  view.setUint32(at + 8, source);
  view.setUint16(at + 12, 0x0800);
  view.setUint32(at + 14, 0x4500_0000 | (FRAME_BYTES - 14));
  view.setUint32(at + 18, 0);
  view.setUint32(at + 22, 0x4011_0000);
  view.setUint32(at + 26, 0x0a00_0000 | (source & 0xffff));
  view.setUint32(at + 30, 0x0a01_0000 | (destination & 0xffff));
  view.setUint32(at + 34, ((1024 + (source & 0x3ff)) << 16) | 53);
  view.setUint32(at + 38, ((FRAME_BYTES - 34) << 16) | 0);
}

/** The headers of a VXLAN packet from a remote, in front of the frame at `at`. */
function outer(at: number, remote: number): void {
  let off = at - OUTER_BYTES;
  mac(off, VTEP_MAC);
  mac(off + 6, PEER_MAC);
  view.setUint16(off + 12, 0x0800);
  off += 14;
  view.setUint32(off, 0x4500_0000 | (FRAME_BYTES + OUTER_BYTES - 14));
  view.setUint32(off + 4, 0x4000);
  view.setUint32(off + 8, 0x4011_0000);
  view.setUint32(off + 12, 0xc000_0200 | (10 + remote));
  view.setUint32(off + 16, 0xc000_0201);
  let sum = 0;
  for (let j = 0; j < 20; j += 2) sum += view.getUint16(off + j);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(off + 10, ~sum & 0xffff);
  off += 20;
  view.setUint32(off, (50_000 << 16) | 4789);
  view.setUint32(off + 4, (FRAME_BYTES + 16) << 16);
  view.setUint32(off + 8, 0x0800_0000);
  view.setUint32(off + 12, VNI << 8);
}

const start = (i: number) => i * STRIDE + HEADROOM;
let random = 1;
const below = (n: number) => {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) | 0;
  return Math.floor(((random >>> 0) / 0x1_0000_0000) * n);
};

function put(k: number, off: number, length: number, port: number): void {
  batch.slot[k] = -1;
  batch.off[k] = off;
  batch.len[k] = length;
  batch.port[k] = port;
  batch.rxFlags[k] = 0;
  batch.gso[k] = 0;
  batch.csum[k] = 0;
  batch.nowMs[k] = nowMs;
}

/** A frame from every address of both sides, to one that nobody has. */
function teach(): void {
  for (let m = 0; m < MACS; m++) {
    inner(start(0), UNKNOWN, LOCAL + m);
    put(0, start(0), FRAME_BYTES, access[m % PORTS]);
    batch.count = 1;
    core.forward();
    inner(start(0), UNKNOWN, REMOTE + m);
    outer(start(0), m % REMOTES);
    put(0, start(0) - OUTER_BYTES, FRAME_BYTES + OUTER_BYTES, uplink);
    batch.count = 1;
    core.forward();
  }
}

const offs = new Int32Array(FRAMES);
const lens = new Int32Array(FRAMES);
const ports = new Int32Array(FRAMES);
const destinations = new Int32Array(FRAMES);

function lay(): void {
  for (let i = 0; i < FRAMES; i++) {
    const port = Math.floor(i / BURST) % PORTS;
    const local = below(MACS / PORTS) * PORTS + port;
    const remote = below(MACS);
    destinations[i] = encap ? REMOTE + remote : LOCAL + local;
    inner(start(i), destinations[i], encap ? LOCAL + local : REMOTE + remote);
    if (!encap) outer(start(i), remote % REMOTES);
    offs[i] = encap ? start(i) : start(i) - OUTER_BYTES;
    lens[i] = encap ? FRAME_BYTES : FRAME_BYTES + OUTER_BYTES;
    ports[i] = encap ? access[port] : uplink;
  }
}

const batches = Array.from({ length: FRAMES / BATCH }, (_, k) => {
  const part = (column: Int32Array) => column.subarray(k * BATCH, (k + 1) * BATCH);
  return { off: part(offs), len: part(lens), port: part(ports) };
});
let at = 0;

function forwardNext(): void {
  const { off, len, port } = batches[at];
  at = at + 1 === batches.length ? 0 : at + 1;
  batch.count = BATCH;
  batch.off.set(off);
  batch.len.set(len);
  batch.port.set(port);
  batch.nowMs.fill(nowMs);
  core.forward();
}

function round(seconds: number): string {
  const begin = performance.now();
  const end = begin + seconds * 1e3;
  let now = begin;
  let done = 0;
  while (now < end) {
    forwardNext();
    done += BATCH;
    now = performance.now();
    nowMs = 1_000_000 + (now | 0);
  }
  return `${done} ${Math.round((now - begin) * 1e6)}`;
}

/** Every frame leaves once, for its destination, with the headers of its side, and unchanged. */
function check(): string {
  let wrong = 0;
  let seen = 0;
  let base = 0;
  sink.watching = (b, word) => {
    const i = word & 0xffff;
    const off = b.off[i] + (encap ? OUTER_BYTES : 0);
    const expected = start(base + i);
    seen++;
    if (b.len[i] !== FRAME_BYTES + (encap ? OUTER_BYTES : 0)) wrong++;
    else if (encap && view.getUint32(off - 4) !== VNI << 8) wrong++;
    else if (encap && view.getUint32(off - 20) >>> 16 === 0) wrong++;
    else if (!encap && off !== expected) wrong++;
    else if (view.getUint32(off + 2) !== 0 + destinationAt(off)) wrong++;
  };
  at = 0;
  for (base = 0; base < FRAMES; base += BATCH) forwardNext();
  sink.watching = null;
  return seen === FRAMES && wrong === 0 ? 'whole' : `${seen} of ${FRAMES}, ${wrong} wrong`;
}

function destinationAt(off: number): number {
  return destinations[Math.floor(off / STRIDE)];
}

/** Digest of what leaves, as the C twin has it: batch by batch, port by port. */
function digest(): string {
  const hash = new Fnv();
  sink.watching = (b, word, port) => {
    const i = word & 0xffff;
    hash.copy(port === uplink ? PORTS : access.indexOf(port), b.len[i], bytes, b.off[i]);
  };
  at = 0;
  for (let k = 0; k < FRAMES; k += BATCH) forwardNext();
  sink.watching = null;
  return String(hash.value());
}

batch.slot.fill(-1);
teach();
lay();
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const answer = line === 'check' ? check : line === 'digest' ? digest : () => round(Number(line));
  process.stdout.write(`${answer()}\n`);
}
