/**
 * A VXLAN underlay of its own for probes: frames out, answers in, both in a capture.
 *
 * It binds the VXLAN port, since that is where a peer answers to. Where that is taken (a switch or a kernel device of
 * this host uses it), probes leave all the same, and only what the network says about them is seen.
 */

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type FileSink, openFileSink } from '../../adapters/file-source.ts';
import { openVxlanUdp, type VxlanUdpAdapter } from '../../adapters/vxlan-udp.ts';
import { type Arena, createArena, frameStart, release, takeLarge } from '../../dataplane/arena.ts';
import { createBatch } from '../../dataplane/batch.ts';
import { PcapngWriter } from '../../pcap/pcapng-writer.ts';

const POLL_MS = 2;
/** Longest frame that a probe may be: a jumbo one. */
const MTU = 65_535;

/** What came back, with outer headers as the kernel told them. */
export interface Answer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export interface ProbePortOptions {
  peer: string;
  /** Address of this host; the one that the kernel would use when left out. */
  local?: string | undefined;
  port: number;
  /** File for what is sent and received. */
  capture?: string | undefined;
}

export async function openProbePort(options: ProbePortOptions): Promise<ProbePort> {
  const local = options.local ?? (await localTowards(options.peer, options.port));
  const heard = { errors: new Set<string>(), mtu: 0 };
  const arena = createArena({ smallSlots: 64, largeSlots: 4 });
  const events = {
    link: () => {},
    readable: () => {},
    pathMtu: (address: string, mtu: number) => {
      if (address === options.peer) heard.mtu = mtu;
    },
    unreachable: (address: string, code: string) => {
      if (address === options.peer) heard.errors.add(code);
    },
  };
  const open = (port: number) =>
    openVxlanUdp({ local, port, mtu: MTU, sockets: 4, zeroChecksum6: true, offloads: 'off' }, { arena, events });
  let listens = true;
  const adapter = await open(options.port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    listens = false;
    return open(0);
  });
  try {
    return new ProbePort(adapter, arena, local, listens, heard, options.capture);
  } catch (error) {
    adapter.close();
    throw error;
  }
}

/** The address that this host would send from. */
async function localTowards(peer: string, port: number): Promise<string> {
  const socket = createSocket(isIPv6(peer) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((done, fail) => {
      socket.once('error', fail);
      socket.connect(port, peer, done);
    });
    return socket.address().address;
  } finally {
    socket.close();
  }
}

export class ProbePort {
  readonly local: string;
  /** Whether answers can arrive. */
  readonly listens: boolean;
  readonly transport: VxlanUdpAdapter['transport'];
  readonly #adapter: VxlanUdpAdapter;
  readonly #arena: Arena;
  readonly #batch = createBatch();
  /** Slot that frames are sent from. */
  readonly #slot: number;
  readonly #heard: { errors: Set<string>; mtu: number };
  readonly #file: FileSink | null;
  #writer: PcapngWriter | null;
  /** Why the capture could not be written to its end. */
  captureFault: unknown = null;

  constructor(
    adapter: VxlanUdpAdapter,
    arena: Arena,
    local: string,
    listens: boolean,
    heard: { errors: Set<string>; mtu: number },
    capture: string | undefined,
  ) {
    this.#adapter = adapter;
    this.#arena = arena;
    this.#slot = takeLarge(arena);
    this.local = local;
    this.listens = listens;
    this.transport = adapter.transport;
    this.#heard = heard;
    this.#file = capture === undefined ? null : openFileSink(capture);
    this.#writer =
      this.#file === null
        ? null
        : new PcapngWriter(this.#file, {
            application: 'etherloom doctor',
            comment: 'outer headers as the kernel tells them',
          });
    this.#writer?.addInterface({ name: 'vxlan' });
  }

  /** What the network said about the peer so far: ECONNREFUSED, EHOSTUNREACH … */
  get errors(): ReadonlySet<string> {
    return this.#heard.errors;
  }

  /** Bytes of the longest IP packet to the peer, as far as the kernel knows. */
  pathMtu(peer: string): number {
    return this.#adapter.pathMtu(peer);
  }

  /** Notes a frame that was sent by other means. */
  note(frame: Uint8Array, what: string): void {
    this.#record(frame, 'outbound', what);
  }

  /** Whether the kernel took the outer frame. */
  send(frame: Uint8Array, what: string): boolean {
    const batch = createBatch(1);
    batch.off[0] = frameStart(this.#arena, this.#slot);
    batch.len[0] = frame.length;
    this.#arena.bytes.set(frame, batch.off[0]);
    const sent = this.#adapter.send(batch, Int32Array.of(0), 0, 1) === 1;
    this.#record(frame, 'outbound', sent ? what : `${what}: refused by the kernel`);
    return sent;
  }

  /** The first answer that `matches`, or null after `waitMs`. */
  async answer(matches: (answer: Answer) => boolean, waitMs: number): Promise<Answer | null> {
    const end = performance.now() + waitMs;
    for (;;) {
      for (const each of this.#receive()) if (matches(each)) return each;
      if (performance.now() >= end) return null;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #receive(): Answer[] {
    const batch = this.#batch;
    batch.count = 0;
    const got = this.#adapter.receive(batch, 0, batch.capacity);
    const answers: Answer[] = [];
    for (let i = 0; i < got; i++) {
      const bytes = this.#arena.bytes.slice(batch.off[i], batch.off[i] + batch.len[i]);
      answers.push({ bytes, view: new DataView(bytes.buffer) });
      this.#record(bytes, 'inbound', '');
      release(this.#arena, batch.slot[i]);
    }
    return answers;
  }

  #record(frame: Uint8Array, direction: 'inbound' | 'outbound', comment: string): void {
    const now = Date.now();
    const seconds = Math.floor(now / 1000);
    this.#write((writer) =>
      writer.write(0, frame, 0, frame.length, frame.length, seconds, (now % 1000) * 1e6, direction, comment),
    );
  }

  /** Probes go on without their capture. */
  #write(what: (writer: PcapngWriter) => void): void {
    if (this.#writer === null) return;
    try {
      what(this.#writer);
    } catch (error) {
      this.captureFault = error;
      this.#writer = null;
    }
  }

  close(): void {
    this.#adapter.close();
    this.#write((writer) => writer.flush());
    this.#file?.close();
  }
}
