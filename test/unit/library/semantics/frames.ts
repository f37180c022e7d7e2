/**
 * Builders and readers of the semantics tests: frames named by their fields, switches by their ports.
 */
import { expect } from 'vitest';
import { type ConfigInput, createSwitch, type Switch, type SwitchOptions, wire } from '../../../../src/index.ts';

export const A = '02:00:00:00:00:0a';
export const B = '02:00:00:00:00:0b';
export const C = '02:00:00:00:00:0c';
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
export const GROUP = '33:33:00:00:00:01';
export const TYPE = 0x88b5; // IEEE 802 local experimental EtherType 1

export interface Fields {
  dst?: string;
  src?: string;
  tags?: wire.Tag[];
  type?: number;
  /** Bytes after the EtherType. */
  payload?: number;
}

export function frame({ dst = BROADCAST, src = A, tags = [], type = TYPE, payload = 46 }: Fields = {}): Uint8Array {
  const bytes = Uint8Array.from({ length: payload }, (_, n) => n & 0xff);
  return wire.ethernetFrame({ dst, src, tags }, type, bytes);
}

export const tagged = (vid: number, fields: Fields = {}) => frame({ ...fields, tags: [{ vid }] });

/** Tags of a frame, outermost first, as `tpid vid pcp dei`; only those that are tags to anybody. */
export function tagsOf(bytes: Uint8Array): { tpid: number; vid: number; pcp: number; dei: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tags = [];
  for (let at = 12; view.getUint16(at) === 0x8100 || view.getUint16(at) === 0x88a8; at += 4) {
    const tci = view.getUint16(at + 2);
    tags.push({ tpid: view.getUint16(at), vid: tci & 0xfff, pcp: tci >> 13, dei: (tci >> 12) & 1 });
  }
  return tags;
}

export const vidsOf = (bytes: Uint8Array) => tagsOf(bytes).map((tag) => tag.vid);

type Ports = NonNullable<ConfigInput['ports']>;
export type Port = Partial<Ports[string]>;

export const access = (vlan: number, more: Port = {}): Port => ({ mode: 'access', vlan, ...more });
export const trunk = (vlans: string | number, more: Port = {}): Port => ({ mode: 'trunk', vlans, ...more });
export const hybrid = (more: Port): Port => ({ mode: 'hybrid', ...more });

const open: Switch[] = [];

/** A switch of these ports, on a fixed seed; closed by `checkAll`. */
export function made(ports: Record<string, Port>, rest: Omit<ConfigInput, 'ports'> = {}, options: SwitchOptions = {}) {
  const all = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, { adapter: 'memory', ...port }]));
  const sw = createSwitch({ ...rest, ports: all as Ports }, { seed: 1, autoTick: false, ...options });
  open.push(sw);
  return sw;
}

/** After every test: every frame is in the ledger. */
export function checkAll(): void {
  for (const sw of open.splice(0)) {
    expect(sw.ledger()).toMatchObject({ balanced: true });
    sw.close();
  }
}

/** Sends one frame; `F p2 p3` = flooded there, `p2` = forwarded there, `-` = consumed, or the drop reason. */
export function told(sw: Switch, port: string, bytes: Uint8Array): string {
  const { verdict, reason, ports } = sw.port(port).send(bytes);
  if (verdict === 'drop') return reason!;
  if (verdict === 'consume') return '-';
  return verdict === 'flood' ? `F ${ports.join(' ')}` : ports.join(' ');
}

/** The frame that left by `port` since the last look; exactly one. */
export function only(sw: Switch, port: string): Buffer {
  const frames = sw.port(port).receive();
  expect(frames).toHaveLength(1);
  return frames[0]!;
}

/** `mac port kind` of every entry. */
export const entries = (sw: Switch) => sw.fdb().map((e) => `${e.vid} ${e.mac} ${e.port} ${e.kind}`);
