/**
 * What a port's offloads are: why they are few, and what the switch does in software.
 *
 * Every port keeps the offloads that its device has. A frame that leaves by a port without them is finished on its
 * way out (dataplane/offload/finish.ts): that can happen where another port of the same bridge hands such frames over.
 * TCP segments that come in are put together (dataplane/offload/coalesce.ts) where that is worth it: where a port of the
 * bridge sends super-frames whole, and this one's device has not put them together already.
 */

import { offloadNames } from '../adapters/offload-names.ts';
import { ALL_OFFLOADS, OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6 } from '../dataplane/offload/needs.ts';

/** One open port, as this report sees it. */
export interface OffloadPort {
  /** Null: an underlay, which takes frames of tunnels in every bridge. */
  bridge: string | null;
  /** Adapter kind. */
  kind: string;
  /** The configuration says `offloads: off`. */
  declined: boolean;
  /** OFFLOAD_* in force. */
  offloads: number;
  /** As configured. */
  gro: 'auto' | 'on' | 'off';
}

const TSO = OFFLOAD_TSO4 | OFFLOAD_TSO6;
/** Adapters whose segments are together when they arrive, by the kernel or by native code. */
const GIVE_SUPER_FRAMES: readonly string[] = ['tap', 'vxlan-udp'];

/** Why an interface does less than others can; null when nothing is amiss. */
export function whyFewOffloads({ kind, declined, offloads }: OffloadPort): string | null {
  if (declined) return 'offloads: off';
  return offloads === 0 && kind === 'tap' ? 'the kernel offers none' : null;
}

/** Whether segments that come in are put together; on an underlay, those inside its tunnels. */
export function coalesces(port: OffloadPort, ports: readonly OffloadPort[]): boolean {
  if (port.gro !== 'auto') return port.gro === 'on';
  // Inside tunnels only on request: it was measured, and brought nothing (docs/running.md).
  if (port.bridge === null) return false;
  const comesInSuperFrames = GIVE_SUPER_FRAMES.includes(port.kind) && (port.offloads & TSO) !== 0;
  return !comesInSuperFrames && othersOf(port, ports).some(({ offloads }) => (offloads & TSO) !== 0);
}

/** `csum tso4 tso6 gro`: what the switch does in software for frames that leave by this port, or come in; `none`. */
export function softwareOffloads(port: OffloadPort, ports: readonly OffloadPort[]): string {
  const needed = othersOf(port, ports).reduce((all, other) => all | handedOver(other), 0);
  const leaving = offloadNames(needed & ~port.offloads);
  if (!coalesces(port, ports)) return leaving;
  return leaving === 'none' ? 'gro' : `${leaving} gro`;
}

/** Both of each port. Of those that are alike two matter, one to the other: there may be a thousand. */
export function offloadsOf(ports: readonly OffloadPort[]): { coalesces: boolean; software: string }[] {
  const keys = ports.map((port) => Object.values(port).join(' '));
  const alike = new Map<string, OffloadPort[]>();
  for (const [n, port] of ports.entries()) {
    const known = alike.get(keys[n]!);
    if (known === undefined) alike.set(keys[n]!, [port]);
    else if (known.length === 1) known.push(port);
  }
  const all = [...alike.values()].flat();
  const found = new Map(
    [...alike].map(([key, [port]]) => [
      key,
      { coalesces: coalesces(port!, all), software: softwareOffloads(port!, all) },
    ]),
  );
  return keys.map((key) => found.get(key)!);
}

function othersOf(port: OffloadPort, ports: readonly OffloadPort[]): OffloadPort[] {
  return ports.filter(
    (other) => other !== port && (other.bridge === port.bridge || other.bridge === null || port.bridge === null),
  );
}

/** An existing interface's senders cannot be told to do without; where a program is attached the kernel cuts for them. */
function handedOver({ kind, offloads }: OffloadPort): number {
  if (kind === 'af-packet') return ALL_OFFLOADS;
  if (kind === 'cap') return OFFLOAD_CSUM | TSO;
  return kind === 'af-xdp' ? OFFLOAD_CSUM : offloads;
}
