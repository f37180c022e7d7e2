/**
 * A port on an interface that exists already: a network card, one end of a veth pair, a VLAN or bond device.
 *
 * Every burst is one native call that copies frames out of a ring which the kernel fills, into arena slots, or hands
 * frames to the kernel from where they are. A frame's length is known before it is copied, so that only long ones
 * take large slots.
 *
 * The interface belongs to whoever made it: address, MTU, up and down are left alone. While the port is open it is
 * promiscuous, and the kernel takes that back by itself. The host's own traffic through the interface neither
 * reaches the switch nor is held back. What a sender left to the hardware (checksums, segmentation) cannot be
 * refused here, only told; on the way out the kernel finishes what the hardware cannot.
 *
 * Link: asked of all devices of a thread twice a second, and at once when a burst fails. An interface that was
 * deleted or moved to another namespace never comes back under its descriptor: `fd` becomes -1, and the port has to be
 * opened again.
 */

import { constants, release as kernelRelease } from 'node:os';
import {
  type Arena,
  frameStart,
  LARGE_FRAME_BYTES,
  release,
  SMALL_FRAME_BYTES,
  takeLarge,
  takeSmall,
} from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import {
  type AdapterContext,
  type AdapterEvents,
  type LinkedAdapter,
  OFFLOAD_CSUM,
  OFFLOAD_TSO4,
  OFFLOAD_TSO6,
  OFFLOAD_USO,
} from './adapter.ts';
import { unwatchLink, watchLink } from './link-watch.ts';
import {
  LINK_DELETED,
  LINK_NO_CARRIER,
  LINK_UP,
  type NativeAddon,
  native,
  REPORT_ERRNO,
  REPORT_FRAMES,
  REPORT_LONG,
  REPORT_WORDS,
} from './native.ts';

export interface PacketOptions {
  device: string;
  /** Bytes after the Ethernet header and tags; the interface must allow them. */
  mtu: number;
  /** `off`: the switch counts this port as one that takes no offloads. */
  offloads: 'auto' | 'off';
  /** Group of packet sockets that share the frames of the interface by flow; null: all frames come here. */
  fanout: number | null;
}

export type PacketCounters = {
  /** Found the ring full. */
  queueFull: number;
  /** Longer than any slot, or not all there. */
  framesTooLong: number;
};

export interface PacketAdapter extends LinkedAdapter {
  readonly counters: PacketCounters;
}

const { ENODEV, ENETDOWN, ENXIO } = constants.errno;
const FRAME_OVERHEAD = 14 + 8;
/** Frames of a longer MTU are rare, and come beside the ring. */
const RING_MTU = 9500;
const RING_BYTES = 4 << 20;
const [MIN_SLOTS, MAX_SLOTS] = [256, 2048];
/** Slots offered to a quiet device, as for a TAP. */
const QUIET_BURST = 8;
const BURST_BYTES = 512 * 1024;

const LINK_REASONS: Readonly<Record<number, string>> = {
  [LINK_UP]: 'interface up',
  [LINK_NO_CARRIER]: 'no carrier',
};

/** Throws errors with `code`, `errno`, `syscall`; ENODEV when there is no such interface. */
export function openPacket(options: PacketOptions, context: AdapterContext): PacketAdapter {
  const addon = native();
  checkMtu(addon, options);
  const frameBytes = (options.mtu > RING_MTU ? 1500 : options.mtu) + FRAME_OVERHEAD;
  const slots = Math.max(MIN_SLOTS, Math.min(MAX_SLOTS, Math.floor(RING_BYTES / frameBytes)));
  const fd = addon.packetOpen(options.device, frameBytes, slots, options.fanout ?? -1);
  return new Packet(addon, fd, options, context);
}

/** What the interface cannot send would be lost one frame at a time. */
function checkMtu(addon: NativeAddon, { device, mtu }: PacketOptions): void {
  const info = addon.ifInfo(device);
  if (info === null) {
    throw Object.assign(new Error('ENODEV: there is no such interface'), { code: 'ENODEV', errno: -ENODEV });
  }
  if (info.mtu >= mtu) return;
  const advice = `set mtu: ${info.mtu} here, or run: ip link set ${device} mtu ${mtu}`;
  throw Object.assign(new Error(`the interface has an MTU of ${info.mtu}, the port one of ${mtu}; ${advice}`), {
    code: 'EMSGSIZE',
  });
}

/** UDP super-frames (VIRTIO_NET_HDR_GSO_UDP_L4) are known since Linux 6.2. */
function offloadsOfKernel(): number {
  const [major = 0, minor = 0] = kernelRelease().split('.').map(Number);
  const knowsUso = major > 6 || (major === 6 && minor >= 2);
  return OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | (knowsUso ? OFFLOAD_USO : 0);
}

class Packet implements PacketAdapter {
  readonly kind = 'af-packet';
  readonly device: string;
  readonly mtu: number;
  readonly offloads: number;
  readonly #counters: PacketCounters = { queueFull: 0, framesTooLong: 0 };
  readonly #addon: NativeAddon;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  readonly #report = new Int32Array(REPORT_WORDS);
  #fd: number;
  #burst = QUIET_BURST;
  #state = -1;
  #closed = false;
  #lastError = 0;

  constructor(addon: NativeAddon, fd: number, options: PacketOptions, context: AdapterContext) {
    this.#addon = addon;
    this.#fd = fd;
    this.device = options.device;
    this.mtu = options.mtu;
    this.offloads = options.offloads === 'off' ? 0 : offloadsOfKernel();
    this.#arena = context.arena;
    this.#events = context.events;
    watchLink(this);
    this.checkLink();
  }

  get fd(): number {
    return this.#fd;
  }

  get lastError(): number {
    return this.#lastError;
  }

  get counters(): PacketCounters {
    if (this.#fd >= 0) this.#counters.queueFull += this.#addon.packetMissed(this.#fd);
    return { ...this.#counters };
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.#fd < 0) return 0;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    let large = false;
    while (room > 0) {
      const offered = large ? this.#takeLargeSlot(batch) : this.#takeSmallSlots(batch, Math.min(room, this.#burst));
      if (offered === 0) break; // the frames wait in the ring
      const got = this.#readBurst(batch, port, offered, large ? LARGE_FRAME_BYTES : SMALL_FRAME_BYTES);
      room -= got;
      if (this.#report[REPORT_ERRNO] !== 0) this.checkLink();
      large = this.#report[REPORT_LONG] !== 0;
      if (got === offered) {
        this.#burst = Math.min(this.#burst * 2, batch.capacity);
      } else if (!large) {
        this.#burst = Math.max(QUIET_BURST, got * 2);
        break;
      }
    }
    return batch.count - begin;
  }

  /** Puts up to `wanted` free slots behind the batch's last frame. */
  #takeSmallSlots(batch: Batch, wanted: number): number {
    for (let n = 0; n < wanted; n++) {
      const slot = takeSmall(this.#arena);
      if (slot < 0) return n;
      batch.slot[batch.count + n] = slot;
      batch.off[batch.count + n] = frameStart(this.#arena, slot);
    }
    return wanted;
  }

  #takeLargeSlot(batch: Batch): number {
    const slot = takeLarge(this.#arena);
    if (slot < 0) return 0;
    batch.slot[batch.count] = slot;
    batch.off[batch.count] = frameStart(this.#arena, slot);
    return 1;
  }

  #readBurst(batch: Batch, port: number, offered: number, capacity: number): number {
    const first = batch.count;
    const got = this.#addon.packetReadBurst(
      this.#fd,
      this.#arena.bytes,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      first,
      offered,
      capacity,
      BURST_BYTES,
      this.#report,
    );
    const end = first + got;
    // Last taken, first given back: the free stack is as it was.
    for (let i = first + offered - 1; i >= end; i--) release(this.#arena, batch.slot[i]);
    for (let i = first; i < end; i++) {
      batch.port[i] = port;
      batch.rxFlags[i] = 0;
    }
    batch.count = end;
    this.#counters.framesTooLong += this.#report[REPORT_FRAMES];
    return got;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0) {
      this.#lastError = ENODEV;
      return 0;
    }
    const sent = this.#addon.packetWriteBurst(
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
      this.#report,
    );
    const error = this.#report[REPORT_ERRNO];
    this.#lastError = error;
    if (error === ENETDOWN || error === ENXIO || error === ENODEV) this.checkLink();
    return sent;
  }

  checkLink(): void {
    if (this.#fd < 0) return;
    const state = this.#addon.packetState(this.#fd);
    if (state === this.#state) return;
    this.#state = state;
    if (state === LINK_DELETED) this.#detach();
    const reason = state === LINK_DELETED ? 'interface deleted' : (LINK_REASONS[state] ?? 'interface down');
    queueMicrotask(() => {
      if (!this.#closed) this.#events.link(state === LINK_UP, reason);
    });
  }

  close(): void {
    this.#closed = true;
    this.#detach();
  }

  #detach(): void {
    if (this.#fd < 0) return;
    unwatchLink(this);
    this.#addon.packetClose(this.#fd);
    this.#fd = -1;
  }
}
