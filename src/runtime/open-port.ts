/**
 * From a port's configuration to its open adapter, and from what went wrong to one line for people.
 */

import { constants } from 'node:os';
import type { Adapter, AdapterContext } from '../adapters/adapter.ts';
import { openPacket } from '../adapters/af-packet.ts';
import { openXdp } from '../adapters/af-xdp.ts';
import { openCap } from '../adapters/cap.ts';
import { openTap } from '../adapters/tap.ts';
import { openUdp } from '../adapters/udp.ts';
import type { AdapterConfig, PortConfig } from '../config/types.ts';

/** Adapters that a running switch opens; a `memory` port stays without a device there. */
export const LIVE_ADAPTERS: readonly string[] = ['tap', 'af-packet', 'af-xdp', 'cap', 'udp'];
/** Those of them on an interface that may vanish and come back. */
export const LINKED_ADAPTERS: readonly string[] = ['tap', 'af-packet', 'af-xdp', 'cap'];

/** `tap tap1`, `udp 127.0.0.1:5001`. */
export function deviceText({ kind, options }: AdapterConfig): string {
  const device = options.device ?? options.local ?? options.file;
  return device === undefined ? kind : `${kind} ${device}`;
}

/** `mustExist`: attach to a device, never make one. Rejects with the system's error. */
export async function openPort(port: PortConfig, context: AdapterContext, mustExist = false): Promise<Adapter> {
  const { kind, options } = port.adapter;
  const { mtu } = port;
  if (kind === 'tap') {
    return openTap(
      {
        device: String(options.device),
        mtu,
        offloads: options.offloads as 'auto' | 'on' | 'off',
        queues: Number(options.queues),
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
        fanout: options.fanout === undefined ? null : Number(options.fanout),
      },
      context,
    );
  }
  if (kind === 'af-xdp') return openXdp({ device: String(options.device), mtu, queue: Number(options.queue) }, context);
  if (kind === 'cap') return openCap({ device: String(options.device), mtu }, context);
  if (kind === 'udp') return openUdp({ local: String(options.local), remote: String(options.remote), mtu }, context);
  throw new Error(`adapter ${kind} is not for a running switch`);
}

const PLAIN: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses this address',
  EADDRNOTAVAIL: 'no interface of this machine has this address',
  ENOTFOUND: 'this host name has no address',
  EAI_AGAIN: 'the host name cannot be resolved now',
};

/** `port p1 (tap tap1): …`, one line. */
export function openFailure(port: PortConfig, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const plain = port.adapter.kind === 'udp' && code !== undefined ? PLAIN[code] : undefined;
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
