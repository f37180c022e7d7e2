/**
 * Private VLANs (RFC 5517): who reaches whom, for all pairs of hosts of two switches with a trunk between them; by floods, and by
 * addresses that are known. The rule is written down here once, and not as the switch has it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { Switch } from '../../../../src/index.ts';
import { access, checkAll, entries, frame, made, type Port, told, trunk } from './frames.ts';

afterEach(checkAll);

const VLANS = { 100: { isolated: 101, communities: '102,103' } };
const KINDS = ['promiscuous', 'isolated', 'isolated', 'red', 'red', 'blue'] as const;
const PORTS: Record<(typeof KINDS)[number], Port> = {
  promiscuous: { mode: 'promiscuous', vlan: 100 },
  isolated: { mode: 'private-host', vlan: 101 },
  red: { mode: 'private-host', vlan: 102 },
  blue: { mode: 'private-host', vlan: 103 },
};

interface Host {
  name: string;
  kind: (typeof KINDS)[number];
  sw: 0 | 1;
  port: string;
  mac: string;
}

const HOSTS: Host[] = ([0, 1] as const).flatMap((sw) =>
  KINDS.map((kind, n) => ({ name: `${sw}.h${n}`, kind, sw, port: `h${n}`, mac: `02:00:00:00:0${sw}:0${n}` })),
);

/** RFC 5517, section 3. */
function mayReach(a: Host, b: Host): boolean {
  if (a === b) return false;
  return a.kind === 'promiscuous' || b.kind === 'promiscuous' || (a.kind === b.kind && a.kind !== 'isolated');
}

class Pair {
  readonly switches: Switch[];

  constructor(trunkVlans = '100-103') {
    const ports = { ...Object.fromEntries(KINDS.map((kind, n) => [`h${n}`, PORTS[kind]])), t: trunk(trunkVlans) };
    this.switches = [made(ports, { vlans: VLANS }), made(ports, { vlans: VLANS })];
  }

  /** Names of the hosts that get the frame; the trunk carries it from switch to switch. */
  send(from: Host, dst: string): string[] {
    this.switches[from.sw]!.port(from.port).send(frame({ src: from.mac, dst }));
    const carry = (a: number, b: number) => {
      for (const bytes of this.switches[a]!.port('t').receive()) this.switches[b]!.port('t').send(bytes);
    };
    carry(from.sw, 1 - from.sw);
    expect(this.switches[1 - from.sw]!.port('t').receive()).toEqual([]);
    return HOSTS.filter((host) => {
      const got = this.switches[host.sw]!.port(host.port).receive();
      // Hosts see no tag, and nothing twice.
      for (const bytes of got) expect(bytes).toEqual(Buffer.from(frame({ src: from.mac, dst })));
      expect(got.length).toBeLessThanOrEqual(1);
      return got.length === 1;
    }).map((host) => host.name);
  }
}

describe('who reaches whom', () => {
  it.each(HOSTS)('$name ($kind): broadcasts', (from) => {
    const wanted = HOSTS.filter((to) => mayReach(from, to)).map((to) => to.name);
    expect(new Pair().send(from, 'ff:ff:ff:ff:ff:ff')).toEqual(wanted);
  });

  it.each(HOSTS)('$name ($kind): to every address that is known', (from) => {
    const pair = new Pair();
    for (const host of HOSTS) pair.send(host, 'ff:ff:ff:ff:ff:ff');
    for (const to of HOSTS) {
      expect(pair.send(from, to.mac), to.name).toEqual(mayReach(from, to) ? [to.name] : []);
    }
  });

  it.each(HOSTS)('$name ($kind): to an address that is not known', (from) => {
    const wanted = HOSTS.filter((to) => mayReach(from, to)).map((to) => to.name);
    expect(new Pair().send(from, '02:00:00:00:99:99')).toEqual(wanted);
  });

  it('a trunk without the isolated VLAN keeps isolated hosts on their switch', () => {
    const pair = new Pair('100,102-103');
    const [isolated] = HOSTS.filter((host) => host.kind === 'isolated');
    expect(pair.send(isolated!, 'ff:ff:ff:ff:ff:ff')).toEqual(['0.h0']);
  });
});

describe('a private VLAN', () => {
  const ports = {
    r: PORTS.promiscuous,
    i1: PORTS.isolated,
    i2: PORTS.isolated,
    c1: PORTS.red,
    plain: access(7),
    t: trunk('all'),
  };

  it('learns in the primary, whatever VLAN a frame is of', () => {
    const sw = made(ports, { vlans: VLANS });
    for (const [n, port] of ['r', 'i1', 'c1'].entries()) told(sw, port, frame({ src: `02:00:00:00:00:0${n + 1}` }));
    told(sw, 't', frame({ src: '02:00:00:00:00:04', tags: [{ vid: 101 }] }));
    expect(entries(sw)).toEqual([
      '100 02:00:00:00:00:01 r dynamic',
      '100 02:00:00:00:00:02 i1 dynamic',
      '100 02:00:00:00:00:03 c1 dynamic',
      '100 02:00:00:00:00:04 t dynamic',
    ]);
  });

  it('has a reason of its own for what its hosts do not reach', () => {
    const sw = made(ports, { vlans: VLANS });
    told(sw, 'i2', frame({ src: '02:00:00:00:00:02' }));
    expect(told(sw, 'i1', frame({ dst: '02:00:00:00:00:02' }))).toBe('EGRESS_PRIVATE_VLAN');
    expect(told(sw, 'c1', frame({ dst: '02:00:00:00:00:02' }))).toBe('EGRESS_PRIVATE_VLAN');
    expect(told(sw, 'r', frame({ dst: '02:00:00:00:00:02' }))).toBe('i2');
  });

  it('takes no tag from a host: nobody gets into the primary by it', () => {
    const sw = made(ports, { vlans: VLANS });
    for (const vid of [100, 101, 102, 7]) {
      expect(told(sw, 'i1', frame({ tags: [{ vid }] }))).toBe('INGRESS_FRAME_TYPE');
    }
    expect(told(sw, 'i1', frame({ tags: [{ vid: 0, pcp: 5 }] }))).toBe('F r t');
  });

  it('has one interface for all: the one of the primary answers isolated hosts', () => {
    const sw = made(ports, {
      vlans: VLANS,
      interfaces: { gate: { vlan: 100, mac: '02:00:00:00:00:fe', addresses: ['10.0.0.1/24'] } },
    });
    // ARP: who has 10.0.0.1, says 10.0.0.9
    const request = Buffer.from(
      'ffffffffffff02000000000908060001080006040001020000000009' + '0a000009' + '000000000000' + '0a000001',
      'hex',
    );
    sw.port('i1').send(request);
    const [answer] = sw.port('i1').receive();
    expect(answer?.subarray(0, 22).toString('hex')).toBe('0200000000090200000000fe08060001080006040002');
    expect(sw.port('i2').receive()).toEqual([]);
  });

  it.each([
    [{ 100: { isolated: 100 } }, 'VLAN 100 cannot be a secondary of itself'],
    [{ 100: { isolated: 101 }, 200: { isolated: 101 } }, 'VLAN 101 is the isolated VLAN of VLAN 100 already'],
    [{ 100: { communities: '101-102' }, 101: { isolated: 103 } }, 'VLAN 101 is a community of VLAN 100 and cannot be'],
    [{ '100-101': { isolated: 102 } }, 'a primary is one VLAN'],
    [{ 100: { communities: '0' } }, '0 is not a VLAN ID'],
  ])('%j is refused', (vlans, problem) => {
    expect(() => made({}, { vlans })).toThrow(problem);
  });

  it.each<[Port, string]>([
    [access(101), 'its hosts are ports of mode private-host instead of access'],
    [access(100), 'its ports are of mode promiscuous instead of access'],
    [{ mode: 'dot1q-tunnel', vlan: 102 }, 'its hosts are ports of mode private-host'],
    [{ mode: 'promiscuous', vlan: 102 }, 'a promiscuous port is in the primary, 100'],
    [{ mode: 'promiscuous', vlan: 7 }, 'VLAN 7 is no private VLAN'],
    [{ mode: 'private-host', vlan: 100 }, 'VLAN 100 is no isolated VLAN and no community'],
    [{ mode: 'private-host', vlan: 101, acceptFrames: 'all' }, 'remove "acceptFrames"'],
    [{ mode: 'private-host', tagged: '101' }, '"tagged" belongs to mode hybrid'],
  ])('a port %j is refused', (port, problem) => {
    expect(() => made({ p: port }, { vlans: VLANS })).toThrow(problem);
  });

  it('has its entries and its interface in the primary', () => {
    const fdb = [{ mac: '02:00:00:00:00:01', vlan: 101, port: 'i1' }];
    expect(() => made(ports, { vlans: VLANS, fdb })).toThrow('its addresses are those of its primary; write 100');
    const interfaces = { gate: { vlan: 102, addresses: ['10.0.0.1/24'] } };
    expect(() => made(ports, { vlans: VLANS, interfaces })).toThrow('write 100');
  });
});
