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
import type { Batch } from '../dataplane/batch.ts';
import { type AdapterContext, OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from './adapter.ts';
import { BurstReader, writeBurst } from './bursts.ts';
import { checkInterface, InterfacePort, type InterfaceSettings } from './interface-port.ts';
import { keepDevice, releaseDevices, takeDevice } from './kept.ts';
import { FANOUT_NEW, FANOUT_NONE, type NativeAddon, native } from './native.ts';

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
const BURST_BYTES = 512 * 1024;

/** Rejects with errors that have `code`, `errno`, `syscall`; ENODEV when there is no such interface. */
export async function openPacket(options: PacketOptions, context: AdapterContext): Promise<InterfacePort> {
  const addon = native();
  const what = keptName(options.device, options.fanout);
  const fd = takeDevice(addon, context, what)?.fd ?? (await addon.packetOpen(...ringOf(addon, options)));
  keepDevice(addon, context, fd, what);
  return portOn(fd, options, context);
}

/** As what the socket waits for another thread. */
function keptName(device: string, fanout: PacketOptions['fanout']): string {
  return `af-packet ${JSON.stringify([device, fanout])}`;
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
  const close = (worker: number) => void releaseDevices(worker, keptName(device, fanout));
  const moreQueues = fanout === FANOUT_NONE ? null : { optionsOf: () => ({ fanout }), close };
  const settings = { kind: 'af-packet', device, mtu, offloads, detail: null, moreQueues };
  return new PacketPort(addon, fd, settings, context);
}

/** UDP super-frames (VIRTIO_NET_HDR_GSO_UDP_L4) are known since Linux 6.2. */
function offloadsOfKernel(): number {
  const [major = 0, minor = 0] = kernelRelease().split('.').map(Number);
  const knowsUso = major > 6 || (major === 6 && minor >= 2);
  return OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | (knowsUso ? OFFLOAD_USO : 0);
}

class PacketPort extends InterfacePort {
  readonly #addon: NativeAddon;
  readonly #reader: BurstReader;
  readonly #after: () => boolean;

  constructor(addon: NativeAddon, fd: number, settings: InterfaceSettings, context: AdapterContext) {
    const { packetClose: close, closeApart, packetState: state, packetMissed: missed } = addon;
    super(fd, { close, closeApart, state, missed }, settings, context);
    this.#addon = addon;
    this.#reader = new BurstReader(addon.packetReadBurst, this.arena, this.report, BURST_BYTES);
    this.#after = () => {
      this.burstEnded();
      return this.fd >= 0;
    };
  }

  receive(batch: Batch, port: number, max: number): number {
    return this.fd < 0 ? 0 : this.#reader.receive(this.fd, batch, port, max, this.#after);
  }

  protected write(batch: Batch, list: Int32Array, start: number, count: number): number {
    return writeBurst(this.#addon.packetWriteBurst, this.fd, this.arena, batch, list, start, count, this.report);
  }
}
