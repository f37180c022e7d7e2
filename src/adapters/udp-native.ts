/**
 * A UDP port through the addon: a burst is one recvmmsg, or one sendmmsg of 64 datagrams.
 *
 * What waits, waits in the socket's memory, where the newest loses when it is full. Some of it the addon has taken out
 * already and found no slot for, which shows in no poll: `readable` is said of that.
 */

import { constants } from 'node:os';
import type { Arena } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import { addressBytes } from '../wire/address.ts';
import type { AdapterContext } from './adapter.ts';
import { BurstReader, readableSoon, writeBurst } from './bursts.ts';
import { keepDevice, takeDevice } from './kept.ts';
import { type NativeAddon, native, REPORT_ERRNO, REPORT_FRAMES, UDP_PLAIN_WAITING, UDP_PLAIN_WORDS } from './native.ts';
import { type Endpoint, endpointText, type UdpAdapter, type UdpCounters, type UdpOptions } from './udp-contract.ts';

const { EMSGSIZE, ENODEV } = constants.errno;
const BURST_BYTES = 512 * 1024;

export async function openNative(
  local: Endpoint,
  remote: Endpoint,
  options: UdpOptions,
  context: AdapterContext,
): Promise<UdpAdapter> {
  const addon = native();
  const what = `udp ${JSON.stringify([local, remote])}`;
  const kept = takeDevice(addon, context, what);
  const fd = kept?.fd ?? openSocket(addon, local, remote);
  keepDevice(addon, context, fd, what);
  return new NativeUdp(addon, fd, local, options, context);
}

function openSocket(addon: NativeAddon, local: Endpoint, remote: Endpoint): number {
  const scope = scopeOf(addon, remote.host) || scopeOf(addon, local.host);
  return addon.udpPlainOpen(bytesOf(local.host), local.port, bytesOf(remote.host), remote.port, scope);
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
  readonly #counters: UdpCounters = { queueFull: 0, foreign: 0, tooLong: 0, errors: 0 };
  readonly #report = new Int32Array(UDP_PLAIN_WORDS);
  readonly #reader: BurstReader;
  readonly #after: () => boolean;
  /** Frames wait in the addon. */
  readonly #tell: () => void;
  #fd: number;
  #lastError = 0;

  constructor(addon: NativeAddon, fd: number, local: Endpoint, options: UdpOptions, context: AdapterContext) {
    this.#addon = addon;
    this.#fd = fd;
    this.#arena = context.arena;
    this.#reader = new BurstReader(addon.udpPlainReadBurst, context.arena, this.#report, BURST_BYTES);
    this.#after = () => {
      if (this.#report[REPORT_ERRNO] !== 0) this.#counters.errors++;
      return true;
    };
    this.#tell = readableSoon(context.events, () => this.#fd >= 0);
    // Those of a thread before.
    this.#tell();
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
    const received = this.#reader.receive(this.#fd, batch, port, max, this.#after);
    if (this.#report[UDP_PLAIN_WAITING] !== 0) this.#tell();
    return received;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#fd < 0) return 0;
    const report = this.#report;
    const write = this.#addon.udpPlainWriteBurst;
    const sent = writeBurst(write, this.#fd, this.#arena, batch, list, start, count, report);
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
