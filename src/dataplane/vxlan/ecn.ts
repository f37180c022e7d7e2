/**
 * ECN across a tunnel (RFC 6040, and RFC 3168 where they agree): what the outer header says about congestion, and what
 * becomes of it at the end.
 *
 *   leaving:   outer = inner, but an inner CE becomes ECT(0): the mark was not made on this path
 *
 *   arriving:           outer not-ECT   ECT(0)    ECT(1)    CE
 *      inner not-ECT        not-ECT     not-ECT   not-ECT   drop
 *      inner ECT(0)         ECT(0)      ECT(0)    ECT(1)    CE
 *      inner ECT(1)         ECT(1)      ECT(1)    ECT(1)    CE
 *      inner CE             CE          CE        CE        CE
 */

import { checksumUpdate16 } from '../../wire/checksum.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { ipv4Checksum } from '../../wire/ipv4.ts';

export const ECN_MASK = 3;
const NOT_ECT = 0;
const ECT_1 = 1;
const ECT_0 = 2;
const CE = 3;

/** IPv4: offset of the checksum. */
const CHECKSUM = 10;

export function outerEcn(inner: number): number {
  const ecn = inner & ECN_MASK;
  return ecn === CE ? ECT_0 : ecn;
}

/**
 * Carries the outer mark into the inner packet at `ip`, whose EtherType is `type`; false when it must be dropped. Only
 * for packets of at least 20 bytes; what is not IP has no mark to set.
 */
export function takeOuterEcn(view: DataView, ip: number, end: number, type: number, outer: number): boolean {
  if (outer !== CE && outer !== ECT_1) return true;
  if (type === ETHERTYPE_IPV4) {
    if (end - ip < 20) return true;
    const word = view.getUint16(ip);
    const ecn = combined(word & ECN_MASK, outer);
    if (ecn < 0) return false;
    const after = (word & ~ECN_MASK) | ecn;
    if (after !== word) {
      view.setUint16(ip, after);
      view.setUint16(ip + CHECKSUM, checksumUpdate16(ipv4Checksum(view, ip), word, after));
    }
    return true;
  }
  if (type === ETHERTYPE_IPV6) {
    if (end - ip < 40) return true;
    // The class lies across the first two bytes: its lowest bits are bits 4 and 5 of the second.
    const byte = view.getUint8(ip + 1);
    const ecn = combined((byte >>> 4) & ECN_MASK, outer);
    if (ecn < 0) return false;
    view.setUint8(ip + 1, (byte & 0xcf) | (ecn << 4));
  }
  return true;
}

/** The inner mark after the tunnel; -1 = drop. */
function combined(inner: number, outer: number): number {
  if (outer === CE) return inner === NOT_ECT ? -1 : CE;
  return inner === ECT_0 ? ECT_1 : inner;
}
