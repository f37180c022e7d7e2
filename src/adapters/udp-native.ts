/**
 * A UDP port through the addon: a burst is one recvmmsg, or one sendmmsg of 64 datagrams.
 *
 * What waits, waits in the socket's memory, where the newest loses when it is full. Some of it the addon has taken out
 * already and found no slot for, which shows in no poll: `readable` is said of that.
 */

import { constants } from 'node:os';
import {
  type Arena,
  frameStart,
  LARGE_FRAME_BYTES,
  release,
  SMALL_FRAME_BYTES,
  takeLarge,
  takeSmall,
} from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import { addressBytes } from '../wire/address.ts';
import type { AdapterContext, AdapterEvents } from './adapter.ts';
import {
  type NativeAddon,
  native,
  REPORT_ERRNO,
  REPORT_FRAMES,
  REPORT_LONG,
  UDP_PLAIN_WAITING,
  UDP_PLAIN_WORDS,
} from './native.ts';
import { type Endpoint, endpointText, type UdpAdapter, type UdpCounters, type UdpOptions } from './udp-contract.ts';

const { EMSGSIZE, ENODEV } = constants.errno;
/** Slots offered to a quiet socket, as in tap.ts. */
const QUIET_BURST = 8;
const BURST_BYTES = 512 * 1024;

export async function openNative(
  local: Endpoint,
  remote: Endpoint,
  options: UdpOptions,
  context: AdapterContext,
): Promise<UdpAdapter> {
  const addon = native();
  const scope = scopeOf(addon, remote.host) || scopeOf(addon, local.host);
  const fd = addon.udpPlainOpen(bytesOf(local.host), local.port, bytesOf(remote.host), remote.port, scope);
  return new NativeUdp(addon, fd, local, options, context);
}

/** `fe80::1%eth0` */
function zoned(host: string): [string, string] {
  const at = host.indexOf('%');
  return at < 0 ? [host, ''] : [host.slice(0, at), host.slice(at + 1)];
}

function bytesOf(host: string): Uint8Array {
  const bytes = addressBytes(zoned(host)[0]);
  if (bytes === null) throw new TypeError(`"${host}" is no IP address`);
  return bytes;
}

/** The interface of a link-local address, by name or number; 0 for none. */
function scopeOf(addon: NativeAddon, host: string): number {
  const zone = zoned(host)[1];
  if (zone === '') return 0;
  const index = /^\d{1,9}$/.test(zone) ? Number(zone) : addon.ifInfo(zone)?.index;
  if (index !== undefined) return index;
  throw Object.assign(new Error(`ENODEV: there is no interface ${zone}`), { code: 'ENODEV', errno: -ENODEV });
}

class NativeUdp implements UdpAdapter {
  readonly kind = 'udp';
  readonly transport = 'native';
  readonly device: string;
  mtu: number;
  readonly offloads = 0;
  readonly local: Endpoint;
  readonly #addon: NativeAddon;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  readonly #counters: UdpCounters = { queueFull: 0, foreign: 0, tooLong: 0, errors: 0 };
  readonly #report = new Int32Array(UDP_PLAIN_WORDS);
  #fd: number;
  #burst = QUIET_BURST;
  #lastError = 0;
  #told = false;

  constructor(addon: NativeAddon, fd: number, local: Endpoint, options: UdpOptions, context: AdapterContext) {
    this.#addon = addon;
    this.#fd = fd;
    this.#arena = context.arena;
    this.#events = context.events;
    this.local = { host: local.host, port: addon.udpPlainPort(fd) };
    this.device = endpointText(this.local);
    this.mtu = options.mtu;
  }

  get fd(): number {
    return this.#fd;
  }

  get lastError(): number {
    return this.#lastError;
  }

  get counters(): UdpCounters {
    if (this.#fd >= 0) this.#counters.queueFull = this.#addon.udpPlainDrops(this.#fd);
    return this.#counters;
  }

  setMtu(mtu: number): void {
    this.mtu = mtu;
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.#fd < 0) return 0;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    let large = false;
    while (room > 0) {
      const offered = this.#takeSlots(batch, large ? 1 : Math.min(room, this.#burst), large);
      if (offered === 0) break; // the frames wait
      const got = this.#readBurst(batch, port, offered, large ? LARGE_FRAME_BYTES : SMALL_FRAME_BYTES);
      room -= got;
      large = this.#report[REPORT_LONG] !== 0;
      if (got === offered) {
        this.#burst = Math.min(this.#burst * 2, batch.capacity);
      } else if (!large) {
        this.#burst = Math.max(QUIET_BURST, got * 2);
        break;
      }
    }
    if (this.#report[UDP_PLAIN_WAITING] !== 0) this.#tell();
    return batch.count - begin;
  }

  /** Puts up to `wanted` free slots behind the batch's last frame. */
  #takeSlots(batch: Batch, wanted: number, large: boolean): number {
    for (let n = 0; n < wanted; n++) {
      const slot = large ? takeLarge(this.#arena) : takeSmall(this.#arena);
      if (slot < 0) return n;
      batch.slot[batch.count + n] = slot;
      batch.off[batch.count + n] = frameStart(this.#arena, slot);
    }
    return wanted;
  }

  #readBurst(batch: Batch, port: number, offered: number, capacity: number): number {
    const first = batch.count;
    const got = this.#addon.udpPlainReadBurst(
      this.#fd,
      this.#arena.bytes,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      first,
      offered,
      capacity,
      BURST_BYTES,
      this.#report,
    );
    const end = first + got;
    // Last taken, first given back: the free stack is as it was.
    for (let i = first + offered - 1; i >= end; i--) release(this.#arena, batch.slot[i]);
    for (let i = first; i < end; i++) {
      batch.port[i] = port;
      batch.rxFlags[i] = 0;
    }
    batch.count = end;
    if (this.#report[REPORT_ERRNO] !== 0) this.#counters.errors++;
    return got;
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    setImmediate(() => {
      this.#told = false;
      if (this.#fd >= 0) this.#events.readable();
    });
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0) return 0;
    const report = this.#report;
    const sent = this.#addon.udpPlainWriteBurst(
      this.#fd,
      this.#arena.bytes,
      list,
      start,
      count,
      batch.off,
      batch.len,
      batch.altHeadOff,
      batch.altHeadLen,
      batch.altOff,
      batch.altLen,
      batch.gso,
      batch.csum,
      report,
    );
    this.#lastError = report[REPORT_ERRNO];
    if (this.#lastError === EMSGSIZE) this.#counters.tooLong += report[REPORT_FRAMES];
    else this.#counters.errors += report[REPORT_FRAMES];
    return sent;
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#addon.udpPlainClose(this.#fd);
    this.#fd = -1;
  }
}
