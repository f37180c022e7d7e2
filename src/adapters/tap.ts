/**
 * Opening a TAP device, or taking it over from a thread that has ended: a port for frames of a VM, a network namespace or the host itself.
 * What it does with frames is in tap-port.ts.
 */

import { type AdapterContext, OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from './adapter.ts';
import { keepDevice, takeDevice } from './kept.ts';
import {
  LINK_DELETED,
  type NativeAddon,
  native,
  type OpenedTap,
  TAP_MULTI_QUEUE,
  TAP_MUST_EXIST,
  TAP_VNET_HDR,
} from './native.ts';
import { tunBits } from './offload-names.ts';
import type { TapAdapter, TapOptions } from './tap-contract.ts';
import { Tap } from './tap-port.ts';

export type { TapAdapter, TapOptions } from './tap-contract.ts';

const ALL_OFFLOADS = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO;
const REQUIRED_BY_ON = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6;

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
  // Deleted while nobody had it.
  if (more.length < note.more || addon.tapState(fd) === LINK_DELETED) {
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
