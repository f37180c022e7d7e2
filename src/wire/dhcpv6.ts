/**
 * DHCP for IPv6 as a relay sees it (RFC 8415 9). Messages of clients and servers are opaque but for their type; a relay puts
 * one into a message of its own, and takes an answer out again.
 *
 *   0          1            2                              18                             34
 *   +----------+------------+------------------------------+------------------------------+---------
 *   | type     | hop count  | link address                 | peer address                 | options
 *   +----------+------------+------------------------------+------------------------------+---------
 *
 * An option is a code, a length, two bytes each, and the value.
 */

export const DHCPV6_CLIENT_PORT = 546;
export const DHCPV6_SERVER_PORT = 547;
const RELAY_FORWARD = 12;
const RELAY_REPLY = 13;
const RELAY_BYTES = 34;
const LINK = 2;
const PEER = 18;
const ADDRESS_BYTES = 16;
const OPTION_MESSAGE = 9;
const OPTION_INTERFACE = 18;
/** RFC 8415 7.6. */
const HOP_LIMIT = 8;
/** Solicit, request, confirm, renew, rebind, release, decline, information request, relay forward. */
const FROM_CLIENTS: ReadonlySet<number> = new Set([1, 3, 4, 5, 6, 8, 9, 11, RELAY_FORWARD]);

/** The message that a server is told of this one, from `peer` on the link of `link`; null when it is none to be relayed. */
export function relayForward(
  message: Uint8Array,
  link: Uint8Array,
  peer: Uint8Array,
  interfaceId: Uint8Array,
): Uint8Array | null {
  const type = message[0];
  if (type === undefined || !FROM_CLIENTS.has(type) || message.length > 0xffff) return null;
  const hops = type === RELAY_FORWARD ? (message[1] ?? HOP_LIMIT) + 1 : 0;
  if (hops >= HOP_LIMIT) return null;
  const made = new Uint8Array(RELAY_BYTES + 4 + interfaceId.length + 4 + message.length);
  const view = new DataView(made.buffer);
  made[0] = RELAY_FORWARD;
  made[1] = hops;
  made.set(link, LINK);
  made.set(peer, PEER);
  let at = RELAY_BYTES;
  for (const [code, value] of [
    [OPTION_INTERFACE, interfaceId],
    [OPTION_MESSAGE, message],
  ] as const) {
    view.setUint16(at, code);
    view.setUint16(at + 2, value.length);
    made.set(value, at + 4);
    at += 4 + value.length;
  }
  return made;
}

export interface RelayReply {
  readonly peer: Uint8Array;
  readonly interfaceId: Uint8Array | null;
  readonly message: Uint8Array;
  /** The answer is for another relay. */
  readonly nested: boolean;
}

/** What a server answers to a message of a relay; null when it is no such answer. */
export function readRelayReply(message: Uint8Array): RelayReply | null {
  if (message.length < RELAY_BYTES || message[0] !== RELAY_REPLY) return null;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  let inner: Uint8Array | null = null;
  let interfaceId: Uint8Array | null = null;
  for (let at = RELAY_BYTES; at + 4 <= message.length; ) {
    const code = view.getUint16(at);
    const end = at + 4 + view.getUint16(at + 2);
    if (end > message.length) return null;
    if (code === OPTION_MESSAGE) inner = message.slice(at + 4, end);
    else if (code === OPTION_INTERFACE) interfaceId = message.slice(at + 4, end);
    at = end;
  }
  if (inner === null || inner.length === 0) return null;
  const peer = message.slice(PEER, PEER + ADDRESS_BYTES);
  return { peer, interfaceId, message: inner, nested: inner[0] === RELAY_REPLY };
}
