/**
 * Devices that outlive the thread that opened them (native/src/kept.c): when a worker ends by a defect, the one that follows it goes on
 * with its TAPs, packet sockets and UDP sockets. Links stay up, what arrives meanwhile waits where it would have waited for the first
 * one, and no privilege is needed.
 */

import type { AdapterContext } from './adapter.ts';
import { type NativeAddon, native, nativeAvailable } from './native.ts';

/** `what`: the device and the options that it was opened with, as text. */
export function keepDevice(addon: NativeAddon, { worker }: AdapterContext, fd: number, what: string, note = ''): void {
  if (worker !== undefined) addon.deviceKeep(fd, `${worker} ${what}`, note);
}

/** What the worker of this number had open before; null: nothing. */
export function takeDevice(addon: NativeAddon, { worker }: AdapterContext, what: string) {
  return worker === undefined ? null : addon.deviceTake(`${worker} ${what}`);
}

/** Closes what nobody has taken: of all, of one worker, or one device of it. */
export async function releaseDevices(worker: number | null = null, what = ''): Promise<void> {
  if (nativeAvailable().ok) await native().devicesRelease(worker === null ? '' : `${worker} ${what}`);
}
