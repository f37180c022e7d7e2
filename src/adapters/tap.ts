/**
 * A port on a TAP device: frames of a VM, a network namespace or the host itself.
 *
 * Every burst is one native call that reads straight into arena slots or writes straight from them. With offloads
 * the kernel hands over TCP super-frames of up to 64 KB, unsegmented and without checksum; every read then needs a
 * large slot, since a frame's size is known only afterwards.
 *
 * Link: the kernel's word for "up" is that the device can be written to, asked of all devices of a thread twice a
 * second and at once when a write says it is down. A device that was deleted (EBADFD) never comes back under its
 * descriptor: the adapter closes it, `fd` becomes -1, and the port has to be opened again. Link events come in a
 * microtask, never from inside `receive` or `send`; the first tells the state at opening.
 */

import { constants } from 'node:os';
import { type Arena, LARGE_FRAME_BYTES, SMALL_FRAME_BYTES } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import {
  type AdapterContext,
  type AdapterEvents,
  type LinkedAdapter,
  type MoreQueues,
  OFFLOAD_CSUM,
  OFFLOAD_TSO4,
  OFFLOAD_TSO6,
  OFFLOAD_USO,
} from './adapter.ts';
import { keepFrames, QUIET_BURST, takeSlots } from './bursts.ts';
import { keepDevice, takeDevice } from './kept.ts';
import { unwatchTap, watchTap } from './link-watch.ts';
import {
  LINK_DELETED,
  LINK_DOWN,
  LINK_UP,
  type NativeAddon,
  native,
  type OpenedTap,
  REPORT_ERRNO,
  REPORT_FRAMES,
  REPORT_WORDS,
  TAP_MULTI_QUEUE,
  TAP_MUST_EXIST,
  TAP_VNET_HDR,
} from './native.ts';
import { tunBits } from './offload-names.ts';

export interface TapOptions {
  device: string;
  /** Bytes after the Ethernet header and tags; also set on the device where that is allowed. */
  mtu: number;
  /** `auto` takes what the kernel can do, `on` fails without checksum and TCP offload, `off` asks for plain frames. */
  offloads: 'auto' | 'on' | 'off';
  /** More than 1 opens the device for several queues. */
  queues: number;
  /**
   * Queues that are opened with it for further threads (default 0): the device may soon be in another network namespace,
   * where nobody can open it by its name.
   */
  moreQueues?: number;
  /** The descriptor of such a queue: this adapter is for that one. */
  queueFd?: number | null;
  /** A device that somebody made for one queue is taken so (default false). */
  orOneQueue?: boolean;
  /** The device stays when the switch ends. One that was made by someone else stays as its maker wanted. */
  persistent: boolean;
  /** Refuse to make the device (default false). */
  mustExist?: boolean;
}

export interface TapAdapter extends LinkedAdapter {
  /** The device was made by this adapter. */
  readonly created: boolean;
  /** Frames that were longer than a slot and thrown away on receipt. */
  readonly framesTooLong: number;
  /** As `closeApart`; a device that this adapter made goes with it, persistent or not. */
  discard(): Promise<unknown>;
}

const { EIO } = constants.errno;
/** Not among the constants of node:os. Linux numbers it so everywhere but on Alpha, MIPS and SPARC. */
const EBADFD = 77;
const ALL_OFFLOADS = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO;
const REQUIRED_BY_ON = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6;
/** Ethernet header, two tags, and the byte by which a read that fills its slot is told from one that fits. */
const FRAME_OVERHEAD = 14 + 8 + 1;
/**
 * From here on frames share a system call (io_uring): 64-byte UDP takes 2.3 µs of processor time a frame instead of 3.3, TCP
 * super-frames a sixth less. Reads that find nothing cost more than they save, so that a quiet device is read one call at a
 * time, and plain frames are while bursts are not full: with half of them in vain a frame took a third to a half more.
 */
const TOGETHER_FRAMES = 4;
/**
 * Sixteen super-frames: a burst is written out while most of it is still in the second-level cache. Half of it takes a tenth
 * more processor time a byte (more calls), twice of it as well (more misses).
 */
const BURST_BYTES = 1024 * 1024;

/** Opens (or makes) the device, sets MTU, offloads and link up. Rejects with errors that have `code`, `errno`, `syscall`. */
export async function openTap(options: TapOptions, context: AdapterContext): Promise<TapAdapter> {
  const addon = native();
  if (options.queueFd !== undefined && options.queueFd !== null) {
    const offloads = options.offloads === 'off' ? 0 : bestOffloads(addon, options.queueFd);
    const opened = { created: false, more: [], options, offloads };
    return new Tap(addon, options.queueFd, options.device, opened, context);
  }
  const kept = takeKept(addon, options, context);
  if (kept !== null) return kept;
  const flags =
    (options.offloads === 'off' ? 0 : TAP_VNET_HDR) |
    (options.queues > 1 ? TAP_MULTI_QUEUE : 0) |
    (options.mustExist ? TAP_MUST_EXIST : 0);
  const { fd, name, created, multiQueue } = await attach(addon, options, flags);
  const more: number[] = [];
  try {
    const wanted = multiQueue ? (options.moreQueues ?? 0) : 0;
    while (more.length < wanted) more.push((await addon.tapOpen(name, flags | TAP_MULTI_QUEUE | TAP_MUST_EXIST)).fd);
    const available = options.offloads === 'off' ? 0 : bestOffloads(addon, fd);
    if (available === 0) addon.tapSetOffload(fd, 0);
    if (options.offloads === 'on' && (available & REQUIRED_BY_ON) !== REQUIRED_BY_ON) {
      throw Object.assign(new Error(`${name}: this kernel offers no TCP offload on TAP devices; use offloads: auto`), {
        code: 'ENOTSUP',
      });
    }
    await configureInterface(addon, name, options.mtu, created);
    if (options.persistent) addon.tapSetPersist(fd, true);
    keepAll(addon, context, [fd, ...more], options, { name, created, more: more.length });
    return new Tap(addon, fd, name, { created, more, options, offloads: available }, context);
  } catch (error) {
    await Promise.all([fd, ...more].map((each) => addon.closeApart(each)));
    throw error;
  }
}

/** What a later thread has to know of a device. */
interface Note {
  name: string;
  created: boolean;
  /** Queues beside the first. */
  more: number;
}

/** `queue`: 0 is the adapter's own. */
function keptName({ device, offloads, queues, moreQueues = 0, persistent }: TapOptions, queue: number): string {
  return `tap ${JSON.stringify([device, offloads, queues, moreQueues, persistent, queue])}`;
}

function keepAll(addon: NativeAddon, context: AdapterContext, fds: number[], options: TapOptions, note: Note): void {
  for (const [queue, fd] of fds.entries()) {
    keepDevice(addon, context, fd, keptName(options, queue), JSON.stringify(note));
  }
}

/** The device as the thread before has left it: configured, in whatever network namespace. */
function takeKept(addon: NativeAddon, options: TapOptions, context: AdapterContext): TapAdapter | null {
  const first = takeDevice(addon, context, keptName(options, 0));
  if (first === null) return null;
  const note = JSON.parse(first.note) as Note;
  const fds = [first.fd];
  while (fds.length <= note.more) {
    const next = takeDevice(addon, context, keptName(options, fds.length));
    if (next === null) break;
    fds.push(next.fd);
  }
  const [fd, ...more] = fds as [number, ...number[]];
  if (more.length < note.more) {
    for (const each of fds) addon.tapClose(each);
    return null;
  }
  const offloads = options.offloads === 'off' ? 0 : bestOffloads(addon, fd);
  keepAll(addon, context, fds, options, note);
  return new Tap(addon, fd, note.name, { created: note.created, more, options, offloads }, context);
}

async function attach(addon: NativeAddon, { device, orOneQueue }: TapOptions, flags: number): Promise<OpenedTap> {
  try {
    return await addon.tapOpen(device, flags);
  } catch (error) {
    if (orOneQueue !== true || (error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    return addon.tapOpen(device, flags & ~TAP_MULTI_QUEUE);
  }
}

/** Tries the sets from the best down, and leaves the first one that the kernel takes in force. */
function bestOffloads(addon: NativeAddon, fd: number): number {
  const sets = [ALL_OFFLOADS, ALL_OFFLOADS & ~OFFLOAD_USO, OFFLOAD_CSUM];
  return sets.find((offloads) => addon.tapSetOffload(fd, tunBits(offloads))) ?? 0;
}

/** Who may attach to a TAP may not always configure it: on a device made by someone else EPERM is an answer. */
async function configureInterface(addon: NativeAddon, name: string, mtu: number, created: boolean): Promise<void> {
  try {
    await addon.ifConfigure(name, mtu);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENODEV') return; // moved to another namespace meanwhile
    if (created || (code !== 'EPERM' && code !== 'EACCES')) throw error;
  }
}

interface Opened {
  readonly created: boolean;
  /** Descriptors of the queues for further threads. */
  readonly more: readonly number[];
  readonly options: TapOptions;
  readonly offloads: number;
}

class Tap implements TapAdapter {
  readonly kind = 'tap';
  readonly device: string;
  mtu: number;
  readonly created: boolean;
  readonly moreQueues: MoreQueues | null;
  readonly offloads: number;
  readonly #addon: NativeAddon;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  readonly #vnetHdr: boolean;
  readonly #report = new Int32Array(REPORT_WORDS);
  #fd: number;
  #large: boolean;
  #burst = QUIET_BURST;
  /** The last read found a frame for every slot offered. */
  #full = false;
  #up: boolean | undefined;
  #closed = false;
  #closing: Promise<unknown> | null = null;
  #lastError = 0;
  #framesTooLong = 0;

  constructor(addon: NativeAddon, fd: number, device: string, opened: Opened, context: AdapterContext) {
    const { created, more, options, offloads } = opened;
    this.#addon = addon;
    this.#fd = fd;
    this.device = device;
    this.mtu = options.mtu;
    this.created = created;
    const closeMore = (worker: number) => void addon.closeApart(more[worker - 1]);
    this.moreQueues =
      more.length === 0 ? null : { optionsOf: (worker) => ({ queueFd: more[worker - 1] }), close: closeMore };
    this.offloads = offloads;
    this.#vnetHdr = options.offloads !== 'off';
    this.#arena = context.arena;
    this.#events = context.events;
    this.#large = this.#needsLargeSlots();
    watchTap(this, addon);
    this.checkLink();
  }

  get fd(): number {
    return this.#fd;
  }

  /** LINK_UP or LINK_DOWN, when last looked at. */
  get linkState(): number {
    return this.#up === true ? LINK_UP : LINK_DOWN;
  }

  get gone(): boolean {
    return this.#fd < 0;
  }

  get lastError(): number {
    return this.#lastError;
  }

  get framesTooLong(): number {
    return this.#framesTooLong;
  }

  get counters(): { framesTooLong: number } {
    return { framesTooLong: this.#framesTooLong };
  }

  #needsLargeSlots(): boolean {
    return (this.offloads & ~OFFLOAD_CSUM) !== 0 || this.mtu + FRAME_OVERHEAD > SMALL_FRAME_BYTES;
  }

  setMtu(mtu: number): void {
    if (mtu === this.mtu || this.#fd < 0) return;
    this.mtu = mtu;
    this.#large = this.#needsLargeSlots();
    try {
      const info = this.#addon.ifInfo(this.device);
      if (info !== null && info.mtu !== mtu) this.#addon.ifSetMtu(this.device, mtu);
    } catch {
      // A device that is not ours to configure, or that refuses: its owner's matter; longer frames are drops.
    }
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.#fd < 0) return 0;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    while (room > 0) {
      const offered = takeSlots(this.#arena, batch, Math.min(room, this.#burst), this.#large);
      if (offered === 0) break; // the frames wait in the kernel
      const got = this.#readBurst(batch, port, offered);
      room -= got;
      if (this.#report[REPORT_ERRNO] !== 0) {
        this.checkLink();
        break;
      }
      this.#full = got === offered;
      if (!this.#full) {
        this.#burst = Math.max(QUIET_BURST, got * 2);
        break;
      }
      this.#burst = Math.min(this.#burst * 2, batch.capacity);
    }
    return batch.count - begin;
  }

  #readBurst(batch: Batch, port: number, offered: number): number {
    const got = this.#addon.tapReadBurst(
      this.#fd,
      this.#arena.bytes,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      batch.count,
      offered,
      this.#large ? LARGE_FRAME_BYTES : SMALL_FRAME_BYTES,
      BURST_BYTES,
      this.#vnetHdr,
      offered > QUIET_BURST && (this.#large || this.#full),
      this.#report,
    );
    keepFrames(this.#arena, batch, port, offered, got);
    this.#framesTooLong += this.#report[REPORT_FRAMES];
    return got;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0) {
      this.#lastError = EBADFD;
      return 0;
    }
    const sent = this.#addon.tapWriteBurst(
      this.#fd,
      this.#arena.bytes,
      list,
      start,
      count,
      batch.off,
      batch.len,
      batch.altHeadOff,
      batch.altHeadLen,
      batch.altOff,
      batch.altLen,
      batch.gso,
      batch.csum,
      this.#vnetHdr,
      count >= TOGETHER_FRAMES,
      this.#report,
    );
    this.#lastError = this.#report[REPORT_ERRNO];
    if (this.#lastError === EIO || this.#lastError === EBADFD) this.checkLink();
    return sent;
  }

  checkLink(): void {
    if (this.#fd < 0) return;
    const state = this.#addon.tapState(this.#fd);
    if (state === LINK_DELETED) {
      this.#closing = this.#addon.closeApart(this.#giveUp());
      this.#tell(false, 'interface deleted');
    } else if ((state === LINK_UP) !== this.#up) {
      this.#up = state === LINK_UP;
      this.#tell(this.#up, this.#up ? 'interface up' : 'interface down');
    }
  }

  #tell(up: boolean, reason: string): void {
    queueMicrotask(() => {
      if (!this.#closed) this.#events.link(up, reason);
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#fd >= 0) this.#addon.tapClose(this.#giveUp());
  }

  discard(): Promise<unknown> {
    if (this.created && this.#fd >= 0) this.#addon.tapSetPersist(this.#fd, false);
    return this.closeApart();
  }

  async closeApart(): Promise<void> {
    this.#closed = true;
    if (this.#fd >= 0) this.#closing = this.#addon.closeApart(this.#giveUp());
    await this.#closing;
  }

  #giveUp(): number {
    const fd = this.#fd;
    unwatchTap(this);
    this.#fd = -1;
    return fd;
  }
}
