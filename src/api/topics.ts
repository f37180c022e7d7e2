/**
 * The topics of the control socket: a question to a readable switch, and its answer.
 */

import type { Answer } from './control-socket.ts';
import { type FdbFilter, FilterError, fdbView } from './fdb-view.ts';
import type { ReadableSwitch } from './reader.ts';
import { sampleViews } from './sample-view.ts';
import { dropViews, ledgerView, portViews, vlanViews } from './views.ts';

export const TOPICS = ['ports', 'fdb', 'vlans', 'drops', 'samples', 'ledger'] as const;
export type Topic = (typeof TOPICS)[number];

export function isTopic(text: string): text is Topic {
  return (TOPICS as readonly string[]).includes(text);
}

const FDB_FILTERS: readonly string[] = ['vlan', 'port', 'mac', 'bridge'];

/** `nowMs` is the clock that the FDB's times are of. */
export function answer(readable: ReadableSwitch, topic: string, query: URLSearchParams, nowMs: number): Answer {
  if (!isTopic(topic)) {
    return {
      status: 404,
      body: { error: `there is no topic "${topic.slice(0, 40)}"; valid are ${TOPICS.join(', ')}` },
    };
  }
  try {
    const filters = topic === 'fdb' ? FDB_FILTERS : [];
    for (const key of query.keys()) {
      if (!filters.includes(key)) throw new FilterError(`${topic} has no filter "${key.slice(0, 40)}"`);
    }
    return { status: 200, body: { switch: readable.directory.name, ...bodyOf(readable, topic, query, nowMs) } };
  } catch (error) {
    if (error instanceof FilterError) return { status: 400, body: { error: error.message } };
    throw error;
  }
}

function bodyOf(readable: ReadableSwitch, topic: Topic, query: URLSearchParams, nowMs: number): object {
  switch (topic) {
    case 'ports':
      return { ports: portViews(readable, nowMs) };
    case 'fdb':
      return fdbView(readable, fdbFilter(query), nowMs);
    case 'vlans':
      return { vlans: vlanViews(readable, nowMs) };
    case 'drops':
      return dropViews(readable);
    case 'samples':
      return { samples: sampleViews(readable, nowMs) };
    case 'ledger':
      return ledgerView(readable);
  }
}

function fdbFilter(query: URLSearchParams): FdbFilter {
  const filter: FdbFilter = {};
  const [vlan, port, mac, bridge] = FDB_FILTERS.map((key) => query.get(key));
  if (vlan !== null) {
    const vid = Number(vlan);
    if (!/^\d{1,4}$/.test(vlan) || vid < 1 || vid > 4094) throw new FilterError(`"${vlan}" is not a VLAN ID (1-4094)`);
    filter.vid = vid;
  }
  if (port !== null) filter.port = port;
  if (mac !== null) filter.mac = mac;
  if (bridge !== null) filter.bridge = bridge;
  return filter;
}
