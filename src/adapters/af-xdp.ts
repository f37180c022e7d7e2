/**
 * A port on receive queues of an interface, past the kernel's network stack (AF_XDP).
 *
 * A small program on the interface diverts the frames of each queue into memory that the kernel (zero-copy: the
 * driver) and this process share, which is the arena: a frame is forwarded where the kernel has put it, and leaves by any port
 * of this kind from the slot that it is in. Everything else that arrives on the interface goes on to the host. The program is
 * gone with the process, however that ends.
 *
 * A queue has a socket (xdp-socket.ts), and all of the port's send by the first. With several threads each has sockets for
 * its share of the queues, over its own arena; the first thread's port has the program, and the table that all enter themselves in.
 * Copied is what no single slot holds: long frames, which come and go in several chunks, and frames in their other
 * shape; and what is sent through a driver that reads it later (native/src/xdp-write.c).
 *
 * Frames come finished, one by one: a network card or a veth pair segments for a receiver that has a program, and what
 * a sender on this machine left unsummed is found out. Nothing is finished by the kernel on the way out, so the port
 * takes no offloads; the switch does it before.
 *
 * A tag that the sender's device keeps beside the frame (tx-vlan-offload on the other end of a veth pair) cannot be
 * seen here: turn that off there, or use af-packet.
 */

import { frameStart, release, SMALL_SLOT_BYTES, takeLarge } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { AdapterContext, MoreQueues } from './adapter.ts';
import { enterRows } from './bursts.ts';
import { checkInterface, InterfacePort } from './interface-port.ts';
import { type NativeAddon, native, nativeAvailable, REPORT_LONG } from './native.ts';
import { openSocket, XDP_REPORT_WORDS, type XdpSocket } from './xdp-socket.ts';

export interface XdpOptions {
  device: string;
  /** Bytes after the Ethernet header and tags; the interface must allow them. */
  mtu: number;
  /** First receive queue of the interface whose frames are taken. */
  queue: number;
  /** How many from there on (default 1); null: all that there are. */
  queues?: number | null;
  /** Threads among which they are shared out, one after the other (default 1). */
  workers?: number;
  /** Opens the share of a further thread. */
  share?: XdpShare | null;
}

/** What a further thread is told by the first. */
export interface XdpShare {
  /** Numbers of its queues, between blanks. */
  serves: string;
  map: number;
  driver: boolean;
}

const FRAME_OVERHEAD = 14 + 8;
/** The kernel's room in front of a received frame. */
const KERNEL_HEADROOM = 256;
/** Bytes of long frames in one burst. */
const BURST_BYTES = 512 * 1024;
export const MAX_XDP_QUEUES = 64;

/** How many queues `openXdp` opens, by all threads; 1 for an interface that is not there. */
export function xdpQueues({ device, queue, queues = 1 }: Pick<XdpOptions, 'device' | 'queue' | 'queues'>): number {
  const all = queues ?? (nativeAvailable().ok ? (native().ifInfo(device)?.queues ?? 1) : 1) - queue;
  return Math.max(1, Math.min(all, MAX_XDP_QUEUES));
}

/** Rejects with errors that have `code`, `errno`, `syscall`; ENODEV when there is no such interface. */
export async function openXdp(options: XdpOptions, context: AdapterContext): Promise<InterfacePort> {
  const addon = native();
  const { device, mtu, queue, workers = 1, share = null } = options;
  const count = xdpQueues(options);
  const sharing = share === null ? shareOut(queue, count, workers) : [share.serves.split(' ').map(Number)];
  const serves = sharing[0]!;
  checkInterface(addon, device, mtu);
  const isLong = mtu + FRAME_OVERHEAD + KERNEL_HEADROOM > SMALL_SLOT_BYTES;
  const lastQueue = queue + count - 1;
  const rest = { device, beside: serves.length, isLong, lastQueue };
  const sockets: XdpSocket[] = [];
  try {
    for (const each of serves) {
      const joins = sockets[0]?.opened ?? share;
      sockets.push(
        await openSocket(addon, context.arena, { ...rest, queue: each, sends: sockets.length === 0, joins }),
      );
    }
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.closeApart()));
    throw error;
  }
  const { zeroCopy, driver, map } = sockets[0]!.opened;
  const queues = queuesText(queue, count, workers);
  const detail = `${queues}, ${zeroCopy ? 'zero-copy' : 'copy'}, ${driver ? 'driver' : 'generic'} XDP`;
  const moreQueues: MoreQueues = {
    optionsOf: (worker) => (sharing[worker] === undefined ? null : { serves: sharing[worker].join(' '), map, driver }),
    close: () => {},
  };
  return new XdpPort(
    addon,
    sockets,
    { device, mtu, detail, moreQueues: sharing.length > 1 ? moreQueues : null },
    context,
  );
}

/** The queues of each worker that has any. */
function shareOut(first: number, count: number, workers: number): number[][] {
  const shares = Array.from({ length: Math.min(workers, count) }, (): number[] => []);
  for (let n = 0; n < count; n++) shares[n % workers]!.push(first + n);
  return shares;
}

/** `queues 0-3 of workers 0-1`. */
function queuesText(first: number, count: number, workers: number): string {
  const queues = count === 1 ? `queue ${first}` : `queues ${first}-${first + count - 1}`;
  const last = Math.min(workers, count) - 1;
  if (workers === 1) return queues;
  return `${queues} of ${last === 0 ? 'worker 0' : `workers 0-${last}`}`;
}

type XdpSettings = { device: string; mtu: number; detail: string; moreQueues: MoreQueues | null };

class XdpPort extends InterfacePort {
  readonly moreFds: readonly number[];
  readonly #sockets: readonly XdpSocket[];
  /** The socket that is read first, which is another each time. */
  #first = 0;

  constructor(addon: NativeAddon, sockets: readonly XdpSocket[], settings: XdpSettings, context: AdapterContext) {
    const fds = sockets.map(({ opened }) => opened.fd);
    const [fd, ...more] = fds as [number, ...number[]];
    const calls = {
      close: () => sockets.map((socket) => socket.close())[0]!,
      closeApart: async () => (await Promise.all(sockets.map((socket) => socket.closeApart())))[0]!,
      state: () => fds.map((each) => addon.xdpState(each))[0]!,
      missed: () => fds.reduce((sum, each) => sum + addon.xdpMissed(each), 0),
    };
    super(fd, calls, { kind: 'af-xdp', offloads: 0, ...settings }, context, XDP_REPORT_WORDS);
    this.moreFds = more;
    this.#sockets = sockets;
  }

  receive(batch: Batch, port: number, max: number): number {
    const begin = batch.count;
    const end = Math.min(begin + max, batch.capacity);
    const { length } = this.#sockets;
    const first = this.#first;
    this.#first = first + 1 < length ? first + 1 : 0;
    for (let n = 0; n < length && batch.count < end && this.fd >= 0; n++) {
      this.#receiveFrom(this.#sockets[(first + n) % length], batch, port, end);
    }
    return batch.count - begin;
  }

  #receiveFrom(socket: XdpSocket, batch: Batch, port: number, end: number): void {
    socket.takeBack();
    let bytes = 0;
    while (batch.count < end && bytes < BURST_BYTES && this.fd >= 0) {
      const row = batch.count;
      const got = socket.readInPlace(batch, row, end - row, this.report);
      enterRows(batch, port, row, row + got, 0);
      this.burstEnded();
      if (this.report[REPORT_LONG] === 0) break;
      if (batch.count === end || !this.#readLong(socket, batch, port)) break;
      bytes += batch.len[batch.count - 1];
    }
  }

  /** Puts the chunks of the next frame together; false while there is no memory for it, and it waits. */
  #readLong(socket: XdpSocket, batch: Batch, port: number): boolean {
    const slot = takeLarge(this.arena);
    if (slot < 0) return false;
    const row = batch.count;
    const got = socket.readLong(batch, row, frameStart(this.arena, slot), this.report);
    if (got === 0) release(this.arena, slot);
    else batch.slot[row] = slot;
    enterRows(batch, port, row, row + got, 0);
    this.burstEnded();
    return got > 0;
  }

  protected write(batch: Batch, list: Int32Array, start: number, count: number): number {
    return this.#sockets[0].write(batch, list, start, count, this.report);
  }
}
