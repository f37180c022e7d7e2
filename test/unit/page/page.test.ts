/** What of the page needs no browser: rates, and the types that it shares with the switch. */

import { describe, expect, expectTypeOf, it } from 'vitest';
import type { FdbFound } from '../../../src/api/fdb-search.ts';
import type { SampleView } from '../../../src/api/sample-view.ts';
import type { DropView, PortView, VlanView } from '../../../src/api/views.ts';
import type { IpvlanConfig, MacvlanConfig } from '../../../src/config/types/groups.ts';
import type { PeerView, VtepView } from '../../../src/control/vxlan/views.ts';
import { type Block, belowBoxes, RAIL, xOf, yOf } from '../../../src/page/picture.ts';
import { Rate, short, sparkline } from '../../../src/page/rates.ts';
import type * as Page from '../../../src/page/types.ts';
import { wayOf } from '../../../src/page/way.ts';
import type { Explanation } from '../../../src/trace/explain.ts';
import type { Trace } from '../../../src/trace/types.ts';

describe('the page reads what the switch answers', () => {
  it('field by field', () => {
    expectTypeOf<PortView>().toExtend<Page.Port>();
    expectTypeOf<VlanView>().toExtend<Page.Vlan>();
    expectTypeOf<MacvlanConfig>().toExtend<Page.Group>();
    expectTypeOf<IpvlanConfig>().toExtend<Page.Group>();
    expectTypeOf<FdbFound>().toExtend<Page.Found>();
    expectTypeOf<DropView>().toExtend<Page.Drop>();
    expectTypeOf<SampleView>().toExtend<Page.Sample>();
    expectTypeOf<VtepView>().toExtend<Page.Vtep>();
    expectTypeOf<PeerView>().toExtend<Page.Peer>();
    expectTypeOf<Trace>().toExtend<Page.Trace>();
    expectTypeOf<Explanation>().toExtend<Page.Explanation>();
  });
});

describe('rates', () => {
  it('are differences over time, and begin anew when a counter was reset', () => {
    const rate = new Rate();
    rate.take(1000, 0);
    expect(rate.perSecond).toBe(0);
    rate.take(1500, 500);
    expect(rate.perSecond).toBe(1000);
    rate.take(3, 1000);
    expect(rate.perSecond).toBe(1000);
    rate.take(5, 2000);
    expect([rate.perSecond, rate.history]).toEqual([2, [1000, 2]]);
    for (let n = 0; n < 100; n++) rate.take(5, 3000 + n * 1000);
    expect(rate.history.length).toBe(60);
  });

  it('are written short', () => {
    expect([0, 3, 3.25, 12.4, 999, 1000, 12_345, 2_500_000, 4e9].map(short)).toEqual([
      '0',
      '3',
      '3.3',
      '12',
      '999',
      '1.0k',
      '12k',
      '2.5M',
      '4.0G',
    ]);
  });

  it('become a line that ends at the right', () => {
    expect(sparkline([], 60, 10)).toBe('');
    expect(sparkline([0, 2, 1], 59, 10)).toBe('57.0,10.0 58.0,0.0 59.0,5.0');
  });
});

describe('the way of a frame', () => {
  const port = (name: string, pvid: number | null, adapter = 'tap') => ({ name, pvid, adapter }) as Page.Port;
  const vlan = (vid: number, untagged: string[], isolatedOf = 0) =>
    ({
      vid,
      untagged,
      tagged: [],
      private: isolatedOf === 0 ? null : `isolated of ${isolatedOf}`,
    }) as unknown as Page.Vlan;
  const block: Block = {
    title: '',
    ports: [port('a', 10), port('b', 20), port('gw10', 10, 'router'), port('gw20', 20, 'router')],
    rows: [vlan(10, ['a']), vlan(20, ['b']), vlan(11, [], 10)],
    hidden: 0,
    top: 0,
  };
  const [a, b, gw10, gw20] = block.ports.map((_, column) => xOf(column));
  const [red, blue, below] = [yOf(block, 0), yOf(block, 1), belowBoxes(block)];
  const trace = (stages: object[], more: object = {}) =>
    ({
      port: 'a',
      tunnel: null,
      vid: 20,
      ingressVid: 10,
      verdict: 'delivered',
      stages,
      outputs: [],
      ...more,
    }) as unknown as Page.Trace;
  const classify = { stage: 'classify', reason: null };
  const route = { stage: 'route', reason: null, routed: { interface: 'gw20', mac: '' } };

  it('that is switched follows the line of its VLAN', () => {
    const sent = trace([classify], { outputs: [{ port: 'b' }] });
    expect(wayOf(sent, [block])).toEqual({ lines: [`M${a} ${below}V${red}H${b}V${below}`], passes: [], cross: null });
  });

  it('that is routed goes to the interface of its VLAN, over to that of the other, and on along its line', () => {
    const sent = trace([classify, route], { outputs: [{ port: 'b' }] });
    expect(wayOf(sent, [block])).toEqual({
      lines: [
        `M${a} ${below}V${red}H${gw10}V${below}`,
        `M${gw10} ${below}V${below + RAIL}H${gw20}V${below}`,
        `M${gw20} ${below}V${blue}H${b}V${below}`,
      ],
      passes: ['gw10', 'gw20'],
      cross: null,
    });
    // Frames of a secondary go to the interface of its primary.
    expect(wayOf({ ...sent, ingressVid: 11 }, [block]).passes).toEqual(['gw10', 'gw20']);
  });

  it('that ends in the router ends at the interface, with a cross where it is dropped', () => {
    const stage = { stage: 'route', reason: 'ROUTE_NO_ROUTE' };
    const dropped = wayOf(trace([classify, stage], { verdict: 'dropped' }), [block]);
    const lines = [`M${a} ${below}V${red}H${gw10}V${below}`];
    expect(dropped).toEqual({ lines, passes: ['gw10'], cross: { x: gw10, y: below } });
    const ping = wayOf(trace([classify, { stage: 'route', reason: null }], { verdict: 'consumed' }), [block]);
    expect(ping).toEqual({ lines, passes: ['gw10'], cross: null });
  });

  it('from a child behind the router begins at its group', () => {
    const group: Block = { title: '', ports: [port('child', null)], rows: [], hidden: 0, top: 300 };
    const sent = trace([route], { port: 'child', ingressVid: null, outputs: [{ port: 'b' }] });
    expect(wayOf(sent, [block, group])).toEqual({
      lines: [`M${xOf(0)} ${belowBoxes(group)}V${belowBoxes(group) + RAIL}`, `M${gw20} ${below}V${blue}H${b}V${below}`],
      passes: ['gw20'],
      cross: null,
    });
  });
});
