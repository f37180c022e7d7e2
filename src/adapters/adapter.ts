/**
 * The contract between the switch and whatever moves bytes to and from the world.
 *
 * An adapter appends received frames to a batch and sends the frames of an egress list. Both calls are
 * synchronous and bounded; neither throws for anything a peer or the kernel does. Policy stays outside: an
 * adapter never looks into a frame.
 */

import type { Arena } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';

export { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_TUNNEL, OFFLOAD_USO } from '../dataplane/offload/needs.ts';

export interface AdapterEvents {
  /** The link went up or down; `reason` is for people ("interface deleted"). */
  link(up: boolean, reason: string): void;
  /** Event-driven adapters: frames are waiting for `receive`. */
  readable(): void;
  /** An underlay was told that IP packets to this address may have at most `mtu` bytes from now on. */
  pathMtu?(address: string, mtu: number): void;
  /** An underlay was told that a datagram did not arrive; `code` is ECONNREFUSED, EHOSTUNREACH or the like. */
  unreachable?(address: string, code: string): void;
}

export type QueueOptions = Readonly<Record<string, string | number | boolean>>;

/** Queues of a device for further threads: flows are shared out among all of them. */
export interface MoreQueues {
  /** What worker `k` opens its queue with, beside the port's own options; null: there is none for it. */
  optionsOf(worker: number): QueueOptions | null;
  /** Closes what is open for a worker that is not there to do so. */
  close(worker: number): void;
}

export interface Adapter {
  readonly kind: string;
  /** What it is attached to, for people: `tap1`, `127.0.0.1:5001`. */
  readonly device: string;
  /** How it goes about it, where that is a choice of the system's and worth telling: `queue 0, zero-copy, …`. */
  readonly detail?: string | null;
  /** Largest payload after the Ethernet header and tags that it can carry. */
  readonly mtu: number;
  /** Pollable descriptor, or -1 when the adapter calls `events.readable`. */
  readonly fd: number;
  /** Further ones, where frames come by several queues. */
  readonly moreFds?: readonly number[];
  /** None: the device has this one queue. */
  readonly moreQueues?: MoreQueues | null;
  /**
   * OFFLOAD_* that frames which are sent may need. What they need beyond that the runtime does in software before
   * (runtime/offloading-adapter.ts); frames that are received may need anything.
   */
  readonly offloads: number;
  /** Another MTU while it is open, where the device allows it. */
  setMtu?(mtu: number): void;
  /**
   * Appends at most `max` frames to the batch: slot, off, len, port, rxFlags, gso, csum (and timeUs where the
   * source has its own time). Returns how many. The runtime fills nowMs.
   */
  receive(batch: Batch, port: number, max: number): number;
  /**
   * Sends the frames of list[start .. start+count), words as in `Egress`. Returns how many were taken; the rest
   * is dropped and counted by the runtime as TX_RING_FULL (or TX_ERROR where `lastError` says so). What it
   * keeps beyond the call it must `retain` in the arena or, where the slot is -1, copy.
   */
  send(batch: Batch, list: Int32Array, start: number, count: number): number;
  /** Errno of the last failed send, 0 when it only was full. */
  readonly lastError: number;
  /** What it lost before the switch had it or after, by name: `queueFull`, `framesTooLong`, … */
  readonly counters?: Readonly<Record<string, number>>;
  close(): void;
  /** As `close`, where that would take long: nothing is received or sent from now on, and the device is gone when it resolves. */
  closeApart?(): Promise<unknown>;
}

/** Closes it without stopping this thread, where it can. */
export async function closeApart(adapter: Adapter): Promise<void> {
  if (adapter.closeApart === undefined) adapter.close();
  else await adapter.closeApart();
}

/** An adapter whose device has a link, and may vanish. */
export interface LinkedAdapter extends Adapter {
  /** The device vanished: the adapter does nothing any more, and the port has to be opened again. */
  readonly gone: boolean;
  /** Asks for the link state now instead of at the next check; a change is an event in a microtask. */
  checkLink(): void;
}

export function isLinked(adapter: Adapter): adapter is LinkedAdapter {
  return 'checkLink' in adapter;
}

export interface AdapterContext {
  readonly arena: Arena;
  readonly events: AdapterEvents;
  /** The worker of this number goes on with its devices when it is started again (kept.ts); none: they are closed. */
  readonly worker?: number;
}
