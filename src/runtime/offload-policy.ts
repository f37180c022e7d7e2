/**
 * Which offloads are in force: those that every port of a bridge can take, and no others.
 *
 * An offloaded frame has no checksum yet, or is a super-frame of up to 64 KB. It passes from TAP to TAP whole; a
 * port that sends what it is given onto a real wire (UDP) would send it broken. Finishing such frames in software
 * costs more than the kernel needs for it, so the kernel is told not to make them while a port exists that cannot
 * take them. Ports of different bridges never exchange frames and do not hold each other back.
 */

/** One open port, as the policy sees it. */
export interface OffloadPort {
  name: string;
  bridge: string;
  /** Adapter kind, for people. */
  kind: string;
  /** The configuration says `offloads: off`. */
  declined: boolean;
  /** OFFLOAD_* that the adapter could do. */
  available: number;
}

export interface OffloadDecision {
  /** OFFLOAD_* to put in force. */
  offloads: number;
  /** Why the port does less than it could; null when it does all. */
  why: string | null;
}

/** The decision per port name. */
export function decideOffloads(ports: readonly OffloadPort[]): Map<string, OffloadDecision> {
  const common = new Map<string, number>();
  for (const { bridge, available } of ports) common.set(bridge, (common.get(bridge) ?? -1) & available);
  const decisions = new Map<string, OffloadDecision>();
  for (const port of ports) {
    const offloads = common.get(port.bridge)!;
    decisions.set(port.name, { offloads, why: whyLess(port, offloads, ports) });
  }
  return decisions;
}

function whyLess(port: OffloadPort, offloads: number, ports: readonly OffloadPort[]): string | null {
  if (port.declined) return 'offloads: off';
  const missing = port.available & ~offloads;
  if (missing === 0) return port.available === 0 && port.kind === 'tap' ? 'the kernel offers none' : null;
  const holders = ports.filter((p) => p.bridge === port.bridge && (missing & ~p.available) !== 0);
  const named = holders.slice(0, 3).map((p) => `${p.name} (${p.declined ? 'offloads: off' : p.kind})`);
  const more = holders.length > named.length ? ` and ${holders.length - named.length} more` : '';
  return `held back by ${named.join(', ')}${more}`;
}
