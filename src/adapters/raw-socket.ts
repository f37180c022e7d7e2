/**
 * A VXLAN underlay that sends through the package `raw-socket`: `underlay: raw-socket`.
 *
 * Every frame leaves with the very source port, TTL, TOS and DF of its header, one IP packet a frame, without owning
 * layer 2. That is its worth: it is slower than `udp` and takes root (CAP_NET_RAW). The package lives in a process of
 * its own, see raw-socket-child.ts: when that ends it is started again within a second, and what is sent meanwhile is
 * "ring full". Receiving, groups and path MTUs are those of the UDP sockets.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Arena } from '../dataplane/arena.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../dataplane/batch.ts';
import { addressBytes } from '../wire/address.ts';
import { ETHERNET_BYTES } from '../wire/ethernet.ts';
import type { AdapterContext, AdapterEvents } from './adapter.ts';
import { lengthOf } from './frame-copy.ts';
import { OUTER_IPV4_BYTES, OUTER_IPV6_BYTES } from './outer-headers.ts';
import { packetDestination } from './raw-ip.ts';
import { openVxlanUdp } from './vxlan-udp.ts';
import type { VxlanGroup, VxlanUdpAdapter, VxlanUdpCounters, VxlanUdpOptions } from './vxlan-udp-contract.ts';

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** Bytes in the pipe and in front of it; more than this is "ring full". */
const QUEUE_BYTES = 1 << 20;
const LENGTH_BYTES = 2;
/** How long the child may take to say that it is ready. */
const READY_MS = 30_000;
const CHECK_MS = 1000;
/** Destinations whose path MTU is watched: those of the last second. */
const WATCHED = 256;

/** Rejects with an error whose code is EPERM, ENOTSUP or that of the UDP socket. */
export async function openVxlanRaw(
  options: VxlanUdpOptions,
  context: AdapterContext,
  entry: URL = new URL('./raw-socket-child.js', import.meta.url),
): Promise<VxlanUdpAdapter> {
  const udp = await openVxlanUdp({ ...options, sockets: 1, offloads: 'off' }, context);
  try {
    const v4 = addressBytes(options.local)!.length === 4;
    const child = await startChild(entry, v4);
    return new VxlanRaw(udp, child, () => spawnChild(entry, v4), v4, options.mtu, context);
  } catch (error) {
    udp.close();
    throw error;
  }
}

function spawnChild(entry: URL, v4: boolean): Child {
  const args = [fileURLToPath(entry), 'serve', v4 ? '4' : '6'];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => {}); // it has ended; `exit` says so
  return child;
}

async function startChild(entry: URL, v4: boolean): Promise<Child> {
  const child = spawnChild(entry, v4);
  const lines = createInterface({ input: child.stdout });
  try {
    const said = await new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve('{"failed":"its process did not answer"}'), READY_MS);
      const settle = (text: string) => {
        clearTimeout(timer);
        resolve(text);
      };
      lines.once('line', settle);
      child.once('exit', (code, signal) => settle(JSON.stringify({ failed: `its process ended (${signal ?? code})` })));
      child.once('error', (error) => settle(JSON.stringify({ failed: error.message })));
    });
    const { failed } = JSON.parse(said) as { failed?: string };
    if (failed === undefined) return child;
    child.kill();
    throw rawFailure(failed);
  } finally {
    lines.close();
  }
}

function rawFailure(text: string): Error {
  if (/permitted|EPERM/i.test(text)) {
    return Object.assign(new Error(`raw sockets need root or CAP_NET_RAW: ${text}`), { code: 'EPERM' });
  }
  return Object.assign(new Error(`the package raw-socket cannot be used: ${text}`), { code: 'ENOTSUP' });
}

class VxlanRaw implements VxlanUdpAdapter {
  readonly kind = 'vxlan-udp';
  readonly transport = 'raw-socket';
  readonly detail = 'sends IP packets through raw-socket';
  readonly mtu: number;
  readonly offloads = 0;
  readonly lastError = 0;
  readonly #udp: VxlanUdpAdapter;
  readonly #restart: () => Child;
  readonly #v4: boolean;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  readonly #own = { refused: 0, tooLong: 0 };
  /** Path MTU by destination, of those that frames went to since the last check. */
  readonly #paths = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #child: Child | undefined;
  #closed = false;

  constructor(
    udp: VxlanUdpAdapter,
    child: Child,
    restart: () => Child,
    v4: boolean,
    mtu: number,
    context: AdapterContext,
  ) {
    this.#udp = udp;
    this.#restart = restart;
    this.#v4 = v4;
    this.mtu = mtu;
    this.#arena = context.arena;
    this.#events = context.events;
    this.#adopt(child);
    this.#timer = setInterval(() => this.#check(), CHECK_MS).unref();
  }

  get device(): string {
    return this.#udp.device;
  }

  get port(): number {
    return this.#udp.port;
  }

  get fd(): number {
    return this.#udp.fd;
  }

  /** Of the process that sends; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get counters(): VxlanUdpCounters {
    const { refused, tooLong } = this.#own;
    return { ...this.#udp.counters, refused, tooLong };
  }

  join(group: VxlanGroup): boolean {
    return this.#udp.join(group);
  }

  leave(group: VxlanGroup): boolean {
    return this.#udp.leave(group);
  }

  pathMtu(address: string): number {
    return this.#udp.pathMtu(address);
  }

  receive(batch: Batch, port: number, max: number): number {
    return this.#udp.receive(batch, port, max);
  }

  #adopt(child: Child): void {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line));
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    child.once('error', () => {});
    child.unref();
    for (const stream of [child.stdin, child.stdout]) (stream as Partial<{ unref(): void }>).unref?.();
  }

  #hear(line: string): void {
    const said = JSON.parse(line) as Partial<{ refused: number; tooLong: number }>;
    this.#own.refused += said.refused ?? 0;
    this.#own.tooLong += said.tooLong ?? 0;
  }

  #check(): void {
    if (this.#child === undefined && !this.#closed) this.#adopt(this.#restart());
    // A raw socket is told nothing of a path; the kernel remembers what it was told, and is asked.
    for (const [address, before] of this.#paths) {
      const mtu = this.#udp.pathMtu(address);
      if (mtu > 0 && mtu < before) this.#events.pathMtu?.(address, mtu);
    }
    this.#paths.clear();
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    const child = this.#child;
    if (child === undefined || this.#closed) return 0;
    let room = QUEUE_BYTES - child.stdin.writableLength;
    let taken = 0;
    let bytes = 0;
    for (; taken < count; taken++) {
      const length = lengthOf(batch, list[start + taken]) - ETHERNET_BYTES + LENGTH_BYTES;
      if (length > room) break;
      room -= length;
      bytes += length;
    }
    if (taken === 0) return 0;
    const packets = Buffer.allocUnsafe(bytes);
    let at = 0;
    for (let k = 0; k < taken; k++) at = this.#put(batch, list[start + k], packets, at);
    child.stdin.write(packets.subarray(0, at));
    return taken;
  }

  /** Appends a frame's IP packet; returns where the next one goes. */
  #put(batch: Batch, word: number, packets: Buffer, at: number): number {
    const { bytes } = this.#arena;
    const i = word & INDEX_MASK;
    const length = lengthOf(batch, word) - ETHERNET_BYTES;
    const packet = at + LENGTH_BYTES;
    const end = packet + length;
    const alt = (word & SHAPE_ALT) !== 0;
    const head = alt ? batch.altHeadOff[i] : batch.off[i];
    const headBytes = alt ? batch.altHeadLen[i] : batch.len[i];
    if (length < (this.#v4 ? OUTER_IPV4_BYTES : OUTER_IPV6_BYTES) - ETHERNET_BYTES || headBytes < ETHERNET_BYTES) {
      this.#own.refused++;
      return at;
    }
    packets.writeUInt16BE(length, at);
    packets.set(bytes.subarray(head + ETHERNET_BYTES, head + headBytes), packet);
    if (alt) packets.set(bytes.subarray(batch.altOff[i], batch.altOff[i] + batch.altLen[i]), end - batch.altLen[i]);
    this.#watch(packets, packet);
    return end;
  }

  #watch(packets: Buffer, packet: number): void {
    if (this.#paths.size >= WATCHED) return;
    const address = packetDestination(packets, packet, this.#v4);
    if (!this.#paths.has(address)) this.#paths.set(address, this.#udp.pathMtu(address));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#child?.stdin.end();
    this.#child?.kill();
    this.#udp.close();
  }
}
