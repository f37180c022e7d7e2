/**
 * Calls every native function with arguments that no caller should pass. Run as a process of its own: a crash is what
 * it looks for. Every call must return or throw a TypeError, RangeError or an error with an errno; prints a summary.
 *
 *   node native-hostile.mjs ADDON SEED CALLS
 */

import { createRequire } from 'node:module';

const [path, seed, calls] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(path);

let state = Number(seed) >>> 0;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
};
const pick = (list) => list[random(list.length)];

function detached(Type) {
  const array = new Type(64);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const shared = new Uint8Array(new SharedArrayBuffer(1 << 16));
const odd = new Int32Array(new SharedArrayBuffer(1024), 8, 5);
const shrunk = new Int32Array(new ArrayBuffer(256, { maxByteLength: 256 }));
shrunk.buffer.resize(4);
const wild = Int32Array.from({ length: 64 }, () => random(2 ** 32) | 0);
const large = Int32Array.from({ length: 64 }, () => pick([0, 64, 2 ** 31 - 1, -1, 65_535, 65_536, 60_000]));
const trap = {
  valueOf() {
    throw new Error('asked');
  },
};

let tap = -1;
let packet = -1;
let xdp = -1;
let poller = -1;
let udp = -1;
let plain = -1;
/** Which kinds there were. */
const opened = {};
const device = `elh${process.pid.toString(36)}`;
const openDevice = async () => {
  try {
    tap = (await addon.tapOpen(device, pick([0, 1]))).fd;
    await addon.ifConfigure(device, 1500); // the host's own frames then meet the reads
    packet = await addon.packetOpen(device, 1522, 64, -1);
    xdp = (await addon.xdpOpen(device, 0, shared, 2112, 31, 64, false, 0, -1, false)).fd;
    addon.xdpStart(
      xdp,
      Int32Array.from({ length: 24 }, (_, n) => n),
      16,
    );
  } catch {
    if (tap < 0) tap = packet = 0; // not allowed here: the checks in front of the system calls are still met
    xdp = 0; // nor XDP, or the kernel has not yet let go of the last one
  }
  for (const [kind, fd] of Object.entries({ tap, packet, xdp })) opened[kind] ||= fd > 0;
};
const closeDevice = () => {
  if (xdp > 0) addon.xdpClose(xdp);
  if (packet > 0) addon.packetClose(packet);
  if (tap > 0) addon.tapClose(tap);
  tap = packet = xdp = -1;
};
/** A descriptor that is to be closed: rarely one that is open, since opening some kinds takes long. */
const closing = (fd) => () => (random(10) === 0 ? fd() : pick([-1, 0, 1e6]));
const loopback = Uint8Array.of(127, 0, 0, 1);
const openUdp = () => {
  udp = addon.udpOpen(loopback, 0, 0, pick([0, 1, 2, 3]), 49_152, 65_535, pick([1, 4]), 1450);
};
/** Connected to itself: what it sends it receives. */
const openPlain = () => {
  const port = addon.udpPort(udp);
  addon.udpClose(udp);
  plain = addon.udpPlainOpen(loopback, port, loopback, port, 0);
};
const openPoller = () => {
  poller = addon.pollerCreate(() => {}, new Int32Array(64), new Int32Array(new SharedArrayBuffer(16)));
};

const anything = () =>
  pick([
    undefined,
    null,
    true,
    false,
    0,
    1,
    -1,
    2,
    3,
    64,
    2048,
    65_536,
    1e9,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1.5,
    NaN,
    Infinity,
    -Infinity,
    10n,
    'x',
    '',
    'lo/..',
    'a\0b',
    '%d',
    'x'.repeat(300),
    '\ud800',
    Symbol('s'),
    {},
    [],
    () => {},
    trap,
    new Proxy({}, {}),
    new Proxy(new Int32Array(4), {}),
    new Uint8Array(0),
    new Int32Array(0),
    new Int32Array(1),
    new Int32Array(64),
    new Uint8Array(4096),
    new Float64Array(8),
    new DataView(new ArrayBuffer(8)),
    shared,
    odd,
    shrunk,
    wild,
    large,
    detached(Int32Array),
    detached(Uint8Array),
    tap,
    packet,
    xdp,
    poller,
    udp,
    plain,
  ]); // prettier-ignore

const fd = () => tap;
const packetFd = () => packet;
const xdpFd = () => xdp;
const id = () => poller;
const udpFd = () => udp;
const plainFd = () => plain;
const address = () => pick([loopback, loopback, new Uint8Array(16), Uint8Array.of(224, 0, 0, 251), new Uint8Array(5)]);
/** An outer frame to a port that nobody listens on, and one that is none. */
const outer = new Uint8Array(4096);
outer.set(Buffer.from('020000000001020000000002080045000040000040004011aaaa7f0000017f000001c350000100220000', 'hex'));
const name = () => pick([device, 'el-none', '', 'x'.repeat(15), 'x'.repeat(16), 'a b', '..', '%d', 'ä'.repeat(8)]);
const bytes = () => pick([shared, new Uint8Array(4096), new Uint8Array(10), detached(Uint8Array)]);
const column = () => pick([new Int32Array(64), new Int32Array(64), wild, large, odd, shrunk, detached(Int32Array)]);
const count = () => pick([0, 1, 8, 63, 64, 65, 2 ** 31 - 1, -1]);
const flag = () => pick([true, false]);
const report = () => pick([new Int32Array(3), new Int32Array(3), new Int32Array(1), odd]);

const group = () => pick([-3, -2, -1, 0, 7, 65_535, 65_536]);
const [capacity, maxBytes] = [() => pick([63, 64, 1920, 2 ** 30]), () => pick([0, 1, 1e5])];
const largeAt = () => pick([0, 0, 4096, 65_530, 2 ** 31 - 1, -1]);
const incoming = [bytes, column, column, column, column, count, count, capacity, maxBytes];
const outgoing = [bytes, column, count, count, ...new Array(8).fill(column)];

const udpReport = () => pick([new Int32Array(5), new Int32Array(5), new Int32Array(4), odd]);
const frames = () => pick([outer, outer, shared, detached(Uint8Array)]);
const gsoWords = () =>
  pick([
    new Int32Array(64),
    new Int32Array(64).fill(1 | (pick([0, 1, 4, 5, 9]) << 8) | (pick([0, 1, 8, 1400]) << 16)),
    wild,
  ]);
const csumWords = () =>
  pick([new Int32Array(64).fill(pick([0, 42, 44, 60, 84]) | (pick([6, 16, 900]) << 16)), wild, odd]);
const lengths = () =>
  pick([new Int32Array(64).fill(64), new Int32Array(64).fill(pick([43, 200, 4096])), wild, large, shrunk]);

/** What a well-meaning caller passes; the fuzz replaces some of it. */
const shapes = {
  tapOpen: [name, () => pick([0, 1, 2, 4, 7, 8, -1])],
  tapClose: [closing(fd)],
  closeApart: [closing(() => pick([tap, packet, xdp]))],
  deviceKeep: [() => pick([tap, packet, xdp]), () => pick(['a', 'b', '']), () => pick(['', 'n'.repeat(600)])],
  deviceTake: [() => pick(['a', 'b', 'x'.repeat(600)])],
  devicesRelease: [() => pick(['', 'a', 'x'.repeat(600)])],
  tapSetOffload: [fd, () => pick([0, 1, 7, 0x67, 0xffff, 0x10000])],
  tapSetPersist: [fd, () => pick([false, 1])],
  tapState: [fd],
  tapStates: [column, column],
  tapReadBurst: [fd, ...incoming, flag, flag, report],
  tapWriteBurst: [fd, ...outgoing, flag, flag, report],
  packetOpen: [
    () => (random(20) === 0 ? device : pick(['el-none', '', 'a b'])),
    () => pick([63, 64, 1522, 9022, 32_768, 32_769]),
    () => pick([1, 2, 64, 16_384, 16_385]),
    group,
  ],
  packetClose: [closing(packetFd)],
  packetGroup: [packetFd],
  packetState: [packetFd],
  packetMissed: [packetFd],
  packetReadBurst: [packetFd, ...incoming, report],
  packetWriteBurst: [packetFd, ...outgoing, report],
  xdpOpen: [
    () => pick(['el-none', '', 'a b']),
    () => pick([-1, 0, 4095, 4096]),
    bytes,
    () => pick([2047, 2048, 2112, 4096, 4097]),
    () => pick([0, 1, 31, 32, 2 ** 31 - 1]),
    () => pick([63, 64, 65, 16_384, 16_385]),
    flag,
    () => pick([-1, 0, 4095, 4096]),
    () => pick([-2, -1, 0, 1 << 20, 2 ** 31 - 1]),
    flag,
  ],
  xdpStart: [xdpFd, column, count],
  xdpHeld: [xdpFd, column],
  xdpClose: [closing(xdpFd)],
  xdpState: [xdpFd],
  xdpMissed: [xdpFd],
  xdpReadBurst: [xdpFd, ...new Array(5).fill(column), count, count, column, count, largeAt, capacity, report],
  xdpWriteBurst: [xdpFd, ...outgoing, column, column, report],
  ifInfo: [name],
  ifSetMtu: [name, () => pick([0, 68, 1500, 65_535, 65_536])],
  ifConfigure: [name, () => pick([0, 68, 1500, 65_535, 65_536])],
  clockRead: [column],
  privilegesDrop: [],
  residentRelease: [],
  udpOpen: [
    address,
    count,
    () => 0,
    () => pick([0, 3, 7, 8, 15, 16]),
    count,
    () => pick([49_152, 65_535]),
    () => pick([0, 1, 64, 65]),
    () => pick([575, 1450, 65_536]),
  ],
  udpClose: [udpFd],
  udpPort: [udpFd],
  udpJoin: [udpFd, address, () => pick([0, 1])],
  udpLeave: [udpFd, address, () => pick([0, 1])],
  udpReceiveBurst: [
    udpFd,
    bytes,
    column,
    column,
    column,
    column,
    column,
    count,
    count,
    column,
    count,
    count,
    () => pick([64, 1984]),
    () => pick([64, 65_984]),
    udpReport,
    () => pick([0, 3, 4]),
  ],
  udpSendBurst: [
    udpFd,
    frames,
    column,
    count,
    count,
    column,
    lengths,
    column,
    lengths,
    column,
    lengths,
    gsoWords,
    csumWords,
    udpReport,
  ],
  udpNotices: [udpFd, column],
  udpPathMtu: [udpFd, address],
  udpDrops: [udpFd],
  udpPlainOpen: [address, () => pick([0, 65_535, 65_536]), address, () => pick([0, 9, 65_536]), () => pick([-1, 0, 1])],
  udpPlainClose: [closing(plainFd)],
  udpPlainPort: [plainFd],
  udpPlainDrops: [plainFd],
  udpPlainReadBurst: [plainFd, ...incoming, udpReport],
  udpPlainWriteBurst: [plainFd, ...outgoing, report],
  pollerCreate: [() => () => {}, column, () => pick([column(), new Int32Array(new SharedArrayBuffer(pick([8, 16])))])],
  pollerAdd: [id, fd, count],
  pollerRemove: [id, fd],
  pollerWait: [id, () => pick([0, 0, -1, 10_001, NaN]), column],
  pollerArm: [id, () => pick([0, 0, 1, -1, 10_001, NaN])],
  pollerWake: [id],
  pollerClose: [id],
};

const missing = Object.keys(addon).filter((key) => typeof addon[key] === 'function' && !(key in shapes));
if (missing.length > 0) throw new Error(`not covered: ${missing}`);

let returned = 0;
let threw = 0;
for (let n = 0; n < Number(calls); n++) {
  if (n % 1000 === 0) {
    closeDevice();
    await openDevice();
  }
  if (n % 200 === 0) {
    if (poller > 0) addon.pollerClose(poller);
    if (udp > 0) addon.udpClose(udp);
    if (plain > 0) addon.udpPlainClose(plain);
    openUdp();
    openPlain();
    openUdp();
    openPoller();
  }
  const key = pick(Object.keys(shapes));
  const args = shapes[key].map((make) => (random(12) === 0 ? anything() : make()));
  if (random(20) === 0) args.length = random(args.length + 1);
  // A wait that is allowed to be long would be one: only its refusals are of interest.
  if (key === 'pollerWait' && typeof args[1] === 'number' && args[1] > 0 && args[1] <= 10_000) continue;
  // For good: last of all.
  if (key === 'privilegesDrop') continue;
  // Takes milliseconds and no arguments.
  if (key === 'residentRelease' && n % 20 > 0) continue;
  try {
    const result = await addon[key](...args);
    returned++;
    if (key === 'tapOpen' && result.fd !== tap) addon.tapClose(result.fd);
    if (key === 'udpOpen') addon.udpClose(result);
    if (key === 'udpPlainOpen') addon.udpPlainClose(result);
    if (key === 'packetOpen') addon.packetClose(result);
    if (key === 'pollerCreate') addon.pollerClose(result);
  } catch (error) {
    threw++;
    const expected = error instanceof TypeError || error instanceof RangeError || typeof error.errno === 'number';
    if (!expected) throw error;
  }
}
closeDevice();
if (poller > 0) addon.pollerClose(poller);
if (udp > 0) addon.udpClose(udp);
if (plain > 0) addon.udpPlainClose(plain);
for (let n = 0; n < 3; n++) addon.privilegesDrop(...Array.from({ length: n }, anything));
console.log(JSON.stringify({ returned, threw, ...opened }));
