/**
 * A port on a libpcap device, through the package `cap`: what works where libpcap does, without the addon.
 *
 * The package lives in a process of its own (cap-child.ts): it aborts when its interface vanishes, and its other
 * faults are no better. Frames go there and come from there over one socket, each with its length in front; queues in
 * both directions are bounded. When the process ends, the port is down and has to be opened again.
 *
 *   | length 4, little endian | frame ... | length 4 | frame ... |
 *
 * libpcap says nothing of what a sender on this machine left undone; that is found out (unfinished.ts). It is slow,
 * microseconds a frame, and what it loses by itself is not told: prefer `af-packet` where there is a choice.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Arena, frameStart, takeFor } from '../dataplane/arena.ts';
import { type Batch, INDEX_MASK, SHAPE_ALT } from '../dataplane/batch.ts';
import type { AdapterContext, AdapterEvents, LinkedAdapter } from './adapter.ts';
import { lengthOf } from './frame-copy.ts';
import { type InterfaceLink, interfaceMtu, linkOf } from './interface-files.ts';
import { unwatchLink, watchLink } from './link-watch.ts';
import { findUnfinished } from './unfinished.ts';

export interface CapOptions {
  device: string;
  /** Bytes after the Ethernet header and tags; the interface must allow them. */
  mtu: number;
}

/** What the child says beside frames. */
export type CapMessage =
  | { ready: true }
  | { failed: string; code: string }
  /** Totals since its start. */
  | { queueFull: number; framesTooLong: number; refused: number };

const LENGTH_BYTES = 4;
/** Bytes that wait on either side of the socket; more than this is "ring full". */
export const QUEUE_BYTES = 1 << 20;
const READY_MS = 30_000;
const MIN_FRAME = 14;
/** The socket's place among the child's descriptors. */
export const CHANNEL = 4;
const { EINVAL, ENETDOWN } = constants.errno;

/** Rejects with errors that have a `code`: ENODEV, EPERM, EMSGSIZE, ENOTSUP when the package cannot be used. */
export async function openCap(
  options: CapOptions,
  context: AdapterContext,
  entry: URL = new URL('./cap-child.js', import.meta.url),
): Promise<LinkedAdapter> {
  const { device, mtu } = options;
  const most = interfaceMtu(device);
  if (most === null) throw Object.assign(new Error('ENODEV: there is no such interface'), { code: 'ENODEV' });
  if (most < mtu) {
    const advice = `set mtu: ${most} here, or run: ip link set ${device} mtu ${mtu}`;
    throw Object.assign(new Error(`the interface has an MTU of ${most}, the port one of ${mtu}; ${advice}`), {
      code: 'EMSGSIZE',
    });
  }
  const stdio: ('ignore' | 'ipc' | 'pipe')[] = ['ignore', 'ignore', 'ignore', 'ipc', 'pipe'];
  const child = fork(fileURLToPath(entry), [device], { stdio, execArgv: [] });
  await answered(child);
  return new Cap(child, options, context);
}

function answered(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null) => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (error === null) return resolve();
      child.once('error', () => {});
      child.kill('SIGKILL');
      reject(error);
    };
    const failure = (text: string, code = 'ENOTSUP') => settle(Object.assign(new Error(text), { code }));
    const timer = setTimeout(() => failure('the process of the package cap did not answer'), READY_MS);
    child.once('message', (message: CapMessage) => {
      if ('failed' in message) failure(message.failed, message.code);
      else settle(null);
    });
    child.once('exit', (code, signal) => failure(`the process of the package cap ended (${signal ?? code})`));
    child.once('error', (error) => failure(error.message));
  });
}

class Cap implements LinkedAdapter {
  readonly kind = 'cap';
  readonly device: string;
  mtu: number;
  readonly fd = -1;
  readonly offloads = 0;
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #arena: Arena;
  readonly #events: AdapterEvents;
  #counters = { queueFull: 0, framesTooLong: 0, refused: 0 };
  /** Received and not yet taken: whole chunks, the first from `#at` on. */
  #chunks: Buffer[] = [];
  #at = 0;
  #waiting = 0;
  #told = false;
  #link: InterfaceLink | null = null;
  #gone = false;
  #closed = false;
  #lastError = 0;

  constructor(child: ChildProcess, options: CapOptions, context: AdapterContext) {
    this.#child = child;
    this.device = options.device;
    this.mtu = options.mtu;
    this.#arena = context.arena;
    this.#events = context.events;
    this.#channel = child.stdio[CHANNEL] as Duplex;
    this.#channel.on('error', () => {}); // the process has ended; `exit` says so
    this.#channel.on('data', (chunk: Buffer) => this.#arrived(chunk));
    child.on('message', (message: CapMessage) => {
      if ('queueFull' in message) this.#counters = message;
    });
    child.once('exit', (code, signal) => this.#ended(`the capturing process ended (${signal ?? code})`));
    child.once('error', () => {});
    child.unref();
    child.channel?.unref();
    (this.#channel as Partial<{ unref(): void }>).unref?.();
    watchLink(this);
    this.checkLink();
  }

  get counters(): Readonly<Record<string, number>> {
    const { queueFull, framesTooLong, refused } = this.#counters;
    return { queueFull, framesTooLong, refused };
  }

  get lastError(): number {
    return this.#lastError;
  }

  get gone(): boolean {
    return this.#gone;
  }

  setMtu(mtu: number): void {
    this.mtu = mtu;
  }

  #arrived(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting > QUEUE_BYTES) this.#channel.pause();
    this.#tell();
  }

  /** Once per turn of the event loop. */
  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    setImmediate(() => {
      this.#told = false;
      if (!this.#closed && this.#waiting > 0) this.#events.readable();
    });
  }

  receive(batch: Batch, port: number, max: number): number {
    const begin = batch.count;
    const end = Math.min(begin + max, batch.capacity);
    let more = false;
    while (batch.count < end) {
      const length = this.#nextLength();
      if (length < 0) break;
      const slot = takeFor(this.#arena, length);
      more = slot < 0;
      if (more) break; // waits for a slot
      const i = batch.count++;
      const off = frameStart(this.#arena, slot);
      const chunk = this.#chunks[0]!;
      this.#arena.bytes.set(chunk.subarray(this.#at + LENGTH_BYTES, this.#at + LENGTH_BYTES + length), off);
      this.#skip(LENGTH_BYTES + length);
      batch.slot[i] = slot;
      batch.off[i] = off;
      batch.len[i] = length;
      batch.port[i] = port;
      batch.rxFlags[i] = 0;
      findUnfinished(this.#arena.view, batch, i, this.mtu);
    }
    if (more || batch.count === end) this.#tell();
    if (this.#waiting <= QUEUE_BYTES / 2 && this.#channel.isPaused()) this.#channel.resume();
    return batch.count - begin;
  }

  /** Length of the next frame, whole in the first chunk; -1 when it is not all there yet. */
  #nextLength(): number {
    for (;;) {
      const [chunk, next] = this.#chunks;
      if (chunk === undefined) return -1;
      const left = chunk.length - this.#at;
      if (left >= LENGTH_BYTES) {
        const length = chunk.readUInt32LE(this.#at);
        if (left >= LENGTH_BYTES + length) return length;
      }
      if (next === undefined) return -1;
      this.#chunks.splice(0, 2, Buffer.concat([chunk.subarray(this.#at), next]));
      this.#at = 0;
    }
  }

  #skip(bytes: number): void {
    this.#at += bytes;
    this.#waiting -= bytes;
    if (this.#at < this.#chunks[0]!.length) return;
    this.#chunks.shift();
    this.#at = 0;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    this.#lastError = 0;
    if (this.#gone || this.#closed || !this.#link?.up) {
      this.#lastError = ENETDOWN;
      return 0;
    }
    let room = QUEUE_BYTES - this.#channel.writableLength;
    let bytes = 0;
    let looked = 0;
    for (; looked < count; looked++) {
      const length = lengthOf(batch, list[start + looked]) + LENGTH_BYTES;
      if (length > room) break;
      room -= length;
      bytes += length;
    }
    if (looked === 0) return 0;
    const frames = Buffer.allocUnsafe(bytes);
    let at = 0;
    let taken = 0;
    for (let k = 0; k < looked; k++) {
      const word = list[start + k];
      if (lengthOf(batch, word) < MIN_FRAME) {
        this.#lastError = EINVAL;
        continue;
      }
      at = this.#put(batch, word, frames, at);
      taken++;
    }
    this.#channel.write(frames.subarray(0, at));
    return taken;
  }

  /** Appends a frame; returns where the next one goes. */
  #put(batch: Batch, word: number, frames: Buffer, at: number): number {
    const { bytes } = this.#arena;
    const i = word & INDEX_MASK;
    const alt = (word & SHAPE_ALT) !== 0;
    const head = alt ? batch.altHeadOff[i] : batch.off[i];
    const headBytes = alt ? batch.altHeadLen[i] : batch.len[i];
    frames.writeUInt32LE(lengthOf(batch, word), at);
    frames.set(bytes.subarray(head, head + headBytes), at + LENGTH_BYTES);
    const body = at + LENGTH_BYTES + headBytes;
    if (!alt) return body;
    frames.set(bytes.subarray(batch.altOff[i], batch.altOff[i] + batch.altLen[i]), body);
    return body + batch.altLen[i];
  }

  checkLink(): void {
    if (this.#gone || this.#closed) return;
    const link = linkOf(this.device);
    if (link === null) this.#ended('interface deleted');
    if (link === null || link.up === this.#link?.up) return;
    this.#link = link;
    this.#say(link.up, link.reason);
  }

  #ended(why: string): void {
    if (this.#gone || this.#closed) return;
    this.#gone = true;
    this.#stop();
    this.#say(false, linkOf(this.device) === null ? 'interface deleted' : why);
  }

  #say(up: boolean, reason: string): void {
    queueMicrotask(() => {
      if (!this.#closed) this.#events.link(up, reason);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop();
  }

  #stop(): void {
    unwatchLink(this);
    this.#chunks = [];
    this.#waiting = 0;
    this.#channel.destroy();
    this.#child.kill('SIGKILL');
    if (this.#child.connected) this.#child.disconnect();
  }
}
