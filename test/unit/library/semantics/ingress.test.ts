/**
 * Which frames enter, and in which VLAN (IEEE 802.1Q-2022 §6.9, §8.6.1-3, §9): each test is a row of the rules.
 */
import { afterEach, describe, expect, it } from 'vitest';
import {
  A,
  access,
  B,
  BROADCAST,
  checkAll,
  frame,
  hybrid,
  made,
  only,
  type Port,
  tagged,
  tagsOf,
  told,
  trunk,
  vidsOf,
} from './frames.ts';

afterEach(checkAll);

describe('reserved group addresses 01-80-C2-00-00-00 to -0F', () => {
  const all = Array.from({ length: 16 }, (_, n) => n);
  const rows = [
    ['c-vlan', all],
    ['s-vlan', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14]],
    ['tpmr', [1, 2, 4, 14]],
    ['transparent', [1]],
  ] as const;
  it.each(rows)('%s filters its list and floods the others', (reservedMac, filtered) => {
    const sw = made({ p1: access(1), p2: access(1) }, { switch: { reservedMac } });
    const dropped = all.filter((n) => {
      const dst = `01:80:c2:00:00:${n.toString(16).padStart(2, '0')}`;
      const said = told(sw, 'p1', frame({ dst }));
      expect(['INGRESS_RESERVED_MAC', 'F p2']).toContain(said);
      return said === 'INGRESS_RESERVED_MAC';
    });
    expect(dropped).toEqual(filtered);
    expect(told(sw, 'p1', frame({ dst: '01:80:c2:00:00:10' }))).toBe('F p2');
    expect(told(sw, 'p1', frame({ dst: '01:80:c2:00:01:00' }))).toBe('F p2');
  });

  it('do not teach: what is filtered is not learned', () => {
    const sw = made({ p1: access(1), p2: access(1) });
    told(sw, 'p1', frame({ dst: '01:80:c2:00:00:0e' }));
    expect(sw.fdb()).toEqual([]);
  });

  it('follow the type of the bridge when nothing is said', () => {
    const sw = made({ p1: access(1), p2: access(1) }, { switch: { type: 's-vlan' } });
    expect(told(sw, 'p1', frame({ dst: '01:80:c2:00:00:00' }))).toBe('F p2');
    expect(told(sw, 'p1', frame({ dst: '01:80:c2:00:00:0e' }))).toBe('INGRESS_RESERVED_MAC');
  });
});

describe('VLAN IDs', () => {
  it('VID 0 is a priority: the frame gets the PVID and keeps PCP and DEI', () => {
    const sw = made({ p1: access(10), p2: trunk(10), p3: access(10) });
    const priority = frame({ tags: [{ vid: 0, pcp: 5, dei: 1 }] });
    expect(told(sw, 'p1', priority)).toBe('F p2 p3');
    expect(tagsOf(only(sw, 'p2'))).toEqual([{ tpid: 0x8100, vid: 10, pcp: 5, dei: 1 }]);
    expect(only(sw, 'p3')).toEqual(Buffer.from(frame()));
  });

  it('VID 4095 is never accepted, whatever the port', () => {
    const sw = made({
      p1: trunk('all'),
      p2: trunk('all'),
      p3: hybrid({ tagged: 'all', pvid: 'none', ingressFiltering: false }),
    });
    for (const port of ['p1', 'p3']) expect(told(sw, port, tagged(4095))).toBe('INGRESS_VID_RESERVED');
    expect(sw.fdb()).toEqual([]);
  });

  it('4095 and 0 cannot be configured', () => {
    for (const vid of [0, 4095]) {
      expect(() => made({ p1: access(vid) })).toThrow(`${vid} is not a VLAN ID`);
      expect(() => made({ p1: trunk(String(vid)) })).toThrow(`${vid} is not a VLAN ID`);
      const sw = made({ p1: access(1) });
      expect(() => sw.setMember('p1', vid, 'tagged')).toThrow(`${vid} is not a VLAN ID`);
      expect(() => sw.setPvid('p1', vid)).toThrow(`${vid} is not a VLAN ID`);
    }
  });

  it('PVID none drops untagged and priority-tagged frames, and only them', () => {
    const sw = made({ p1: hybrid({ pvid: 'none', tagged: 10 }), p2: trunk(10) });
    expect(told(sw, 'p1', frame())).toBe('INGRESS_NO_PVID');
    expect(told(sw, 'p1', tagged(0))).toBe('INGRESS_NO_PVID');
    expect(told(sw, 'p1', tagged(10))).toBe('F p2');
  });

  it('the PVID is 1 where a hybrid port says nothing', () => {
    const sw = made({ p1: hybrid({ untagged: 1 }), p2: trunk(1) });
    expect(told(sw, 'p1', frame())).toBe('F p2');
    expect(vidsOf(only(sw, 'p2'))).toEqual([1]);
  });
});

describe('acceptFrames', () => {
  const port = (acceptFrames: 'all' | 'untagged' | 'tagged') => access(10, { acceptFrames });
  it.each([
    ['untagged by default', access(10), ['F out', 'F out', 'INGRESS_FRAME_TYPE', 'INGRESS_FRAME_TYPE']],
    ['untagged', port('untagged'), ['F out', 'F out', 'INGRESS_FRAME_TYPE', 'INGRESS_FRAME_TYPE']],
    ['all', port('all'), ['F out', 'F out', 'F out', 'INGRESS_VLAN']],
    ['tagged', port('tagged'), ['INGRESS_FRAME_TYPE', 'INGRESS_FRAME_TYPE', 'F out', 'INGRESS_VLAN']],
  ] as [string, Port, string[]][])('decides what an access port takes: %s', (_, p1, expected) => {
    const sw = made({ p1, out: trunk('10,20') });
    const said = [frame(), tagged(0), tagged(10), tagged(20)].map((bytes) => told(sw, 'p1', bytes));
    expect(said).toEqual(expected);
  });

  it('a trunk without native takes tagged frames only, with native both', () => {
    const sw = made({ t: trunk('10,20'), n: trunk('10,20', { native: 1 }), out: trunk('1,10,20') });
    expect(told(sw, 't', frame())).toBe('INGRESS_FRAME_TYPE');
    expect(told(sw, 't', tagged(0))).toBe('INGRESS_FRAME_TYPE');
    expect(told(sw, 'n', frame())).toBe('F out');
    expect(vidsOf(only(sw, 'out'))).toEqual([1]);
    expect(told(sw, 'n', tagged(20))).toBe('F t out');
  });
});

describe('ingress filtering', () => {
  it('drops frames of VLANs that the port is not in, by default', () => {
    const sw = made({ p1: trunk(10), p2: trunk('10,20') });
    expect(told(sw, 'p1', tagged(20))).toBe('INGRESS_VLAN');
  });

  it('off, lets them in; the port still does not get that VLAN', () => {
    const sw = made({ p1: trunk(10, { ingressFiltering: false }), p2: trunk('10,20') });
    expect(told(sw, 'p1', tagged(20))).toBe('F p2');
    // Learned on p1, which cannot leave by it.
    expect(told(sw, 'p2', tagged(20, { src: B, dst: A }))).toBe('EGRESS_VLAN');
  });

  it('off, does not make VLANs: one that the bridge does not have is dropped', () => {
    const sw = made({ p1: trunk(10, { ingressFiltering: false }), p2: trunk(10) });
    expect(told(sw, 'p1', tagged(30))).toBe('INGRESS_VLAN');
  });

  it('is a setting of each port while it runs', () => {
    const sw = made({ p1: trunk(10), p2: trunk('10,20') });
    sw.setPort('p1', { ingressFiltering: false });
    expect(told(sw, 'p1', tagged(20))).toBe('F p2');
    sw.setPort('p1', { ingressFiltering: true });
    expect(told(sw, 'p1', tagged(20))).toBe('INGRESS_VLAN');
  });
});

describe('TPIDs', () => {
  const sTag = (vid: number) => frame({ tags: [{ tpid: 0x88a8, vid, pcp: 3 }] });

  it('0x88A8 on a C-VLAN bridge is payload: the frame is untagged and gets the PVID', () => {
    const sw = made({ p1: access(10), p2: trunk('10,20'), p3: trunk('10,20') });
    expect(told(sw, 'p1', sTag(20))).toBe('F p2 p3');
    expect(tagsOf(only(sw, 'p2'))).toEqual([
      { tpid: 0x8100, vid: 10, pcp: 0, dei: 0 },
      { tpid: 0x88a8, vid: 20, pcp: 3, dei: 0 },
    ]);
    expect(told(sw, 'p3', sTag(20))).toBe('INGRESS_FRAME_TYPE');
  });

  it('0x8100 on an S-VLAN bridge is payload', () => {
    const sw = made({ p1: access(100), p2: trunk(100) }, { switch: { type: 's-vlan' } });
    expect(told(sw, 'p1', tagged(20))).toBe('F p2');
    expect(tagsOf(only(sw, 'p2')).map(({ tpid, vid }) => [tpid, vid])).toEqual([
      [0x88a8, 100],
      [0x8100, 20],
    ]);
    expect(told(sw, 'p2', sTag(100))).toBe('F p1');
    expect(only(sw, 'p1')).toEqual(Buffer.from(frame()));
  });

  it('a dot1q-tunnel port carries customer tags inside its VLAN, and brings them out unchanged', () => {
    const customer = frame({ tags: [{ vid: 7, pcp: 6, dei: 1 }] });
    const sw = made({
      c1: { mode: 'dot1q-tunnel', vlan: 100 },
      c2: { mode: 'dot1q-tunnel', vlan: 100 },
      t: trunk(100),
    });
    expect(told(sw, 'c1', customer)).toBe('F c2 t');
    expect(only(sw, 'c2')).toEqual(Buffer.from(customer));
    const carried = only(sw, 't');
    expect(vidsOf(carried)).toEqual([100, 7]);
    expect(told(sw, 't', carried)).toBe('F c1 c2');
    expect(sw.port('c2').receive()).toEqual([Buffer.from(customer)]);
    expect(told(sw, 'c1', frame())).toBe('F c2 t');
  });

  it('a dot1q-tunnel port with a list refuses other customer VLANs', () => {
    const sw = made({ c1: { mode: 'dot1q-tunnel', vlan: 100, cvids: '7,20-22' }, t: trunk(100) });
    expect([7, 20, 22].map((vid) => told(sw, 'c1', tagged(vid)))).toEqual(['F t', 'F t', 'F t']);
    expect([6, 8, 23].map((vid) => told(sw, 'c1', tagged(vid)))).toEqual(Array(3).fill('INGRESS_TUNNEL_CVID'));
    expect(told(sw, 'c1', frame())).toBe('INGRESS_TUNNEL_CVID');
  });

  it('a VLAN-unaware bridge forwards every tag as payload, in one domain', () => {
    const sw = made({ p1: {}, p2: {} }, { switch: { type: 'unaware' } });
    for (const bytes of [frame(), tagged(0), tagged(10), tagged(4095), sTag(5)]) {
      expect(told(sw, 'p1', bytes)).toBe('F p2');
      expect(only(sw, 'p2')).toEqual(Buffer.from(bytes));
    }
    expect(told(sw, 'p2', tagged(99, { src: B, dst: A }))).toBe('p1');
    expect(sw.fdb().map((entry) => entry.vid)).toEqual([null, null]);
  });
});

describe('frame length', () => {
  it('14 to 59 bytes are ordinary frames, fewer than 14 a runt', () => {
    const sw = made({ p1: access(1), p2: access(1) });
    const bytes = frame({ payload: 46 });
    for (let length = 14; length < 60; length++) {
      expect(told(sw, 'p1', bytes.subarray(0, length))).toBe('F p2');
      expect(only(sw, 'p2').length).toBe(length);
    }
    for (let length = 0; length < 14; length++) expect(told(sw, 'p1', bytes.subarray(0, length))).toBe('PARSE_RUNT');
  });

  it('a frame that ends inside its tag is dropped where that is a tag', () => {
    const sw = made({ t: trunk(10, { native: 1 }), p: access(1) });
    for (const length of [14, 15, 16, 17]) {
      expect(told(sw, 't', tagged(10).subarray(0, length))).toBe('PARSE_TAG_TRUNCATED');
    }
    expect(told(sw, 't', tagged(1).subarray(0, 18))).toBe('F p');
    expect(only(sw, 'p').length).toBe(14);
  });

  const port = (mtu: number): Port => hybrid({ mtu, pvid: 10, untagged: 10, tagged: 20 });
  it.each([0, 1, 2, 3])('MTU + 14 + 4 a tag is the longest: %i tags', (count) => {
    const sw = made({ p1: port(1500), p2: port(1500) });
    const tags = Array.from({ length: count }, () => ({ vid: 20 }));
    const bytes = (payload: number) => frame({ tags, payload });
    expect(told(sw, 'p1', bytes(1500))).toBe('F p2');
    expect(only(sw, 'p2').length).toBe(1514 + 4 * count);
    expect(told(sw, 'p1', bytes(1501))).toBe('PARSE_TOO_LONG');
  });

  it('the MTU of the port it would leave by counts as well', () => {
    const sw = made({ big: port(9000), small: port(1500), other: port(9000) });
    expect(told(sw, 'big', frame({ payload: 1501 }))).toBe('F other');
    told(sw, 'small', frame({ src: B }));
    expect(told(sw, 'big', frame({ dst: B, payload: 1501 }))).toBe('EGRESS_TOO_LONG');
    expect(told(sw, 'big', frame({ dst: B, payload: 1500 }))).toBe('small');
    sw.removePort('other');
    expect(told(sw, 'big', frame({ dst: BROADCAST, payload: 1501 }))).toBe('EGRESS_TOO_LONG');
  });

  it('a part of a frame is never forwarded as a whole one', () => {
    const sw = made({ p1: access(1), p2: access(1) });
    expect(sw.port('p1').send(frame(), { truncated: true }).reason).toBe('PARSE_TRUNCATED_CAPTURE');
    expect(sw.fdb()).toEqual([]);
  });
});
