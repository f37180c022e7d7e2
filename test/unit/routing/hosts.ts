/**
 * Hosts at the ports of an embedded switch, for tests of the router: each has a MAC and addresses, answers ARP and
 * neighbor discovery for them, and keeps what it hears.
 */

import { expect } from 'vitest';
import type { ConfigInput } from '../../../src/index.ts';
import { createSwitch, manualClock, type Switch, type SwitchPort, wire } from '../../../src/index.ts';
import { receiveNeighborFrame } from '../../../src/protocols/neighbor-receive.ts';
import { createNeighbors, type Neighbors } from '../../../src/protocols/neighbor-state.ts';
import { ipv4Packet, ipv6Packet } from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { type Mac, parseMac } from '../../../src/wire/ethernet.ts';

export class Host {
  readonly mac: string;
  readonly #mac: Mac;
  readonly #neighbors: Neighbors<never>;
  readonly port: SwitchPort;
  readonly #tag: wire.Tag[];
  /** Everything heard that is neither ARP nor neighbor discovery, untagged. */
  heard: Buffer[] = [];
  /** Everything. */
  all: Buffer[] = [];
  answers = true;

  constructor(port: SwitchPort, mac: string, addresses: string[], vid: number | null = null) {
    this.port = port;
    this.mac = mac;
    this.#mac = parseMac(mac)!;
    this.#tag = vid === null ? [] : [{ vid }];
    this.#neighbors = createNeighbors({ mac: this.#mac, addresses });
    port.onFrame((frame) => this.#hear(Buffer.from(frame)));
  }

  #hear(raw: Buffer): void {
    let frame = raw;
    if (this.#tag.length !== 0) {
      if (raw.readUInt32BE(12) !== ((0x8100 << 16) | this.#tag[0]!.vid) >>> 0) return;
      frame = Buffer.concat([raw.subarray(0, 12), raw.subarray(16)]);
    }
    this.all.push(frame);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const type = frame.readUInt16BE(12);
    const isNd = type === 0x86dd && frame[20] === 58 && frame[54]! >= 133 && frame[54]! <= 137;
    if (type !== 0x0806 && !isNd) {
      this.heard.push(frame);
      return;
    }
    if (!this.answers) return;
    for (const action of receiveNeighborFrame(this.#neighbors, view, 0, frame.length, 0)) {
      if (action.do === 'send') this.raw(action.frame);
    }
  }

  /** Sends an untagged frame, with the host's tag. */
  raw(frame: Uint8Array): void {
    const tag = this.#tag.map(({ vid }) => Uint8Array.of(0x81, 0, vid >> 8, vid & 0xff));
    this.port.send(Buffer.concat([frame.subarray(0, 12), ...tag, frame.subarray(12)]));
  }

  /** Sends an IP packet to a MAC. */
  send(gateway: string, packet: Uint8Array): void {
    const type = packet[0]! >>> 4 === 4 ? 0x0800 : 0x86dd;
    this.raw(wire.ethernetFrame({ dst: gateway, src: this.mac }, type, packet));
  }

  /** What was heard since the last time. */
  take(): Buffer[] {
    const heard = this.heard;
    this.heard = [];
    this.all = [];
    return heard;
  }
}

export const GW = '02:00:00:00:00:fe';

export function router(config: ConfigInput): { sw: Switch; clock: ReturnType<typeof manualClock> } {
  const clock = manualClock();
  const sw = createSwitch(config, { seed: 1, clock });
  return { sw, clock };
}

export function checkLedger(sw: Switch): void {
  const ledger = sw.ledger();
  expect(ledger.balanced, JSON.stringify(ledger)).toBe(true);
}

export const describe = (frame: Uint8Array) =>
  dissectFrame(new DataView(frame.buffer, frame.byteOffset, frame.length), 0, frame.length, frame.length);

export { ipv4Packet, ipv6Packet };
