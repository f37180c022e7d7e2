/**
 * Cutting an IPv4 packet into fragments that a link takes (RFC 791 3.2). What may not be cut (DF) is for the caller to
 * know. Fragments are cut further the same way.
 */
import {
  IPV4_BYTES,
  IPV4_OPTION_END,
  IPV4_OPTION_NOP,
  ipv4FragmentOffset,
  ipv4HeaderBytes,
  ipv4MoreFragments,
  ipv4TotalBytes,
  writeIpv4Checksum,
  writeIpv4Fragment,
  writeIpv4TotalBytes,
} from './ipv4.ts';

/** Options with this bit stand in every fragment. */
const COPIED = 0x80;

/** The packet in [0, total length) of `packet` as packets of at most `mtu` bytes each. */
export function fragmentIpv4(packet: Uint8Array, mtu: number): Uint8Array[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const headerBytes = ipv4HeaderBytes(view, 0);
  const payload = packet.subarray(headerBytes, ipv4TotalBytes(view, 0));
  const first = packet.subarray(0, headerBytes);
  const later = headerBytes === IPV4_BYTES ? first : laterHeader(first);
  const start = ipv4FragmentOffset(view, 0);
  const wasLast = !ipv4MoreFragments(view, 0);
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < payload.length; ) {
    const header = at === 0 ? first : later;
    const room = (mtu - header.length) & ~7;
    const rest = payload.length - at;
    const bytes = rest <= mtu - header.length ? rest : room;
    if (bytes <= 0) return [];
    const fragment = new Uint8Array(header.length + bytes);
    fragment.set(header);
    fragment.set(payload.subarray(at, at + bytes), header.length);
    const out = new DataView(fragment.buffer);
    writeIpv4TotalBytes(out, 0, fragment.length);
    writeIpv4Fragment(out, 0, false, bytes < rest || !wasLast, start + at);
    writeIpv4Checksum(out, 0);
    fragments.push(fragment);
    at += bytes;
  }
  return fragments;
}

/** The header with those options that every fragment carries. */
function laterHeader(header: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let at = IPV4_BYTES; at < header.length; ) {
    const kind = header[at]!;
    if (kind === IPV4_OPTION_END) break;
    const bytes = kind === IPV4_OPTION_NOP ? 1 : (header[at + 1] ?? 0);
    if (bytes === 0 || at + bytes > header.length || (kind !== IPV4_OPTION_NOP && bytes < 2)) break;
    if ((kind & COPIED) !== 0) kept.push(...header.subarray(at, at + bytes));
    at += bytes;
  }
  while (kept.length % 4 !== 0) kept.push(IPV4_OPTION_END);
  const later = new Uint8Array(IPV4_BYTES + kept.length);
  later.set(header.subarray(0, IPV4_BYTES));
  later.set(kept, IPV4_BYTES);
  later[0] = 0x40 | (later.length >>> 2);
  return later;
}
