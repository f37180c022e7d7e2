/**
 * What both sides of an in-memory benchmark share: the size of the world, the frames, and what has to come out.
 *
 * The frames are made here once and handed to every contender in a file, so nobody measures other frames than its
 * neighbour. The expected delivery is worked out from the plan alone, without any code of the switch.
 */

import { writeFileSync } from 'node:fs';

export const FRAME_BYTES = 64;
export const BATCH = 256;
/** A record of the file of frames: port, length, bytes. */
export const RECORD_BYTES = 8 + FRAME_BYTES;
/** Where frames of the learning benchmark go. */
export const STORM_DESTINATION = 0x70000000;
/** Frames that are looked at before the timing. */
export const CHECKED_FRAMES = 16 * BATCH;

export type Mode = 'forward' | 'flood' | 'learn';

export interface WorldSpec {
  mode: Mode;
  macs: number;
  ports: number;
  vlans: number;
  /** Prepared frames, whole batches. */
  frames: number;
  /** Frames in a row from one port; 0 = the port of a random source. */
  burst: number;
}

export interface Frames {
  file: Buffer;
  /** Port that frame i has to leave by; -1 = all ports but its own. */
  to: Int32Array;
}

/** VID of an address, where there is more than one VLAN. */
export const vidOf = (spec: WorldSpec, mac: number): number => 1 + (mac % spec.vlans);
/** Port behind which an address is. */
export const portOf = (spec: WorldSpec, mac: number): number =>
  (Math.floor(mac / spec.vlans) * 5 + (mac % spec.vlans)) % spec.ports;

export function makeFrames(spec: WorldSpec, seed = 1): Frames {
  const file = Buffer.alloc(4 + spec.frames * RECORD_BYTES);
  const to = new Int32Array(spec.frames);
  file.writeInt32LE(spec.frames, 0);
  let state = seed | 0;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 0x1_0000_0000) * below);
  };
  // Whole rows of addresses, so that source and destination can share a VLAN.
  const macs = Math.floor(spec.macs / spec.vlans) * spec.vlans;
  const rows = macs / spec.vlans;
  for (let i = 0; i < spec.frames; i++) {
    let source = i;
    let destination = STORM_DESTINATION;
    let port = 0;
    to[i] = spec.ports - 1;
    if (spec.mode === 'flood') {
      to[i] = -1;
      source = i % Math.max(1, spec.macs);
    } else if (spec.mode === 'learn') {
      port = i & 1;
    } else {
      const wanted = spec.burst > 0 ? Math.floor(i / spec.burst) % spec.ports : -1;
      do source = random(macs);
      while (wanted >= 0 && portOf(spec, source) !== wanted);
      port = portOf(spec, source);
      do destination = (source + spec.vlans * (1 + random(rows))) % macs;
      while (portOf(spec, destination) === port);
      to[i] = portOf(spec, destination);
    }
    const at = 4 + i * RECORD_BYTES;
    file.writeInt32LE(port, at);
    file.writeInt32LE(FRAME_BYTES, at + 4);
    writeFrame(file, at + 8, spec, source, destination);
  }
  return { file, to };
}

function writeFrame(file: Buffer, at: number, spec: WorldSpec, source: number, destination: number): void {
  if (spec.mode === 'flood') file.fill(0xff, at, at + 6);
  else {
    file.writeUInt16BE(0x0200, at);
    file.writeUInt32BE(destination, at + 2);
  }
  file.writeUInt16BE(0x0200, at + 6);
  file.writeUInt32BE(source, at + 8);
  let type = at + 12;
  if (spec.vlans > 1) {
    file.writeUInt16BE(0x8100, type);
    file.writeUInt16BE(vidOf(spec, source), type + 2);
    type += 4;
  }
  file.writeUInt16BE(0x0800, type);
  // A payload of its own for every frame: a switch that mixes frames up is found out.
  for (let j = type + 2; j < at + FRAME_BYTES; j++) file[j] = Math.imul(source + j, 0x9e37) >>> 8;
}

export class Fnv {
  private hash = 0x811c9dc5;

  byte(value: number): void {
    this.hash = Math.imul(this.hash ^ (value & 0xff), 0x01000193);
  }

  copy(port: number, length: number, bytes: Uint8Array, at: number): void {
    for (const value of [port, port >> 8, length, length >> 8]) this.byte(value);
    for (let j = 0; j < length; j++) this.byte(bytes[at + j]);
  }

  value(): number {
    return this.hash >>> 0;
  }
}

/** Digest of what has to be delivered: batch by batch, port by port, in order, unchanged. */
export function expectedDigest(spec: WorldSpec, { file, to }: Frames): number {
  const hash = new Fnv();
  const end = Math.min(spec.frames, CHECKED_FRAMES);
  for (let first = 0; first < end; first += BATCH) {
    for (let port = 0; port < spec.ports; port++) {
      for (let i = first; i < first + BATCH; i++) {
        const at = 4 + i * RECORD_BYTES;
        if (to[i] === port || (to[i] < 0 && file.readInt32LE(at) !== port)) {
          hash.copy(port, FRAME_BYTES, file, at + 8);
        }
      }
    }
  }
  return hash.value();
}

export function saveFrames(path: string, frames: Frames): void {
  writeFileSync(path, frames.file);
}
