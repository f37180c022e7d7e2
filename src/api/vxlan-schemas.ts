/** What answers about VXLAN hold, for the OpenAPI document. */

import { z } from 'zod';
import type { PeerView, VniView, VtepView, VxlanEntryView } from '../control/vxlan/views.ts';
import { FDB_KIND_NAMES } from '../tables/fdb/fdb.ts';

const count = z.number();
const switchName = z.string().describe('Name of the switch.');

const vniView: z.ZodType<VniView> = z.object({
  port: z.string(),
  vid: z.number().nullable().describe('Null: the whole port.'),
  vni: z.number(),
  flood: z.array(z.string()).describe('Where floods go.'),
  learned: count,
  rxFrames: count,
  rxBytes: count,
  rxErrors: count.describe('Dropped before their VLAN had them.'),
  txFrames: count,
  txBytes: count,
  txUnsent: count.describe('That no remote could be sent.'),
});

const vtepView: z.ZodType<VtepView> = z.object({
  name: z.string(),
  underlay: z.string(),
  uplink: z.string().describe('Port with outer frames.'),
  local: z.string(),
  udpPort: z.number(),
  vlan: z.number().nullable(),
  mac: z.string().nullable(),
  mtu: z.number(),
  allow: z.enum(['peers', 'any']),
  vnis: z.array(vniView),
});

const peerView: z.ZodType<PeerView> = z.object({
  vtep: z.string(),
  address: z.string(),
  kind: z.enum(['peer', 'group', 'stranger']),
  resolved: z.boolean().describe('Frames can be sent.'),
  pathMtu: z.number().describe('Longest outer IP packet on the way.'),
  learned: count,
  rxFrames: count,
  rxBytes: count,
  txFrames: count,
  txBytes: count,
  unknownVni: count,
  refused: count.describe('Dropped after their VNI was known.'),
  reservedBits: count,
  unsent: count,
});

const entryView: z.ZodType<VxlanEntryView> = z.object({
  port: z.string(),
  vtep: z.string(),
  vni: z.number(),
  mac: z.string(),
  remotes: z.array(z.string()),
  kind: z.enum(FDB_KIND_NAMES),
  ageSeconds: z.number(),
});

export const vtepsAnswer = z.object({ switch: switchName, vteps: z.array(vtepView) });
export const peersAnswer = z.object({ switch: switchName, peers: z.array(peerView) });
export const vxlanFdbAnswer = z.object({ switch: switchName, entries: z.array(entryView) });
