/**
 * What the stages found out, in words.
 *
 * An observer looks at tables and columns before its stage runs and says afterwards what came of it. It decides
 * nothing: what the frame did is read from where the stage wrote it. Stages without an observer are told by name.
 */

import type { Batch } from '../../dataplane/batch.ts';
import * as R from '../../dataplane/reasons.ts';
import { customerEntry, mayBring } from '../../dataplane/stages/classify.ts';
import { classifyBy } from '../../dataplane/stages/classify-by.ts';
import { tagBytes } from '../../dataplane/stages/frame-length.ts';
import { TO_FLOOD, TO_LOCAL } from '../../dataplane/stages/lookup.ts';
import { hasBit } from '../../tables/bitmap.ts';
import { STAT_EVICTED, STAT_LEARNED, STAT_MOVED, STAT_REFUSED, STAT_STATIC_VIOLATIONS } from '../../tables/fdb/fdb.ts';
import {
  CUSTOMER_PVID,
  CUSTOMER_STRIP,
  PORT_CLASSIFIES,
  PORT_HUB,
  PORT_INGRESS_FILTERING,
  PORT_LEARNING,
  PORT_REGENERATES,
  PORT_TUNNEL,
  PORT_TUNNEL_CVIDS,
} from '../../tables/port-table.ts';
import { fidAt } from '../../tables/vlan-table.ts';
import { formatMac, isGroupMac, isZeroMac } from '../../wire/ethernet.ts';
import { tciPcp, tciText, tciVid } from '../../wire/vlan.ts';
import type { Told } from '../types.ts';
import { type EntryView, entryOf, portName, vlanOf, vlanText, type World } from '../world.ts';
import { observeEgress } from './egress.ts';
import { observeIpvlan, observeMacvlan } from './group.ts';
import { observeRoute } from './route.ts';

/** Called before the stage; what it returns is called with the stage's result. */
export type Observer = (world: World, b: Batch) => (reason: number) => Told | null;

export const OBSERVERS: Readonly<Record<string, Observer>> = {
  parse: observeParse,
  classify: observeClassify,
  learn: observeLearn,
  lookup: observeLookup,
  route: observeRoute,
  egress: observeEgress,
  macvlan: observeMacvlan,
  ipvlan: observeIpvlan,
};

const ETHERNET_HEADER = 14;

function observeParse({ dp, directory }: World, b: Batch) {
  const length = b.len[0];
  const p = b.port[0];
  const came = tagsAt(dp.arena.bytes, b);
  return (reason: number): Told => {
    if (reason === R.PARSE_RUNT || reason === R.PARSE_TAG_TRUNCATED) return { text: `it has ${length} bytes` };
    if (reason === R.PARSE_TRUNCATED_CAPTURE) return { text: `only the first ${length} bytes of it are known` };
    const src = formatMac(b.srcHigh[0], b.srcLow[0]);
    const addresses = `from ${src} to ${formatMac(b.dstHigh[0], b.dstLow[0])}`;
    if (reason === R.PARSE_GROUP_SOURCE) return { text: `${addresses}: a group cannot send` };
    if (reason === R.PARSE_TOO_LONG) {
      const mtu = dp.ports.mtu[p];
      const tags = tagBytes(dp.arena.view, b.off[0], length);
      const most = mtu + ETHERNET_HEADER + tags;
      return { text: `it has ${length} bytes; MTU ${mtu} allows ${most}${tags === 0 ? '' : ' with its tags'}` };
    }
    const other = tagsAt(dp.arena.bytes, b) === came ? '' : ', after translation';
    const priority = (dp.ports.flags[p] & PORT_REGENERATES) === 0 ? '' : `; priority ${tciPcp(b.tci[0])} by its port`;
    if (b.tagLen[0] !== 0) return { text: `${addresses}, tagged: ${tciText(b.tci[0])}${other}${priority}` };
    const carried = tagBytes(dp.arena.view, b.off[0], length) > 0;
    const port = directory.ports.find((each) => each.index === p);
    const why = dp.ports.tpid[p] < 0 ? `(${port?.mode ?? 'unaware'})` : '(another TPID)';
    return { text: `${addresses}, ${carried ? `its tag is payload here ${why}` : 'untagged'}${priority}` };
  };
}

/** Where tags are, if there are any. */
function tagsAt(bytes: Uint8Array, b: Batch): string {
  return bytes.subarray(b.off[0] + 12, b.off[0] + 20).join(' ');
}

function observeClassify(world: World, b: Batch) {
  const { dp } = world;
  const { ports, vlans } = dp;
  const p = b.port[0];
  const name = portName(world, p);
  const flags = ports.flags[p];
  const tagged = tciVid(b.tci[0]);
  const kind = tagged !== 0 ? 'tagged' : b.tagLen[0] !== 0 ? 'priority-tagged' : 'untagged';
  const said = tagged === 0 && (flags & PORT_CLASSIFIES) !== 0 ? classifyBy(dp, b, 0) : -1;
  // A trunk of private VLANs: it takes what is listed, whatever it is a member of.
  const isList = (flags & (PORT_TUNNEL_CVIDS | PORT_TUNNEL)) === PORT_TUNNEL_CVIDS;
  const customer = (flags & PORT_TUNNEL_CVIDS) === 0 ? CUSTOMER_PVID : customerEntry(ports, dp.arena.view, b, 0);
  const mapped = (customer & CUSTOMER_PVID) === CUSTOMER_PVID ? 0 : customer & CUSTOMER_PVID;
  const vid = tagged !== 0 ? tagged : said > 0 ? said : mapped > 0 ? mapped : ports.pvid[p];
  return (reason: number): Told => {
    const port = world.directory.ports.find((each) => each.index === p);
    switch (reason) {
      case R.INGRESS_PORT_DOWN:
        return { text: port?.bridge === null ? `${name} belongs to no bridge` : `the link of ${name} is down` };
      case R.INGRESS_MIRROR_OUTPUT:
        return { text: `${name} is the output of a mirror` };
      case R.INGRESS_FRAME_TYPE:
        return { text: `${name} takes no ${kind} frames` };
      case R.INGRESS_NO_PVID:
        return { text: `the frame is ${kind} and ${name} has no PVID` };
      case R.INGRESS_VID_RESERVED:
        return { text: 'VLAN ID 4095 is reserved' };
      case R.INGRESS_VLAN: {
        const fid = fidAt(vlans, ports.vlanBase[p] + vid);
        if (fid === 0) return { text: `bridge ${port?.bridge} has no VLAN ${vid}` };
        if (isList) return { text: `${name} carries no frames with the tag of ${vlanText(world, fid)}` };
        return { text: `${name} is no member of ${vlanText(world, fid)}, and ingress filtering is on` };
      }
      case R.INGRESS_TUNNEL_CVID:
        return { text: `${name} carries only listed customer VLANs` };
      default:
        break;
    }
    const fid = b.fid[0];
    const from =
      vid === 0
        ? 'the one VLAN of an unaware bridge'
        : tagged !== 0
          ? 'from its tag'
          : said > 0
            ? 'by what it is (classify)'
            : mapped > 0
              ? `by its customer VLAN, ${(customer & CUSTOMER_STRIP) === 0 ? 'pushed around what it carries' : 'whose tag it replaces'}`
              : `the PVID of ${name}${(flags & PORT_TUNNEL) === 0 ? '' : ', pushed around what it carries'}`;
    const where = `${vlanText(world, fid)}, ${from}`;
    if (reason === R.INGRESS_PORT_STATE) return { text: `${where}; ${name} is ${port?.state}` };
    if (reason === R.INGRESS_RESERVED_MAC) {
      return { text: `${where}; bridge ${port?.bridge} keeps ${formatMac(b.dstHigh[0], b.dstLow[0])} to itself` };
    }
    const secondary = vlanOf(world, fid)?.secondary;
    if (secondary !== undefined && (isList || mayBring(vlans, fid, p, ports.pvid[p]))) {
      return { text: `${where}; ${secondary.kind} of private VLAN ${secondary.primary}, whose addresses it shares` };
    }
    const member = hasBit(vlans.member, vlans.width, fid, p);
    const filtering = (flags & PORT_INGRESS_FILTERING) !== 0;
    const membership = member ? `${name} is a member` : `${name} is no member, which ingress filtering would ask`;
    return { text: vid === 0 ? where : `${where}; ${membership}${member || !filtering ? '' : ' for'}` };
  };
}

function observeLearn(world: World, b: Batch) {
  const { fdb, ports } = world.dp;
  const p = b.port[0];
  const [high, low, fid] = [b.srcHigh[0], b.srcLow[0], b.fid[0]];
  const before = entryOf(world, fid, high, low);
  const stats = [...fdb.stats];
  const flags = ports.flags[p];
  return (reason: number): Told => {
    const name = portName(world, p);
    const src = formatMac(high, low);
    const grew = (stat: number) => fdb.stats[stat] > stats[stat];
    const entry = entryOf(world, fid, high, low);
    if (reason === R.GUARD_BLACKHOLE_SOURCE) return { text: `${src} is a blackhole here`, entry: before };
    if (grew(STAT_STATIC_VIOLATIONS)) {
      const claim = `${src} is configured on ${before?.port ?? 'no port'} and comes from ${name}`;
      return { text: `${claim}: counted${reason === R.DROP_NONE ? ', and forwarded' : ''}`, entry: before };
    }
    const room = grew(STAT_EVICTED) ? '; the oldest entry of a full table would go' : '';
    if (grew(STAT_MOVED))
      return { text: `${src} would move from ${before?.port ?? 'nowhere'} to ${name}${room}`, entry };
    if (grew(STAT_LEARNED)) return { text: `${src} would be learned on ${name}${room}`, entry };
    if (grew(STAT_REFUSED)) return { text: `${src} would not be learned: the table is full`, entry: before };
    if ((flags & PORT_HUB) !== 0) return { text: 'a hub learns nothing' };
    if (isZeroMac(high, low)) return { text: 'the zero address is nobody: not learned' };
    if (before !== null) return { text: `${src} is known on ${before.port ?? 'no port'}`, entry };
    const off = (flags & PORT_LEARNING) === 0;
    return { text: off ? `learning is off: ${src} stays unknown` : `${src} is not learned: VLAN without a member` };
  };
}

function observeLookup(world: World, b: Batch) {
  const [high, low, fid, p] = [b.dstHigh[0], b.dstLow[0], b.fid[0], b.port[0]];
  return (reason: number): Told => {
    const name = portName(world, p);
    const dst = formatMac(high, low);
    if (reason === R.INGRESS_PORT_STATE) return { text: `${name} learns and does not forward yet` };
    if ((world.dp.ports.flags[p] & PORT_HUB) !== 0) return { text: 'a hub repeats every frame to all members' };
    if (isGroupMac(high)) {
      return { text: `${dst} is ${high === 0xffff && low === -1 ? 'broadcast' : 'a group'}: flood` };
    }
    const entry = entryOf(world, fid, high, low);
    if (entry === null) return { text: `${dst} is not in the FDB: flood as unknown unicast`, entry };
    return { text: entryText(entry, b.to[0], reason), entry };
  };
}

function entryText(entry: EntryView, to: number, reason: number): string {
  if (reason === R.LOOKUP_BLACKHOLE) return `${entry.mac} is a blackhole`;
  if (to === TO_LOCAL) return `${entry.mac} is the switch itself`;
  if (to <= TO_FLOOD) return `${entry.mac}: flood`;
  const age = entry.kind === 'dynamic' ? `, seen ${entry.ageSeconds.toFixed(1)} s ago` : '';
  return `${entry.mac} is on ${entry.port ?? 'no port'} (${entry.kind}${age})`;
}
