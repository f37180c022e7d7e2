/** Reading tables and counters. Nothing here asks the forwarding thread or makes it wait. */

import { z } from 'zod';
import { map, vid } from '../../config/schema/leaf.ts';
import { fdbJson } from '../fdb-json.ts';
import type { FdbFilter } from '../fdb-view.ts';
import { type Route, route } from '../route.ts';
import {
  dropsAnswer,
  fdbAnswer,
  interfacesAnswer,
  ipvlanAnswer,
  latencyAnswer,
  ledgerAnswer,
  macvlanAnswer,
  mirrorsAnswer,
  neighborsAnswer,
  portsAnswer,
  routesAnswer,
  samplesAnswer,
  vlansAnswer,
  vrfsAnswer,
} from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';
import { type TableTopic, topicBody } from '../topics.ts';
import { peersAnswer, vtepsAnswer, vxlanFdbAnswer } from '../vxlan-schemas.ts';

/** A VLAN ID in a query, which is text. */
export const vidText = z
  .string()
  .transform((text) => (/^\d{1,4}$/.test(text) ? Number(text) : text))
  .pipe(vid());

const fdbQuery = map(
  {
    vlan: vidText.optional(),
    port: z.string().optional(),
    mac: z.string().optional(),
    bridge: z.string().optional(),
  },
  'filters',
);

const vrfQuery = map({ vrf: z.string().optional() }, 'filters');

export function readRoutes(sw: ApiSwitch): Route[] {
  const topic = (name: TableTopic, summary: string, answer: z.ZodType): Route => ({
    method: 'GET',
    path: `/v1/${name}`,
    alias: `/${name}`,
    summary,
    answer,
    handle: () => topicBody(sw.readable, name, sw.nowMs()),
  });
  const routerTopic = (name: TableTopic, summary: string, answer: z.ZodType): Route =>
    route({
      method: 'GET',
      path: `/v1/${name}`,
      alias: `/${name}`,
      summary,
      query: vrfQuery,
      answer,
      handle: ({ query }) => topicBody(sw.readable, name, sw.nowMs(), query),
    });
  return [
    topic('ports', 'Ports with their VLANs, link and counters', portsAnswer),
    topic('vlans', 'VLANs with their ports and counters', vlansAnswer),
    topic('macvlan', 'Macvlan groups with their children', macvlanAnswer),
    topic('ipvlan', 'Ipvlan groups with their children', ipvlanAnswer),
    topic('mirrors', 'Mirrors and what they have copied', mirrorsAnswer),
    topic('vrfs', 'VRFs with their interfaces and numbers of routes', vrfsAnswer),
    routerTopic('interfaces', 'Interfaces of the router, all or those of a VRF', interfacesAnswer),
    routerTopic(
      'neighbors',
      'Neighbors that are known, and next hops that are not, of all VRFs or of one',
      neighborsAnswer,
    ),
    routerTopic('routes', 'Connected subnets and configured routes, of all VRFs or of one', routesAnswer),
    topic('vteps', 'VXLAN tunnel endpoints with their VNIs and counters', vtepsAnswer),
    topic('peers', 'Remote VTEPs with their counters', peersAnswer),
    topic('vxlan-fdb', 'Which remote an address is behind', vxlanFdbAnswer),
    topic('drops', 'Dropped frames by port and reason', dropsAnswer),
    topic('samples', 'The last dropped frames of each reason', samplesAnswer),
    topic('ledger', 'Where every frame went, by port and by VLAN', ledgerAnswer),
    topic('latency', 'How long frames stay in the switch', latencyAnswer),
    route({
      method: 'GET',
      path: '/v1/fdb',
      alias: '/fdb',
      summary: 'The forwarding database, or what of it a filter leaves',
      query: fdbQuery,
      answer: fdbAnswer,
      handle: ({ query: { vlan, ...rest } }) => {
        const filter = { ...rest, ...(vlan === undefined ? {} : { vid: vlan }) } as FdbFilter;
        return fdbJson(sw.readable, filter, sw.nowMs());
      },
    }),
  ];
}
