/**
 * A port on a receive queue of an interface, past the kernel's network stack (AF_XDP).
 *
 * A small program on the interface diverts the frames of the queue into memory that the kernel (zero-copy: the
 * driver) and this process share, which is the arena: a frame is forwarded where the kernel has put it, and leaves by any port
 * of this kind from the slot that it is in. Everything else that arrives on the interface goes on to the host. The program is
 * gone with the process, however that ends.
 *
 * The port keeps slots of its own: what the kernel may write to is never taken by others, nor theirs by it. One that is
 * lent to a batch goes back to the kernel when nobody else holds it any more, at the next burst. Copied is what no single slot
 * holds: long frames, which come and go in several chunks, and frames in their other shape; and what is sent through a
 * driver that reads it later (native/src/xdp-write.c).
 *
 * Frames come finished, one by one: a network card or a veth pair segments for a receiver that has a program, and what
 * a sender on this machine left unsummed is found out. Nothing is finished by the kernel on the way out, so the port
 * takes no offloads; the switch does it before.
 *
 * A tag that the sender's device keeps beside the frame (tx-vlan-offload on the other end of a veth pair) cannot be
 * seen here: turn that off there, or use af-packet.
 */

import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Arena,
  frameStart,
  LARGE_FRAME_BYTES,
  release,
  retain,
  SMALL_SLOT_BYTES,
  takeLarge,
  takeSmall,
} from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { AdapterContext } from './adapter.ts';
import { checkInterface, InterfacePort, type InterfaceSettings } from './interface-port.ts';
import { type NativeAddon, native, type OpenedXdp, REPORT_FREED, REPORT_LONG, REPORT_WORDS } from './native.ts';

export interface XdpOptions {
  device: string;
  /** Bytes after the Ethernet header and tags; the interface must allow them. */
  mtu: number;
  /** Receive queue of the interface whose frames are taken. */
  queue: number;
}

const FRAME_OVERHEAD = 14 + 8;
/** The kernel's room in front of a received frame. */
const KERNEL_HEADROOM = 256;
/** Frames that may wait, in each direction. */
const RING_ENTRIES = 2048;
/** Slots for frames that are copied to be sent: five batches of 9,000-byte frames, or two of short ones. */
const SPARE_SLOTS = 512;
/** Slots that a port takes from the arena: never more than half of what is free there. */
export const XDP_PORT_SLOTS = RING_ENTRIES + SPARE_SLOTS;
const LEAST_SLOTS = 64;
/** Bytes of long frames in one burst. */
const BURST_BYTES = 512 * 1024;
/** The smallest page there is, which a driver without copying wants a slot to lie in. */
const PAGE_BYTES = 4096;
/** The kernel lets go of an interface some time after its socket was closed; of the queue when its workers come to it. */
const [BUSY_MS, BUSY_QUEUE_MS] = [1000, 10_000];
const BUSY_STEP_MS = 10;

/** Rejects with errors that have `code`, `errno`, `syscall`; ENODEV when there is no such interface. */
export async function openXdp({ device, mtu, queue }: XdpOptions, context: AdapterContext): Promise<InterfacePort> {
  const addon = native();
  checkInterface(addon, device, mtu);
  const { arena } = context;
  const isLong = mtu + FRAME_OVERHEAD + KERNEL_HEADROOM > SMALL_SLOT_BYTES;
  const opened = await whenFree(() =>
    addon.xdpOpen(device, queue, arena.bytes, SMALL_SLOT_BYTES, arena.smallSlots, RING_ENTRIES, isLong),
  );
  const { fd, zeroCopy, driver } = opened;
  const own = takeOwn(arena, opened);
  try {
    if (own.length < LEAST_SLOTS) {
      const text = 'ENOBUFS: other af-xdp ports have the frame memory that is left';
      throw Object.assign(new Error(text), { code: 'ENOBUFS', errno: -constants.errno.ENOBUFS });
    }
    const spare = Math.min(SPARE_SLOTS, Math.floor(own.length / 4));
    addon.xdpStart(fd, own, own.length - spare);
  } catch (error) {
    addon.xdpClose(fd);
    for (const slot of own) release(arena, slot);
    throw error;
  }
  const detail = `queue ${queue}, ${zeroCopy ? 'zero-copy' : 'copy'}, ${driver ? 'driver' : 'generic'} XDP`;
  const settings = { kind: 'af-xdp', device, mtu, offloads: 0, detail, moreQueues: null };
  return new XdpPort(addon, fd, own, settings, context);
}

/** Slots for a port: as many as it wants, while others have as many. */
function takeOwn(arena: Arena, { zeroCopy, delta }: OpenedXdp): Int32Array {
  const own: number[] = [];
  const unfit: number[] = [];
  for (let left = arena.freeCount[0] >> 1; left > 0 && own.length < XDP_PORT_SLOTS; left--) {
    const slot = takeSmall(arena);
    const from = (slot * SMALL_SLOT_BYTES + delta) % PAGE_BYTES;
    const fits = !zeroCopy || from + SMALL_SLOT_BYTES <= PAGE_BYTES;
    (fits ? own : unfit).push(slot);
  }
  for (const slot of unfit.reverse()) release(arena, slot);
  return Int32Array.from(own);
}

async function whenFree<T>(open: () => T): Promise<T> {
  const begin = performance.now();
  for (;;) {
    try {
      return open();
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      const patience = syscall === 'bind(AF_XDP)' ? BUSY_QUEUE_MS : BUSY_MS;
      if (code !== 'EBUSY' || performance.now() - begin > patience) throw error;
      await sleep(BUSY_STEP_MS);
    }
  }
}

class XdpPort extends InterfacePort {
  readonly #addon: NativeAddon;
  /** Slots of its own that batches have. */
  readonly #lent: Int32Array;
  #lentCount = 0;
  /** Those that go back to the kernel with the next call. */
  readonly #back: Int32Array;
  #backCount = 0;

  constructor(addon: NativeAddon, fd: number, own: Int32Array, settings: InterfaceSettings, context: AdapterContext) {
    const close = (fd: number) => closeXdp(addon, fd, own, context.arena);
    const calls = { close, state: addon.xdpState, missed: addon.xdpMissed };
    super(fd, calls, settings, context, REPORT_WORDS + RING_ENTRIES);
    this.#addon = addon;
    this.#lent = new Int32Array(own.length);
    this.#back = new Int32Array(own.length);
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.fd < 0) return 0;
    this.#takeBack();
    const begin = batch.count;
    const end = Math.min(begin + max, batch.capacity);
    let bytes = 0;
    while (batch.count < end && bytes < BURST_BYTES && this.fd >= 0) {
      this.#readInPlace(batch, port, end - batch.count);
      if (this.report[REPORT_LONG] === 0) break;
      if (batch.count === end || !this.#readLong(batch, port)) break;
      bytes += batch.len[batch.count - 1];
    }
    return batch.count - begin;
  }

  /** Lent slots that nobody else holds any more. */
  #takeBack(): void {
    const { holders } = this.arena;
    let kept = 0;
    for (let n = 0; n < this.#lentCount; n++) {
      const slot = this.#lent[n];
      if (holders[slot] === 1) this.#back[this.#backCount++] = slot;
      else this.#lent[kept++] = slot;
    }
    this.#lentCount = kept;
  }

  #readInPlace(batch: Batch, port: number, max: number): void {
    const first = batch.count;
    const got = this.#read(batch, first, max, 0);
    for (let i = first; i < first + got; i++) {
      retain(this.arena, batch.slot[i]);
      this.#lent[this.#lentCount++] = batch.slot[i];
    }
    this.received(batch, port, first, first + got);
  }

  /** Puts the chunks of the next frame together; false while there is no memory for it, and it waits. */
  #readLong(batch: Batch, port: number): boolean {
    const slot = takeLarge(this.arena);
    if (slot < 0) return false;
    const row = batch.count;
    const got = this.#read(batch, row, 1, frameStart(this.arena, slot));
    if (got === 0) release(this.arena, slot);
    else batch.slot[row] = slot;
    this.received(batch, port, row, row + got);
    return got > 0;
  }

  #read(batch: Batch, first: number, max: number, largeAt: number): number {
    const back = this.#backCount;
    this.#backCount = 0;
    return this.#addon.xdpReadBurst(
      this.fd,
      batch.slot,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      first,
      max,
      this.#back,
      back,
      largeAt,
      LARGE_FRAME_BYTES,
      this.report,
    );
  }

  protected write(batch: Batch, list: Int32Array, start: number, count: number): number {
    const sent = this.#addon.xdpWriteBurst(
      this.fd,
      this.arena.bytes,
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
      batch.slot,
      this.arena.holders,
      this.report,
    );
    const freed = this.report[REPORT_FREED];
    for (let n = 0; n < freed; n++) release(this.arena, this.report[REPORT_WORDS + n]);
    return sent;
  }
}

/** Gives the slots back with the descriptor: those of the port, and those of others that are on their way. */
function closeXdp(addon: NativeAddon, fd: number, own: Int32Array, arena: Arena): boolean {
  const held = new Int32Array(RING_ENTRIES);
  const count = addon.xdpHeld(fd, held);
  const wasOpen = addon.xdpClose(fd);
  for (let n = 0; n < count; n++) release(arena, held[n]);
  for (let n = own.length - 1; n >= 0; n--) release(arena, own[n]);
  return wasOpen;
}
