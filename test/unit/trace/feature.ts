/** A feature of the switch: a configuration file in which a frame arrives, and what people get wrong in such a file. */

import type { Learned } from '../../../src/trace/world.ts';
import { ethernetFrame, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';

// biome-ignore lint/suspicious/noExplicitAny: a file, before it is checked
export type File = any;

export interface Flow {
  /** Port that the frame comes in by, and bytes. */
  from: string;
  /** Port that it should reach. */
  to: string;
  bytes: Uint8Array;
  /** Port where it is seen, if that is another one: the uplink of a tunnel. */
  seen?: string;
  learned?: Learned[];
  /** Addresses for which a host at that port answers ARP and ND. */
  hosts?: string[];
}

export interface Feature {
  file(): File;
  flow: Flow;
  mistakes: Readonly<Record<string, (file: File) => unknown>>;
}

export const HOST_A = '02:00:00:00:00:0a';
export const HOST_B = '02:00:00:00:00:0b';
export const GATEWAY = '02:00:00:00:10:01';
/** In the payload of every frame, so that it is known from what the switch itself sends. */
export const MARK: Buffer = Buffer.from('the frame that is asked for');

const datagram = (src: string, dst: string, bytes = 40) =>
  (src.includes(':') ? udpIpv6 : udpIpv4)({ src, dst }, 5000, 6000, Buffer.concat([MARK, Buffer.alloc(bytes)]));
export const packet = (dst: string, src: string, from: string, to: string, bytes = 40): Uint8Array =>
  ethernetFrame({ dst, src }, from.includes(':') ? 0x86dd : 0x0800, datagram(from, to, bytes));
export const plain = (dst: string, vid?: number, more = 30): Uint8Array => {
  const tags = vid === undefined ? [] : [{ vid }];
  return ethernetFrame({ dst, src: HOST_A, tags }, 0x88b5, Buffer.concat([MARK, Buffer.alloc(more)]));
};

export const memory = (more: object = {}): object => ({ adapter: 'memory', ...more });
export const access = (vlan: number): object => memory({ mode: 'access', vlan });
