/**
 * DHCP for IPv4 (RFC 2131) as a relay sees it, and the relay's own option (RFC 3046).
 *
 *   0       1       2       3       4               8       10      12      16      20      24      28            236
 *   +-------+-------+-------+-------+---------------+-------+-------+-------+-------+-------+-------+------ ... --+
 *   | op    | htype | hlen  | hops  | xid           | secs  | flags | ciaddr| yiaddr| siaddr| giaddr| chaddr, ... | options
 *   +-------+-------+-------+-------+---------------+-------+-------+-------+-------+-------+-------+------ ... --+
 *
 * Options begin with the cookie 63 82 53 63: code, length, value; 0 is one byte of padding, 255 ends them.
 */

export const DHCP_REQUEST = 1;
export const DHCP_REPLY = 2;
export const DHCP_BYTES = 240;
const HTYPE = 1;
const HLEN = 2;
const HOPS = 3;
const FLAGS = 10;
const CIADDR = 12;
const YIADDR = 16;
const GIADDR = 24;
const CHADDR = 28;
const COOKIE_AT = 236;
const COOKIE = 0x63825363;
const FLAG_BROADCAST = 0x8000;
const ETHERNET = 1;
const OPTION_PAD = 0;
const OPTION_END = 255;
const OPTION_RELAY = 82;
const RELAY_CIRCUIT = 1;
const RELAY_REMOTE = 2;

/** From Ethernet, with options; reads below are of messages that fit. */
export function dhcpFits(m: DataView): boolean {
  return (
    m.byteLength >= DHCP_BYTES &&
    m.getUint32(COOKIE_AT) === COOKIE &&
    m.getUint8(HTYPE) === ETHERNET &&
    m.getUint8(HLEN) === 6
  );
}

export function dhcpOp(m: DataView): number {
  return m.getUint8(0);
}

export function dhcpHops(m: DataView): number {
  return m.getUint8(HOPS);
}

export function writeDhcpHops(m: DataView, hops: number): void {
  m.setUint8(HOPS, hops);
}

export function dhcpWantsBroadcast(m: DataView): boolean {
  return (m.getUint16(FLAGS) & FLAG_BROADCAST) !== 0;
}

export function dhcpClientIp(m: DataView): number {
  return m.getUint32(CIADDR);
}

export function dhcpYourIp(m: DataView): number {
  return m.getUint32(YIADDR);
}

export function dhcpRelayIp(m: DataView): number {
  return m.getUint32(GIADDR);
}

export function writeDhcpRelayIp(m: DataView, ip: number): void {
  m.setUint32(GIADDR, ip);
}

export function dhcpClientMac(m: DataView): { high: number; low: number } {
  return { high: m.getUint16(CHADDR), low: m.getInt32(CHADDR + 2) };
}

/** Where an option begins and what it takes, code and length included; null when it is not there. */
function findOption(message: Uint8Array, code: number): { at: number; bytes: number } | null {
  for (let at = DHCP_BYTES; at < message.length; ) {
    const here = message[at]!;
    if (here === OPTION_END) return code === OPTION_END ? { at, bytes: 1 } : null;
    const bytes = here === OPTION_PAD ? 1 : 2 + (message[at + 1] ?? 0);
    if (here === code) return at + bytes <= message.length ? { at, bytes } : null;
    at += bytes;
  }
  return null;
}

export function hasRelayOption(message: Uint8Array): boolean {
  return findOption(message, OPTION_RELAY) !== null;
}

/** The message with the relay's option as its last; as it was when its options have no end. */
export function addRelayOption(message: Uint8Array, circuit: Uint8Array, remote: Uint8Array): Uint8Array {
  const end = findOption(message, OPTION_END);
  if (end === null) return message;
  const made = new Uint8Array(end.at + 2 + 2 + circuit.length + 2 + remote.length + 1);
  made.set(message.subarray(0, end.at));
  let at = end.at;
  made[at++] = OPTION_RELAY;
  made[at++] = 4 + circuit.length + remote.length;
  for (const [code, value] of [
    [RELAY_CIRCUIT, circuit],
    [RELAY_REMOTE, remote],
  ] as const) {
    made[at++] = code;
    made[at++] = value.length;
    made.set(value, at);
    at += value.length;
  }
  made[at] = OPTION_END;
  return made;
}

export function withoutRelayOption(message: Uint8Array): Uint8Array {
  const found = findOption(message, OPTION_RELAY);
  if (found === null) return message;
  const made = new Uint8Array(message.length - found.bytes);
  made.set(message.subarray(0, found.at));
  made.set(message.subarray(found.at + found.bytes), found.at);
  return made;
}
