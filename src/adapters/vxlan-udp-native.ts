/**
 * A VXLAN underlay through the addon: one native call per burst, with UDP_GRO and UDP_SEGMENT.
 *
 * It takes super-frames whole and gives TCP flows as super-frames: the segments that travel are cut and put together in
 * native code, where the kernel's UDP offloads begin. What is exact about the source port, checksums and the like is written in `native/src/udp-send.c`.
 */

import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import {
  type Arena,
  frameStart,
  LARGE_FRAME_BYTES,
  release,
  SMALL_FRAME_BYTES,
  takeLarge,
  takeSmall,
} from '../dataplane/arena.ts';
import { type Batch, RX_CSUM_VERIFIED } from '../dataplane/batch.ts';
import { ALL_OFFLOADS, OFFLOAD_TUNNEL } from '../dataplane/offload/needs.ts';
import { addressBytes, addressText } from '../wire/address.ts';
import type { AdapterContext, AdapterEvents, MoreQueues } from './adapter.ts';
import { enterRows, readableSoon, writeBurst } from './bursts.ts';
import { interfaceWith } from './interface-files.ts';
import { keepDevice, takeDevice } from './kept.ts';
import {
  type NativeAddon,
  native,
  REPORT_ERRNO,
  REPORT_FRAMES,
  UDP_COALESCE_TCP4,
  UDP_COALESCE_TCP6,
  UDP_GRO,
  UDP_NOTICE_WORDS,
  UDP_REPORT_ICMP,
  UDP_REPORT_LARGE,
  UDP_REPORT_NOTICES,
  UDP_REPORT_SMALL,
  UDP_REPORT_WAITING,
  UDP_REPORT_WORDS,
  UDP_REUSEPORT,
  UDP_SEGMENT,
  UDP_ZERO_CHECK6,
} from './native.ts';
import { endpointText } from './udp-contract.ts';
import {
  FIRST_SOURCE_PORT,
  groupKey,
  LAST_SOURCE_PORT,
  type VxlanGroup,
  type VxlanUdpAdapter,
  type VxlanUdpCounters,
  type VxlanUdpOptions,
} from './vxlan-udp-contract.ts';

const { EMSGSIZE } = constants.errno;
/** What links carry in any case (RFC 8200); IPv4 alone has less. */
const LEAST_MTU = 1280;
const POOL_SOCKETS = 32;
/** Slots offered to a quiet socket, as in bursts.ts. */
const QUIET_SMALL = 8;
const QUIET_LARGE = 2;
const OFFER_WORDS = 2;
const NOTICES = 32;

/** The index of an interface; throws an error with code ENODEV when there is none. */
function interfaceIndex(addon: NativeAddon, name: string | undefined): number {
  if (name === undefined) return 0;
  const info = addon.ifInfo(name);
  if (info !== null) return info.index;
  throw Object.assign(new Error(`there is no interface ${name}`), { code: 'ENODEV' });
}

export function openNative(options: VxlanUdpOptions, context: AdapterContext): VxlanUdpAdapter {
  const addon = native();
  const [first, last] = options.sourcePorts ?? [FIRST_SOURCE_PORT, LAST_SOURCE_PORT];
  const { joins = false } = options;
  const shares = joins || (options.workers ?? 1) > 1;
  const flags =
    (options.offloads === 'off' ? 0 : UDP_GRO | UDP_SEGMENT) |
    (options.zeroChecksum6 === true ? UDP_ZERO_CHECK6 : 0) |
    (shares ? UDP_REUSEPORT : 0);
  const index = interfaceIndex(addon, options.interface);
  const open = (port: number, flags: number) =>
    addon.udpOpen(
      addressBytes(options.local)!,
      index,
      port,
      flags,
      first,
      last,
      options.sockets ?? POOL_SOCKETS,
      options.innerMtu ?? LEAST_MTU,
    );
  const { local, sockets, innerMtu } = options;
  const what = `vxlan-udp ${JSON.stringify([local, index, options.port, flags, first, last, sockets, innerMtu])}`;
  const kept = takeDevice(addon, context, what);
  let { port } = options;
  if (kept === null && shares && !joins) {
    // Another program that shares its port would have half of the flows: nobody may be there.
    const alone = open(port, flags & ~UDP_REUSEPORT);
    port = addon.udpPort(alone);
    addon.udpClose(alone);
  }
  const fd = kept?.fd ?? open(port, flags);
  keepDevice(addon, context, fd, what);
  try {
    const adapter = new NativeVxlanUdp(addon, fd, options, context);
    for (const group of options.groups ?? []) adapter.join(group);
    return adapter;
  } catch (error) {
    addon.udpClose(fd);
    throw error;
  }
}

class NativeVxlanUdp implements VxlanUdpAdapter {
  readonly kind = 'vxlan-udp';
  readonly transport = 'native';
  readonly detail: string;
  readonly device: string;
  readonly port: number;
  readonly mtu: number;
  readonly offloads: number;
  readonly moreQueues: MoreQueues | null;
  readonly #addon: NativeAddon;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  readonly #interface: string | undefined;
  readonly #local: string;
  /** Joined, with the interface's index then and that of the interface which they stand and fall with. */
  readonly #groups = new Map<string, { index: number; watched: number }>();
  readonly #counters: VxlanUdpCounters = { refused: 0, tooLong: 0, unreachable: 0, framesTooLong: 0, kernelDrops: 0 };
  readonly #report = new Int32Array(UDP_REPORT_WORDS);
  readonly #notices = new Int32Array(NOTICES * UDP_NOTICE_WORDS);
  /** Slot and offset of every slot offered: small ones first, then large ones. */
  readonly #offer: Int32Array;
  readonly #coalesce: number;
  /** Datagrams that the kernel has handed over already show in no poll. */
  readonly #tell: () => void;
  #fd: number;
  #smallBurst = QUIET_SMALL;
  #largeBurst = QUIET_LARGE;
  #lastError = 0;

  constructor(addon: NativeAddon, fd: number, options: VxlanUdpOptions, context: AdapterContext) {
    this.#addon = addon;
    this.#fd = fd;
    this.#arena = context.arena;
    this.#events = context.events;
    this.#tell = readableSoon(context.events, () => this.#fd >= 0);
    // Those of a thread before.
    this.#tell();
    this.#interface = options.interface;
    this.#local = options.local;
    const slots = context.arena.smallSlots + context.arena.largeSlots;
    this.#offer = new Int32Array(slots * OFFER_WORDS);
    this.offloads = options.offloads === 'off' ? 0 : ALL_OFFLOADS | OFFLOAD_TUNNEL;
    this.#coalesce = this.offloads === 0 ? 0 : UDP_COALESCE_TCP4 | UDP_COALESCE_TCP6;
    this.detail = options.offloads === 'off' ? 'one datagram a message' : 'UDP_SEGMENT, UDP_GRO';
    this.mtu = options.mtu;
    this.port = addon.udpPort(fd);
    this.device = endpointText({ host: options.local, port: this.port });
    const { port } = this;
    const shares = (options.workers ?? 1) > 1;
    this.moreQueues = shares ? { optionsOf: () => ({ port, joins: true }), close: () => {} } : null;
  }

  get fd(): number {
    return this.#fd;
  }

  get lastError(): number {
    return this.#lastError;
  }

  get counters(): VxlanUdpCounters {
    if (this.#fd >= 0) this.#counters.kernelDrops = this.#addon.udpDrops(this.#fd);
    return this.#counters;
  }

  join(group: VxlanGroup): boolean {
    const name = group.interface ?? this.#interface;
    const index = interfaceIndex(this.#addon, name);
    // The kernel forgets a membership with the interface that it was on, and says nothing.
    const watched = name === undefined ? this.#localIndex() : index;
    const key = groupKey(group.address, name);
    const known = this.#groups.get(key);
    if (known !== undefined) {
      if (watched === 0 || known.watched === watched) return false;
      this.leave(group);
    }
    this.#addon.udpJoin(this.#fd, addressBytes(group.address)!, index);
    this.#groups.set(key, { index, watched });
    return true;
  }

  leave(group: VxlanGroup): boolean {
    const key = groupKey(group.address, group.interface ?? this.#interface);
    const known = this.#groups.get(key);
    if (known === undefined) return false;
    this.#groups.delete(key);
    return this.#addon.udpLeave(this.#fd, addressBytes(group.address)!, known.index);
  }

  /** Index of the interface that has the local address, 0 when none has. */
  #localIndex(): number {
    const name = interfaceWith(this.#local);
    return name === null ? 0 : (this.#addon.ifInfo(name)?.index ?? 0);
  }

  pathMtu(address: string): number {
    return this.#fd < 0 ? 0 : this.#addon.udpPathMtu(this.#fd, addressBytes(address)!);
  }

  receive(batch: Batch, port: number, max: number): number {
    if (this.#fd < 0) return 0;
    const begin = batch.count;
    let room = Math.min(max, batch.capacity - begin);
    while (room > 0) {
      const small = this.#offerSlots(Math.min(room, this.#smallBurst), 0, false);
      const large = this.#offerSlots(Math.min(room, this.#largeBurst), small, true);
      if (small + large === 0) break; // the datagrams wait
      const got = this.#receiveBurst(batch, port, Math.min(room, small + large), small, large);
      room -= got;
      if (got === 0 || (got < small + large && this.#report[UDP_REPORT_WAITING] === 0)) break; // drained
    }
    if (this.#report[UDP_REPORT_WAITING] !== 0) this.#tell();
    return batch.count - begin;
  }

  /** Puts up to `wanted` free slots behind the first `at` of the offer; says how many. */
  #offerSlots(wanted: number, at: number, large: boolean): number {
    const arena = this.#arena;
    for (let n = 0; n < wanted; n++) {
      const slot = large ? takeLarge(arena) : takeSmall(arena);
      if (slot < 0) return n;
      this.#offer[(at + n) * OFFER_WORDS] = slot;
      this.#offer[(at + n) * OFFER_WORDS + 1] = frameStart(arena, slot);
    }
    return wanted;
  }

  #receiveBurst(batch: Batch, port: number, max: number, small: number, large: number): number {
    const first = batch.count;
    const report = this.#report;
    const got = this.#addon.udpReceiveBurst(
      this.#fd,
      this.#arena.bytes,
      batch.slot,
      batch.off,
      batch.len,
      batch.gso,
      batch.csum,
      first,
      max,
      this.#offer,
      small,
      large,
      SMALL_FRAME_BYTES,
      LARGE_FRAME_BYTES,
      report,
      this.#coalesce,
    );
    const smallUsed = report[UDP_REPORT_SMALL];
    const largeUsed = report[UDP_REPORT_LARGE];
    // Last taken, first given back: the free stacks are as they were.
    for (let n = small + large - 1; n >= small + largeUsed; n--) release(this.#arena, this.#offer[n * OFFER_WORDS]);
    for (let n = small - 1; n >= smallUsed; n--) release(this.#arena, this.#offer[n * OFFER_WORDS]);
    this.#smallBurst = nextBurst(this.#smallBurst, smallUsed, small, QUIET_SMALL, batch.capacity);
    this.#largeBurst = nextBurst(this.#largeBurst, largeUsed, large, QUIET_LARGE, batch.capacity);
    enterRows(batch, port, first, first + got, RX_CSUM_VERIFIED);
    this.#counters.framesTooLong += report[REPORT_FRAMES];
    return got;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0) return 0;
    const report = this.#report;
    const sent = writeBurst(this.#addon.udpSendBurst, this.#fd, this.#arena, batch, list, start, count, report);
    this.#lastError = report[REPORT_ERRNO];
    if (this.#lastError === EMSGSIZE) this.#counters.tooLong += report[REPORT_FRAMES];
    else this.#counters.refused += report[REPORT_FRAMES];
    this.#counters.unreachable += report[UDP_REPORT_ICMP];
    if (report[UDP_REPORT_NOTICES] > 0) queueMicrotask(() => this.#takeNotices());
    return sent;
  }

  #takeNotices(): void {
    if (this.#fd < 0) return;
    const words = this.#notices;
    const count = this.#addon.udpNotices(this.#fd, words);
    for (let n = 0; n < count; n++) {
      const at = n * UDP_NOTICE_WORDS;
      const address = addressText(new Uint8Array(words.buffer, at * 4, words[at + 4]));
      const error = words[at + 5];
      if (error !== EMSGSIZE) this.#events.unreachable?.(address, getSystemErrorName(-error));
      else if (words[at + 6] > 0) this.#events.pathMtu?.(address, words[at + 6]);
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#addon.udpClose(this.#fd);
    this.#fd = -1;
  }
}

/** All that was offered was taken: offer more; much was left: offer less. */
function nextBurst(burst: number, used: number, offered: number, least: number, most: number): number {
  return used === offered ? Math.min(burst * 2, most) : Math.max(least, used * 2);
}
