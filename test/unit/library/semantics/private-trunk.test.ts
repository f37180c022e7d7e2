/** Trunks of private VLANs: to a router that knows the primary's tag alone, and to a switch that knows a secondary's alone. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Switch, wire } from '../../../../src/index.ts';
import { A, B, BROADCAST, checkAll, frame, made, type Port, tagged, told, vidsOf } from './frames.ts';

afterEach(checkAll);

const VLANS = { 100: { isolated: 101, communities: '102,103' }, 200: { isolated: 201 }, 30: {} };
const PORTS: Record<string, Port> = {
  r: { mode: 'promiscuous', vlan: 100 },
  i: { mode: 'private-host', vlan: 101 },
  c: { mode: 'private-host', vlan: 102 },
  d: { mode: 'private-host', vlan: 103 },
  /** To a router. */
  p: { mode: 'promiscuous', vlans: '30,100,200' },
  /** To a switch with isolated hosts. */
  h: { mode: 'private-host', vlans: '30,101,201' },
  /** To a switch with hosts of a community. */
  k: { mode: 'private-host', vlans: '102', native: 30 },
};

const world = (ports: Record<string, Port> = PORTS) => made(ports, { vlans: VLANS });

/** `p 100`: who gets the frame with which tag; or why nobody does. */
function gets(sw: Switch, port: string, bytes: Uint8Array): string {
  const { reason, ports } = sw.port(port).send(bytes);
  if (reason !== null) return reason;
  return ports.map((name) => [name, ...sw.port(name).receive().flatMap(vidsOf)].join(' ')).join(', ');
}

describe('trunks of a private VLAN', () => {
  it.each([
    ['r', frame(), 'i, c, d, p 100, h 101, k 102'],
    ['i', frame(), 'r, p 100'],
    ['c', frame(), 'r, p 100, k 102'],
    ['d', frame(), 'r, p 100'],
    ['p', tagged(100), 'r, i, c, d, h 101, k 102'],
    ['p', tagged(200), 'h 201'],
    ['p', tagged(30), 'h 30, k'],
    ['h', tagged(101), 'r, p 100'],
    ['h', tagged(201), 'p 200'],
    ['h', tagged(30), 'p 30, k'],
    ['k', tagged(102), 'r, c, p 100'],
    ['k', frame(), 'p 30, h 30'],
    // What would put a frame into another VLAN than the neighbor's own.
    ['p', tagged(101), 'INGRESS_VLAN'],
    ['p', tagged(102), 'INGRESS_VLAN'],
    ['p', frame(), 'INGRESS_FRAME_TYPE'],
    ['h', tagged(100), 'INGRESS_VLAN'],
    ['h', tagged(102), 'INGRESS_VLAN'],
    ['h', tagged(0), 'INGRESS_FRAME_TYPE'],
    ['k', tagged(100), 'INGRESS_VLAN'],
    ['k', tagged(103), 'INGRESS_VLAN'],
    ['k', tagged(4000), 'INGRESS_VLAN'],
  ])('at %s, frame %#: %s', (port, bytes, expected) => {
    expect(gets(world(), port, bytes)).toBe(expected);
  });

  it('carry frames to addresses that are known behind them', () => {
    const sw = world();
    gets(sw, 'h', tagged(101, { src: B }));
    expect(gets(sw, 'p', tagged(100, { src: A, dst: B }))).toBe('h 101');
    expect(gets(sw, 'h', tagged(101, { src: B, dst: A }))).toBe('p 100');
    expect(gets(sw, 'i', frame({ src: '02:00:00:00:00:0c', dst: B }))).toBe('EGRESS_PRIVATE_VLAN');
    expect(sw.fdb().map(({ vid, mac, port }) => `${vid} ${mac} ${port}`)).toContain(`100 ${B} h`);
  });

  it('have service tags on a bridge of service VLANs, and leave customer tags alone', () => {
    const sw = made(PORTS, { switch: { type: 's-vlan' }, vlans: VLANS });
    const service = (vid: number) =>
      wire.ethernetFrame({ dst: BROADCAST, src: A, tags: [{ tpid: 0x88a8, vid }, { vid: 101 }] }, 0x88b5);
    sw.port('h').send(service(101));
    const [left] = sw.port('p').receive();
    expect(left!.subarray(12, 20).toString('hex')).toBe('88a8006481000065');
    sw.port('p').send(service(100));
    const [back] = sw.port('h').receive();
    expect(back!.subarray(12, 20).toString('hex')).toBe('88a8006581000065');
    // A customer tag is payload there, so the frame has no tag.
    expect(gets(sw, 'p', tagged(100))).toBe('INGRESS_FRAME_TYPE');
  });

  it('keep priority and what is behind the tag', () => {
    const sw = world();
    const bytes = wire.ethernetFrame({ dst: BROADCAST, src: A, tags: [{ vid: 101, pcp: 5 }, { vid: 101 }] }, 0x88b5);
    sw.port('h').send(bytes);
    const [left] = sw.port('p').receive();
    expect([left!.readUInt16BE(14), left!.readUInt16BE(18)]).toEqual([(5 << 13) | 100, 101]);
  });

  it('have the answers of the gateway, which is an interface of the primary', () => {
    const sw = made(PORTS, { vlans: VLANS, interfaces: { v: { vlan: 100, addresses: ['10.0.0.1/24'] } } });
    const addresses = { senderMac: A, senderIp: '10.0.0.2', targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.1' };
    for (const [port, vid] of [
      ['p', 100],
      ['h', 101],
      ['k', 102],
    ] as const) {
      for (const name of ['p', 'h', 'k']) sw.port(name).receive();
      const head = { dst: BROADCAST, src: A, tags: [{ vid }] };
      sw.port(port).send(wire.arpFrame(head, { operation: wire.ARP_REQUEST, ...addresses }));
      expect(sw.port(port).receive().map(vidsOf), port).toEqual([[vid]]);
    }
  });

  it('change on a running switch', () => {
    const all = (h: Port) => ({
      vlans: VLANS,
      ports: Object.fromEntries(
        Object.entries({ ...PORTS, h }).map(([name, port]) => [name, { adapter: 'memory' as const, ...port }]),
      ),
    });
    const sw = world();
    sw.apply(all({ mode: 'trunk', vlans: '100-103' }));
    expect(gets(sw, 'r', frame())).toBe('i, c, d, p 100, h 100, k 102');
    expect(told(sw, 'h', tagged(101))).toBe('F r p');
    sw.port('p').receive();
    sw.port('r').receive();
    sw.apply(all({ mode: 'private-host', vlans: '103' }));
    expect(gets(sw, 'r', frame())).toBe('i, c, d, p 100, h 103, k 102');
    expect(gets(sw, 'h', tagged(101))).toBe('INGRESS_VLAN');
    sw.apply(all(PORTS.h!));
    expect(gets(sw, 'r', frame())).toBe('i, c, d, p 100, h 101, k 102');
  });

  it.each<[string, Port, RegExp]>([
    ['a secondary, promiscuous', { mode: 'promiscuous', vlans: '101' }, /the isolated VLAN of VLAN 100.*primary, 100/],
    ['a primary, of hosts', { mode: 'private-host', vlans: '100' }, /is private; a trunk of hosts lists one secondary/],
    ['two secondaries', { mode: 'private-host', vlans: '101,102' }, /101 and 102 are both of private VLAN 100/],
    ['no private VLAN', { mode: 'promiscuous', vlans: '30' }, /none of these VLANs is private/],
    [
      'a private native',
      { mode: 'promiscuous', vlans: '100', native: 100 },
      /native VLAN of such a trunk is an ordinary/,
    ],
    ['a VLAN as well', { mode: 'promiscuous', vlans: '100', vlan: 100 }, /this is a trunk; remove it/],
    ['a native alone', { mode: 'promiscuous', vlan: 100, native: 30 }, /belongs to a trunk/],
    ['acceptFrames', { mode: 'private-host', vlans: '101', acceptFrames: 'all' }, /filters all others; remove "accept/],
  ])('are refused with %s', (_, port, problem) => {
    expect(() => world({ t: port })).toThrow(problem);
  });
});
