/**
 * What is said of a port's offloads: why they are few, and what the switch does in software instead.
 *
 * Every port keeps the offloads that its device has. A frame that leaves by a port without them is finished on its
 * way out (dataplane/offload/finish.ts): that can happen where another port of the same bridge hands such frames over.
 */

import { offloadNames } from '../adapters/offload-names.ts';
import { ALL_OFFLOADS } from '../dataplane/offload/needs.ts';
import { LINKED_ADAPTERS } from './open-port.ts';

/** One open port, as this report sees it. */
export interface OffloadPort {
  bridge: string;
  /** Adapter kind. */
  kind: string;
  /** The configuration says `offloads: off`. */
  declined: boolean;
  /** OFFLOAD_* in force. */
  offloads: number;
}

/** Why an interface does less than others can; null when nothing is amiss. */
export function whyFewOffloads({ kind, declined, offloads }: OffloadPort): string | null {
  if (declined) return 'offloads: off';
  return offloads === 0 && LINKED_ADAPTERS.includes(kind) ? 'the kernel offers none' : null;
}

/** `csum tso4 tso6`: what may have to be done in software for frames that leave by this port; `none`. */
export function softwareOffloads(port: OffloadPort, ports: readonly OffloadPort[]): string {
  const others = ports.filter((other) => other !== port && other.bridge === port.bridge);
  return offloadNames(others.reduce((all, other) => all | handedOver(other), 0) & ~port.offloads);
}

/** An existing interface's senders cannot be told to do without. */
function handedOver({ kind, offloads }: OffloadPort): number {
  return kind === 'af-packet' ? ALL_OFFLOADS : offloads;
}
