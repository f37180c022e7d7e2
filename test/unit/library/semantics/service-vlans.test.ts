/**
 * QinQ by customer VLAN: a dot1q-tunnel port that puts ranges of customer VLANs into service VLANs, with the customer's tag inside or
 * in place of it (IEEE 802.1Q-2022 §15.9); both directions.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { checkAll, entries, frame, made, only, type Port, tagged, tagsOf, told, trunk, vidsOf } from './frames.ts';

afterEach(checkAll);

const S = (vid: number, ...inner: number[]) =>
  frame({ src: '02:00:00:00:00:0b', tags: [{ vid, tpid: 0x88a8 }, ...inner.map((each) => ({ vid: each }))] });
const C = (...vids: number[]) => frame({ src: '02:00:00:00:00:0b', tags: vids.map((vid) => ({ vid })) });

const EDGE: Port = {
  mode: 'dot1q-tunnel',
  vlan: 300,
  serviceVlans: { '10-20,25': 100, 30: 200, 40: { vlan: 400, keepTag: false } },
};
const pair = (edge: Port = EDGE) => made({ c: edge, s: trunk('100,200,300,400,500') }, { switch: { type: 's-vlan' } });

describe('service VLANs by customer VLAN', () => {
  it.each([
    [[10], [100, 10]],
    [[20], [100, 20]],
    [[25], [100, 25]],
    [[30], [200, 30]],
    [
      [10, 7],
      [100, 10, 7],
    ],
    [[40], [400]],
    [
      [40, 7],
      [400, 7],
    ],
    [[], [300]],
    [[0], [300, 0]],
  ])('a frame with tags %j leaves with %j, and comes back', (customer, service) => {
    const sw = pair();
    const sent = C(...customer);
    expect(told(sw, 'c', sent)).toBe('F s');
    const left = only(sw, 's');
    expect(vidsOf(left)).toEqual(service);
    expect(tagsOf(left)[0]!.tpid).toBe(0x88a8);
    // The other end sends the same frame: it leaves as it came.
    const back = pair();
    told(back, 's', left);
    expect(only(back, 'c')).toEqual(Buffer.from(sent));
  });

  it.each([[[9]], [[21]], [[26]], [[500]]])('customer VLAN %j is not admitted', (vids) => {
    const sw = pair();
    expect(told(sw, 'c', C(...vids))).toBe('INGRESS_TUNNEL_CVID');
    expect(sw.fdb()).toEqual([]);
  });

  it('untagged frames need a VLAN of their own', () => {
    const sw = pair({ mode: 'dot1q-tunnel', serviceVlans: { 10: 100 } });
    expect(told(sw, 'c', frame())).toBe('INGRESS_TUNNEL_CVID');
    expect(told(sw, 'c', tagged(0))).toBe('INGRESS_TUNNEL_CVID');
    expect(told(sw, 'c', tagged(10))).toBe('F s');
    expect(told(sw, 's', S(300))).not.toContain('c');
  });

  it('keeps the priority where the service tag replaces the tag, and gives it back', () => {
    const sw = pair();
    told(sw, 'c', frame({ tags: [{ vid: 40, pcp: 5, dei: 1 }] }));
    expect(tagsOf(only(sw, 's'))).toEqual([{ tpid: 0x88a8, vid: 400, pcp: 5, dei: 1 }]);
    told(sw, 's', frame({ src: '02:00:00:00:00:0b', tags: [{ vid: 400, tpid: 0x88a8, pcp: 3 }] }));
    expect(tagsOf(only(sw, 'c'))).toEqual([{ tpid: 0x8100, vid: 40, pcp: 3, dei: 0 }]);
  });

  it('learns in the service VLAN, and sends what is known to one port', () => {
    const sw = pair();
    told(sw, 'c', tagged(15));
    told(sw, 'c', tagged(40, { src: '02:00:00:00:00:0c' }));
    expect(entries(sw)).toEqual(['100 02:00:00:00:00:0a c dynamic', '400 02:00:00:00:00:0c c dynamic']);
    const known = frame({ dst: '02:00:00:00:00:0c', src: '02:00:00:00:00:0b', tags: [{ vid: 400, tpid: 0x88a8 }] });
    expect(told(sw, 's', known)).toBe('c');
    expect(vidsOf(only(sw, 'c'))).toEqual([40]);
  });

  it('works with 0x8100 as the service tag', () => {
    const sw = made({ c: EDGE, s: trunk('100,200,300,400') });
    told(sw, 'c', C(15));
    expect(vidsOf(only(sw, 's'))).toEqual([100, 15]);
    told(sw, 'c', C(40));
    expect(vidsOf(only(sw, 's'))).toEqual([400]);
    told(sw, 's', C(400));
    expect(only(sw, 'c')).toEqual(Buffer.from(C(40)));
  });

  it.each<[Port, string]>([
    [{ serviceVlans: { '10-20': 100, 15: 200 } }, 'customer VLAN 15 is in'],
    [
      { serviceVlans: { '10-12': { vlan: 100, keepTag: false } } },
      'ports.c.serviceVlans.10-12: service VLAN 100 is of customer VLAN',
    ],
    [
      { serviceVlans: { 10: { vlan: 100, keepTag: false }, 11: 100 } },
      'ports.c.serviceVlans.10: service VLAN 100 is of customer VLAN 11',
    ],
    [
      { vlan: 100, serviceVlans: { 10: { vlan: 100, keepTag: false } } },
      'service VLAN 100 is of untagged frames as well',
    ],
    [{ cvids: '10', serviceVlans: { 10: 100 } }, 'remove "cvids"'],
    [{ serviceVlans: { 5000: 100 } }, 'ports.c.serviceVlans.5000: 5000 is not a VLAN ID'],
    [{ serviceVlans: { 10: 0 } }, 'ports.c.serviceVlans.10'],
    [{ serviceVlans: { 10: { vlan: 5, keep: true } as never } }, 'ports.c.serviceVlans.10'],
  ])('%j is refused', (port, problem) => {
    expect(() => pair({ mode: 'dot1q-tunnel', ...port })).toThrow(problem);
  });

  it('belong to dot1q-tunnel ports', () => {
    expect(() => pair({ mode: 'access', vlan: 1, serviceVlans: { 10: 100 } })).toThrow('belongs to mode dot1q-tunnel');
  });
});
