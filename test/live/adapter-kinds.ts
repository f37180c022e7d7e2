/**
 * Every kind of adapter behind one face, for the suite that all of them pass: how one is opened, what is at the far
 * end of its cable, and what can happen to the cable. A kind without a cable leaves those out.
 */

import { createSocket } from 'node:dgram';
import { createRequire } from 'node:module';
import type { Adapter, AdapterContext } from '../../src/adapters/adapter.ts';
import { openPacket } from '../../src/adapters/af-packet.ts';
import { openXdp } from '../../src/adapters/af-xdp.ts';
import { openCap } from '../../src/adapters/cap.ts';
import { MemoryAdapter } from '../../src/adapters/memory.ts';
import { openTap } from '../../src/adapters/tap.ts';
import { openUdp, type UdpAdapter } from '../../src/adapters/udp.ts';
import { xdpSlots } from '../../src/adapters/xdp-socket.ts';
import type { Arena } from '../../src/dataplane/arena.ts';
import { type Jam, jamCap, jamPacket, jamTap, jamUdp, jamXdp } from './jammed.ts';
import type { Lab } from './netns.ts';

/** What is plugged in at the other end. */
export interface Far {
  send(frame: Buffer): void;
  /** Frames that arrived there, oldest first; the suite takes them out. */
  readonly frames: Buffer[];
}

export interface Cable {
  down(): void;
  up(): void;
  /** Takes the device away for good. */
  remove(): void;
}

export interface LinkEvent {
  up: boolean;
  reason: string;
}

export interface Opened {
  adapter: Adapter;
  links: LinkEvent[];
  far: Far;
  /** Null: nothing that could be pulled. */
  cable: Cable | null;
}

export interface Kind {
  /** Opens one with everything around it. */
  open(arena: Arena, label: string, mtu: number): Promise<Opened>;
  /** Makes a device that stays, and says how to open an adapter on it, again and again. */
  prepare(arena: Arena, label: string): () => Adapter | Promise<Adapter>;
  /** How often that is done: a kernel may wait for all processors at every closing. */
  openings: number;
  /** A frame shorter than an Ethernet header is refused by the device, not by the pipeline. */
  refusesShort: boolean;
  /** Slots of the arena that an open one keeps for itself. */
  ownSlots: number;
  /** Frames that `send` takes before anybody reads: then it is full. 0: see `jam`. */
  queueFrames: number;
  /** How its device comes to take nothing any more. */
  jam: Jam | null;
}

/** Why there is no `cap` here, or null. */
export function capObstacle(): string | null {
  try {
    createRequire(import.meta.url).resolve('cap/build/Release/cap.node');
    return null;
  } catch {
    return 'the package cap is not built (libpcap-dev)';
  }
}

/** The process of the adapter is that of the built checkout. */
const CAP_CHILD = new URL('../../dist/adapters/cap-child.js', import.meta.url);

/** How to make each kind in a lab. */
export const KINDS: Readonly<Record<string, (lab: Lab) => Kind>> = {
  memory,
  udp: () => udp('native'),
  'udp-dgram': () => udp('dgram'),
  tap,
  'af-packet': packet,
  'af-xdp': (lab) => xdp(lab, 1),
  'af-xdp-queues': (lab) => xdp(lab, 3),
  ...(capObstacle() === null ? { cap } : {}),
};

function listen(arena: Arena): { context: AdapterContext; links: LinkEvent[] } {
  const links: LinkEvent[] = [];
  const events = { link: (up: boolean, reason: string) => void links.push({ up, reason }), readable: () => {} };
  return { context: { arena, events }, links };
}

function memory(): Kind {
  return {
    openings: 10_000,
    refusesShort: false,
    ownSlots: 0,
    queueFrames: 1024,
    jam: null,
    async open(arena, _label, mtu) {
      const { context, links } = listen(arena);
      const adapter = new MemoryAdapter({ mtu }, context);
      const frames: Buffer[] = [];
      const far: Far = {
        send: (frame) => void adapter.push(frame),
        get frames() {
          frames.push(...adapter.take());
          return frames;
        },
      };
      return { adapter, links, far, cable: null };
    },
    prepare: (arena) => () => new MemoryAdapter({ mtu: 1500 }, listen(arena).context),
  };
}

function udp(transport: UdpAdapter['transport']): Kind {
  return {
    openings: 500,
    refusesShort: false,
    ownSlots: 0,
    queueFrames: transport === 'native' ? 0 : 1024,
    jam: transport === 'native' ? jamUdp : null,
    async open(arena, _label, mtu) {
      const { context, links } = listen(arena);
      const peer = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
      await new Promise<void>((done) => peer.bind(0, '127.0.0.1', done));
      peer.unref();
      const frames: Buffer[] = [];
      peer.on('message', (frame) => frames.push(frame));
      const remote = `127.0.0.1:${peer.address().port}`;
      const adapter = await openUdp({ local: '127.0.0.1:0', remote, mtu }, context, transport);
      return { adapter, links, far: { frames, send: (frame) => peer.send(frame, adapter.local.port) }, cable: null };
    },
    prepare: (arena) => () =>
      openUdp({ local: '127.0.0.1:0', remote: '127.0.0.1:9', mtu: 1500 }, listen(arena).context, transport),
  };
}

function tap(lab: Lab): Kind {
  const options = { offloads: 'off', queues: 1, persistent: false } as const;
  return {
    openings: 1000,
    refusesShort: true,
    ownSlots: 0,
    queueFrames: 0,
    jam: jamTap,
    async open(arena, label, mtu) {
      const { context, links } = listen(arena);
      const device = lab.device(label);
      const adapter = await openTap({ ...options, device, mtu }, context);
      const host = lab.namespace(label);
      host.adopt(device, { mtu });
      const far = await host.frameSocket(device);
      const set = (state: string) => void host.run('ip', 'link', 'set', device, state);
      const remove = () => void host.run('ip', 'link', 'del', device);
      return { adapter, links, far, cable: { down: () => set('down'), up: () => set('up'), remove } };
    },
    prepare(arena, label) {
      const device = lab.device(label);
      lab.makeTap(device);
      return () => openTap({ ...options, device, mtu: 1500 }, listen(arena).context);
    },
  };
}

function packet(lab: Lab): Kind {
  const options = { offloads: 'auto', fanout: null } as const;
  return {
    openings: 40,
    refusesShort: true,
    ownSlots: 0,
    queueFrames: 0,
    jam: jamPacket,
    async open(arena, label, mtu) {
      const { context, links } = listen(arena);
      const { device, far, cable } = await veth(lab, label, mtu);
      return { adapter: await openPacket({ ...options, device, mtu }, context), links, far, cable };
    },
    prepare(arena, label) {
      const device = lab.device(label);
      lab.makeVeth(device, lab.device(`${label}f`));
      return () => openPacket({ ...options, device, mtu: 1500 }, listen(arena).context);
    },
  };
}

/** On all queues of an interface, by one thread. */
function xdp(lab: Lab, queues: number): Kind {
  const options = { queue: 0, queues: null } as const;
  return {
    openings: queues === 1 ? 8 : 3,
    refusesShort: true,
    ownSlots: xdpSlots(queues),
    queueFrames: 0,
    jam: queues === 1 ? jamXdp : null,
    async open(arena, label, mtu) {
      const { context, links } = listen(arena);
      const { device, far, cable } = await veth(lab, label, mtu, queues);
      return { adapter: await openXdp({ ...options, device, mtu }, context), links, far, cable };
    },
    prepare(arena, label) {
      const device = lab.device(label);
      lab.makeVeth(device, lab.device(`${label}f`), queues);
      return () => openXdp({ ...options, device, mtu: 1500 }, listen(arena).context);
    },
  };
}

function cap(lab: Lab): Kind {
  return {
    openings: 5,
    refusesShort: true,
    ownSlots: 0,
    queueFrames: 0,
    jam: jamCap(CAP_CHILD),
    async open(arena, label, mtu) {
      const { context, links } = listen(arena);
      const { device, far, cable } = await veth(lab, label, mtu);
      const adapter = await openCap({ device, mtu }, context, CAP_CHILD);
      far.send(Buffer.alloc(60, 0xff)); // libpcap loses the first
      return { adapter, links, far, cable };
    },
    prepare(arena, label) {
      const device = lab.device(label);
      lab.makeVeth(device, lab.device(`${label}f`));
      return () => openCap({ device, mtu: 1500 }, listen(arena).context, CAP_CHILD);
    },
  };
}

/** A cable between the port's device, which stays outside every namespace, and a host inside one. */
async function veth(
  lab: Lab,
  label: string,
  mtu: number,
  queues = 1,
): Promise<{ device: string; far: Far; cable: Cable }> {
  const [device, end] = [lab.device(label), lab.device(`${label}f`)];
  lab.makeVeth(device, end, queues);
  lab.run('ip', 'link', 'set', device, 'mtu', String(mtu));
  const host = lab.namespace(label);
  host.adopt(end, { mtu });
  const far = await host.frameSocket(end);
  const set = (state: string) => void host.run('ip', 'link', 'set', end, state);
  const remove = () => lab.removeDevice(device);
  return { device, far, cable: { down: () => set('down'), up: () => set('up'), remove } };
}
