/**
 * Forged VXLAN datagrams: from strangers, for unknown VNIs, without the I flag, with half an inner frame, with our own
 * address inside, with another tunnel inside, and broken anywhere. None is delivered or learned, each is counted under its
 * reason, and real ones between them go on. Throws when that is not so.
 */

import { vxlanEntries } from '../../src/control/vxlan/fdb.ts';
import { portLedger } from '../../src/dataplane/counters.ts';
import {
  broken,
  checkLedger,
  dice,
  innerFrame,
  MACS,
  outerV4,
  tunnelWorld,
  VTEP,
} from '../unit/dataplane/vxlan-world.ts';

const VNI = 1000;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const STRANGER = '02:00:00:00:00:99';
const BATCH = 64;
/** One in so many is real. */
const REAL = 100;
const UDP_CHECKSUM = 40;
const VXLAN_FLAGS = 42;
const I_FLAG = 0x08;

const IN_TUNNEL = [
  'VXLAN_INNER_MALFORMED',
  'VXLAN_LOOP',
  'VXLAN_NESTED',
  'VXLAN_INNER_TAG',
  'VXLAN_RESERVED_BITS',
  'VXLAN_ECN',
];

type Roll = (sides: number) => number;

const inner = (roll: Roll, source = STRANGER) => innerFrame(BROADCAST, source, 0, roll(5));

const FORGERIES: readonly { reason: string; forge(roll: Roll): Uint8Array }[] = [
  {
    reason: 'VXLAN_UNKNOWN_PEER',
    forge: (roll) => outerV4(VNI, inner(roll), { src: `198.51.100.${roll(255)}` }),
  },
  { reason: 'VXLAN_UNKNOWN_VNI', forge: (roll) => outerV4(7000 + roll(9_000_000), inner(roll)) },
  {
    reason: 'VXLAN_NO_I_FLAG',
    forge(roll) {
      const frame = outerV4(VNI, inner(roll));
      frame[VXLAN_FLAGS] = roll(256) & ~I_FLAG;
      frame.fill(0, UDP_CHECKSUM, UDP_CHECKSUM + 2);
      return frame;
    },
  },
  { reason: 'VXLAN_INNER_MALFORMED', forge: (roll) => outerV4(VNI, inner(roll).slice(0, roll(14))) },
  { reason: 'VXLAN_LOOP', forge: (roll) => outerV4(VNI, inner(roll, VTEP.mac!)) },
  { reason: 'VXLAN_NESTED', forge: (roll) => outerV4(VNI, outerV4(VNI, inner(roll))) },
];

/** Those whose VNI was known are drops of the tunnel port, and consumed by the uplink. */
function inTunnel(drops: ReadonlyMap<string, number>): number {
  return IN_TUNNEL.reduce((sum, reason) => sum + (drops.get(reason) ?? 0), 0);
}

export function fuzzDatagrams(seed: number, count: number): void {
  const world = tunnelWorld(BATCH);
  const { core, left } = world;
  const roll = dice(seed);
  const real = outerV4(VNI, innerFrame(MACS[0]!, MACS[1]!, 0, 1));
  const forged = new Map<string, number>();
  let sent = 0;
  for (let n = 0; n < count; n++) {
    if (n % REAL === 0) {
      world.append('u4', real);
      sent++;
    } else {
      const kind = FORGERIES[roll(FORGERIES.length + 1)];
      if (kind === undefined) world.append('u4', broken(outerV4(VNI, inner(roll), { src: '198.51.100.1' }), roll));
      else {
        world.append('u4', kind.forge(roll));
        forged.set(kind.reason, (forged.get(kind.reason) ?? 0) + 1);
      }
    }
    if (core.batch.count === BATCH) core.forward();
  }
  core.forward();
  checkLedger(core);
  const drops = new Map<string, number>();
  for (const { index } of core.control.ports.values()) {
    for (const [reason, n] of Object.entries(portLedger(core.dp.counters, index).drops)) {
      drops.set(reason, (drops.get(reason) ?? 0) + n);
    }
  }
  for (const [reason, n] of forged) {
    // The broken ones come under any reason.
    if ((drops.get(reason) ?? 0) < n) throw new Error(`${n} forged for ${reason}, ${drops.get(reason) ?? 0} counted`);
  }
  // A broken one may have become a packet for the VTEP itself (ARP, ICMP): consumed, as real ones are on their way in.
  const dropped = [...drops.values()].reduce((sum, n) => sum + n, 0);
  const taken = portLedger(core.dp.counters, core.control.port('u4').index).consumed - sent - inTunnel(drops);
  if (dropped + taken !== count - sent)
    throw new Error(`${count - sent} were forged, ${dropped} dropped, ${taken} taken`);
  for (const port of ['a', 'b']) {
    const delivered = left.get(port)?.length ?? 0;
    if (delivered !== sent) throw new Error(`${sent} real ones were sent, ${delivered} came to ${port}`);
  }
  const learned = vxlanEntries(core.control).filter((entry) => entry.kind === 'dynamic');
  if (learned.length !== 0) throw new Error(`learned: ${JSON.stringify(learned)}`);
}
