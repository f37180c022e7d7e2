/**
 * Asks devices for their link state twice a second. One timer for all devices of a thread: an idle switch with 64
 * ports wakes as seldom as one with a single port. All TAPs are asked by one system call, in whatever network namespaces they are by now;
 * the kernel's news of links (rtnetlink) would be those of one namespace.
 */

import type { NativeAddon } from './native.ts';

const LINK_CHECK_MS = 500;

interface Linked {
  checkLink(): void;
}

interface LinkedTap extends Linked {
  readonly fd: number;
  /** LINK_UP or LINK_DOWN, when it was last looked at. */
  readonly linkState: number;
}

const watched = new Set<Linked>();
const taps = new Map<LinkedTap, NativeAddon>();
let fds = new Int32Array(0);
let states = new Int32Array(0);
let timer: NodeJS.Timeout | undefined;

export function watchLink(device: Linked): void {
  watched.add(device);
  begin();
}

export function unwatchLink(device: Linked): void {
  watched.delete(device);
  end();
}

export function watchTap(tap: LinkedTap, addon: NativeAddon): void {
  taps.set(tap, addon);
  fds = new Int32Array(0);
  begin();
}

export function unwatchTap(tap: LinkedTap): void {
  taps.delete(tap);
  fds = new Int32Array(0);
  end();
}

function begin(): void {
  timer ??= setInterval(look, LINK_CHECK_MS).unref();
}

function end(): void {
  if (watched.size + taps.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function look(): void {
  for (const each of watched) each.checkLink();
  const [addon] = taps.values();
  if (addon === undefined) return;
  if (fds.length !== taps.size) {
    fds = Int32Array.from(taps.keys(), ({ fd }) => fd);
    states = new Int32Array(fds.length);
  }
  addon.tapStates(fds, states);
  // Looking may take a TAP out of the list: states that were asked for are told by their place.
  for (const [i, tap] of [...taps.keys()].entries()) if (states[i] !== tap.linkState) tap.checkLink();
}
