/**
 * From a port's configuration to its open adapter, and from what went wrong to one line for people.
 */

import { constants } from 'node:os';
import type { Adapter, AdapterContext } from '../../adapters/adapter.ts';
import { openPacket } from '../../adapters/af-packet.ts';
import { openXdp, type XdpOptions, type XdpShare } from '../../adapters/af-xdp.ts';
import { openCap } from '../../adapters/cap.ts';
import { openVxlanRaw } from '../../adapters/raw-socket.ts';
import { openTap } from '../../adapters/tap.ts';
import { openUdp } from '../../adapters/udp.ts';
import { openVxlanUdp, type VxlanUdpOptions } from '../../adapters/vxlan-udp.ts';
import type { AdapterConfig } from '../../config/types.ts';
import type { PlacedPort } from '../../control/model.ts';

/** `tap tap1`, `udp 127.0.0.1:5001`. */
export function deviceText({ kind, options }: AdapterConfig): string {
  const local = options.port === undefined ? options.local : `${options.local} port ${options.port}`;
  const device = options.device ?? local ?? options.file;
  return device === undefined ? kind : `${kind} ${device}`;
}

export interface OpenManner {
  /** Attach to a device, never make one. */
  mustExist?: boolean;
  /** Threads that want a queue each. */
  workers?: number;
}

/** Rejects with the system's error. */
export async function openPort(port: PlacedPort, context: AdapterContext, manner: OpenManner = {}): Promise<Adapter> {
  const { kind, options } = port.adapter;
  const { mtu } = port;
  const { mustExist = false, workers = 1 } = manner;
  if (kind === 'tap') {
    return openTap(
      {
        device: String(options.device),
        mtu,
        offloads: options.offloads as 'auto' | 'on' | 'off',
        queues: Math.max(Number(options.queues), workers),
        moreQueues: workers - 1,
        queueFd: options.queueFd === undefined ? null : Number(options.queueFd),
        orOneQueue: options.queues === 1,
        persistent: options.persistent === true,
        mustExist,
      },
      context,
    );
  }
  if (kind === 'af-packet') {
    return openPacket(
      {
        device: String(options.device),
        mtu,
        offloads: options.offloads as 'auto' | 'off',
        fanout: options.fanout !== undefined ? Number(options.fanout) : workers > 1 ? 'new' : null,
      },
      context,
    );
  }
  if (kind === 'af-xdp')
    return openXdp({ ...xdpQueuesOf(port.adapter), mtu, workers, share: xdpShare(options) }, context);
  if (kind === 'cap') return openCap({ device: String(options.device), mtu }, context);
  if (kind === 'udp') return openUdp({ local: String(options.local), remote: String(options.remote), mtu }, context);
  if (kind === 'vxlan-udp')
    return openVxlanUdp({ ...socketOptions(port), workers, joins: options.joins === true }, context);
  if (kind === 'vxlan-raw-socket') return openVxlanRaw(socketOptions(port), context);
  throw new Error(`adapter ${kind} is not for a running switch`);
}

/** What `xdpQueues` counts. */
export function xdpQueuesOf({ options }: AdapterConfig): Pick<XdpOptions, 'device' | 'queue' | 'queues'> {
  const queues = options.queues === undefined ? null : Number(options.queues);
  return { device: String(options.device), queue: Number(options.queue), queues };
}

function xdpShare({ serves, map, driver }: AdapterConfig['options']): XdpShare | null {
  return serves === undefined ? null : { serves: String(serves), map: Number(map), driver: driver === true };
}

function socketOptions({ adapter: { options }, mtu }: PlacedPort): VxlanUdpOptions {
  const [first = 0, last = 0] = String(options.sourcePorts).split('-').map(Number);
  return {
    local: String(options.local),
    port: Number(options.port),
    mtu,
    sourcePorts: [first, last],
    zeroChecksum6: options.zeroChecksum6 === true,
    ...(options.interface === undefined ? {} : { interface: String(options.interface) }),
  };
}

const PLAIN: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses this address',
  EADDRNOTAVAIL: 'no interface of this machine has this address',
  ENOTFOUND: 'this host name has no address',
  EAI_AGAIN: 'the host name cannot be resolved now',
};

const SOCKETS: readonly string[] = ['udp', 'vxlan-udp', 'vxlan-raw-socket'];

/** `port p1 (tap tap1): …`, one line. */
export function openFailure(port: PlacedPort, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const plain = SOCKETS.includes(port.adapter.kind) && code !== undefined ? PLAIN[code] : undefined;
  const text = plain === undefined ? String(message ?? error) : `${plain} (${message})`;
  return `port ${port.name} (${deviceText(port.adapter)}): ${text.replace(/\s*\n\s*/g, ' ')}`;
}

/** The device is not there (any more): what a port that waits for it meets every second. */
export function isAbsence(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).errno === -constants.errno.ENODEV || codeOf(error) === 'ENODEV';
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
