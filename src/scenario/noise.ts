/**
 * Frames that a switch may send on its own, where a scenario says so. This switch sends none of them yet; a
 * scenario that tolerates them is judged all the same as it says.
 */

/** Names of `ignore` that are about the ports of a bridge. */
export function isNoise(frame: Buffer, ignore: readonly string[]): boolean {
  if (ignore.length === 0) return false;
  let at = 12;
  while (at + 4 <= frame.length && (frame.readUInt16BE(at) === 0x8100 || frame.readUInt16BE(at) === 0x88a8)) at += 4;
  if (at + 2 > frame.length) return false;
  const ip = frame.subarray(at + 2);
  if (frame.readUInt16BE(at) === 0x0800) {
    const header = ((ip[0] ?? 0) % 16) * 4;
    return ignore.includes('igmp_queries_from_the_bridge') && ip[9] === 2 && ip[header] === 0x11;
  }
  // ICMPv6 behind a hop-by-hop header of eight bytes, as every MLD message has it (RFC 2710 §3).
  return (
    ignore.includes('mld_queries_from_the_bridge') &&
    frame.readUInt16BE(at) === 0x86dd &&
    ip[6] === 0 &&
    ip[40] === 58 &&
    ip[48] === 130
  );
}
