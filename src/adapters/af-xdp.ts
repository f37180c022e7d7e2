/**
 * A port on one receive queue of an interface, past the kernel's network stack (AF_XDP).
 *
 * A small program on the interface diverts the frames of the queue into memory that the kernel (zero-copy: the
 * driver) and this process share; from there a burst is copied into arena slots, and back for sending. Everything else
 * that arrives on the interface goes on to the host. The program is gone with the process, however that ends.
 *
 * Frames come finished, one by one: a network card or a veth pair segments for a receiver that has a program, and what
 * a sender on this machine left unsummed is found out. Nothing is finished by the kernel on the way out, so the port
 * takes no offloads; the switch does it before.
 *
 * A tag that the sender's device keeps beside the frame (tx-vlan-offload on the other end of a veth pair) cannot be
 * seen here: turn that off there, or use af-packet.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { AdapterContext } from './adapter.ts';
import { checkInterface, type InterfaceCalls, InterfacePort } from './interface-port.ts';
import { native } from './native.ts';

export interface XdpOptions {
  device: string;
  /** Bytes after the Ethernet header and tags; the interface must allow them. */
  mtu: number;
  /** Receive queue of the interface whose frames are taken. */
  queue: number;
}

const FRAME_OVERHEAD = 14 + 8;
/** The kernel's room in front of a received frame. */
const HEADROOM = 256;
const [SMALL_CHUNK, LARGE_CHUNK] = [2048, 4096];
/** Frames that may wait, in each direction. */
const RING_ENTRIES = 2048;
/** The kernel lets go of a queue some time after its socket was closed. */
const BUSY_MS = 1000;
const BUSY_STEP_MS = 10;

/** Rejects with errors that have `code`, `errno`, `syscall`; ENODEV when there is no such interface. */
export async function openXdp({ device, mtu, queue }: XdpOptions, context: AdapterContext): Promise<InterfacePort> {
  const addon = native();
  checkInterface(addon, device, mtu);
  const room = mtu + FRAME_OVERHEAD + HEADROOM;
  const chunk = room <= SMALL_CHUNK ? SMALL_CHUNK : LARGE_CHUNK;
  const { fd, zeroCopy, driver } = await whenFree(() =>
    addon.xdpOpen(device, queue, chunk, RING_ENTRIES, room > LARGE_CHUNK),
  );
  const calls: InterfaceCalls = {
    close: addon.xdpClose,
    state: addon.xdpState,
    missed: addon.xdpMissed,
    readBurst: addon.xdpReadBurst,
    writeBurst: addon.xdpWriteBurst,
  };
  const detail = `queue ${queue}, ${zeroCopy ? 'zero-copy' : 'copy'}, ${driver ? 'driver' : 'generic'} XDP`;
  return new InterfacePort(fd, calls, { kind: 'af-xdp', device, mtu, offloads: 0, detail, moreQueues: null }, context);
}

async function whenFree<T>(open: () => T): Promise<T> {
  const end = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return open();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || performance.now() > end) throw error;
      await sleep(BUSY_STEP_MS);
    }
  }
}
