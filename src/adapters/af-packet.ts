/**
 * A port on an interface that exists already: a network card, one end of a veth pair, a VLAN or bond device.
 *
 * Every burst is one native call that copies frames out of a ring which the kernel fills, into arena slots, or hands
 * frames to the kernel from where they are.
 *
 * The interface belongs to whoever made it: address, MTU, up and down are left alone. While the port is open it is
 * promiscuous, and the kernel takes that back by itself. The host's own traffic through the interface neither
 * reaches the switch nor is held back. What a sender left to the hardware (checksums, segmentation) cannot be
 * refused here, only told; on the way out the kernel finishes what the hardware cannot.
 */

import { release as kernelRelease } from 'node:os';
import { frameStart, LARGE_FRAME_BYTES, release, SMALL_FRAME_BYTES, takeLarge, takeSmall } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import { type AdapterContext, OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from './adapter.ts';
import { checkInterface, InterfacePort, type InterfaceSettings } from './interface-port.ts';
import { FANOUT_NEW, FANOUT_NONE, type NativeAddon, native, REPORT_LONG } from './native.ts';

export interface PacketOptions {
  device: string;
  /** Bytes after the Ethernet header and tags; the interface must allow them. */
  mtu: number;
  /** `off`: the switch counts this port as one that takes no offloads. */
  offloads: 'auto' | 'off';
  /** Group of packet sockets that share the frames of the interface by flow; `new`: one that others can join; null: all frames come here. */
  fanout: number | 'new' | null;
}

const FRAME_OVERHEAD = 14 + 8;
/** Frames of a longer MTU are rare, and come beside the ring. */
const RING_MTU = 9500;
const RING_BYTES = 4 << 20;
const [MIN_SLOTS, MAX_SLOTS] = [256, 2048];
/** Slots offered to a quiet device, as for a TAP. */
const QUIET_BURST = 8;
const BURST_BYTES = 512 * 1024;

/** Rejects with errors that have `code`, `errno`, `syscall`; ENODEV when there is no such interface. */
export async function openPacket(options: PacketOptions, context: AdapterContext): Promise<InterfacePort> {
  const addon = native();
  return portOn(await addon.packetOpen(...ringOf(addon, options)), options, context);
}

function ringOf(addon: NativeAddon, { device, mtu, fanout }: PacketOptions): Parameters<NativeAddon['packetOpen']> {
  checkInterface(addon, device, mtu);
  const frameBytes = (mtu > RING_MTU ? 1500 : mtu) + FRAME_OVERHEAD;
  const slots = Math.max(MIN_SLOTS, Math.min(MAX_SLOTS, Math.floor(RING_BYTES / frameBytes)));
  return [device, frameBytes, slots, fanout === 'new' ? FANOUT_NEW : (fanout ?? FANOUT_NONE)];
}

function portOn(fd: number, options: PacketOptions, context: AdapterContext): InterfacePort {
  const addon = native();
  const { device, mtu } = options;
  const fanout = addon.packetGroup(fd);
  const offloads = options.offloads === 'off' ? 0 : offloadsOfKernel();
  const moreQueues = fanout === FANOUT_NONE ? null : { optionsOf: () => ({ fanout }), close: () => {} };
  const settings = { kind: 'af-packet', device, mtu, offloads, detail: null, moreQueues };
  return new PacketPort(addon, fd, settings, context);
}

/** UDP super-frames (VIRTIO_NET_HDR_GSO_UDP_L4) are known since Linux 6.2. */
function offloadsOfKernel(): number {
  const [major = 0, minor = 0] = kernelRelease().split('.').map(Number);
  const knowsUso = major > 6 || (major === 6 && minor >= 2);
  return OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | (knowsUso ? OFFLOAD_USO : 0);
}

/**
 * A frame's length is known before it is copied out of the ring, so that only long frames take large slots: a burst ends at
 * one that does not fit, and goes on with a slot that does.
 */
class PacketPort extends InterfacePort {
  readonly #addon: NativeAddon;
  #burst = QUIET_BURST;

  constructor(addon: NativeAddon, fd: number, settings: InterfaceSettings, context: AdapterContext) {
    const { packetClose: close, closeApart, packetState: state, packetMissed: missed } = addon;
    super(fd, { close, closeApart, state, missed }, settings, context);
    this.#addon = addon;
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.fd < 0) return 0;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    let large = false;
    while (room > 0 && this.fd >= 0) {
      const offered = large ? this.#takeLargeSlot(batch) : this.#takeSmallSlots(batch, Math.min(room, this.#burst));
      if (offered === 0) break; // the frames wait in the ring
      const got = this.#readBurst(batch, port, offered, large ? LARGE_FRAME_BYTES : SMALL_FRAME_BYTES);
      room -= got;
      large = this.report[REPORT_LONG] !== 0;
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
      const slot = takeSmall(this.arena);
      if (slot < 0) return n;
      batch.slot[batch.count + n] = slot;
      batch.off[batch.count + n] = frameStart(this.arena, slot);
    }
    return wanted;
  }

  #takeLargeSlot(batch: Batch): number {
    const slot = takeLarge(this.arena);
    if (slot < 0) return 0;
    batch.slot[batch.count] = slot;
    batch.off[batch.count] = frameStart(this.arena, slot);
    return 1;
  }

  #readBurst(batch: Batch, port: number, offered: number, capacity: number): number {
    const first = batch.count;
    const got = this.#addon.packetReadBurst(
      this.fd,
      this.arena.bytes,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      first,
      offered,
      capacity,
      BURST_BYTES,
      this.report,
    );
    const end = first + got;
    // Last taken, first given back: the free stack is as it was.
    for (let i = first + offered - 1; i >= end; i--) release(this.arena, batch.slot[i]);
    this.received(batch, port, first, end);
    return got;
  }

  protected write(batch: Batch, list: Int32Array, start: number, count: number): number {
    return this.#addon.packetWriteBurst(
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
      this.report,
    );
  }
}
