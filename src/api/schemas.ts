/**
 * What answers hold, for the OpenAPI document. The types are those of the views: a field that is not described here does
 * not compile.
 */

import { z } from 'zod';
import { IPVLAN_FLAGS, IPVLAN_MODES } from '../config/schema/ipvlan.ts';
import { MACVLAN_MODES } from '../config/schema/macvlan.ts';
import type { IpvlanConfig, MacvlanConfig } from '../config/types/groups.ts';
import type { FdbEntryView } from '../control/fdb-control.ts';
import type { Action } from '../control/plan/action.ts';
import type { LedgerRow } from '../dataplane/counters.ts';
import { FDB_KIND_NAMES } from '../tables/fdb/fdb.ts';
import type { MirrorView } from './mirror-view.ts';
import type { PlanView } from './plan-view.ts';
import type { InterfaceView, NeighborView, RouteView, VrfView } from './router-views.ts';
import type { SampleView } from './sample-view.ts';
import type { DropView, PortView, VlanView } from './views.ts';

const count = z.number();
const vid = z.number().nullable();
const byName = z.record(z.string(), count);
const switchName = z.string().describe('Name of the switch.');

const portCounters = {
  rxFrames: count,
  rxBytes: count.describe('Bytes without FCS.'),
  txFrames: count,
  txBytes: count,
  delivered: count,
  consumed: count,
  dropped: count.describe('Arrived here and were dropped.'),
  drops: byName.describe('By reason.'),
  flooded: count,
  floodCopies: count,
  copiesLost: count,
  mirrorCopies: count,
  mirrorCopiesLost: count,
  txDropped: count.describe('Should have left here and could not.'),
};

const tag = z.object({ tpid: count, vid: count });

const portView: z.ZodType<PortView> = z.object({
  name: z.string(),
  bridge: z.string().nullable(),
  adapter: z.string(),
  device: z.string(),
  detail: z.string().nullable(),
  link: z.enum(['up', 'down']),
  linkReason: z.string(),
  mode: z.string(),
  pvid: vid,
  untagged: z.array(z.number()),
  tagged: z.array(z.number()),
  mtu: z.number(),
  state: z.string(),
  priority: z
    .object({
      trust: z.enum(['pcp', 'dscp', 'none']),
      default: count,
      pcp: z.array(count).describe('Priority by PCP, 8 numbers.'),
      dscp: z.array(count).describe('Priority by DSCP, 64 numbers.'),
      egress: z.array(count).describe('PCP of tags that leave by priority, 8 numbers.'),
    })
    .nullable()
    .describe('Maps of priorities; null: frames keep theirs.'),
  serviceVlans: z
    .array(z.object({ cvid: count, vid: count, keepTag: z.boolean() }))
    .describe('Service VLANs by customer VLAN.'),
  translate: z.array(z.object({ from: z.array(tag), to: z.array(tag) })).describe('VLAN translation.'),
  offloads: z.string(),
  offloadsWhy: z.string().nullable(),
  software: z
    .string()
    .describe('Offloads that the switch does in software for frames that leave here; gro: for those that arrive.'),
  rxMissed: count.describe('Thrown away by the adapter before the switch had them.'),
  adapterCounters: byName,
  learned: count.describe('Addresses learned on this port.'),
  ...portCounters,
});

const vlanView: z.ZodType<VlanView> = z.object({
  bridge: z.string(),
  vid,
  name: z.string(),
  private: z.string().nullable().describe('What it is in a private VLAN: primary, isolated of 100, community of 100.'),
  tagged: z.array(z.string()),
  untagged: z.array(z.string()),
  pvidOf: z.array(z.string()),
  learned: count,
  rxFrames: count,
  dropped: count,
});

const interfaceView: z.ZodType<InterfaceView> = z.object({
  name: z.string(),
  bridge: z.string(),
  vid,
  mac: z.string(),
  vrf: z.string(),
  mtu: z.number(),
  addresses: z.array(z.string()),
  routerAdvertisements: z.boolean(),
  proxyArp: z.boolean(),
  redirects: z.boolean(),
  dhcpRelay: z.object({ servers: z.array(z.string()), option82: z.boolean() }).nullable(),
  detectDuplicates: z.boolean(),
  duplicates: z.array(z.string()).describe('Own addresses that somebody else has: they are not used.'),
  claimed: z
    .array(z.string())
    .describe('Own addresses that are used, and that somebody else said he has within the last five minutes.'),
  relayed: z
    .object({ requests: count, replies: count, refused: count })
    .nullable()
    .describe('DHCP messages of hosts, answers of servers, and what was neither; null without a relay.'),
  neighbors: z.array(z.object({ address: z.string(), mac: z.string() })),
  sent: count.describe('Packets that left by it: routed ones and its own.'),
  dropped: count,
});

const neighborView: z.ZodType<NeighborView> = z.object({
  vrf: z.string(),
  interface: z.string(),
  address: z.string(),
  mac: z.string().nullable().describe('Null while it is asked for, or when it did not answer.'),
});

const vrfView: z.ZodType<VrfView> = z.object({
  name: z.string(),
  description: z.string().nullable(),
  interfaces: z.array(z.string()),
  routes: count.describe('Static ones.'),
  maxRoutes: z.number().nullable().describe('Null: no limit of its own.'),
});

const routeView: z.ZodType<RouteView> = z.object({
  vrf: z.string(),
  prefix: z.string(),
  kind: z.string().describe('connected, via, blackhole, unreachable or prohibited.'),
  via: z.array(z.object({ address: z.string().nullable(), interface: z.string() })),
});

const dropView: z.ZodType<DropView> = z.object({
  port: z.string(),
  reason: z.string(),
  frames: count,
  sentence: z.string(),
});

const fdbEntryView: z.ZodType<FdbEntryView> = z.object({
  bridge: z.string(),
  vid,
  mac: z.string(),
  port: z.string().nullable(),
  kind: z.enum(FDB_KIND_NAMES),
  ageSeconds: z.number().describe('Since a learned address was last seen.'),
});

const sampleView: z.ZodType<SampleView> = z.object({
  id: z.number().describe('What `drop` of /v1/explain takes.'),
  reason: z.string(),
  port: z.string().nullable(),
  vid,
  ageSeconds: z.number(),
  length: z.number().describe('Of the whole frame; `hex` has at most its first 256 bytes.'),
  truncated: z.boolean(),
  shaped: z.boolean().describe('It is as it was to leave, not as it came: its device did not take it.'),
  text: z.string(),
  hex: z.string(),
});

const ledgerRow = {
  received: count,
  generated: count,
  delivered: count,
  consumed: count,
  dropped: count,
  floodCopies: count,
  copiesLost: count,
  drops: byName,
  balanced: z.boolean(),
};
const ledgerRowView: z.ZodType<LedgerRow> = z.object(ledgerRow);

export const portsAnswer = z.object({ switch: switchName, ports: z.array(portView) });
export const vlansAnswer = z.object({ switch: switchName, vlans: z.array(vlanView) });
const mirrorView: z.ZodType<MirrorView> = z.object({
  name: z.string(),
  bridge: z.string(),
  selectSrc: z.array(z.string()),
  selectDst: z.array(z.string()),
  selectAll: z.boolean(),
  selectVlan: z.array(z.number()),
  output: z.string().nullable(),
  outputVlan: vid,
  frames: count.describe('Copies that left.'),
  bytes: count,
  lost: count.describe('Copies that their port could not send.'),
});

const macvlanView: z.ZodType<MacvlanConfig> = z.object({
  name: z.string(),
  parent: z.string(),
  vlan: vid.describe('Null: frames without a tag, and those of VLANs that no other group of the parent has.'),
  children: z.array(
    z.object({
      port: z.string(),
      mode: z.enum(MACVLAN_MODES),
      macs: z.array(z.string()),
      sources: z.array(z.string()),
    }),
  ),
  host: z.object({ port: z.string(), mac: z.string() }).nullable(),
  hostAccess: z.boolean(),
});

const ipvlanView: z.ZodType<IpvlanConfig> = z.object({
  name: z.string(),
  mode: z.enum(IPVLAN_MODES),
  flag: z.enum(IPVLAN_FLAGS),
  parent: z.string().describe('A port in mode l2, else an interface.'),
  vlan: vid.describe('Mode l2. Null: frames without a tag, and those of VLANs that no other group of the parent has.'),
  mac: z.string().nullable().describe('Of parent, host and children; null: that of the interface.'),
  children: z.array(
    z.object({
      port: z.string(),
      addresses: z.array(z.string()),
      multicast: z.array(z.string()).optional().describe('Groups that it has joined; left out: it gets all multicast.'),
    }),
  ),
  host: z.object({ port: z.string() }).nullable(),
  hostAccess: z.boolean(),
});

export const ipvlanAnswer = z.object({ switch: switchName, groups: z.array(ipvlanView) });
export const macvlanAnswer = z.object({ switch: switchName, groups: z.array(macvlanView) });
export const mirrorsAnswer = z.object({ switch: switchName, mirrors: z.array(mirrorView) });
export const interfacesAnswer = z.object({ switch: switchName, interfaces: z.array(interfaceView) });
export const vrfsAnswer = z.object({ switch: switchName, vrfs: z.array(vrfView) });
export const neighborsAnswer = z.object({ switch: switchName, neighbors: z.array(neighborView) });
export const routesAnswer = z.object({ switch: switchName, routes: z.array(routeView) });
export const fdbAnswer = z.object({ switch: switchName, entries: z.array(fdbEntryView), stats: byName });
export const foundAnswer = z.object({
  switch: switchName,
  entries: z.array(fdbEntryView),
  total: count.describe('Those that match, of which `entries` are the first.'),
});
export const dropsAnswer = z.object({
  switch: switchName,
  drops: z.array(dropView),
  total: byName,
  unsent: z
    .array(z.object({ port: z.string(), copies: count }))
    .describe('Copies that should have left by a port and could not; a frame of which others left is no drop.'),
});
export const samplesAnswer = z.object({ switch: switchName, samples: z.array(sampleView) });
const microseconds = z.number();
export const latencyAnswer = z.object({
  switch: switchName,
  latency: z
    .object({
      frames: count,
      meanMicroseconds: microseconds,
      p50: microseconds.describe('Half of the frames took no longer, in microseconds; at most a quarter too high.'),
      p90: microseconds,
      p99: microseconds,
      p999: microseconds,
      max: microseconds,
      buckets: z
        .array(z.object({ belowMicroseconds: microseconds, frames: count }))
        .describe('Frames that took less, each with those before it.'),
      sumMicroseconds: microseconds,
      longestStopMicroseconds: microseconds.describe(
        'The longest time for which a thread did not look at its ports, because a change, a timer or a message kept it.',
      ),
    })
    .describe('From the read of a burst until it was sent, for each frame since the start or a reset of counters.'),
});
export const ledgerAnswer = z.object({
  switch: switchName,
  ports: z.record(z.string(), ledgerRowView),
  vlans: z.array(z.object({ bridge: z.string(), vid, name: z.string(), ...ledgerRow })),
  noVlan: ledgerRowView.describe('Frames that were dropped before they had a VLAN.'),
  total: ledgerRowView,
  balanced: z.boolean().describe('Every row: received + generated = delivered + consumed + dropped.'),
});

const action = z.custom<Action>().meta({ type: 'object', description: 'An action by its name in `do`.' });
const membership = z.object({ port: z.string(), bridge: z.string(), vid: z.number(), tagged: z.boolean() });

const warnings = z.array(z.string()).optional().describe('What it brings with it and may not be meant.');

const planView: z.ZodType<PlanView> = z.object({
  actions: z.array(action).describe('In the order in which they are carried out.'),
  text: z.array(z.string()).describe('The same, a line each.'),
  memberships: z.object({ added: z.array(membership), removed: z.array(membership) }),
  forgotten: z.object({
    count: count.describe('FDB entries that go.'),
    entries: z.array(fdbEntryView).describe('The first of them.'),
  }),
  warnings,
});

export const planAnswer = z.object({ switch: switchName, plan: planView });
/** What a change did. */
export const changeAnswer = z.object({
  switch: switchName,
  actions: z.array(z.string()).describe('What was done, a line each; empty when it was so already.'),
  warnings,
});
export const workersAnswer = z.object({
  switch: switchName,
  workers: z.array(
    z.object({
      worker: z.number().describe('0 has control, protocols and changes too.'),
      up: z.boolean(),
      restarts: count,
      activeSeconds: z.number().describe('At work since its last start.'),
      idleSeconds: z.number(),
      rxFrames: count,
      rxBytes: count,
      txFrames: count,
      txBytes: count,
    }),
  ),
});
export const doneAnswer = z.object({ switch: switchName, done: z.literal(true) });
