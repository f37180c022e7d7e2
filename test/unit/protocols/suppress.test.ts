import { describe, expect, it } from 'vitest';
import { addressClaim, suppressionAnswer } from '../../../src/protocols/suppress.ts';
import { createTokenBucket, takeToken } from '../../../src/protocols/token-bucket.ts';
import { addressBytes } from '../../../src/wire/address.ts';
import { ARP_REPLY, ARP_REQUEST } from '../../../src/wire/arp.ts';
import { arpFrame, ethernetFrame } from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { ETHERTYPE_IPV6, formatMac, parseMac } from '../../../src/wire/ethernet.ts';
import { NA_OVERRIDE } from '../../../src/wire/icmpv6.ts';
import { ALL_NODES, IPV6_UNSPECIFIED, neighborAdvertisement, neighborSolicitation } from '../../../src/wire/nd.ts';
import { viewOf } from '../wire/bytes.ts';

const ASKER = parseMac('02:00:00:00:00:0a')!;
const HOST = parseMac('02:00:00:00:00:0b')!;
const BROADCAST = { high: 0xffff, low: -1 };
const bytes = (text: string) => addressBytes(text)!;
const known = new Map([
  ['10.0.0.2', HOST],
  ['2001:db8::2', HOST],
]);
const find = (address: string) => {
  const mac = known.get(address);
  return mac === undefined ? null : { mac };
};
const answer = (frame: Uint8Array) => {
  const said = suppressionAnswer(viewOf(frame), 0, frame.length, find);
  return said === null ? null : dissectFrame(viewOf(said), 0, said.length, said.length);
};
const arp = (from: string, target: string, src = ASKER, dst = BROADCAST, operation = ARP_REQUEST) =>
  arpFrame(
    { dst, src },
    { operation, senderMac: src, senderIp: from, targetMac: '00:00:00:00:00:00', targetIp: target },
  );
const ns = (from: Uint8Array, target: string, src = ASKER, dst = '33:33:ff:00:00:02') =>
  ethernetFrame({ dst, src }, ETHERTYPE_IPV6, neighborSolicitation(from, null, bytes(target), src));

describe('suppression', () => {
  it('answers an ARP request for a known host, as the host', () => {
    expect(answer(arp('10.0.0.1', '10.0.0.2'))).toMatchObject({
      outer: { eth_dst: '02:00:00:00:00:0a', eth_src: '02:00:00:00:00:0b' },
      arp: { op: 2, sha: '02:00:00:00:00:0b', spa: '10.0.0.2', tha: '02:00:00:00:00:0a', tpa: '10.0.0.1' },
    });
  });

  it('answers a neighbor solicitation for a known host, as the host', () => {
    expect(answer(ns(bytes('2001:db8::1'), '2001:db8::2'))).toMatchObject({
      outer: {
        eth_dst: '02:00:00:00:00:0a',
        eth_src: '02:00:00:00:00:0b',
        ip: { src: '2001:db8::2', dst: '2001:db8::1', ttl: 255 },
      },
    });
  });

  it.each([
    ['nobody knows', arp('10.0.0.1', '10.0.0.3')],
    ['a probe', arp('0.0.0.0', '10.0.0.2')],
    ['gratuitous ARP', arp('10.0.0.2', '10.0.0.2')],
    ['a reply', arp('10.0.0.1', '10.0.0.2', ASKER, BROADCAST, ARP_REPLY)],
    ['a question to one host', arp('10.0.0.1', '10.0.0.2', ASKER, HOST)],
    ['the host itself asks', arp('10.0.0.1', '10.0.0.2', HOST)],
    ['duplicate address detection', ns(IPV6_UNSPECIFIED, '2001:db8::2')],
    ['nobody knows, IPv6', ns(bytes('2001:db8::1'), '2001:db8::3')],
    [
      'an unsolicited advertisement',
      ethernetFrame(
        { dst: '33:33:00:00:00:01', src: ASKER },
        ETHERTYPE_IPV6,
        neighborAdvertisement(bytes('2001:db8::2'), ALL_NODES, bytes('2001:db8::2'), ASKER, NA_OVERRIDE),
      ),
    ],
    ['a cut frame', arp('10.0.0.1', '10.0.0.2').subarray(0, 40)],
    ['nothing', new Uint8Array(0)],
  ])('lets pass: %s', (_, frame) => {
    expect(answer(frame)).toBeNull();
  });

  it('does not believe a solicitation that crossed a router or is damaged', () => {
    for (const [at, value] of [
      [21, 64],
      [60, 1],
    ] as const) {
      const frame = ns(bytes('2001:db8::1'), '2001:db8::2');
      frame[at] = value;
      expect(answer(frame)).toBeNull();
    }
  });
});

describe('claims', () => {
  const claimOf = (frame: Uint8Array) => {
    const claim = addressClaim(viewOf(frame), 0, frame.length);
    return claim === null ? null : `${claim.address} ${formatMac(claim.mac.high, claim.mac.low)}`;
  };
  it('reads who has what from ARP, solicitations and advertisements', () => {
    expect(claimOf(arp('10.0.0.1', '10.0.0.2'))).toBe('10.0.0.1 02:00:00:00:00:0a');
    expect(claimOf(ns(bytes('2001:db8::1'), '2001:db8::2'))).toBe('2001:db8::1 02:00:00:00:00:0a');
    const na = neighborAdvertisement(bytes('2001:db8::2'), ALL_NODES, bytes('2001:db8::2'), HOST, NA_OVERRIDE);
    expect(claimOf(ethernetFrame({ dst: '33:33:00:00:00:01', src: HOST }, ETHERTYPE_IPV6, na))).toBe(
      '2001:db8::2 02:00:00:00:00:0b',
    );
    expect(claimOf(arp('0.0.0.0', '10.0.0.2'))).toBeNull();
    expect(claimOf(ns(IPV6_UNSPECIFIED, '2001:db8::2'))).toBeNull();
    expect(claimOf(arp('10.0.0.1', '10.0.0.2', { high: 0x0100, low: 1 }))).toBeNull();
  });
});

describe('token bucket', () => {
  it('gives a burst, then a rate, and nothing for a clock that steps back', () => {
    const bucket = createTokenBucket(10, 3, 0);
    const taken = (now: number, tries: number) => {
      let n = 0;
      for (let k = 0; k < tries; k++) if (takeToken(bucket, now)) n++;
      return n;
    };
    expect(taken(0, 10)).toBe(3);
    expect(taken(50, 10)).toBe(0);
    expect(taken(100, 10)).toBe(1);
    expect(taken(1100, 100)).toBe(3);
    expect(taken(0, 10)).toBe(0);
    expect(taken(0x7fffffff, 10)).toBe(3);
    expect(taken((0x7fffffff + 200) | 0, 10)).toBe(2);
  });
});
