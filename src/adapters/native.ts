/**
 * The only door to the addon in `native/`.
 *
 * Importing this loads nothing: the addon is looked for at the first use, so that a library user without it meets
 * no error before a TAP port is opened. What the functions promise is written beside them in `native/src/*.c`.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Must be ADDON_API of native/src/addon.h. */
const API = 16;

export const TAP_VNET_HDR = 1 << 0;
export const TAP_MULTI_QUEUE = 1 << 1;
export const TAP_MUST_EXIST = 1 << 2;

/** Groups of `packetOpen`, beside 0 to 65,535: none, and one that nobody has yet. */
export const FANOUT_NONE = -1;
export const FANOUT_NEW = -2;

/** Answers of the state calls. */
export const LINK_DELETED = 0;
export const LINK_DOWN = 1;
export const LINK_UP = 2;
export const LINK_NO_CARRIER = 3;

/** Words of the `report` column of the burst calls. */
export const REPORT_ERRNO = 0;
export const REPORT_FRAMES = 1;
/** Rings: length of the frame that waits for a larger slot, else 0. */
export const REPORT_LONG = 2;
/** In its place after `xdpWriteBurst`: how many slots follow. */
export const REPORT_FREED = 2;
export const REPORT_WORDS = 3;

export const UDP_GRO = 1 << 0;
export const UDP_SEGMENT = 1 << 1;
export const UDP_ZERO_CHECK6 = 1 << 2;
export const UDP_REUSEPORT = 1 << 3;
/** What `udpReceiveBurst` may put together. */
export const UDP_COALESCE_TCP4 = 1 << 0;
export const UDP_COALESCE_TCP6 = 1 << 1;
/** Further words of the report of `udpReceiveBurst`. */
export const UDP_REPORT_SMALL = 2;
export const UDP_REPORT_LARGE = 3;
export const UDP_REPORT_WAITING = 4;
/** Further words of the report of `udpSendBurst`. */
export const UDP_REPORT_NOTICES = 2;
export const UDP_REPORT_ICMP = 3;
export const UDP_REPORT_WORDS = 5;
/** Behind REPORT_LONG, of `udpPlainReadBurst`: datagrams wait in the addon. */
export const UDP_PLAIN_WAITING = 3;
export const UDP_PLAIN_WORDS = 4;
/** Words of a notice: address (four), its bytes, errno, MTU. */
export const UDP_NOTICE_WORDS = 7;

export interface OpenedTap {
  fd: number;
  /** As the kernel calls it. */
  name: string;
  multiQueue: boolean;
  /** The device was not there before, and goes when it is closed unless it is made persistent. */
  created: boolean;
}

export interface OpenedXdp {
  fd: number;
  zeroCopy: boolean;
  /** The driver runs the program; otherwise the kernel does, on frames that it has made its own. */
  driver: boolean;
  /** A frame may be longer than a slot. */
  frags: boolean;
  /** Bytes from the beginning of a page of memory to the arena. */
  delta: number;
  /** What further sockets of the interface are entered in. */
  map: number;
}

/** Rows [first, first + max) with slots of `capacity` bytes at off[row], of which all but off are filled. */
type Incoming = [
  arena: Uint8Array,
  off: Int32Array,
  len: Int32Array,
  gso: Int32Array,
  csum: Int32Array,
  first: number,
  max: number,
  capacity: number,
  maxBytes: number,
];
/** The frames of list[start .. start + count), words as in `Egress`. */
type Outgoing = [
  arena: Uint8Array,
  list: Int32Array,
  start: number,
  count: number,
  off: Int32Array,
  len: Int32Array,
  altHeadOff: Int32Array,
  altHeadLen: Int32Array,
  altOff: Int32Array,
  altLen: Int32Array,
  gso: Int32Array,
  csum: Int32Array,
];

export interface InterfaceInfo {
  index: number;
  mtu: number;
  /** IFF_ flags. */
  flags: number;
  carrier: boolean;
  /** Queues for receiving, sending or both, whichever are more; 1 where the driver does not say. */
  queues: number;
}

/**
 * Control calls throw errors with `code`, `errno` and `syscall`; burst calls report. What answers by a promise is done on another
 * thread: the kernel takes 8 to 45 ms for some devices.
 */
export interface NativeAddon {
  readonly api: number;
  tapOpen(name: string, flags: number): Promise<OpenedTap>;
  /** Whether it was open. */
  tapClose(fd: number): boolean;
  /** Closes a TAP, packet socket or XDP socket; whether it was open. */
  closeApart(fd: number): Promise<boolean>;
  /** Where this thread ends without having closed it, the device (no XDP socket) waits under this name, with a note. */
  deviceKeep(fd: number, name: string, note: string): void;
  /** What waits under this name is this thread's from now on; null: nothing does. */
  deviceTake(name: string): { fd: number; note: string } | null;
  /** Closes what waits under names that begin so; how many there were. */
  devicesRelease(prefix: string): Promise<number>;
  /** Takes TUN_F_ bits; false when this kernel does not know one of them, then nothing changed. */
  tapSetOffload(fd: number, bits: number): boolean;
  tapSetPersist(fd: number, persist: boolean): void;
  /** LINK_UP, LINK_DOWN or LINK_DELETED, in whatever network namespace the device is. */
  tapState(fd: number): number;
  /** The same of many at once. */
  tapStates(fds: Int32Array, states: Int32Array): void;
  /**
   * Reads to off[row] and fills len, gso, csum of rows [first, first + result). `together`: frames share a system call
   * where the kernel has io_uring for us; the answers are the same.
   */
  tapReadBurst(fd: number, ...args: [...Incoming, vnetHdr: boolean, together: boolean, report: Int32Array]): number;
  /** Writes the frames of list[start .. start + count), skips those that the kernel refuses. Returns how many left. */
  tapWriteBurst(fd: number, ...args: [...Outgoing, vnetHdr: boolean, together: boolean, report: Int32Array]): number;
  /** A packet socket on an interface: frames of up to `frameBytes` come through a ring of `slots`; group: FANOUT_*. */
  packetOpen(name: string, frameBytes: number, slots: number, group: number): Promise<number>;
  /** Whether it was open. */
  packetClose(fd: number): boolean;
  /** The number of its fanout group, -1 without one. */
  packetGroup(fd: number): number;
  /** LINK_*. */
  packetState(fd: number): number;
  /** Frames that found the ring full since it was last asked. */
  packetMissed(fd: number): number;
  packetReadBurst(fd: number, ...args: [...Incoming, report: Int32Array]): number;
  packetWriteBurst(fd: number, ...args: [...Outgoing, report: Int32Array]): number;
  /**
   * An XDP socket whose memory is the first `slots` slots of the arena, which lies in a SharedArrayBuffer; `entries` is a
   * power of two. With `map` -1 it brings the program, for queues up to `lastQueue`, which goes when it is closed; others are
   * given what that one answered, in whatever thread.
   */
  xdpOpen(
    name: string,
    queue: number,
    arena: Uint8Array,
    slotBytes: number,
    slots: number,
    entries: number,
    needsFrags: boolean,
    lastQueue: number,
    map: number,
    driver: boolean,
  ): Promise<OpenedXdp>;
  /** Slots of its own: the first `receiving` to receive into, the others for what is copied to be sent. */
  xdpStart(fd: number, slots: Int32Array, receiving: number): void;
  /** Fills `out` with slots of others that are being sent from, each as often as it is held; says how many. */
  xdpHeld(fd: number, out: Int32Array): number;
  /** Whether it was open. */
  xdpClose(fd: number): boolean;
  /** LINK_*. */
  xdpState(fd: number): number;
  /** Frames that found no room since it was last asked. */
  xdpMissed(fd: number): number;
  /**
   * Gives back[0 .. backCount) to the kernel, then fills slot, off, len, gso and csum from row `first` on. A frame in
   * several pieces ends the burst (REPORT_LONG); with `largeAt` such a one is read to there, and its row has slot -1.
   */
  xdpReadBurst(
    fd: number,
    slot: Int32Array,
    off: Int32Array,
    len: Int32Array,
    gso: Int32Array,
    csum: Int32Array,
    first: number,
    max: number,
    back: Int32Array,
    backCount: number,
    largeAt: number,
    largeBytes: number,
    report: Int32Array,
  ): number;
  /** As packetWriteBurst. Behind the report's words: REPORT_FREED slots that are to be released, each once. */
  xdpWriteBurst(fd: number, ...args: [...Outgoing, slot: Int32Array, holders: Int32Array, report: Int32Array]): number;
  ifInfo(name: string): InterfaceInfo | null;
  ifSetMtu(name: string, mtu: number): void;
  /** It has this MTU and is up. */
  ifConfigure(name: string, mtu: number): Promise<boolean>;
  clockRead(time: Int32Array): void;
  privilegesDrop(): void;
  residentRelease(): number;
  /** Addresses are 4 or 16 bytes. */
  udpOpen(
    address: Uint8Array,
    interfaceIndex: number,
    port: number,
    flags: number,
    firstPort: number,
    lastPort: number,
    pool: number,
    innerMtu: number,
  ): number;
  udpClose(fd: number): boolean;
  /** The port it receives on. */
  udpPort(fd: number): number;
  udpJoin(fd: number, group: Uint8Array, interfaceIndex: number): void;
  udpLeave(fd: number, group: Uint8Array, interfaceIndex: number): boolean;
  /** Fills slot, off, len, gso, csum of rows [first, first + result) with slots of the offer. */
  udpReceiveBurst(
    fd: number,
    arena: Uint8Array,
    slot: Int32Array,
    off: Int32Array,
    len: Int32Array,
    gso: Int32Array,
    csum: Int32Array,
    first: number,
    max: number,
    offer: Int32Array,
    small: number,
    large: number,
    smallBytes: number,
    largeBytes: number,
    report: Int32Array,
    coalesce: number,
  ): number;
  /** Sends the frames of list[start .. start + count), skips those that the kernel refuses. Returns how many left. */
  udpSendBurst(fd: number, ...args: [...Outgoing, report: Int32Array]): number;
  udpNotices(fd: number, out: Int32Array): number;
  udpPathMtu(fd: number, address: Uint8Array): number;
  udpDrops(fd: number): number;
  /** A connected socket; `scope` is the interface of link-local addresses, or 0. */
  udpPlainOpen(local: Uint8Array, localPort: number, remote: Uint8Array, remotePort: number, scope: number): number;
  udpPlainClose(fd: number): boolean;
  udpPlainPort(fd: number): number;
  udpPlainDrops(fd: number): number;
  udpPlainReadBurst: NativeAddon['packetReadBurst'];
  udpPlainWriteBurst: NativeAddon['packetWriteBurst'];
  pollerCreate(
    callback: (count: number, waitedUs: number, stoppedUs: number) => void,
    ready: Int32Array,
    sleep: Int32Array,
  ): number;
  pollerAdd(poller: number, fd: number, tag: number): void;
  pollerRemove(poller: number, fd: number): boolean;
  pollerWait(poller: number, timeoutMs: number, ready: Int32Array): number;
  pollerArm(poller: number, spinMicroseconds: number): void;
  pollerWake(poller: number): boolean;
  pollerClose(poller: number): boolean;
}

export type NativeAvailability = { ok: true } | { ok: false; why: string };

let loaded: NativeAddon | undefined;
let failure: string | undefined;

/** The addon; throws an error with code ERR_NATIVE_UNAVAILABLE that says what to do when it is not there. */
export function native(): NativeAddon {
  if (loaded === undefined && failure === undefined) load();
  if (loaded !== undefined) return loaded;
  throw Object.assign(new Error(`the native addon is not available: ${failure}`), { code: 'ERR_NATIVE_UNAVAILABLE' });
}

export function nativeAvailable(): NativeAvailability {
  if (loaded === undefined && failure === undefined) load();
  return loaded === undefined ? { ok: false, why: failure ?? 'not loaded' } : { ok: true };
}

function load(): void {
  if (process.platform !== 'linux') {
    failure = `it is for Linux, this is ${process.platform}`;
    return;
  }
  // src/adapters and dist/adapters are equally far from native/; a bundle in dist/ is one folder nearer.
  const places = ['../../native/build/Release/etherloom.node', '../native/build/Release/etherloom.node'];
  const path = places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) => existsSync(place));
  if (path === undefined) {
    failure = 'it was not built; run: node native/install.mjs --force';
    return;
  }
  try {
    const addon = createRequire(import.meta.url)(path) as NativeAddon;
    if (addon.api === API) loaded = addon;
    else failure = 'it was built from other sources; run: node native/install.mjs --force';
  } catch (error) {
    failure = `${(error as Error).message.split('\n')[0]}; run: node native/install.mjs --force`;
  }
}
