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
import { type AdapterContext, OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from './adapter.ts';
import { checkInterface, type InterfaceCalls, InterfacePort } from './interface-port.ts';
import { FANOUT_NEW, FANOUT_NONE, native } from './native.ts';

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

/** Throws errors with `code`, `errno`, `syscall`; ENODEV when there is no such interface. */
export function openPacket(options: PacketOptions, context: AdapterContext): InterfacePort {
  const addon = native();
  const { device, mtu } = options;
  checkInterface(addon, device, mtu);
  const frameBytes = (mtu > RING_MTU ? 1500 : mtu) + FRAME_OVERHEAD;
  const slots = Math.max(MIN_SLOTS, Math.min(MAX_SLOTS, Math.floor(RING_BYTES / frameBytes)));
  const wanted = options.fanout === 'new' ? FANOUT_NEW : (options.fanout ?? FANOUT_NONE);
  const fd = addon.packetOpen(device, frameBytes, slots, wanted);
  const fanout = addon.packetGroup(fd);
  const calls: InterfaceCalls = {
    close: addon.packetClose,
    state: addon.packetState,
    missed: addon.packetMissed,
    readBurst: addon.packetReadBurst,
    writeBurst: addon.packetWriteBurst,
  };
  const offloads = options.offloads === 'off' ? 0 : offloadsOfKernel();
  const moreQueues = fanout === FANOUT_NONE ? null : { optionsOf: () => ({ fanout }), close: () => {} };
  return new InterfacePort(fd, calls, { kind: 'af-packet', device, mtu, offloads, detail: null, moreQueues }, context);
}

/** UDP super-frames (VIRTIO_NET_HDR_GSO_UDP_L4) are known since Linux 6.2. */
function offloadsOfKernel(): number {
  const [major = 0, minor = 0] = kernelRelease().split('.').map(Number);
  const knowsUso = major > 6 || (major === 6 && minor >= 2);
  return OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | (knowsUso ? OFFLOAD_USO : 0);
}
