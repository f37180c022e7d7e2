/** The rules of dissection, one hand-made frame each. What tshark says of the same is in the README's captures. */
import { describe, expect, it } from 'vitest';
import {
  arpFrame,
  ethernetFrame,
  ipv4Packet,
  ipv6Packet,
  type Tag,
  udpDatagram,
  udpIpv4,
  udpIpv6,
  vxlanPayload,
} from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { bytesOf, concat, viewOf } from './bytes.ts';

const A = '02:00:00:00:00:01';
const B = '02:00:00:00:00:02';
const HEAD = { dst: B, src: A };
const IP4 = { src: '10.0.0.1', dst: '10.0.0.2' };
const IP6 = { src: 'fe80::1', dst: 'ff02::1' };
const INNER = ethernetFrame({ dst: '02:00:00:00:00:0b', src: '02:00:00:00:00:0a' }, 0x0800, udpIpv4(IP4, 1000, 5555));
const TUNNEL = udpIpv4(IP4, 50000, 4789, vxlanPayload(42, INNER), false);

const look = (frame: Uint8Array, capLen = frame.length) => dissectFrame(viewOf(frame), 0, capLen, frame.length, 1);
const tagged = (tags: Tag[], type: number, payload: Uint8Array) => ethernetFrame({ ...HEAD, tags }, type, payload);

describe('the Ethernet header', () => {
  it.each([
    [1, { eth_len: 1 }],
    [1500, { eth_len: 1500 }],
    [1501, {}],
    [1535, {}],
    [1536, { eth_type: 1536 }],
    [0, { eth_type: 0 }],
  ])('type field %d', (type, expected) => {
    const { outer } = look(ethernetFrame(HEAD, type, bytesOf('424203')));
    expect(outer).toEqual({ eth_dst: B, eth_src: A, tags: [], ...expected });
  });

  it('is missing below 14 bytes, with an error that counts them', () => {
    for (let capLen = 0; capLen < 14; capLen++) {
      const frame = look(INNER, capLen);
      expect(frame).toEqual({
        n: 1,
        len: INNER.length,
        cap_len: capLen,
        encap: 1,
        outer: null,
        vxlan: null,
        inner: null,
        error: `ethernet: cut after ${capLen} of 14 bytes`,
      });
    }
  });

  it('is all of a 14-byte frame', () => {
    expect(look(ethernetFrame(HEAD, 0x88cc)).error).toBeUndefined();
  });
});

describe('tags', () => {
  it('are listed outermost first, each with what follows it', () => {
    const tags = [
      { tpid: 0x88a8, vid: 100, pcp: 3, dei: 1 },
      { tpid: 0x8100, vid: 0, pcp: 7 },
      { tpid: 0x9100, vid: 4095 },
    ];
    expect(look(tagged(tags, 0x0800, TUNNEL))).toMatchObject({
      outer: {
        eth_type: 0x88a8,
        tags: [
          { tpid: 0x88a8, id: 100, pri: 3, dei: 1, etype: 0x8100 },
          { tpid: 0x8100, id: 0, pri: 7, dei: 0, etype: 0x9100 },
          { tpid: 0x9100, id: 4095, pri: 0, dei: 0, etype: 0x0800 },
        ],
        ip: { src: '10.0.0.1' },
      },
      vxlan: { vni: 42 },
    });
  });

  it.each([1, 2, 10, 100])('are counted to the last: %d', (count) => {
    const tags = Array.from({ length: count }, (_, i) => ({ vid: i }));
    const { outer, vxlan } = look(tagged(tags, 0x0800, TUNNEL));
    expect(outer?.tags.length).toBe(count);
    expect(vxlan?.vni).toBe(42);
  });

  it('two S-tags in a row are two tags', () => {
    const tags = [1, 2].map((vid) => ({ tpid: 0x88a8, vid }));
    expect(look(tagged(tags, 0x0800, TUNNEL)).outer?.tags.map((tag) => tag.id)).toEqual([1, 2]);
  });

  it('a length behind a C-tag is a length, behind an S-tag a type', () => {
    const payload = bytesOf('424203');
    expect(look(tagged([{ vid: 5 }], 3, payload)).outer?.tags[0]).toEqual({
      tpid: 0x8100,
      id: 5,
      pri: 0,
      dei: 0,
      len: 3,
    });
    expect(look(tagged([{ vid: 5, tpid: 0x88a8 }], 3, payload)).outer?.tags[0]?.etype).toBe(3);
  });

  it.each([
    // bytes captured, tags shown of a C-tag and of an S-tag
    [14, 0, 0],
    [15, 0, 0],
    [16, 1, 0],
    [17, 1, 0],
    [18, 1, 1],
  ])('cut after %d bytes', (capLen, ofC, ofS) => {
    const c = look(tagged([{ vid: 5 }], 0x0800, TUNNEL), capLen);
    expect(c.outer?.tags.length).toBe(ofC);
    expect(c.outer?.tags[0]?.etype).toBe(capLen === 18 ? 0x0800 : undefined);
    expect(c.error).toBeDefined();
    expect(look(tagged([{ vid: 5, tpid: 0x88a8 }], 0x0800, TUNNEL), capLen).outer?.tags.length).toBe(ofS);
  });

  it('behind another header are not the frame’s own', () => {
    const snap = concat(bytesOf('aaaa03 000000 8100 0005 0800'), TUNNEL);
    const frame = look(ethernetFrame(HEAD, snap.length, snap));
    expect(frame.outer?.tags).toEqual([]);
    expect(frame.outer?.ip?.src).toBe('10.0.0.1');
  });
});

describe('IPv4', () => {
  const ip = (change: (view: DataView) => void) => {
    const packet = TUNNEL.slice();
    change(viewOf(packet));
    return look(ethernetFrame(HEAD, 0x0800, packet));
  };

  it('shows its fields', () => {
    const packet = ipv4Packet({ ...IP4, ttl: 9, tos: 0xb8 }, 89);
    expect(look(ethernetFrame(HEAD, 0x0800, packet)).outer?.ip).toEqual({
      v: 4,
      src: '10.0.0.1',
      dst: '10.0.0.2',
      proto: 89,
      ttl: 9,
      tos: 0xb8,
    });
  });

  it.each<[string, (view: DataView) => void]>([
    ['header length 16', (view) => view.setUint8(0, 0x44)],
    ['header length 0', (view) => view.setUint8(0, 0x40)],
    ['total length 19', (view) => view.setUint16(2, 19)],
    ['version 5', (view) => view.setUint8(0, 0x55)],
  ])('%s is not shown', (_, change) => {
    const frame = ip(change);
    expect(frame.outer?.ip).toBeUndefined();
    expect(frame.error).toMatch(/^ip/);
  });

  it('total length 0 is offload: to the end of the frame', () => {
    expect(ip((view) => view.setUint16(2, 0)).inner?.udp?.dst).toBe(5555);
  });

  it('total length hides what lies behind it', () => {
    expect(ip((view) => view.setUint16(2, 20)).outer).not.toHaveProperty('udp');
    expect(ip((view) => view.setUint16(2, 28 + 7)).vxlan).toEqual({ flags: 0x0800, gbp: 0, vni: 42 });
    expect(ip((view) => view.setUint16(2, 28 + 8)).vxlan).toMatchObject({ reserved8: 0 });
  });

  it.each([
    [0x2000, true, true],
    [0x2001, true, false],
    [0x0001, true, false],
    [0x4000, undefined, true],
  ])('fragment field %i', (field, fragment, hasTunnel) => {
    const frame = ip((view) => view.setUint16(6, field));
    expect(frame.outer?.ip?.fragment).toBe(fragment);
    expect(frame.vxlan !== null).toBe(hasTunnel);
  });

  it('is found by its own version behind 0x0800, not behind 0x86DD', () => {
    const packet = udpIpv6(IP6, 1, 2);
    expect(look(ethernetFrame(HEAD, 0x0800, packet)).outer?.ip?.v).toBe(6);
    expect(look(ethernetFrame(HEAD, 0x86dd, TUNNEL)).outer).not.toHaveProperty('ip');
  });

  it('is cut without losing what is there', () => {
    const frame = ethernetFrame(HEAD, 0x0800, TUNNEL);
    expect(look(frame, 29).outer).not.toHaveProperty('ip');
    expect(look(frame, 30).outer?.ip).toMatchObject({ src: '10.0.0.1', dst: null });
    expect(look(frame, 33).outer?.ip?.dst).toBeNull();
    expect(look(frame, 34).outer?.ip?.dst).toBe('10.0.0.2');
  });
});

describe('IPv6', () => {
  it('passes extension headers and later fragments stop it', () => {
    const datagram = udpDatagram(1, 4789, vxlanPayload(7, INNER));
    const options = bytesOf('11 00 01 04 00000000');
    expect(look(ethernetFrame(HEAD, 0x86dd, ipv6Packet(IP6, 60, concat(options, datagram))))).toMatchObject({
      outer: { ip: { v: 6, src: 'fe80::1', dst: 'ff02::1', proto: 60 }, udp: { dst: 4789 } },
      vxlan: { vni: 7 },
    });
    const later = concat(bytesOf('11 00 0008 00000007'), datagram);
    expect(look(ethernetFrame(HEAD, 0x86dd, ipv6Packet(IP6, 44, later))).outer).not.toHaveProperty('udp');
  });

  it('reads a jumbogram by its option (RFC 2675)', () => {
    const options = bytesOf('11 00 c2 04 0001ffff');
    const packet = ipv6Packet(IP6, 0, concat(options, udpDatagram(1, 4789, vxlanPayload(7, INNER))));
    viewOf(packet).setUint16(4, 0);
    viewOf(packet).setUint16(52, 0); // and UDP length 0
    expect(look(ethernetFrame(HEAD, 0x86dd, packet))).toMatchObject({ outer: { udp: { len: 0 } }, vxlan: { vni: 7 } });
  });
});

describe('UDP', () => {
  const udp = (length: number) => {
    const packet = TUNNEL.slice();
    viewOf(packet).setUint16(24, length);
    return look(ethernetFrame(HEAD, 0x0800, packet));
  };

  it.each([0, 1, 7])('length %d ends it', (length) => {
    const frame = udp(length);
    expect(frame.outer?.udp).toEqual({ src: 50000, dst: 4789, len: length, checksum: null });
    expect([frame.vxlan, frame.error]).toEqual([null, `udp: length ${length} below 8`]);
  });

  it.each([
    [8, false, false],
    [14, false, false],
    [15, true, false],
    [29, true, false],
    [30, true, true],
    [65535, true, true],
  ])('length %d bounds VXLAN', (length, hasVni, hasInner) => {
    const frame = udp(length);
    expect([frame.vxlan !== null, frame.inner !== null]).toEqual([hasVni, hasInner]);
  });

  it('is cut without losing what is there', () => {
    const frame = ethernetFrame(HEAD, 0x0800, TUNNEL);
    const at = (capLen: number) => look(frame, capLen).outer?.udp;
    expect(at(37)).toBeUndefined();
    expect(at(38)).toEqual({ src: 50000, dst: 4789, len: null, checksum: null });
    expect(at(40)).toMatchObject({ len: TUNNEL.length - 20, checksum: null });
    expect(at(42)).toMatchObject({ checksum: 0 });
  });
});

describe('VXLAN', () => {
  it('is shown whatever its flags say', () => {
    const payload = vxlanPayload(42, INNER);
    payload.set([0x80, 0x40, 0x12, 0x34]);
    payload[7] = 9;
    const frame = look(ethernetFrame(HEAD, 0x86dd, udpIpv6(IP6, 50000, 4789, payload)));
    expect(frame.vxlan).toEqual({ flags: 0x8040, gbp: 0x1234, vni: 42, reserved8: 9 });
    expect(frame.inner?.eth_src).toBe('02:00:00:00:00:0a');
  });

  it('has a port that may be another', () => {
    const frame = ethernetFrame(HEAD, 0x0800, udpIpv4(IP4, 50000, 8472, vxlanPayload(42, INNER)));
    expect(look(frame).vxlan).toBeNull();
    expect(dissectFrame(viewOf(frame), 0, frame.length, frame.length, 1, 8472).vxlan?.vni).toBe(42);
  });

  it.each([
    [4789, true],
    [5555, true],
    [1024, true],
    [1023, false],
    [53, false],
  ])('from port 4789 to port %d: %s', (dst, expected) => {
    const frame = ethernetFrame(HEAD, 0x0800, udpIpv4(IP4, 4789, dst, vxlanPayload(42, INNER)));
    expect(look(frame).vxlan !== null).toBe(expected);
  });

  it('in VXLAN ends with the inner UDP header', () => {
    const once = ethernetFrame(HEAD, 0x0800, TUNNEL);
    const frame = look(ethernetFrame(HEAD, 0x0800, udpIpv4(IP4, 1, 4789, vxlanPayload(1, once))));
    expect(frame.vxlan?.vni).toBe(1);
    expect(frame.inner?.udp?.dst).toBe(4789);
  });

  it.each<[string, number, Uint8Array]>([
    ['PPPoE', 0x8864, concat(bytesOf('1100 0007 ffff 0021'), TUNNEL)],
    ['MPLS', 0x8847, concat(bytesOf('00064040 00065140'), TUNNEL)],
    ['GRE', 0x0800, ipv4Packet(IP4, 47, concat(bytesOf('2000 0800 00000001'), TUNNEL))],
    ['IP in IP', 0x0800, ipv4Packet(IP4, 4, TUNNEL)],
    ['IP in IPv6', 0x86dd, ipv6Packet(IP6, 4, TUNNEL)],
    ['an authentication header', 0x0800, ipv4Packet(IP4, 51, concat(bytesOf('04 04'), new Uint8Array(22), TUNNEL))],
    ['an I-tag', 0x88e7, concat(new Uint8Array(16), bytesOf('0800'), TUNNEL)],
    ['an E-tag', 0x893f, concat(new Uint8Array(6), bytesOf('0800'), TUNNEL)],
    ['a VN-tag', 0x8926, concat(new Uint8Array(4), bytesOf('0800'), TUNNEL)],
    ['Cisco MetaData', 0x8909, concat(bytesOf('0101 0001 0007 0800'), TUNNEL)],
    ['an R-tag (802.1CB)', 0xf1c1, concat(bytesOf('0000 0007 0800'), TUNNEL)],
    ['NSH', 0x894f, concat(bytesOf('0002 0201 00000107'), TUNNEL)],
    ['the EtherType of long LLC frames', 0x8870, concat(bytesOf('aaaa03 000000 0800'), TUNNEL)],
    ['LLC with numbers', TUNNEL.length + 4, concat(bytesOf('0606 0000'), TUNNEL)],
    ['LLC of OSI', TUNNEL.length + 4, concat(bytesOf('fefe03 cc'), TUNNEL)],
    ['MPLS in PPPoE', 0x8864, concat(bytesOf('1100 0007 ffff 0281 00065140'), TUNNEL)],
    ['an IPv4 channel of MPLS', 0x8847, concat(bytesOf('00065140 10000021'), TUNNEL)],
    ['IPv6 options behind IPv4', 0x0800, ipv4Packet(IP4, 60, concat(bytesOf('04 00 0104 00000000'), TUNNEL))],
    ['a first IPv6 fragment behind IPv4', 0x0800, ipv4Packet(IP4, 44, concat(bytesOf('0400 0001 00000007'), TUNNEL))],
    ['MACsec without encryption', 0x88e5, concat(bytesOf('0000 00000001 0800'), TUNNEL, new Uint8Array(16))],
  ])('is found behind %s', (_, type, payload) => {
    expect(look(ethernetFrame(HEAD, type, payload)).vxlan?.vni).toBe(42);
  });

  it.each<[string, number, Uint8Array]>([
    ['Ethernet in GRE', 0x0800, ipv4Packet(IP4, 47, concat(bytesOf('0000 6558'), ethernetFrame(HEAD, 0x0800, TUNNEL)))],
    ['encrypted MACsec', 0x88e5, concat(bytesOf('0c00 00000001 0800'), TUNNEL, new Uint8Array(16))],
    ['an MPLS channel', 0x8847, concat(bytesOf('0000d140'), TUNNEL)],
    ['a later IPv6 fragment behind IPv4', 0x0800, ipv4Packet(IP4, 44, concat(bytesOf('0400 0008 00000007'), TUNNEL))],
    ['LLC that carries no data', TUNNEL.length + 3, concat(bytesOf('0606 7f'), TUNNEL)],
    ['an ICMP error', 0x0800, ipv4Packet(IP4, 1, concat(bytesOf('0303 0000 00000000'), TUNNEL))],
  ])('is not looked for in %s', (_, type, payload) => {
    expect(look(ethernetFrame(HEAD, type, payload)).vxlan).toBeNull();
  });

  it('nesting without end ends with an error', () => {
    let packet = TUNNEL;
    for (let i = 0; i < 2000; i++) packet = ipv4Packet(IP4, 4, packet);
    expect(look(ethernetFrame(HEAD, 0x0800, packet)).error).toBe('more than 64 headers');
  });
});

describe('extras', () => {
  it('ARP', () => {
    const fields = { operation: 2, senderMac: A, senderIp: '10.0.0.1', targetMac: B, targetIp: '10.0.0.2' };
    const frame = arpFrame({ ...HEAD, tags: [{ vid: 10 }] }, fields);
    expect(look(frame).arp).toEqual({ op: 2, sha: A, spa: '10.0.0.1', tha: B, tpa: '10.0.0.2' });
    expect(look(frame, frame.length - 1).arp).toEqual({ op: 2, sha: null, spa: null, tha: null, tpa: null });
  });

  it('RARP', () => {
    const frame = ethernetFrame(
      HEAD,
      0x8035,
      bytesOf('0001 0800 06 04 0003', '020000000001 00000000', '020000000001 00000000'),
    );
    expect(look(frame).arp).toEqual({ op: 3, sha: A, spa: '0.0.0.0', tha: A, tpa: '0.0.0.0' });
  });

  it('ICMP, of an echo with its numbers', () => {
    const icmp = (bytes: string) => look(ethernetFrame(HEAD, 0x0800, ipv4Packet(IP4, 1, bytesOf(bytes)))).outer!.icmp;
    expect(icmp('0800f7fd00070002')).toEqual({ type: 8, code: 0, ident: 7, seq: 2 });
    expect(icmp('0301000000000000')).toEqual({ type: 3, code: 1 });
    expect(icmp('0800f7fd0007')).toEqual({ type: 8, code: 0 });
    expect(icmp('08')).toBeUndefined();
  });

  it('ICMPv6', () => {
    expect(look(ethernetFrame(HEAD, 0x86dd, ipv6Packet(IP6, 58, bytesOf('87')))).icmpv6).toEqual({ type: 135 });
  });
});
