/**
 * A VXLAN underlay over node:dgram, where the addon is missing.
 *
 * Node does not say a datagram's TTL, TOS or destination: received frames have TTL 64, TOS 0 and the address that the
 * socket is bound to, so ECN marks of the underlay are lost. Sent ones have the TTL of their header, TOS 0, and a
 * source port out of eight. Checksums are the kernel's. Node cannot forbid the kernel to fragment; frames longer than
 * the MTU are refused here instead. Inner checksums that a sender on the same machine left to be computed are not found.
 *
 * Receiving is like udp.ts: a bounded queue whose newest loses. Sending copies.
 */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { type Arena, frameStart, takeFor } from '../dataplane/arena.ts';
import { type Batch, RX_CSUM_VERIFIED } from '../dataplane/batch.ts';
import { addressBytes } from '../wire/address.ts';
import { ETHERNET_BYTES } from '../wire/ethernet.ts';
import type { AdapterContext } from './adapter.ts';
import { DatagramQueue } from './datagram-queue.ts';
import { enterCopy, frameCopy } from './frame-copy.ts';
import { interfaceIndexOf, interfaceWith } from './interface-files.ts';
import { OUTER_IPV4_BYTES, OUTER_IPV6_BYTES, type OuterEnds, readOuter, writeOuter } from './outer-headers.ts';
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

const POOL_SOCKETS = 8;
/** Ports of a socket's share that are tried before the system chooses one. */
const BIND_TRIES = 16;
const QUEUE_FRAMES = 1024;
const SENDS_UNDER_WAY = 1024;
const SOCKET_BUFFER_BYTES = 1 << 20;
const NEVER_SET = -1;

interface Sender {
  socket: Socket;
  ttl: number;
}

interface Waiting {
  datagram: Buffer;
  ends: OuterEnds;
}

export async function openDgram(options: VxlanUdpOptions, context: AdapterContext): Promise<VxlanUdpAdapter> {
  const receiver = await bound(options.local, options.port);
  const senders: Sender[] = [];
  try {
    const [first, last] = options.sourcePorts ?? [FIRST_SOURCE_PORT, LAST_SOURCE_PORT];
    const count = Math.min(POOL_SOCKETS, options.sockets ?? POOL_SOCKETS, last - first + 1);
    for (let i = 0; i < count; i++) {
      const port = first + Math.floor((i * (last - first + 1)) / count);
      senders.push({ socket: await boundNear(options.local, port, last), ttl: NEVER_SET });
    }
    const adapter = new DgramVxlanUdp(receiver, senders, options, context);
    for (const group of options.groups ?? []) await adapter.joined(group);
    return adapter;
  } catch (error) {
    for (const { socket } of senders) socket.close();
    receiver.close();
    throw error;
  }
}

async function bound(address: string, port: number, shared = false): Promise<Socket> {
  const v6 = address.includes(':');
  const socket = createSocket({
    type: v6 ? 'udp6' : 'udp4',
    ipv6Only: v6,
    reuseAddr: shared,
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
  });
  await new Promise<void>((done, fail) => {
    socket.once('error', fail);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeListener('error', fail);
      done();
    });
  }).catch((error) => {
    socket.close();
    throw error;
  });
  return socket;
}

async function boundNear(address: string, first: number, last: number): Promise<Socket> {
  for (let port = first; port < first + BIND_TRIES && port <= last; port++) {
    try {
      return await bound(address, port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  return bound(address, 0);
}

class DgramVxlanUdp implements VxlanUdpAdapter {
  readonly kind = 'vxlan-udp';
  readonly transport = 'dgram';
  readonly detail = 'node:dgram, the addon is missing';
  readonly device: string;
  readonly port: number;
  readonly mtu: number;
  readonly fd = -1;
  readonly offloads = 0;
  readonly lastError = 0;
  readonly counters: VxlanUdpCounters = { refused: 0, tooLong: 0, unreachable: 0, framesTooLong: 0, kernelDrops: 0 };
  readonly #receiver: Socket;
  readonly #senders: Sender[];
  readonly #arena: Arena;
  readonly #options: VxlanUdpOptions;
  readonly #local: Uint8Array;
  readonly #v4: boolean;
  /** Joined, with the index of the interface which they stand and fall with. */
  readonly #groups = new Map<string, { socket: Socket; watched: number }>();
  readonly #joining = new Set<string>();
  readonly #queue: DatagramQueue<Waiting>;
  #sendsUnderWay = 0;
  #closed = false;

  constructor(receiver: Socket, senders: Sender[], options: VxlanUdpOptions, context: AdapterContext) {
    this.#receiver = receiver;
    this.#senders = senders;
    this.#arena = context.arena;
    this.#queue = new DatagramQueue(QUEUE_FRAMES, context.events);
    this.#options = options;
    this.#local = addressBytes(options.local)!;
    this.#v4 = this.#local.length === 4;
    this.mtu = options.mtu;
    this.port = receiver.address().port;
    this.device = endpointText({ host: options.local, port: this.port });
    this.#listen(receiver, this.#local);
    for (const { socket } of senders) {
      socket.on('error', (error) => this.#failed(error));
      socket.setMulticastLoopback(false);
    }
  }

  #listen(socket: Socket, dst: Uint8Array): void {
    socket.on('message', (datagram, from) => this.#arrived(datagram, from, dst));
    socket.on('error', (error) => this.#failed(error));
  }

  join(group: VxlanGroup): boolean {
    const { address, interface: name = this.#options.interface } = group;
    const key = groupKey(address, name);
    if (this.#joining.has(key)) return false;
    const watched = interfaceIndexOf(name ?? interfaceWith(this.#options.local));
    const known = this.#groups.get(key);
    // The kernel forgets a membership with the interface that it was on, and says nothing.
    if (known !== undefined && (watched === 0 || known.watched === watched)) return false;
    this.leave(group);
    this.#joining.add(key);
    this.joined(group)
      .catch((error) => this.#failed(error))
      .finally(() => this.#joining.delete(key));
    return true;
  }

  async joined({ address, interface: name = this.#options.interface }: VxlanGroup): Promise<void> {
    const watched = interfaceIndexOf(name ?? interfaceWith(this.#options.local));
    const socket = await bound(address, this.port, true);
    try {
      socket.addMembership(address, membershipInterface(name, this.#v4));
    } catch (error) {
      socket.close();
      throw error;
    }
    if (this.#closed) {
      socket.close();
      return;
    }
    this.#groups.set(groupKey(address, name), { socket, watched });
    this.#listen(socket, addressBytes(address)!);
  }

  leave({ address, interface: name = this.#options.interface }: VxlanGroup): boolean {
    const key = groupKey(address, name);
    this.#groups.get(key)?.socket.close();
    return this.#groups.delete(key);
  }

  /** Node knows no path MTU; the interface's is the best guess. */
  pathMtu(): number {
    return this.mtu;
  }

  #arrived(datagram: Buffer, from: RemoteInfo, dst: Uint8Array): void {
    const src = addressBytes(from.address.split('%')[0]);
    if (src === null) return;
    const ends = { src, dst, srcPort: from.port, dstPort: this.port };
    if (!this.#queue.push({ datagram, ends })) this.counters.kernelDrops++;
  }

  receive(batch: Batch, port: number, max: number): number {
    const begin = batch.count;
    const end = Math.min(begin + max, batch.capacity, begin + this.#queue.length);
    const headers = this.#v4 ? OUTER_IPV4_BYTES : OUTER_IPV6_BYTES;
    for (let i = begin; i < end; i++) {
      const { datagram, ends } = this.#queue.first();
      const slot = takeFor(this.#arena, headers + datagram.length);
      if (slot < 0) break; // waits for a slot
      this.#queue.shift();
      const off = frameStart(this.#arena, slot);
      writeOuter(this.#arena.view, off, ends, datagram.length);
      this.#arena.bytes.set(datagram, off + headers);
      enterCopy(batch, i, slot, off, headers + datagram.length, port, RX_CSUM_VERIFIED);
    }
    if (this.#queue.length > 0) this.#queue.tell();
    return batch.count - begin;
  }

  send(batch: Batch, list: Int32Array, start: number, count: number): number {
    if (this.#closed) return 0;
    const room = Math.min(count, SENDS_UNDER_WAY - this.#sendsUnderWay);
    for (let k = 0; k < room; k++) {
      this.#sendFrame(frameCopy(this.#arena, batch, list[start + k]));
    }
    return room;
  }

  #sendFrame(frame: Buffer): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const outer = readOuter(view, 0, frame.length, this.#v4);
    if (outer === null) {
      this.counters.refused++;
      return;
    }
    if (frame.length - ETHERNET_BYTES > this.mtu) {
      this.counters.tooLong++;
      return;
    }
    const sender = this.#senders[this.#shareOf(outer.srcPort)];
    if (sender.ttl !== outer.ttl && outer.ttl > 0) {
      sender.ttl = outer.ttl;
      sender.socket.setTTL(outer.ttl);
      sender.socket.setMulticastTTL(outer.ttl);
    }
    this.#sendsUnderWay++;
    sender.socket.send(frame.subarray(outer.headerBytes), outer.dstPort, this.#zoned(outer.dst), this.#sent);
  }

  /** The socket whose share of the port range a source port is in. */
  #shareOf(port: number): number {
    const [first, last] = this.#options.sourcePorts ?? [FIRST_SOURCE_PORT, LAST_SOURCE_PORT];
    const ports = last - first + 1;
    return Math.floor(((Math.max(0, port - first) % ports) * this.#senders.length) / ports);
  }

  /** A link-local address needs its interface. */
  #zoned(address: string): string {
    const name = this.#options.interface;
    return name !== undefined && /^(fe[89ab]|ff.2)/.test(address) ? `${address}%${name}` : address;
  }

  readonly #sent = (error: Error | null): void => {
    this.#sendsUnderWay--;
    if (error) this.#failed(error);
  };

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    if (error.code === 'ECONNREFUSED' || error.code === 'EHOSTUNREACH') this.counters.unreachable++;
    else if (error.code === 'EMSGSIZE') this.counters.tooLong++;
    else this.counters.refused++;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.clear();
    for (const { socket } of this.#senders) socket.close();
    for (const { socket } of this.#groups.values()) socket.close();
    this.#receiver.close();
  }
}

/** What node calls the interface of a membership: an address of it for IPv4, a zone for IPv6. */
function membershipInterface(name: string | undefined, v4: boolean): string | undefined {
  if (name === undefined) return undefined;
  if (!v4) return `::%${name}`;
  const address = networkInterfaces()[name]?.find(({ family }) => family === 'IPv4')?.address;
  if (address !== undefined) return address;
  throw Object.assign(new Error(`interface ${name} has no IPv4 address`), { code: 'ENODEV' });
}
