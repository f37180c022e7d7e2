/** What of the page needs no browser: rates, and the types that it shares with the switch. */

import { describe, expect, expectTypeOf, it } from 'vitest';
import type { FdbFound } from '../../../src/api/fdb-search.ts';
import type { SampleView } from '../../../src/api/sample-view.ts';
import type { DropView, PortView, VlanView } from '../../../src/api/views.ts';
import type { IpvlanConfig, MacvlanConfig } from '../../../src/config/types.ts';
import type { PeerView, VtepView } from '../../../src/control/vxlan-views.ts';
import { Rate, short, sparkline } from '../../../src/page/rates.ts';
import type * as Page from '../../../src/page/types.ts';
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
