/**
 * A UDP port on node:dgram, where there is no addon.
 *
 * What reached the socket between bind and connect is judged here. Received frames wait in a bounded queue, where the
 * newest loses when it is full: a burst keeps its order and its beginning. Sending copies, since node keeps the memory until
 * the datagram has left.
 */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { type Arena, frameStart, takeFor } from '../dataplane/arena.ts';
import type { Batch } from '../dataplane/batch.ts';
import type { AdapterContext } from './adapter.ts';
import { DatagramQueue } from './datagram-queue.ts';
import { enterCopy, frameCopy } from './frame-copy.ts';
import { type Endpoint, endpointText, type UdpAdapter, type UdpCounters, type UdpOptions } from './udp-contract.ts';

const QUEUE_FRAMES = 1024;
/** Datagrams handed to node and not yet sent; more than this is "ring full". */
const SENDS_UNDER_WAY = 1024;
const SOCKET_BUFFER_BYTES = 1 << 20;

export async function openDgram(
  local: Endpoint,
  remote: Endpoint,
  options: UdpOptions,
  context: AdapterContext,
): Promise<UdpAdapter> {
  const socket = createSocket({
    type: isIP(remote.host) === 6 ? 'udp6' : 'udp4',
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
  });
  try {
    await settled(socket, 'listening', () => socket.bind({ address: local.host, port: local.port, exclusive: true }));
    const adapter = new Udp(socket, remote, options, context);
    await settled(socket, 'connect', () => socket.connect(remote.port, remote.host));
    adapter.connected(socket.remoteAddress());
    return adapter;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** `fe80::1%eth0` is told with and without its zone, depending on who tells it. */
function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

/** Starts something on the socket and waits for its event, or for the error instead. */
function settled(socket: Socket, event: 'listening' | 'connect', start: () => void): Promise<void> {
  return new Promise((done, fail) => {
    const succeed = () => {
      socket.removeListener('error', failed);
      done();
    };
    const failed = (error: Error) => {
      socket.removeListener(event, succeed);
      fail(error);
    };
    socket.once(event, succeed);
    socket.once('error', failed);
    start();
  });
}

class Udp implements UdpAdapter {
  readonly kind = 'udp';
  readonly transport = 'dgram';
  readonly detail = 'node:dgram, the addon is missing';
  readonly device: string;
  mtu: number;
  readonly fd = -1;
  readonly offloads = 0;
  readonly lastError = 0;
  readonly local: Endpoint;
  readonly counters: UdpCounters = { queueFull: 0, foreign: 0, tooLong: 0, errors: 0 };
  readonly #socket: Socket;
  readonly #arena: Arena;
  readonly #queue: DatagramQueue<Buffer>;
  #sendsUnderWay = 0;
  #closed = false;
  #remote: Endpoint;

  constructor(socket: Socket, remote: Endpoint, options: UdpOptions, context: AdapterContext) {
    const bound = socket.address();
    this.#socket = socket;
    this.#remote = remote;
    this.#arena = context.arena;
    this.#queue = new DatagramQueue(options.queueFrames ?? QUEUE_FRAMES, context.events);
    this.local = { host: bound.address, port: bound.port };
    this.device = endpointText(this.local);
    this.mtu = options.mtu;
    socket.on('message', (frame, from) => this.#arrived(frame, from));
    socket.on('error', (error) => this.#failed(error));
  }

  /** The system's spelling of the peer's address is what `from` is compared with. */
  connected(peer: { address: string; port: number }): void {
    this.#remote = { host: withoutZone(peer.address), port: peer.port };
  }

  setMtu(mtu: number): void {
    this.mtu = mtu;
  }

  #arrived(frame: Buffer, from: RemoteInfo): void {
    if (from.port !== this.#remote.port || withoutZone(from.address) !== this.#remote.host) {
      this.counters.foreign++;
    } else if (!this.#queue.push(frame)) {
      this.counters.queueFull++;
    }
  }

  receive(batch: Batch, port: number, max: number): number {
    const begin = batch.count;
    const end = Math.min(begin + max, batch.capacity, begin + this.#queue.length);
    for (let i = begin; i < end; i++) {
      const frame = this.#queue.first();
      const slot = takeFor(this.#arena, frame.length);
      if (slot < 0) break; // waits for a slot
      this.#queue.shift();
      const off = frameStart(this.#arena, slot);
      this.#arena.bytes.set(frame, off);
      enterCopy(batch, i, slot, off, frame.length, port, 0);
    }
    if (this.#queue.length > 0) this.#queue.tell();
    return batch.count - begin;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#closed) return 0;
    const room = Math.min(count, SENDS_UNDER_WAY - this.#sendsUnderWay);
    for (let k = 0; k < room; k++) {
      this.#sendsUnderWay++;
      this.#socket.send(frameCopy(this.#arena, batch, list[start + k]), this.#sent);
    }
    return room;
  }

  readonly #sent = (error: Error | null): void => {
    this.#sendsUnderWay--;
    if (error) this.#failed(error);
  };

  #failed(error: NodeJS.ErrnoException): void {
    if (error.code === 'ECONNREFUSED' || this.#closed) return; // nobody there yet
    if (error.code === 'EMSGSIZE') this.counters.tooLong++;
    else this.counters.errors++;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.clear();
    this.#socket.close();
  }
}
