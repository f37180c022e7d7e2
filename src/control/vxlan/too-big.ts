/**
 * A packet that does not fit into a tunnel: its sender is told how long one may be, as a router on the way would
 * (RFC 7348 section 4.3, RFC 1191, RFC 8201).
 *
 * A bridge has no address of its own, so the error comes from whom the packet was for, by MAC and IP: what Linux does
 * as well. It arrives on the tunnel port, in the packet's VLAN, and is forwarded to the sender like anything else.
 * How many are sent is bounded, whoever asks for them.
 */

import type { Batch } from '../../dataplane/batch.ts';
import type { Dataplane } from '../../dataplane/dataplane.ts';
import { createTokenBucket, type TokenBucket, takeToken } from '../../protocols/token-bucket.ts';
import { hasBit } from '../../tables/bitmap.ts';
import { VIDS, VNI_TAG, VNI_WORDS } from '../../tables/vni-table.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../wire/ethernet.ts';
import { icmpTooBig, icmpv6TooBig } from '../../wire/icmp-error.ts';
import { ipv4Dst, ipv4Fits } from '../../wire/ipv4.ts';
import { IPV6_ADDRESS_BYTES, ipv6DstAt, ipv6Fits } from '../../wire/ipv6.ts';
import { isTagType } from '../../wire/vlan.ts';

const PER_SECOND = 100;
const BURST = 50;
const ADDRESSES_BYTES = 12;
const TAG_BYTES = 4;
/** What a sender may be told at least: IPv4 hosts and IPv6 links take that in any case. */
const LEAST_IPV4 = 68;
const LEAST_IPV6 = 1280;

export class TooBig {
  /** Errors sent. */
  told = 0;
  readonly #dp: Dataplane;
  readonly #inject: (port: number, frame: Uint8Array) => boolean;
  #bucket: TokenBucket | null = null;

  constructor(dp: Dataplane, inject: (port: number, frame: Uint8Array) => boolean) {
    this.#dp = dp;
    this.#inject = inject;
  }

  /** Row `i` would have left by the port `b.to[i]`. */
  punted(b: Batch, i: number): void {
    const frame = errorAbout(this.#dp, b, i);
    if (frame === null) return;
    this.#bucket ??= createTokenBucket(PER_SECOND, BURST, b.nowMs[i]);
    if (takeToken(this.#bucket, b.nowMs[i]) && this.#inject(b.to[i], frame)) this.told++;
  }
}

/** The frame that tells, or null where none is owed. */
function errorAbout(dp: Dataplane, b: Batch, i: number): Uint8Array | null {
  const { view, bytes } = dp.arena;
  const off = b.off[i];
  const end = off + b.len[i];
  const own = off + ADDRESSES_BYTES + b.tagLen[i];
  let at = own;
  while (at + TAG_BYTES < end && isTagType(view.getUint16(at))) at += TAG_BYTES;
  const mtu = dp.ports.mtu[b.to[i]] - (at - own);
  const packet = packetAbout(view, at, end, mtu);
  if (packet === null) return null;
  const tag = ownTag(dp, b, i);
  const between = bytes.subarray(own, at + 2);
  const frame = new Uint8Array(ADDRESSES_BYTES + tag.length + between.length + packet.length);
  frame.set(bytes.subarray(off + 6, off + ADDRESSES_BYTES));
  frame.set(bytes.subarray(off, off + 6), 6);
  frame.set(tag, ADDRESSES_BYTES);
  frame.set(between, ADDRESSES_BYTES + tag.length);
  frame.set(packet, ADDRESSES_BYTES + tag.length + between.length);
  return frame;
}

function packetAbout(view: DataView, typeAt: number, end: number, mtu: number): Uint8Array | null {
  const ip = typeAt + 2;
  const type = view.getUint16(typeAt);
  if (type === ETHERTYPE_IPV4 && ipv4Fits(view, ip, end)) {
    return icmpTooBig(view, ip, ipv4Dst(view, ip), Math.max(LEAST_IPV4, mtu));
  }
  if (type !== ETHERTYPE_IPV6 || !ipv6Fits(view, ip, end)) return null;
  const dst = new Uint8Array(view.buffer, view.byteOffset + ipv6DstAt(ip), IPV6_ADDRESS_BYTES).slice();
  return icmpv6TooBig(view, ip, dst, Math.max(LEAST_IPV6, mtu));
}

/** The tag that frames of this VLAN come out of the tunnel with. */
function ownTag(dp: Dataplane, b: Batch, i: number): Uint8Array {
  const { ports, vlans } = dp;
  const { vnis } = dp.vxlan;
  const to = b.to[i];
  const vid = b.vid[i];
  const row = vnis.rowOf[vnis.tunnelOf[to] * VIDS + vid];
  const pushed = vnis.words[row * VNI_WORDS + VNI_TAG];
  if (pushed !== 0) return Uint8Array.of(pushed >>> 24, pushed >>> 16, pushed >>> 8, pushed);
  if (vid === 0 || hasBit(vlans.untagged, vlans.width, b.fid[i], to)) return new Uint8Array(0);
  const tpid = ports.pushTpid[to];
  return Uint8Array.of(tpid >>> 8, tpid, vid >>> 8, vid);
}
