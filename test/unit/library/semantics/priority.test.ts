/**
 * Priorities (IEEE 802.1Q-2022 §6.9.3, §6.9.4): what a frame has inside the switch by its tag, its DSCP or its port, and what its tag
 * says where it leaves. The rule is written down here, and held against the switch for random settings and frames.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { wire } from '../../../../src/index.ts';
import { access, B, checkAll, frame, made, only, type Port, tagged, tagsOf, told, trunk } from './frames.ts';

afterEach(checkAll);

const IPV4 = (dscp: number, tags: wire.Tag[] = []) => ipFrame(0x0800, [0x45, dscp << 2], tags);
const IPV6 = (dscp: number, tags: wire.Tag[] = []) => ipFrame(0x86dd, [0x60 | (dscp >> 2), (dscp & 3) << 6], tags);

function ipFrame(type: number, head: number[], tags: wire.Tag[]): Uint8Array {
  const payload = Uint8Array.from([...head, ...Array.from({ length: 44 }, (_, n) => n)]);
  return wire.ethernetFrame({ dst: 'ff:ff:ff:ff:ff:ff', src: '02:00:00:00:00:0a', tags }, type, payload);
}

/** PCP of the frame where it leaves tagged. */
function pcpOf(port: Port, bytes: Uint8Array, out: Port = trunk('10')): number {
  const sw = made({ p: port, t: out });
  told(sw, 'p', bytes);
  return tagsOf(only(sw, 't'))[0]!.pcp;
}

describe('the priority of frames that arrive', () => {
  it('is that of the tag, and 0 without one, where nothing is said', () => {
    expect(pcpOf(access(10), frame())).toBe(0);
    expect(pcpOf(access(10), frame({ tags: [{ vid: 0, pcp: 5 }] }))).toBe(5);
    expect(pcpOf(trunk('10'), frame({ tags: [{ vid: 10, pcp: 6 }] }))).toBe(6);
  });

  it('has a default for untagged frames', () => {
    const port = access(10, { priority: { default: 3 } });
    expect(pcpOf(port, frame())).toBe(3);
    expect(pcpOf(port, frame({ tags: [{ vid: 0, pcp: 5 }] }))).toBe(5);
  });

  it('is mapped by PCP, and DEI stays', () => {
    const sw = made({ p: trunk('10', { priority: { pcp: { '0-2': 1, 5: 7 } } }), t: trunk('10') });
    const seen = [0, 1, 2, 3, 5].map((pcp) => {
      told(sw, 'p', frame({ tags: [{ vid: 10, pcp, dei: 1 }] }));
      return tagsOf(only(sw, 't'))[0];
    });
    expect(seen.map((tag) => tag?.pcp)).toEqual([1, 1, 1, 3, 7]);
    expect(seen.map((tag) => tag?.dei)).toEqual([1, 1, 1, 1, 1]);
  });

  it('is taken from DSCP, of IPv4 and IPv6, tagged or not; of others from the tag', () => {
    const port = trunk('10', { native: 10, priority: { trust: 'dscp', default: 2, dscp: { 46: 5, '8-15': 0 } } });
    for (const ip of [IPV4, IPV6]) {
      expect(pcpOf(port, ip(46))).toBe(5);
      expect(pcpOf(port, ip(48))).toBe(6); // its class selector
      expect(pcpOf(port, ip(10))).toBe(0);
      expect(pcpOf(port, ip(46, [{ vid: 10, pcp: 1 }]))).toBe(5);
    }
    expect(pcpOf(port, frame())).toBe(2);
    expect(pcpOf(port, tagged(10, {}))).toBe(0);
  });

  it('is that of the port where nothing is trusted', () => {
    const port = trunk('10', { priority: { trust: 'none', default: 4 } });
    expect(pcpOf(port, frame({ tags: [{ vid: 10, pcp: 7 }] }))).toBe(4);
  });

  it('of a dot1q-tunnel is in the service tag; the customer tag stays as it is', () => {
    const sw = made(
      { c: { mode: 'dot1q-tunnel', vlan: 100, priority: { pcp: { 5: 6 } } }, t: trunk('100') },
      { switch: { type: 's-vlan' } },
    );
    told(sw, 'c', frame({ tags: [{ vid: 7, pcp: 5 }] }));
    expect(tagsOf(only(sw, 't')).map(({ vid, pcp }) => [vid, pcp])).toEqual([
      [100, 6],
      [7, 5],
    ]);
  });

  it.each<NonNullable<Port['priority']>>([{}, { trust: 'pcp' }, { egress: { 0: 1 } }])(
    'of a dot1q-tunnel is taken over where the maps change none: %o',
    (priority) => {
      const ports: Record<string, Port> = {
        c: { mode: 'dot1q-tunnel', serviceVlans: { 7: 100 }, priority },
        t: trunk('100'),
      };
      const sw = made(ports, { switch: { type: 's-vlan' } });
      told(sw, 'c', frame({ tags: [{ vid: 7, pcp: 5 }] }));
      expect(tagsOf(only(sw, 't')).map(({ vid, pcp }) => [vid, pcp])).toEqual([
        [100, 5],
        [7, 5],
      ]);
    },
  );

  it('goes along where the frame is routed to another VLAN', () => {
    const sw = made(
      { p: access(10, { priority: { trust: 'dscp' } }), t: trunk('20') },
      {
        interfaces: {
          a: { vlan: 10, mac: '02:00:00:00:10:01', addresses: ['10.0.10.1/24'] },
          b: {
            vlan: 20,
            mac: '02:00:00:00:20:01',
            addresses: ['10.0.20.1/24'],
            neighbors: { '10.0.20.5': '02:00:00:00:00:25' },
          },
        },
      },
    );
    told(sw, 't', tagged(20, { src: '02:00:00:00:00:25' }));
    sw.port('t').receive();
    const packet = wire.udpIpv4({ src: '10.0.10.5', dst: '10.0.20.5' }, 1, 2, new Uint8Array(8));
    packet[1] = 46 << 2;
    packet.set([0, 0], 10);
    let sum = 0;
    for (let n = 0; n < 20; n += 2) sum += (packet[n]! << 8) | packet[n + 1]!;
    sum = (sum & 0xffff) + (sum >>> 16);
    packet.set([(~sum >>> 8) & 0xff, ~sum & 0xff], 10);
    for (let n = 0; n < 3; n++) {
      sw.port('p').send(wire.ethernetFrame({ dst: '02:00:00:00:10:01', src: '02:00:00:00:00:15' }, 0x0800, packet));
    }
    const left = sw
      .port('t')
      .receive()
      .map((bytes) => tagsOf(bytes)[0]);
    expect(left).toContainEqual({ tpid: 0x8100, vid: 20, pcp: 5, dei: 0 });
    expect(left.every((tag) => tag?.pcp === 5 || tag?.pcp === 0)).toBe(true);
  });
});

describe('the priority of tags that leave', () => {
  it('is mapped for the port alone: others of the same flood keep it', () => {
    const ports = {
      p: trunk('10'),
      mapped: trunk('10', { priority: { egress: { '5-7': 4 } } }),
      plain: trunk('10'),
      host: access(10),
    };
    const sw = made(ports);
    const sent = frame({ tags: [{ vid: 10, pcp: 6, dei: 1 }] });
    told(sw, 'p', sent);
    expect(tagsOf(only(sw, 'mapped'))).toEqual([{ tpid: 0x8100, vid: 10, pcp: 4, dei: 1 }]);
    expect(only(sw, 'plain')).toEqual(Buffer.from(sent));
    expect(only(sw, 'host')).toEqual(Buffer.from(frame()));
  });
});

describe('settings', () => {
  it.each<[Port['priority'], string]>([
    [{ pcp: { 8: 1 } }, 'ports.p.priority.pcp.8: "8" is no number of 0-7'],
    [{ dscp: { '60-64': 1 } }, 'is no number of 0-63'],
    [{ dscp: { '5-9': 1, 7: 2 } }, '7 is there twice'],
    [{ egress: { '3-1': 1 } }, '"3-1" is no number of 0-7'],
    [{ default: 8 }, 'ports.p.priority.default'],
    [{ pcp: { 1: 9 } }, 'ports.p.priority.pcp.1'],
  ])('%j is refused', (priority, problem) => {
    expect(() => made({ p: access(10, { priority }) })).toThrow(problem);
  });

  it('have no meaning on a bridge without VLANs', () => {
    expect(() => made({ p: { priority: {} } }, { switch: { type: 'unaware' } })).toThrow('remove "priority"');
  });
});

describe('for any settings and frame', () => {
  const pcp = fc.integer({ min: 0, max: 7 });
  const map = (most: number) => fc.dictionary(fc.integer({ min: 0, max: most }).map(String), pcp, { maxKeys: 12 });
  const settings = fc.record({
    trust: fc.constantFrom('pcp', 'dscp', 'none'),
    default: pcp,
    pcp: map(7),
    dscp: map(63),
    egress: map(7),
  });
  const sent = fc.record({
    tag: fc.option(fc.record({ vid: fc.constantFrom(0, 10), pcp, dei: fc.integer({ min: 0, max: 1 }) })),
    ip: fc.option(fc.record({ v6: fc.boolean(), dscp: fc.integer({ min: 0, max: 63 }) })),
  });

  it('the rule holds, known or flooded, in one batch or several', () => {
    fc.assert(
      fc.property(
        settings,
        map(7),
        fc.array(sent, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        (s, egress, all, known) => {
          const sw = made({
            p: trunk('10', { native: 10, priority: s as never }),
            t: trunk('10', { priority: { egress } }),
            q: trunk('10'),
          });
          // Broadcasts are flooded in any case; a known address takes the other way.
          if (known) told(sw, 't', tagged(10, { src: B, dst: 'ff:ff:ff:ff:ff:ff' }));
          for (const name of ['p', 't', 'q']) sw.port(name).receive();
          const inside: number[] = [];
          const frames = all.map(({ tag, ip }) => {
            const tags = tag === null ? [] : [tag];
            const bytes = ip === null ? frame({ tags }) : ip.v6 ? IPV6(ip.dscp, tags) : IPV4(ip.dscp, tags);
            if (known) bytes.set([2, 0, 0, 0, 0, 0x0b], 0);
            const byTag = tag === null ? s.default : (s.pcp[tag.pcp] ?? tag.pcp);
            const wanted =
              s.trust === 'none'
                ? s.default
                : s.trust === 'dscp' && ip !== null
                  ? (s.dscp[ip.dscp] ?? ip.dscp >> 3)
                  : byTag;
            inside.push(wanted);
            return bytes;
          });
          for (const bytes of frames) sw.port('p').send(bytes);
          const left = sw
            .port('t')
            .receive()
            .map((bytes) => tagsOf(bytes)[0]!.pcp);
          expect(left).toEqual(inside.map((n) => egress[n] ?? n));
          if (!known)
            expect(
              sw
                .port('q')
                .receive()
                .map((bytes) => tagsOf(bytes)[0]!.pcp),
            ).toEqual(inside);
          checkAll();
        },
      ),
      { numRuns: 60 },
    );
  });
});
