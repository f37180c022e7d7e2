/**
 * IPv6 addresses as text, one way to write and every legal way to read.
 *
 * Writing follows RFC 5952: lower case, no leading zeros, the longest run of at least two zero groups (the first
 * of equals) as `::`, and a dotted quad for the prefixes that embed IPv4, as inet_ntop does. Reading takes all of
 * RFC 4291 2.2 without a zone.
 */
import { formatIpv4, parseIpv4 } from './ipv4.ts';
import { IPV6_ADDRESS_BYTES } from './ipv6.ts';

const GROUPS = 8;

/** The 16 bytes at `at` in the form of RFC 5952. */
export function ipv6Text(view: DataView, at: number): string {
  let start = -1;
  let length = 1;
  for (let i = 0; i < GROUPS; ) {
    let run = 0;
    while (i + run < GROUPS && view.getUint16(at + 2 * (i + run)) === 0) run++;
    if (run > length) {
      start = i;
      length = run;
    }
    i += run + 1;
  }
  if (start === 0 && (length === 6 || (length === 5 && view.getUint16(at + 10) === 0xffff))) {
    return `${length === 6 ? '::' : '::ffff:'}${formatIpv4(view.getUint32(at + 12))}`;
  }
  let text = '';
  for (let i = 0; i < GROUPS; i++) {
    if (i === start) {
      text += '::';
      i += length - 1;
      continue;
    }
    if (i > 0 && i !== start + length) text += ':';
    text += view.getUint16(at + 2 * i).toString(16);
  }
  return text;
}

/** 16 bytes, or null when the text is not an address. */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const given = head.length + tail.length;
  if (halves.length === 1 ? given !== GROUPS : given >= GROUPS) return null;
  const bytes = new Uint8Array(IPV6_ADDRESS_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < head.length; i++) view.setUint16(2 * i, head[i]!);
  for (let i = 0; i < tail.length; i++) view.setUint16(2 * (GROUPS - tail.length + i), tail[i]!);
  return bytes;
}

/** The 16-bit groups of one side of `::`; a dotted quad is allowed where the address ends. */
function parseGroups(text: string, atEnd: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = atEnd && i === parts.length - 1 ? parseIpv4(part) : null;
    if (quad === null) return null;
    groups.push(quad >>> 16, quad & 0xffff);
  }
  return groups;
}
