/** DHCP relay, and own addresses that somebody else has. With a real server: test/live/dhcp-relay.test.ts. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigInput, Switch } from '../../../src/index.ts';
import { arpFrame, udpIpv4, udpIpv6 } from '../../../src/wire/build.ts';
import { checkLedger, describe as dissect, GW, Host, router } from './hosts.ts';

const CONFIG: ConfigInput = {
  ports: {
    a: { adapter: 'memory', mode: 'access', vlan: 10 },
    b: { adapter: 'memory', mode: 'access', vlan: 20 },
  },
  interfaces: {
    vlan10: {
      vlan: 10,
      mac: GW,
      addresses: ['10.0.10.1/24', '2001:db8:10::1/64'],
      dhcpRelay: { servers: ['10.0.20.2', '2001:db8:20::2'] },
    },
    vlan20: { vlan: 20, mac: '02:00:00:00:00:fd', addresses: ['10.0.20.1/24', '2001:db8:20::1/64'] },
  },
};
const ALL = 'ff:ff:ff:ff:ff:ff';

let opened: Switch[] = [];
afterEach(() => {
  for (const sw of opened) {
    checkLedger(sw);
    sw.close();
  }
  opened = [];
});

function world(config: ConfigInput = CONFIG) {
  const { sw, clock } = router(config);
  opened.push(sw);
  const a = new Host(sw.port('a'), '02:00:00:00:00:0a', []);
  const b = new Host(sw.port('b'), '02:00:00:00:00:0b', ['10.0.20.2/24', '2001:db8:20::2/64']);
  return { sw, clock, a, b };
}

interface Fields {
  op?: number;
  hops?: number;
  flags?: number;
  yiaddr?: string;
  giaddr?: string;
  options?: number[];
}

const ip = (text: string) => text.split('.').map(Number);

function bootp({ op = 1, hops = 0, flags = 0, yiaddr = '0.0.0.0', giaddr = '0.0.0.0', options = [] }: Fields) {
  const m = new Uint8Array(240 + options.length + 4);
  m.set([op, 1, 6, hops, 1, 2, 3, 4, 0, 0, flags >> 8, flags & 255]);
  m.set(ip(yiaddr), 16);
  m.set(ip(giaddr), 24);
  m.set([2, 0, 0, 0, 0, 0x0a], 28);
  m.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, ...options, 255], 236);
  return m;
}

const asks = (fields: Fields = {}) => udpIpv4({ src: '0.0.0.0', dst: '255.255.255.255' }, 68, 67, bootp(fields));
const answers = (fields: Fields, src = '10.0.20.2') =>
  udpIpv4({ src, dst: '10.0.10.1' }, 67, 67, bootp({ op: 2, yiaddr: '10.0.10.77', giaddr: '10.0.10.1', ...fields }));
/** The message in a frame of UDP over IPv4. */
const messageOf = (frame: Buffer) => frame.subarray(42);

describe('a request', () => {
  it('goes to the server with the relay, one hop and the place of the host', () => {
    const { a, b } = world();
    a.send(ALL, asks());
    const [frame, ...more] = b.take();
    expect(more).toEqual([]);
    expect(dissect(frame!)).toMatchObject({
      outer: { eth_dst: b.mac, ip: { src: '10.0.10.1', dst: '10.0.20.2', ttl: 64 } },
    });
    const m = messageOf(frame!);
    expect(m[3]).toBe(1);
    expect([...m.subarray(24, 28)]).toEqual([10, 0, 10, 1]);
    const circuit = [...Buffer.from('a:10')];
    expect([...m.subarray(243)]).toEqual([82, 14, 1, 4, ...circuit, 2, 6, 2, 0, 0, 0, 0, 0xfe, 255]);
  });

  it('of another relay stays its own', () => {
    const { a, b } = world();
    a.send(ALL, asks({ giaddr: '10.0.30.1', hops: 3, options: [82, 2, 1, 0] }));
    const m = messageOf(b.take()[0]!);
    expect(m[3]).toBe(4);
    expect([...m.subarray(24, 28)]).toEqual([10, 0, 30, 1]);
    expect([...m.subarray(243, 248)]).toEqual([82, 2, 1, 0, 255]);
  });

  it('that was relayed too often, says itself where it is, is damaged, or finds no relay, stays', () => {
    const { a, b } = world();
    a.send(ALL, asks({ hops: 16 }));
    a.send(ALL, asks({ options: [82, 2, 1, 0] }));
    const damaged = asks();
    damaged[200]! ^= 1;
    a.send(ALL, damaged);
    a.send(ALL, udpIpv4({ src: '0.0.0.0', dst: '255.255.255.255' }, 68, 67, new Uint8Array(20)));
    b.send(ALL, asks());
    expect([...a.take(), ...b.take()]).toEqual([]);
  });
});

describe('an answer', () => {
  it('goes to the host, or to everybody when it asked for that or has no address, without option 82', () => {
    const { a, b } = world();
    const told = [{}, { flags: 0x8000 }, { yiaddr: '0.0.0.0' }] as Fields[];
    for (const fields of told) b.send('02:00:00:00:00:fd', answers({ ...fields, options: [82, 2, 1, 0] }));
    const heard = a.take();
    expect(heard.map((frame) => [dissect(frame).outer?.eth_dst, dissect(frame).outer?.ip?.dst])).toEqual([
      ['02:00:00:00:00:0a', '10.0.10.77'],
      [ALL, '255.255.255.255'],
      [ALL, '255.255.255.255'],
    ]);
    for (const frame of heard) expect([...messageOf(frame).subarray(243, 244)]).toEqual([255]);
  });

  it('of somebody who is no server is refused', () => {
    const { a, b } = world();
    b.send('02:00:00:00:00:fd', answers({}, '10.0.20.9'));
    a.send(GW, answers({}, '10.0.10.9'));
    expect(a.take()).toEqual([]);
  });
});

it('IPv6 goes and comes in relay messages', () => {
  const { a, b } = world();
  const message = Uint8Array.of(1, 9, 9, 9, 0, 8, 0, 2, 0, 0);
  a.raw(
    Buffer.concat([
      Buffer.from('33330001000202000000000a86dd', 'hex'),
      udpIpv6({ src: 'fe80::a', dst: 'ff02::1:2' }, 546, 547, message),
    ]),
  );
  const forward = b.take()[0]!.subarray(62);
  const name = Buffer.from('vlan10');
  expect(forward.toString('hex')).toBe(
    `0c0020010db8001000000000000000000001fe80000000000000000000000000000a00120006${name.toString('hex')}0009000a${Buffer.from(message).toString('hex')}`,
  );
  // The server answers to the relay; the host is asked for its MAC, so it has its address now.
  const host = new Host(a.port, '02:00:00:00:00:0a', ['fe80::a/64']);
  const reply = Buffer.from(forward);
  reply[0] = 13;
  for (const src of ['2001:db8:20::9', '2001:db8:20::2']) {
    b.send('02:00:00:00:00:fd', udpIpv6({ src, dst: '2001:db8:10::1' }, 547, 547, reply));
  }
  const heard = host.take();
  expect(heard.map((frame) => frame.subarray(62).toString('hex'))).toEqual([Buffer.from(message).toString('hex')]);
  expect(heard[0]!.readUInt16BE(56)).toBe(546);
});

describe('own addresses that are probed for', () => {
  const { vlan20 } = CONFIG.interfaces as Record<string, object>;
  const PROBED = {
    ...CONFIG,
    interfaces: {
      vlan10: { vlan: 10, mac: GW, addresses: ['10.0.10.1/24'], detectDuplicates: true },
      vlan20: { ...vlan20 },
    } as never,
  };
  const arp = (senderIp: string, targetIp: string) =>
    Buffer.from(
      arpFrame(
        { dst: ALL, src: '02:00:00:00:00:0a' },
        { operation: 1, senderMac: '02:00:00:00:00:0a', senderIp, targetMac: '00:00:00:00:00:00', targetIp },
      ),
    );
  const pass = (sw: Switch, clock: ReturnType<typeof world>['clock'], seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      sw.tick();
    }
  };
  const said = (a: Host) =>
    a.all.filter((frame) => frame.readUInt16BE(12) === 0x0806).map((frame) => dissect(frame).arp?.spa);

  it('are used when nobody answers', () => {
    const { sw, clock, a } = world(PROBED);
    a.raw(arp('10.0.10.2', '10.0.10.1'));
    expect(said(a).filter((spa) => spa === '10.0.10.1')).toEqual([]);
    pass(sw, clock, 6);
    a.take();
    a.raw(arp('10.0.10.2', '10.0.10.1'));
    expect(said(a)).toEqual(['10.0.10.1']);
  });

  it('are not used while somebody has them', () => {
    const { sw, clock, a } = world(PROBED);
    pass(sw, clock, 1);
    a.raw(arp('10.0.10.1', '10.0.10.1'));
    pass(sw, clock, 6);
    a.take();
    a.raw(arp('10.0.10.2', '10.0.10.1'));
    expect(said(a)).toEqual([]);
    // When the host is gone and a link comes up, it is probed for again.
    a.port.down();
    a.port.up();
    pass(sw, clock, 8);
    a.take();
    a.raw(arp('10.0.10.2', '10.0.10.1'));
    expect(said(a)).toEqual(['10.0.10.1']);
  });
});
