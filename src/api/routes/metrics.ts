/** Metrics for Prometheus, read from shared memory at every scrape. */

import { z } from 'zod';
import { latencyView, sumLatency } from '../../dataplane/latency.ts';
import { Metrics } from '../../metrics/metrics.ts';
import { capacityOf } from '../../tables/fdb/fdb.ts';
import { fdbStats } from '../fdb-view.ts';
import { type Route, route } from '../route.ts';
import type { ApiSwitch } from '../switch.ts';
import { portViews, vlanViews } from '../views.ts';
import { peersOf, vtepsOf } from '../vxlan-view.ts';
import { workerViews } from '../worker-view.ts';

export function metricRoutes(sw: ApiSwitch): Route[] {
  let metrics: Metrics | undefined;
  return [
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'Metrics in the text format of Prometheus',
      answer: z.string(),
      mediaType: 'text/plain; version=0.0.4; charset=utf-8',
      handle: () => {
        const { readable, version } = sw;
        const { fdb } = readable.tables;
        metrics ??= new Metrics();
        return metrics.text({
          name: readable.directory.name,
          version,
          ports: portViews(readable, sw.nowMs()).map((port) => ({ ...port, up: port.link === 'up' })),
          vlans: vlanViews(readable, sw.nowMs()),
          vnis: vtepsOf(readable).flatMap(({ vnis }) => vnis),
          // Strangers are as many as somebody makes them.
          peers: peersOf(readable).filter(({ kind }) => kind !== 'stranger'),
          fdbEvents: fdbStats(fdb),
          fdbCapacity: capacityOf(fdb),
          workers: workerViews(readable, sw.workers()),
          latency: latencyView(sumLatency(readable.tables.countersOf)),
        });
      },
    }),
  ];
}
