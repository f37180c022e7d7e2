/** `etherloom dissect` as a function: what it prints, where messages go, how it ends. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type DissectOptions, dissect } from '../../src/cli/dissect.ts';
import { MemorySource } from '../../src/pcap/source.ts';
import { arpFrame, ethernetFrame, ipv4Packet, ipv6Packet, udpIpv4, vxlanPayload } from '../../src/wire/build.ts';
import { dissectFrame } from '../../src/wire/dissect.ts';
import { frameLine } from '../../src/wire/dissect-text.ts';
import { concat, viewOf } from './wire/bytes.ts';

const A = '02:00:00:00:00:01';
const B = '02:00:00:00:00:02';
const ARP = arpFrame(
  { dst: 'ff:ff:ff:ff:ff:ff', src: A, tags: [{ vid: 10, pcp: 5 }] },
  { operation: 1, senderMac: A, senderIp: '10.0.0.1', targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.2' },
);
const TUNNEL = ethernetFrame(
  { dst: B, src: A },
  0x0800,
  udpIpv4({ src: '10.0.0.1', dst: '10.0.0.2' }, 50000, 4789, vxlanPayload(42, ARP)),
);

const ipv4 = (protocol: number, payload: number[] = []) => {
  const packet = ipv4Packet({ src: '10.0.0.1', dst: '10.0.0.2' }, protocol, Uint8Array.from(payload));
  return ethernetFrame({ dst: B, src: A }, 0x0800, packet);
};
const ipv6 = (next: number, payload: number[] = []) => {
  const packet = ipv6Packet({ src: '2001:db8::1', dst: '2001:db8::2' }, next, Uint8Array.from(payload));
  return ethernetFrame({ dst: B, src: A }, 0x86dd, packet);
};

function record(frame: Uint8Array, capLen = frame.length, len = frame.length): Uint8Array {
  const head = new Uint8Array(16);
  viewOf(head).setUint32(8, capLen, true);
  viewOf(head).setUint32(12, len, true);
  return concat(head, frame.subarray(0, capLen));
}

function pcap(linkType: number, ...records: Uint8Array[]): Uint8Array {
  const head = new Uint8Array(24);
  const view = viewOf(head);
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 262144, true);
  view.setUint32(20, linkType, true);
  return concat(head, ...records);
}

class Text extends Writable {
  text = '';
  writes = 0;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes++;
    this.text += chunk.toString();
    setImmediate(done);
  }
}

async function run(bytes: Uint8Array, opts: Partial<DissectOptions> = {}) {
  const out = new Text();
  const err = new Text();
  const open = () => new MemorySource(bytes);
  const status = await dissect('some.pcap', { jsonl: true, err, open, ...opts }, out);
  return { status, text: out.text, lines: out.text.split('\n').slice(0, -1), errors: err.text, writes: out.writes };
}

describe('dissect', () => {
  it('prints one JSON object a frame', async () => {
    const { status, lines, errors } = await run(pcap(1, record(ARP), record(TUNNEL), record(TUNNEL, 9)));
    expect([status, errors]).toEqual([0, '']);
    const frames = lines.map((line) => JSON.parse(line));
    expect(frames.map((frame) => frame.n)).toEqual([1, 2, 3]);
    expect(frames[0]).toMatchObject({ len: 46, cap_len: 46, encap: 1, outer: { tags: [{ id: 10, pri: 5 }] } });
    expect(frames[1]).toMatchObject({ vxlan: { vni: 42 }, inner: { tags: [{ id: 10 }] } });
    expect(frames[2]).toMatchObject({ cap_len: 9, outer: null, error: 'ethernet: cut after 9 of 14 bytes' });
  });

  it('prints a line to read', async () => {
    const { lines } = await run(pcap(1, record(ARP), record(TUNNEL), record(TUNNEL, 9)), { jsonl: false });
    expect(lines[0]).toBe(`1  46 bytes  ${A} > ff:ff:ff:ff:ff:ff  vlan 10 pcp 5  arp  who has 10.0.0.2, tell 10.0.0.1`);
    expect(lines[1]).toContain('10.0.0.1 > 10.0.0.2 udp 50000 > 4789  vni 42  [ ');
    expect(lines[2]).toBe(`3  9 of ${TUNNEL.length} bytes  ! ethernet: cut after 9 of 14 bytes`);
  });

  it('reads VXLAN on another port', async () => {
    const { lines } = await run(pcap(1, record(TUNNEL)), { vxlanPort: 8472 });
    expect(JSON.parse(lines[0]!).vxlan).toBeNull();
  });

  it('names another link type', async () => {
    const { status, lines } = await run(pcap(113, record(ARP)));
    expect(status).toBe(0);
    expect(JSON.parse(lines[0]!)).toEqual({
      n: 1,
      len: 46,
      cap_len: 46,
      encap: 25,
      outer: null,
      vxlan: null,
      inner: null,
      error: 'link type 113 is not Ethernet',
    });
  });

  it('prints what is before the damage, then one line with the byte', async () => {
    const whole = pcap(1, record(ARP), record(ARP));
    const { status, lines, errors } = await run(whole.subarray(0, whole.length - 1));
    expect([status, lines.length]).toEqual([2, 1]);
    expect(errors).toMatch(/^etherloom: some\.pcap: byte \d+: .*\n$/);
  });

  it.each([
    ['an empty file', ''],
    ['text', 'no capture at all'],
  ])('refuses %s', async (_, text) => {
    const { status, lines, errors } = await run(new TextEncoder().encode(text));
    expect([status, lines.length, errors.split('\n').length]).toEqual([2, 0, 2]);
  });

  it.each([
    ['/no/such/file.pcap', 'no such file or directory'],
    [tmpdir(), 'is a directory'],
  ])('says that %s %s', async (path, reason) => {
    const err = new Text();
    expect(await dissect(path, { jsonl: true, err }, new Text())).toBe(2);
    expect(err.text).toBe(`etherloom: ${path}: ${reason}\n`);
  });

  it('waits for the reader and writes in chunks', async () => {
    const count = 5000;
    const { lines, writes } = await run(pcap(1, ...Array.from({ length: count }, () => record(TUNNEL))));
    expect(lines.length).toBe(count);
    expect(writes).toBeGreaterThan(10);
    expect(writes).toBeLessThan(count / 50);
  });

  it.each([
    ['EPIPE', 0, ''],
    ['ENOSPC', 1, 'etherloom: cannot write: broken\n'],
  ])('ends with %s', async (code, status, message) => {
    const out = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('broken'), { code })),
    });
    const err = new Text();
    const open = () => new MemorySource(pcap(1, record(ARP)));
    expect(await dissect('x', { jsonl: true, err, open }, out)).toBe(status);
    expect(err.text).toBe(message);
  });

  it('closes what it opened', async () => {
    let closed = 0;
    const source = Object.assign(new MemorySource(pcap(1)), { close: () => closed++ });
    expect(await dissect('x', { jsonl: true, open: () => source }, new Text())).toBe(0);
    expect(closed).toBe(1);
  });

  it('agrees with a file on disk', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'dissect-')), 'one.pcap');
    writeFileSync(path, pcap(1, record(ARP)));
    const out = new Text();
    expect(await dissect(path, { jsonl: true }, out)).toBe(0);
    expect(out.text).toBe((await run(pcap(1, record(ARP)))).text);
  });
});

describe('frameLine', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['an 802.3 frame', ethernetFrame({ dst: B, src: A }, 3, Uint8Array.from([0x42, 0x42, 3])), /llc 3$/],
    [
      'a RARP request',
      ethernetFrame({ dst: B, src: A }, 0x8035, Uint8Array.from([0, 1, 8, 0, 6, 4, 0, 3, ...new Array(20).fill(0)])),
      /rarp {2}what is the address of 00:00:00:00:00:00, tell 00:00:00:00:00:00$/,
    ],
    ['an unknown type', ethernetFrame({ dst: B, src: A }, 0x1234), /type 0x1234$/],
    [
      'an S-tag',
      ethernetFrame({ dst: B, src: A, tags: [{ vid: 7, tpid: 0x88a8, dei: 1 }] }, 0x1234),
      /vlan\(0x88a8\) 7 pcp 0 dei {2}type 0x1234$/,
    ],
    [
      'neither type nor length',
      ethernetFrame({ dst: B, src: A }, 1510),
      /! ethernet: 1510 is neither a length nor a type$/,
    ],
    ['ICMP', ipv4(1), /10\.0\.0\.1 > 10\.0\.0\.2 icmp$/],
    ['ICMP, an echo', ipv4(1, [8, 0]), /10\.0\.0\.2 icmp echo request$/],
    ['ICMP, why not', ipv4(1, [3, 4]), /10\.0\.0\.2 icmp fragmentation needed$/],
    ['ICMP, of a code without a name', ipv4(1, [3, 9]), /10\.0\.0\.2 icmp unreachable$/],
    ['ICMP, of a type without a name', ipv4(1, [77, 0]), /10\.0\.0\.2 icmp type 77$/],
    ['TCP', ipv4(6), /10\.0\.0\.1 > 10\.0\.0\.2 tcp$/],
    ['a protocol without a usual name', ipv4(253), /10\.0\.0\.1 > 10\.0\.0\.2 proto 253$/],
    ['ICMPv6', ipv6(58), /2001:db8::1 > 2001:db8::2 icmp6$/],
    ['ICMPv6, of a neighbor', ipv6(58, [135, 0]), /2001:db8::2 icmp6 neighbor solicitation$/],
    [
      'ICMPv6 behind a hop-by-hop header',
      ipv6(0, [58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0]),
      /2001:db8::2 icmp6 listener report$/,
    ],
    ['VRRP', ipv6(112), /2001:db8::1 > 2001:db8::2 vrrp$/],
  ])('of %s', (_, frame, expected) => {
    expect(frameLine(dissectFrame(viewOf(frame), 0, frame.length, frame.length, 1))).toMatch(expected);
  });
});
