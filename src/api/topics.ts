/**
 * The topics of `show`: a question to a readable switch, and its answer.
 */

import { latencyView, sumLatency } from '../dataplane/latency.ts';
import { type FdbFilter, fdbView } from './fdb-view.ts';
import { mirrorViews } from './mirror-view.ts';
import type { ReadableSwitch } from './reader.ts';
import { interfaceViews, neighborViews, ofVrf, routeViews, vrfViews } from './router-views.ts';
import { sampleViews } from './sample-view.ts';
import { dropViews, ledgerView, portViews, vlanViews } from './views.ts';
import { peersView, vtepsView, vxlanFdbView } from './vxlan-view.ts';

export const TOPICS = [
  'ports',
  'fdb',
  'vlans',
  'vrfs',
  'interfaces',
  'neighbors',
  'routes',
  'macvlan',
  'ipvlan',
  'mirrors',
  'vteps',
  'peers',
  'vxlan-fdb',
  'drops',
  'samples',
  'ledger',
  'latency',
  'workers',
  'config',
] as const;
export type Topic = (typeof TOPICS)[number];
/** Those that tables and counters answer. */
export type TableTopic = Exclude<Topic, 'config' | 'workers'>;

export function isTopic(text: string): text is Topic {
  return (TOPICS as readonly string[]).includes(text);
}

/** What is asked for: of the FDB, or of the router the name of a VRF. */
export interface TopicFilter extends FdbFilter {
  vrf?: string | undefined;
}

/** `nowMs` is the clock that the FDB's times are of. Throws a Refusal for a VRF that there is not. */
export function topicBody(
  readable: ReadableSwitch,
  topic: TableTopic,
  nowMs: number,
  filter: TopicFilter = {},
): object {
  return { switch: readable.directory.name, ...bodyOf(readable, topic, nowMs, filter) };
}

function bodyOf(readable: ReadableSwitch, topic: TableTopic, nowMs: number, filter: TopicFilter): object {
  switch (topic) {
    case 'ports':
      return { ports: portViews(readable, nowMs) };
    case 'fdb':
      return fdbView(readable, filter, nowMs);
    case 'vlans':
      return { vlans: vlanViews(readable, nowMs) };
    case 'vrfs':
      return { vrfs: vrfViews(readable) };
    case 'interfaces':
      return { interfaces: ofVrf(readable, interfaceViews(readable), filter.vrf) };
    case 'neighbors':
      return { neighbors: ofVrf(readable, neighborViews(readable), filter.vrf) };
    case 'routes':
      return { routes: ofVrf(readable, routeViews(readable), filter.vrf) };
    case 'macvlan':
      return { groups: readable.directory.macvlan };
    case 'ipvlan':
      return { groups: readable.directory.ipvlan };
    case 'mirrors':
      return { mirrors: mirrorViews(readable) };
    case 'vteps':
      return vtepsView(readable);
    case 'peers':
      return peersView(readable);
    case 'vxlan-fdb':
      return vxlanFdbView(readable, nowMs);
    case 'drops':
      return dropViews(readable);
    case 'samples':
      return { samples: sampleViews(readable, nowMs) };
    case 'ledger':
      return ledgerView(readable);
    case 'latency':
      return { latency: latencyView(sumLatency(readable.tables.countersOf)) };
  }
}
