/**
 * Where frames leave, and in which shape (IEEE 802.1Q-2022 §8.6.4, §8.8, §9): each test is a row of the rules.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { manualClock, wire } from '../../../../src/index.ts';
import {
  A,
  access,
  B,
  C,
  checkAll,
  frame,
  GROUP,
  hybrid,
  made,
  only,
  tagged,
  tagsOf,
  told,
  trunk,
  vidsOf,
} from './frames.ts';

afterEach(checkAll);

describe('member set and untagged set', () => {
  it('a frame leaves by members of its VLAN only', () => {
    const sw = made({ p1: access(10), p2: access(10), p3: access(20), t: trunk('20,30'), u: trunk('10,30') });
    expect(told(sw, 'p1', frame())).toBe('F p2 u');
  });

  it('with the tag or without, as the untagged set says, whatever the PVID', () => {
    const sw = made({
      in: trunk('10,20,30'),
      h: hybrid({ pvid: 30, tagged: [10, 30], untagged: [20] }),
    });
    for (const [vid, out] of [
      [10, [10]],
      [20, []],
      [30, [30]],
    ] as const) {
      expect(told(sw, 'in', tagged(vid))).toBe('F h');
      expect(vidsOf(only(sw, 'h'))).toEqual(out);
    }
    // The PVID is what untagged frames get, though VLAN 30 leaves tagged.
    expect(told(sw, 'h', frame({ src: B }))).toBe('F in');
    expect(vidsOf(only(sw, 'in'))).toEqual([30]);
  });

  it('a native VLAN leaves untagged, the others of the trunk tagged', () => {
    const sw = made({ in: trunk('1,10'), t: trunk('10', { native: 1 }) });
    told(sw, 'in', tagged(1));
    expect(vidsOf(only(sw, 't'))).toEqual([]);
    told(sw, 'in', tagged(10));
    expect(vidsOf(only(sw, 't'))).toEqual([10]);
  });

  it('one flood has both shapes, with the same payload', () => {
    const sw = made({ in: trunk(10), u1: access(10), u2: access(10), t1: trunk(10), t2: trunk(10) });
    const bytes = frame({ tags: [{ vid: 10, pcp: 7, dei: 1 }], payload: 1500 });
    expect(told(sw, 'in', bytes)).toBe('F u1 u2 t1 t2');
    for (const port of ['u1', 'u2']) expect(only(sw, port)).toEqual(Buffer.from(frame({ payload: 1500 })));
    for (const port of ['t1', 't2']) expect(only(sw, port)).toEqual(Buffer.from(bytes));
  });

  it('membership changes while it runs; the VLAN goes with its last member', () => {
    const sw = made({ p1: access(10), p2: access(20), t: trunk('10,20') });
    sw.setMember('p2', 10, 'untagged');
    expect(told(sw, 'p1', frame())).toBe('F p2 t');
    sw.setMember('p2', 10, 'tagged');
    sw.port('p2').receive();
    told(sw, 'p1', frame());
    expect(vidsOf(only(sw, 'p2'))).toEqual([10]);
    sw.removeMember('p2', 10);
    expect(told(sw, 'p1', frame())).toBe('F t');
    sw.setMember('t', 99, 'tagged');
    expect(sw.ledger().vlans.map((v) => v.vid)).toContain(99);
    sw.removeMember('t', 99);
    expect(sw.ledger().vlans.map((v) => v.vid)).not.toContain(99);
    expect(() => sw.removeMember('t', 99)).toThrow('not in VLAN 99');
  });

  it('a PVID goes with its membership, and untagged frames with it', () => {
    const sw = made({ p1: access(10), p2: access(10) });
    sw.removeMember('p1', 10);
    expect(told(sw, 'p1', frame())).toBe('INGRESS_NO_PVID');
    sw.setMember('p1', 10, 'untagged');
    sw.setPvid('p1', 10);
    expect(told(sw, 'p1', frame())).toBe('F p2');
  });
});

describe('PCP and DEI', () => {
  const priorities = Array.from({ length: 16 }, (_, n) => ({ pcp: n >> 1, dei: n & 1 }));

  it('are kept wherever the tag stays or comes from a priority tag', () => {
    const sw = made({ t1: trunk(10), t2: trunk(10), a: access(10) });
    for (const priority of priorities) {
      told(sw, 't1', frame({ tags: [{ vid: 10, ...priority }] }));
      expect(tagsOf(only(sw, 't2'))).toEqual([{ tpid: 0x8100, vid: 10, ...priority }]);
      told(sw, 'a', frame({ src: B, tags: [{ vid: 0, ...priority }] }));
      expect(tagsOf(only(sw, 't2'))).toEqual([{ tpid: 0x8100, vid: 10, ...priority }]);
      for (const port of ['t1', 'a']) sw.port(port).receive();
    }
  });

  it('are zero in a tag that a frame without one gets', () => {
    const sw = made({ a: access(10), t: trunk(10) });
    told(sw, 'a', frame());
    expect(tagsOf(only(sw, 't'))).toEqual([{ tpid: 0x8100, vid: 10, pcp: 0, dei: 0 }]);
  });

  it('of inner tags are payload', () => {
    const sw = made({ t: trunk(10), a: access(10) });
    told(
      sw,
      't',
      frame({
        tags: [
          { vid: 10, pcp: 1 },
          { vid: 30, pcp: 6, dei: 1 },
        ],
      }),
    );
    expect(tagsOf(only(sw, 'a'))).toEqual([{ tpid: 0x8100, vid: 30, pcp: 6, dei: 1 }]);
  });
});

describe('the same port', () => {
  it('never gets a frame back: a reflection is a drop with its own reason', () => {
    const sw = made({ p1: access(1), p2: access(1) });
    told(sw, 'p1', frame({ src: A }));
    expect(told(sw, 'p1', frame({ src: B, dst: A }))).toBe('LOOKUP_REFLECTION');
    expect(told(sw, 'p1', frame({ src: A }))).toBe('F p2');
  });

  it('gets it with hairpin, known or flooded', () => {
    const sw = made({ p1: access(1, { hairpin: true }), p2: access(1) });
    expect(told(sw, 'p1', frame({ src: A }))).toBe('F p1 p2');
    expect(told(sw, 'p1', frame({ src: B, dst: A }))).toBe('p1');
    expect(told(sw, 'p2', frame({ src: C }))).toBe('F p1');
  });
});

describe('flooding', () => {
  const kinds = { unknownUnicastFlood: C, multicastFlood: GROUP, broadcastFlood: 'ff:ff:ff:ff:ff:ff' } as const;
  const names = Object.keys(kinds) as (keyof typeof kinds)[];

  it('goes to all members but the ingress port: broadcast, multicast and unknown unicast alike', () => {
    const sw = made({ p1: access(1), p2: access(1), p3: trunk('1,2'), p4: access(2) });
    for (const dst of Object.values(kinds)) expect(told(sw, 'p1', frame({ dst }))).toBe('F p2 p3');
  });

  it.each(names)('%s: false keeps that kind from a port, and only that', (flag) => {
    const sw = made({ p1: access(1), p2: access(1, { [flag]: false }), p3: access(1) });
    for (const name of names) {
      expect(told(sw, 'p1', frame({ dst: kinds[name] }))).toBe(name === flag ? 'F p3' : 'F p2 p3');
    }
    told(sw, 'p2', frame({ src: B }));
    expect(told(sw, 'p1', frame({ dst: B }))).toBe('p2');
  });

  it.each(names)('%s: false keeps that kind from a whole bridge', (flag) => {
    const sw = made({ p1: access(1), p2: access(1) }, { switch: { [flag]: false } });
    for (const name of names) {
      expect(told(sw, 'p1', frame({ dst: kinds[name] }))).toBe(name === flag ? 'EGRESS_NO_PORT' : 'F p2');
    }
  });

  it('with nobody to flood to is a drop with its own reason', () => {
    const sw = made({ p1: access(1), p2: access(2) });
    expect(told(sw, 'p1', frame())).toBe('EGRESS_NO_PORT');
  });

  it('counts copies apart from frames', () => {
    const sw = made(Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`p${n}`, access(1)])));
    told(sw, 'p0', frame());
    expect(sw.ledger().total).toMatchObject({ received: 1, delivered: 1, floodCopies: 38 });
    expect(sw.port('p0').counters()).toMatchObject({ flooded: 1, floodCopies: 38 });
  });

  it('hub: every frame to every member, nothing learned', () => {
    const sw = made({ p1: access(1), p2: access(1), p3: access(1) }, { switch: { hub: true } });
    expect(told(sw, 'p1', frame({ src: A, dst: B }))).toBe('F p2 p3');
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('F p1 p3');
    expect(sw.fdb()).toEqual([]);
  });
});

describe('ports that are kept apart', () => {
  it('isolated ports reach the others, never each other', () => {
    const sw = made({ i1: access(1, { isolated: true }), i2: access(1, { isolated: true }), up: access(1) });
    expect(told(sw, 'i1', frame({ src: A }))).toBe('F up');
    expect(told(sw, 'i2', frame({ src: B, dst: A }))).toBe('EGRESS_ISOLATED');
    expect(told(sw, 'up', frame({ src: C }))).toBe('F i1 i2');
    expect(told(sw, 'up', frame({ src: C, dst: A }))).toBe('i1');
  });

  it('ports of one split-horizon group do not reach each other, those of two do', () => {
    const group = (splitHorizonGroup: number) => access(1, { splitHorizonGroup });
    const sw = made({ a1: group(1), a2: group(1), b1: group(2), n: group(0) });
    expect(told(sw, 'a1', frame({ src: A }))).toBe('F b1 n');
    expect(told(sw, 'a2', frame({ src: B, dst: A }))).toBe('EGRESS_ISOLATED');
    expect(told(sw, 'b1', frame({ src: C, dst: A }))).toBe('a1');
    expect(told(sw, 'n', frame({ src: B }))).toBe('F a1 a2 b1');
  });

  it('port states: only forwarding receives and sends', () => {
    const sw = made({ p1: access(1), d: access(1, { state: 'discarding' }), l: access(1, { state: 'learning' }) });
    expect(told(sw, 'p1', frame())).toBe('EGRESS_NO_PORT');
    for (const port of ['d', 'l']) expect(told(sw, port, frame({ src: B }))).toBe('INGRESS_PORT_STATE');
    sw.setPort('d', { state: 'forwarding' });
    expect(told(sw, 'p1', frame())).toBe('F d');
  });
});

describe('several bridges and many VLANs', () => {
  it('frames never pass from one bridge to another, though VIDs and addresses are the same', () => {
    const sw = made(
      { a1: trunk(10), a2: trunk(10), b1: trunk(10, { bridge: 'br1' }), b2: trunk(10, { bridge: 'br1' }) },
      { bridges: { br1: {} } },
    );
    expect(told(sw, 'a1', tagged(10))).toBe('F a2');
    expect(told(sw, 'b2', tagged(10))).toBe('F b1');
    expect(told(sw, 'a2', tagged(10, { src: B, dst: A }))).toBe('a1');
    expect(told(sw, 'b1', tagged(10, { src: B, dst: A }))).toBe('b2');
    expect(sw.fdb('br1').map((e) => e.port)).toEqual(['b2', 'b1']);
  });

  it('a C-VLAN, an S-VLAN and an unaware bridge work side by side', () => {
    const sw = made(
      {
        c1: trunk(10),
        c2: access(10),
        s1: trunk(10, { bridge: 's' }),
        s2: access(10, { bridge: 's' }),
        u1: { bridge: 'u' },
        u2: { bridge: 'u' },
      },
      { bridges: { s: { type: 's-vlan' }, u: { type: 'unaware' } } },
    );
    told(sw, 'c2', frame());
    told(sw, 's2', frame());
    told(sw, 'u2', tagged(10));
    expect(tagsOf(only(sw, 'c1'))[0]?.tpid).toBe(0x8100);
    expect(tagsOf(only(sw, 's1'))[0]?.tpid).toBe(0x88a8);
    expect(only(sw, 'u1')).toEqual(Buffer.from(tagged(10)));
  });

  it('4,094 VLANs: each is a broadcast domain of its own', () => {
    const sw = made({ t1: trunk('all'), t2: trunk('all') }, {}, { queueFrames: 5000 });
    sw.port('t1').sendBatch(Array.from({ length: 4094 }, (_, n) => tagged(n + 1)));
    expect(sw.port('t2').receive().map(vidsOf)).toEqual(Array.from({ length: 4094 }, (_, n) => [n + 1]));
    expect(sw.fdb()).toHaveLength(4094);
    sw.port('t2').sendBatch(Array.from({ length: 4094 }, (_, n) => tagged(n + 1, { src: B, dst: A })));
    expect(sw.port('t1').receive()).toHaveLength(4094);
    expect(sw.ledger().total).toMatchObject({ received: 8188, delivered: 8188, floodCopies: 0 });
  });
});

describe('order and batches', () => {
  it('results are those of frame-by-frame order, for every batch size', () => {
    const ports = { p1: access(10), p2: trunk('10,20'), p3: hybrid({ pvid: 20, untagged: 20, tagged: 10 }) };
    let n = 7;
    const random = (below: number) => {
      n = (Math.imul(n, 1103515245) + 12345) & 0x7fffffff;
      return (n >>> 8) % below;
    };
    const address = () => wire.formatMac(0x0200, random(12));
    const arrivals = Array.from({ length: 1500 }, () => ({
      port: `p${1 + random(3)}`,
      frame: frame({
        dst: random(6) === 0 ? GROUP : address(),
        src: address(),
        tags: random(2) === 0 ? [] : [{ vid: [0, 10, 20, 30][random(4)]!, pcp: random(8) }],
        payload: random(100),
      }),
    }));
    const run = (batch: number) => {
      // A machine under load takes longer than an entry stays fresh, which is another story.
      const clock = manualClock();
      const sw = made(ports, { switch: { fdb: { maxEntries: 8 } } }, { batch, queueFrames: 5000, clock });
      if (batch === 1) for (const { port, frame: bytes } of arrivals) sw.port(port).send(bytes);
      else sw.send(arrivals);
      return { out: sw.ports.map((p) => p.receive()), fdb: entriesOf(sw), ledger: sw.ledger() };
    };
    const entriesOf = (sw: ReturnType<typeof made>) => sw.fdb().map(({ mac, vid, port }) => [mac, vid, port]);
    const one = run(1);
    for (const batch of [2, 3, 255, 256, 257, 1500]) expect(run(batch)).toEqual(one);
  });
});
