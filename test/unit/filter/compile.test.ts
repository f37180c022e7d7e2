/** What filters mean where tcpdump cannot be asked: tunnels, errors, bare words. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileFilter } from '../../../src/filter/compile.ts';
import { FilterError } from '../../../src/filter/error.ts';
import { CaptureReader } from '../../../src/pcap/reader.ts';
import { MemorySource } from '../../../src/pcap/source.ts';
import { bytesOf, viewOf } from '../wire/bytes.ts';

const captures = join(import.meta.dirname, '../../../../shared/captures');

const passes = (text: string, ...hex: string[]): boolean => {
  const bytes = bytesOf(...hex);
  return compileFilter(text)(viewOf(bytes), 0, bytes.length, bytes.length);
};

const MACS = '020000000002 020000000001';
const VXLAN = [
  `${MACS} 0800`,
  '4500 0052 0000 0000 4011 0000 c0a80001 c0a80002',
  'c000 12b5 003e 0000',
  '08000000 00006400',
  '02000000000b 02000000000a 8100 0007 0800',
  '4500 0020 0000 0000 4011 0000 0a000001 0a000002',
  '0401 0035 000c 0000 00000000',
];

describe('vxlan', () => {
  it('is what has the port and the flag', () => {
    expect(passes('vxlan', ...VXLAN)).toBe(true);
    expect(passes('vxlan 100', ...VXLAN)).toBe(true);
    expect(passes('vxlan 101', ...VXLAN)).toBe(false);
    expect(passes('vxlan', ...VXLAN.map((part) => part.replace('08000000', '00000000')))).toBe(false);
    expect(passes('vxlan', ...VXLAN.map((part) => part.replace('12b5', '12b6')))).toBe(false);
  });

  it('moves what is behind it into the frame inside', () => {
    expect(passes('vxlan and ether src 02:00:00:00:00:0a', ...VXLAN)).toBe(true);
    expect(passes('ether src 02:00:00:00:00:01 and vxlan and ether dst 02:00:00:00:00:0b', ...VXLAN)).toBe(true);
    expect(passes('vxlan and vlan 7 and udp port 53', ...VXLAN)).toBe(true);
    expect(passes('vxlan and udp port 53', ...VXLAN)).toBe(false);
    expect(passes('vxlan and vlan and src host 10.0.0.1 and ip[8] = 64', ...VXLAN)).toBe(true);
    expect(passes('vxlan and vlan and udp[2:2] = 53', ...VXLAN)).toBe(true);
    expect(passes('host 192.168.0.1 and vxlan', ...VXLAN)).toBe(true);
    expect(passes('vxlan and host 192.168.0.1', ...VXLAN)).toBe(false);
  });

  it('leaves nothing true behind it in a frame without a tunnel', () => {
    expect(passes('vxlan or ip', `${MACS} 0800 45`)).toBe(false);
    expect(passes('ip or vxlan', `${MACS} 0800 45`)).toBe(true);
  });

  it.skipIf(!existsSync(captures))('is found in the shared captures as tshark finds it', () => {
    let found = 0;
    for (const name of readdirSync(join(captures, 'files'))) {
      const frames = readFileSync(join(captures, 'expected', `${name}.jsonl`), 'utf8')
        .split('\n')
        .filter(Boolean);
      const expected = new Map(frames.map((line) => JSON.parse(line)).map((frame) => [frame.n, frame]));
      try {
        const reader = new CaptureReader(new MemorySource(readFileSync(join(captures, 'files', name))));
        while (reader.next()) {
          if (reader.kind !== 'packet' || reader.linkType !== 1) continue;
          const { vxlan, outer, inner, nested_vxlan: nested } = expected.get(reader.recordNumber) ?? {};
          const { view, offset, origLen, capLen } = reader;
          const ask = (text: string) => compileFilter(text)(view, offset, origLen, capLen);
          const tags = (outer?.tags ?? []).map(() => 'vlan and ').join('');
          const isVxlan = vxlan !== null && vxlan !== undefined && (vxlan.flags & 0x0800) !== 0 && nested === undefined;
          if (!isVxlan || outer.ip === undefined || outer.udp.dst !== 4789 || inner === null) continue;
          found++;
          const place = `${name}#${reader.recordNumber}`;
          expect(ask(`${tags}vxlan ${vxlan.vni} and ether src ${inner.eth_src}`), place).toBe(true);
          expect(ask(`${tags}vxlan ${vxlan.vni ^ 1}`), place).toBe(false);
          if (inner.ip !== undefined && inner.tags.length === 0) {
            expect(ask(`${tags}vxlan and src host ${inner.ip.src} and dst host ${inner.ip.dst}`), place).toBe(true);
          }
        }
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'CaptureError') throw error;
      }
    }
    expect(found).toBeGreaterThan(100);
  });
});

describe('filters', () => {
  it('an empty one passes everything', () => {
    expect(passes('', MACS)).toBe(true);
    expect(passes('  ', '')).toBe(true);
  });

  it('a frame without bytes is no frame of anything', () => {
    expect(passes('ip', '')).toBe(false);
    expect(passes('not ip', '')).toBe(false);
    expect(passes('len = 0', '')).toBe(true);
  });

  it('words of the language need no backslash where a protocol is named', () => {
    expect(passes('ip proto udp', ...VXLAN)).toBe(true);
    expect(passes('ether proto ip', ...VXLAN)).toBe(true);
  });

  it('the original length counts for len, the captured bytes for what can be read', () => {
    const bytes = bytesOf(`${MACS} 0800 45`);
    const frame = compileFilter('len = 1500');
    expect(frame(viewOf(bytes), 0, 1500, bytes.length)).toBe(true);
    expect(compileFilter('ip')(viewOf(bytes), 0, 1500, 13)).toBe(false);
  });
});

describe('errors', () => {
  it.each([
    ['host web', 'filter:6: "web" is a name, and a switch has no resolver; give the address'],
    ['port http', 'filter:6: "http" is no port; valid are 0-65535; names of services are not looked up'],
    ['port 65536', 'filter:6: "65536" is no port; valid are 0-65535'],
    ['tcp or 80', 'filter:8: "80" has nothing to say what it is; write "port", "net" or "proto" before it'],
    ['icmpp', 'filter:1: "icmpp" is not a word of filters; as the name of a host it wants "host" before it'],
    ['10.0.0.1', 'filter:1: "10.0.0.1" has nothing to say what it is; write "host" before it'],
    ['net 10.0.0.1/8', 'filter:5: 10.0.0.1 has bits set outside its mask'],
    ['net 10.0.0.0/33', 'filter:14: 33 is no prefix length; valid are 0-32'],
    ['host 300.1.1.1', 'filter:6: "300.1.1.1" is no IPv4 address'],
    ['vlan 4096', 'filter:6: 4096 is not a VLAN ID; valid are 0-4095'],
    ['vxlan 16777216', 'filter:7: 16777216 is not a VNI; valid are 0-16777215'],
    ['ip[0:3] = 1', 'filter:6: 3 is no size; valid are 1, 2 and 4 bytes'],
    ['ip[0] / 0 = 1', 'filter:7: division by zero'],
    ['stp[0] = 1', /^filter:1: "stp" cannot be indexed; valid are ether, ip, /],
    ['inbound', 'filter:1: "inbound" is a direction, not a property of the frame; use --dir in'],
    ['wlan host 1:2:3:4:5:6', /^filter:1: "wlan" is of another link type/],
    ['tcp and', /^filter:8: the filter ends here; valid is a primitive such as /],
    ['(tcp', 'filter:5: the filter ends here; valid is ")"'],
    ['tcp)', 'filter:4: ")" does not fit here; valid is "and", "or", or the end'],
    ['tcp udp', 'filter:5: "udp" does not fit here; valid is "and", "or", or the end'],
    ['ether host 10.0.0.1', 'filter:12: "10.0.0.1" is no MAC address'],
    ['host 1:2:3:4:5:6', 'filter:6: 1:2:3:4:5:6 is a MAC address; write "ether" before "host"'],
    ['host 1:2:3', 'filter:6: "1:2:3" is neither a MAC nor an IPv6 address'],
    ['ip[4] = 08', 'filter:9: "08" begins with 0 and is octal, but 8 and 9 are no octal digits'],
    ['len > 4294967296', 'filter:7: "4294967296" does not fit 32 bits'],
    ['ip = 4', /^filter:4: "=" does not fit here/],
    ['ip; drop', 'filter:3: ";" has no meaning in a filter'],
    ['ether', /^filter:1: "ether" qualifies a primitive/],
    ['icmp port 80', /^filter:11: "icmp" has no ports/],
    ['mpls and arp', /^filter:10: behind "mpls" only ip and ip6/],
  ])('%s', (text, message) => {
    expect(() => compileFilter(text)).toThrow(FilterError);
    expect(() => compileFilter(text)).toThrow(
      message instanceof RegExp ? message : new RegExp(`^${literally(message)}$`),
    );
  });
});

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
