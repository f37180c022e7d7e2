/**
 * Asks devices for their link state twice a second. One timer for all devices of a thread: an idle switch with 64
 * ports wakes as seldom as one with a single port.
 */

const LINK_CHECK_MS = 500;

interface Linked {
  checkLink(): void;
}

const watched = new Set<Linked>();
let timer: NodeJS.Timeout | undefined;

export function watchLink(device: Linked): void {
  watched.add(device);
  timer ??= setInterval(() => {
    for (const each of watched) each.checkLink();
  }, LINK_CHECK_MS).unref();
}

export function unwatchLink(device: Linked): void {
  watched.delete(device);
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
