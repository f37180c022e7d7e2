/** Packets that do not fit into a tunnel: who sent them is told, in its own VLAN, and nobody else. */

import { describe, expect, it } from 'vitest';
import { setPathMtu } from '../../../src/control/vxlan/vtep-control.ts';
import { portLedger } from '../../../src/dataplane/counters.ts';
import { ethernetFrame, icmpIpv4, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../../src/wire/ethernet.ts';
import { icmpCode, icmpMtu, icmpType } from '../../../src/wire/icmp.ts';
import { icmpv6ChecksumOk, icmpv6Type, icmpv6Word } from '../../../src/wire/icmpv6.ts';
import { ipv4ChecksumOk, ipv4Text } from '../../../src/wire/ipv4.ts';
import { checkLedger, innerFrame, MACS, outerV4, tunnelWorld } from '../dataplane/vxlan-world.ts';

/** Host of port a or b; MACS[1] is behind 192.0.2.34, in VNI 1000. */
const HOST = '02:00:00:00:00:77';
const head = (vid: number) => ({ dst: MACS[1]!, src: HOST, tags: vid === 0 ? [] : [{ vid }] });
const ipv4 = (length: number, vid: number) =>
  ethernetFrame(
    head(vid),
    ETHERTYPE_IPV4,
    udpIpv4({ src: '10.0.0.1', dst: '10.0.0.2' }, 1, 2, new Uint8Array(length - 28)),
  );
const ipv6 = (length: number, vid: number) =>
  ethernetFrame(
    head(vid),
    ETHERTYPE_IPV6,
    udpIpv6({ src: 'fd01::1', dst: 'fd01::2' }, 1, 2, new Uint8Array(length - 48)),
  );

/** A switch that knows where MACS[1] is, and has nothing to say of it. */
function taughtWorld() {
  const world = tunnelWorld(8);
  world.append('u4', outerV4(1000, innerFrame('02:00:00:00:00:78', MACS[1]!, 0, 1)));
  world.core.forward();
  for (const frames of world.left.values()) frames.length = 0;
  return world;
}

/** What the sender's port got. The underlay carries 1,500 bytes: 1,450 inside. */
function told(port: string, ...frames: Uint8Array[]) {
  const world = taughtWorld();
  for (const frame of frames) world.append(port, frame);
  world.core.forward();
  checkLedger(world.core);
  const { index } = world.core.control.port(port);
  const answers = world.left.get(port)!.map((hex) => Buffer.from(hex, 'hex'));
  return { ...world, answers, drops: portLedger(world.core.dp.counters, index).drops };
}

const viewOf = (bytes: Buffer) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

describe('a packet too big for a tunnel', () => {
  it('is dropped, and its sender told by ICMP from whom it was for', () => {
    const { answers, drops, left } = told('b', ipv4(1451, 0));
    expect(drops).toEqual({ VXLAN_MTU: 1 });
    expect(left.get('u4')).toEqual([]);
    expect(answers.length).toBe(1);
    const [answer] = answers as [Buffer];
    expect(answer.subarray(0, 12).toString('hex')).toBe(`${HOST}${MACS[1]}`.replaceAll(':', ''));
    const view = viewOf(answer);
    expect(ipv4ChecksumOk(view, 14)).toBe(true);
    expect([ipv4Text(view, 26), ipv4Text(view, 30)]).toEqual(['10.0.0.2', '10.0.0.1']);
    expect([icmpType(view, 34), icmpCode(view, 34), icmpMtu(view, 34)]).toEqual([3, 4, 1450]);
  });

  it('is answered in its VLAN, with the tag of the port', () => {
    const { answers } = told('a', ipv4(1500, 10));
    expect(answers.length).toBe(1);
    expect(answers[0]!.subarray(12, 16).toString('hex')).toBe('8100000a');
    expect(icmpMtu(viewOf(answers[0]!), 38)).toBe(1450);
  });

  it('is answered by ICMPv6 as well, and never with less than IPv6 carries', () => {
    const view = viewOf(told('b', ipv6(1500, 0)).answers[0]!);
    expect([icmpv6Type(view, 54), icmpv6Word(view, 54)]).toEqual([2, 1450]);
    expect(icmpv6ChecksumOk(view, 14, 54, view.byteLength - 54)).toBe(true);
    const world = taughtWorld();
    setPathMtu(world.core.control, 'v4', '192.0.2.34', 1000);
    world.append('b', ipv6(1300, 0));
    world.core.forward();
    expect(icmpv6Word(viewOf(Buffer.from(world.left.get('b')![0]!, 'hex')), 54)).toBe(1280);
  });

  it('follows what is known of the path', () => {
    const world = taughtWorld();
    setPathMtu(world.core.control, 'v4', '192.0.2.34', 1400);
    world.append('b', ipv4(1351, 0));
    world.append('b', ipv4(1350, 0));
    world.core.forward();
    expect(world.left.get('b')!.map((hex) => icmpMtu(viewOf(Buffer.from(hex, 'hex')), 34))).toEqual([1350]);
    expect(world.left.get('u4')!.length).toBe(1);
  });

  it('that fits, is no IP, or is an ICMP error itself is not answered', () => {
    const error = icmpIpv4({ src: '10.0.0.1', dst: '10.0.0.2' }, 3, 4, 0, 1400, new Uint8Array(1500));
    const { answers } = told(
      'b',
      ipv4(1450, 0),
      ethernetFrame(head(0), 0x88b5, new Uint8Array(1500)),
      ethernetFrame(head(0), ETHERTYPE_IPV4, error),
    );
    expect(answers).toEqual([]);
  });

  it('is answered a bounded number of times', () => {
    const world = taughtWorld();
    for (let n = 0; n < 200; n++) {
      world.append('b', ipv4(1500, 0));
      world.core.forward();
    }
    expect(world.left.get('b')!.length).toBe(50);
    expect(world.core.tooBig.told).toBe(50);
    world.now += 100;
    world.append('b', ipv4(1500, 0));
    world.core.forward();
    expect(world.left.get('b')!.length).toBe(51);
  });
});
