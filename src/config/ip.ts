/**
 * IP addresses and prefixes in a configuration, in the one text form that the rest of the switch writes: IPv4 with
 * dots, IPv6 as in RFC 5952. This room imports nothing, so it has its own small readers.
 */

export interface Prefix {
  address: string;
  bits: number;
}

/** 4 or 16 bytes, or null. */
export function ipBytes(text: string): number[] | null {
  return text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text);
}

function ipv4Bytes(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

function ipv6Bytes(text: string): number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const read = (half: string): number[] | null => {
    const bytes: number[] = [];
    if (half === '') return bytes;
    const groups = half.split(':');
    for (const [n, group] of groups.entries()) {
      if (n === groups.length - 1 && group.includes('.')) {
        const tail = ipv4Bytes(group);
        if (tail === null) return null;
        bytes.push(...tail);
      } else {
        if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return null;
        const value = Number.parseInt(group, 16);
        bytes.push(value >> 8, value & 0xff);
      }
    }
    return bytes;
  };
  const head = read(halves[0]!);
  const tail = halves.length === 2 ? read(halves[1]!) : [];
  if (head === null || tail === null) return null;
  const gap = 16 - head.length - tail.length;
  if (halves.length === 2 ? gap < 2 : gap !== 0) return null;
  return [...head, ...new Array<number>(gap).fill(0), ...tail];
}

/** The text form of an address, or null for text that is none. */
export function canonicalIp(text: string): string | null {
  const bytes = ipBytes(text);
  if (bytes === null) return null;
  if (bytes.length === 4) return bytes.join('.');
  const groups: number[] = [];
  for (let n = 0; n < 16; n += 2) groups.push((bytes[n]! << 8) | bytes[n + 1]!);
  // The longest run of zero groups, the first of equals, of two at least (RFC 5952 section 4.2).
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.at < 0) return hex(groups);
  return `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`;
}

export function isIpv6(address: string): boolean {
  return address.includes(':');
}

export function isGroup(address: string): boolean {
  const bytes = ipBytes(address);
  return bytes !== null && (bytes.length === 4 ? bytes[0]! >> 4 === 0xe : bytes[0] === 0xff);
}

/** An address that a host can have. */
export function isHost(address: string): boolean {
  const bytes = ipBytes(address);
  return bytes !== null && !isGroup(address) && bytes.some((byte) => byte !== 0) && bytes.some((byte) => byte !== 255);
}

/** `ADDRESS/LENGTH`, or an address alone for all of its bits; null for anything else. */
export function readPrefix(text: string): Prefix | null {
  const [head = '', length, ...rest] = text.split('/');
  const bytes = ipBytes(head);
  const address = canonicalIp(head);
  if (bytes === null || address === null || rest.length !== 0) return null;
  if (length === undefined) return { address, bits: bytes.length * 8 };
  const bits = Number(length);
  return /^(0|[1-9]\d{0,2})$/.test(length) && bits <= bytes.length * 8 ? { address, bits } : null;
}
