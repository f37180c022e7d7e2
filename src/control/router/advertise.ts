/**
 * Router advertisements of an interface (RFC 4861 6.2): which prefixes are here, and that this is a router; hosts make
 * their addresses from it (SLAAC). Three soon after the start, then every ten minutes, and an answer to those who ask,
 * not more often than every three seconds. All go to everybody.
 */

import type { InterfaceConfig } from '../../config/types/routing.ts';
import { ipv6Frame } from '../../protocols/neighbor-send.ts';
import { addressBytes, masked } from '../../wire/address.ts';
import type { Mac } from '../../wire/ethernet.ts';
import { linkLocalAddress } from '../../wire/ipv6.ts';
import { ALL_NODES, PREFIX_AUTONOMOUS, PREFIX_ON_LINK, routerAdvertisement } from '../../wire/nd.ts';

export interface Advertiser {
  readonly frame: Uint8Array;
  /** Advertisements of the start that are still to come. */
  initial: number;
  dueMs: number;
  sentMs: number;
  sent: boolean;
}

// RFC 4861 10 and 6.2.1.
const INITIAL = 3;
const INITIAL_MS = 16_000;
const INTERVAL_MS = 600_000;
const MIN_DELAY_MS = 3000;
const LIFETIME_SECONDS = 1800;
const VALID_SECONDS = 2_592_000;
const PREFERRED_SECONDS = 604_800;

export function createAdvertiser(config: InterfaceConfig, mac: Mac): Advertiser {
  const prefixes = config.addresses
    .map((text) => text.split('/'))
    .filter(([address]) => address!.includes(':'))
    .map(([address, bits]) => {
      const length = Number(bits);
      const prefix = masked(addressBytes(address!)!, length);
      // Only 64 bits leave room for an interface identifier.
      const flags = PREFIX_ON_LINK | (length === 64 ? PREFIX_AUTONOMOUS : 0);
      return { prefix, length, flags, validSeconds: VALID_SECONDS, preferredSeconds: PREFERRED_SECONDS };
    });
  const facts = { hopLimit: 64, lifetimeSeconds: LIFETIME_SECONDS, mtu: config.mtu, prefixes };
  const packet = routerAdvertisement(linkLocalAddress(mac.high, mac.low), ALL_NODES, mac, facts);
  return { frame: ipv6Frame(mac, null, packet), initial: INITIAL, dueMs: 0, sentMs: 0, sent: false };
}

/** The advertisement when its time has come. */
export function dueAdvertisement(a: Advertiser, nowMs: number): Uint8Array | null {
  return a.sent && ((nowMs - a.dueMs) | 0) < 0 ? null : send(a, nowMs);
}

/** The answer to a router solicitation. */
export function solicitedAdvertisement(a: Advertiser, nowMs: number): Uint8Array | null {
  return a.sent && ((nowMs - a.sentMs) | 0) < MIN_DELAY_MS ? null : send(a, nowMs);
}

function send(a: Advertiser, nowMs: number): Uint8Array {
  if (a.initial > 0) a.initial--;
  a.sent = true;
  a.sentMs = nowMs;
  a.dueMs = (nowMs + (a.initial > 0 ? INITIAL_MS : INTERVAL_MS)) | 0;
  return a.frame;
}
