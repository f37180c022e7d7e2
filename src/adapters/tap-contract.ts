/** What a TAP port is opened with, and what it is beside an adapter. */

import type { LinkedAdapter } from './adapter.ts';

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
