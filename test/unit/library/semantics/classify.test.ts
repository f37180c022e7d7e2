/** The VLAN of untagged frames by source MAC, subnet and protocol. */
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError, createSwitch, type Switch, wire } from '../../../../src/index.ts';
import { A, access, B, C, checkAll, frame, hybrid, made, trunk, vidsOf } from './frames.ts';

afterEach(checkAll);

const VLANS = '10,20,30,40,99';
const RULES = {
  macs: { [A]: 10, '02:00:00:00:01:00/40': 20, '02:00:00:00:01:80/41': 30 },
  subnets: { '10.0.0.0/8': 20, '10.0.30.0/24': 30, '2001:db8:30::/64': 30 },
  protocols: { ipv6: 40, '0x88b5': 10 },
};
const desk = hybrid({ pvid: 99, untagged: VLANS, classify: true });

function world(rules: object = RULES, port = desk) {
  const sw = made({ p: port, t: trunk(VLANS) }, { classify: rules });
  const vids: number[] = [];
  sw.port('t').onFrame((f) => vids.push(vidsOf(f)[0]!));
  const vidOf = (bytes: Uint8Array) => {
    vids.length = 0;
    sw.port('p').send(bytes);
    return vids[0] ?? null;
  };
  return { sw, vidOf };
}

const ip = (src: string, from = C) => {
  const packet = src.includes(':')
    ? wire.udpIpv6({ src, dst: 'ff02::1' }, 1, 2)
    : wire.udpIpv4({ src, dst: '255.255.255.255' }, 1, 2);
  return wire.ethernetFrame({ dst: 'ff:ff:ff:ff:ff:ff', src: from }, src.includes(':') ? 0x86dd : 0x0800, packet);
};
const arp = (senderIp: string) =>
  wire.arpFrame(
    { dst: 'ff:ff:ff:ff:ff:ff', src: C },
    { operation: 1, senderMac: C, senderIp, targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.9' },
  );

describe('classification', () => {
  it('goes by MAC, exact before masks, longer masks before shorter ones', () => {
    const { vidOf } = world();
    expect(vidOf(frame({ src: A, type: 0x9999 }))).toBe(10);
    expect(vidOf(frame({ src: '02:00:00:00:01:05', type: 0x9999 }))).toBe(20);
    expect(vidOf(frame({ src: '02:00:00:00:01:85', type: 0x9999 }))).toBe(30);
    expect(vidOf(frame({ src: B, type: 0x9999 }))).toBe(99);
  });

  it('goes by subnet, of IP and of the sender of ARP, then by protocol', () => {
    const { vidOf } = world();
    expect(vidOf(ip('10.0.30.5'))).toBe(30);
    expect(vidOf(ip('10.1.30.5'))).toBe(20);
    expect(vidOf(arp('10.0.30.5'))).toBe(30);
    expect(vidOf(ip('192.168.0.1'))).toBe(99);
    expect(vidOf(ip('2001:db8:30::5'))).toBe(30);
    expect(vidOf(ip('fe80::5'))).toBe(40);
    expect(vidOf(frame({ src: C }))).toBe(10);
    expect(vidOf(ip('10.0.30.5', A))).toBe(10);
  });

  it('asks in the order that is configured, and only what is named', () => {
    expect(world({ ...RULES, order: ['subnet', 'mac'] }).vidOf(ip('10.0.30.5', A))).toBe(30);
    expect(world({ ...RULES, order: ['subnet', 'mac'] }).vidOf(ip('fe80::5'))).toBe(99);
    expect(world({ ...RULES, order: [] }).vidOf(ip('10.0.30.5', A))).toBe(99);
  });

  it('leaves tagged frames and other ports alone; priority-tagged frames count as untagged', () => {
    const { sw, vidOf } = world();
    expect(vidOf(frame({ src: A, tags: [{ vid: 0, pcp: 5 }] }))).toBe(10);
    const plain = world(RULES, hybrid({ pvid: 99, untagged: VLANS }));
    expect(plain.vidOf(frame({ src: A }))).toBe(99);
    expect(sw.fdb().map(({ mac, vid }) => `${mac} ${vid}`)).toEqual([`${A} 10`]);
  });

  it('needs the port to be a member, and a PVID only where nothing says', () => {
    const { sw, vidOf } = world(RULES, hybrid({ pvid: 'none', untagged: '20', classify: true }));
    expect(vidOf(frame({ src: A }))).toBeNull();
    expect(vidOf(frame({ src: '02:00:00:00:01:05', type: 0x9999 }))).toBe(20);
    expect(vidOf(frame({ src: B, type: 0x9999 }))).toBeNull();
    expect(sw.drops()).toEqual({ INGRESS_VLAN: 1, INGRESS_NO_PVID: 1 });
  });

  it('follows a host from port to port, and changes with apply', () => {
    const config = (vid: number) => ({
      ports: {
        p: { adapter: 'memory' as const, ...desk },
        q: { adapter: 'memory' as const, ...desk },
        t: { adapter: 'memory' as const, ...trunk(VLANS) },
      },
      classify: { macs: { [A]: vid } },
    });
    const sw: Switch = createSwitch(config(10), { seed: 1, autoTick: false });
    for (const port of ['p', 'q']) expect(sw.port(port).send(frame({ src: A })).vid).toBe(10);
    expect(sw.plan(config(10))).toEqual([]);
    expect(sw.apply(config(20))).toEqual(['set-classification (1 MACs, 0 subnets, 0 protocols)']);
    expect(sw.port('p').send(frame({ src: A })).vid).toBe(20);
    sw.apply({ ports: config(20).ports });
    expect(sw.port('p').send(frame({ src: A })).vid).toBe(99);
    sw.close();
  });

  it('finds each of many MACs', () => {
    const mac = (n: number) => `02:${n.toString(16).padStart(10, '0').match(/../g)!.join(':')}`;
    const macs = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [mac(n * 7919), 1 + (n % 4000)]));
    const sw = createSwitch(
      {
        ports: {
          p: { adapter: 'memory', mode: 'hybrid', pvid: 4094, untagged: 'all', classify: true },
          q: { adapter: 'memory', ...access(5) },
        },
        classify: { macs },
      },
      { seed: 1, autoTick: false },
    );
    for (let n = 0; n < 5000; n += 37)
      expect(sw.port('p').send(frame({ src: mac(n * 7919) })).vid).toBe(1 + (n % 4000));
    expect(sw.port('p').send(frame({ src: mac(5) })).vid).toBe(4094);
    sw.close();
  });

  it.each([
    [{ macs: { nonsense: 10 } }, 'classify.macs.nonsense: "nonsense" is not a MAC address'],
    [{ macs: { [`${A}/49`]: 10 } }, 'is not a MAC address'],
    [{ subnets: { '10.0.0.0/33': 10 } }, 'is not a prefix'],
    [{ subnets: { '10.0.0.0/8': 10, '10.1.0.0/8': 20 } }, '10.0.0.0/8 is there twice'],
    [{ protocols: { tcp: 10 } }, '"tcp" is not a protocol; valid are ipv4'],
    [{ order: ['mac', 'mac'] }, 'classify.order: names one of them twice'],
    [{ macs: { [A]: 5000 } }, 'is not a VLAN ID'],
  ])('refuses %j', (classify, complaint) => {
    const config = { ports: { p: { adapter: 'memory' as const, ...desk } }, classify } as never;
    expect(() => createSwitch(config)).toThrow(ConfigError);
    expect(() => createSwitch(config)).toThrow(complaint);
  });
});
