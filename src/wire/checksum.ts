/**
 * The Internet checksum: one's complement sum of 16-bit words (RFC 1071), and its update in place (RFC 1624).
 *
 * A sum is a plain number until it is folded: words of 32 bits are added as they come, since a double is exact to
 * 2^53. Only the loop over bytes keeps to small integers, in two halves: doubles that outlive a turn of it cost the data
 * plane objects on V8's heap (up to 110 bytes a segment), and are no faster.
 *
 * `checksum*` functions return the value that stands in the header. Over bytes that contain a right checksum
 * the result is 0. Byte order: sums are of big-endian words, results are written with setUint16.
 */

/**
 * Folded sum of `len` bytes (at most 128 KB) at `off`, added to `sum`; an odd last byte counts as the high half of a
 * word.
 */
export function sumBytes(view: DataView, off: number, len: number, sum: number = 0): number {
  let at = off;
  const end = off + len;
  let low = foldSum(sum);
  let high = 0;
  for (const quads = off + (len & ~15); at < quads; at += 16) {
    const a = view.getInt32(at);
    const b = view.getInt32(at + 4);
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
  }
  for (; at + 2 <= end; at += 2) low += view.getUint16(at);
  if (at < end) low += view.getUint8(at) << 8;
  return foldWords(high, low);
}

/** Adds one 16-bit or 32-bit unsigned word to a sum. */
export function sumWord(sum: number, word: number): number {
  return sum + word;
}

/** 0..0xFFFF: the sum with all carries added back. */
export function foldSum(sum: number): number {
  return foldWords(Math.floor(sum / 0x1_0000_0000) | 0, sum | 0);
}

/** The same for a sum of 32-bit words, given as its upper and lower 32 bits. */
function foldWords(high: number, low: number): number {
  const once = (high & 0xffff) + (high >>> 16) + (low & 0xffff) + (low >>> 16);
  const twice = (once & 0xffff) + (once >>> 16);
  return (twice & 0xffff) + (twice >>> 16);
}

/** Checksum of `len` bytes at `off`, 0..0xFFFF; `sum` may hold a pseudo header (RFC 1071 section 1). */
export function checksum(view: DataView, off: number, len: number, sum: number = 0): number {
  return ~sumBytes(view, off, len, sum) & 0xffff;
}

/*
 * RFC 768 and RFC 9293 3.1: source, destination, zero, protocol, length of the upper layer
 * RFC 8200 8.1: source, destination, length of the upper layer (32 bits), zero, next header
 */

/** `addresses` is the offset of the source address, the destination follows it. */
export function ipv4PseudoSum(view: DataView, addresses: number, protocol: number, upperBytes: number): number {
  return sumBytes(view, addresses, 8, protocol + upperBytes);
}

/** `addresses` is the offset of the source address, the destination follows it. */
export function ipv6PseudoSum(view: DataView, addresses: number, nextHeader: number, upperBytes: number): number {
  return sumBytes(view, addresses, 32, nextHeader + upperBytes);
}

/** The checksum after one 16-bit word changed from `before` to `after` (RFC 1624 equation 3). */
export function checksumUpdate16(sum: number, before: number, after: number): number {
  const folded = (~sum & 0xffff) + (~before & 0xffff) + after;
  const once = (folded & 0xffff) + (folded >>> 16);
  return ~((once & 0xffff) + (once >>> 16)) & 0xffff;
}

/** The checksum after one 32-bit word at an even offset changed, such as an IPv4 address. */
export function checksumUpdate32(sum: number, before: number, after: number): number {
  const half = checksumUpdate16(sum, before >>> 16, after >>> 16);
  return checksumUpdate16(half, before & 0xffff, after & 0xffff);
}
