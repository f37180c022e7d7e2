/** What ports do to the tags of frames, as `show ports` says it: priorities, service VLANs, translation. */

import type { TagRules } from '../../api/directory.ts';
import { NO_PRIORITY } from '../../config/priority.ts';
import type { PriorityConfig, ServiceVlan, TagConfig } from '../../config/types.ts';
import { vidList } from '../vid-list.ts';

/** Lines of a port; JSON has all of them. */
const MAX_LINES = 16;
const C_TAG = 0x8100;

export function tagRuleLines({ priority, serviceVlans, translate }: TagRules): string[] {
  const lines = [
    ...(priority === null ? [] : priorityLines(priority)),
    ...serviceLines(serviceVlans),
    ...translate.map(({ from, to }) => `tags ${tagsText(from)} become ${to.length === 0 ? 'none' : tagsText(to)}`),
  ];
  const more = lines.length - MAX_LINES;
  return more <= 0 ? lines : [...lines.slice(0, MAX_LINES), `and ${more} more; --json has them`];
}

function priorityLines({ trust, default: otherwise, pcp, dscp, egress }: PriorityConfig): string[] {
  const source = { pcp: 'by PCP', dscp: 'by DSCP, of other frames by PCP', none: 'not by the frame' }[trust];
  return [
    `priority ${source}; else ${otherwise}`,
    ...mapLines(pcp, NO_PRIORITY.pcp, (from, to) => `PCP ${from} is priority ${to}`),
    ...(trust === 'dscp' ? mapLines(dscp, NO_PRIORITY.dscp, (from, to) => `DSCP ${from} is priority ${to}`) : []),
    ...mapLines(egress, NO_PRIORITY.egress, (from, to) => `priority ${from} leaves as PCP ${to}`),
  ];
}

/** A line for each value that numbers are mapped to otherwise than by default. */
function mapLines(
  map: readonly number[],
  normal: readonly number[],
  line: (from: string, to: number) => string,
): string[] {
  const byTarget = new Map<number, number[]>();
  map.forEach((to, from) => {
    if (to !== normal[from]) byTarget.set(to, [...(byTarget.get(to) ?? []), from]);
  });
  return [...byTarget].map(([to, from]) => line(vidList(from), to));
}

function serviceLines(rules: readonly ServiceVlan[]): string[] {
  const byService = new Map<string, number[]>();
  for (const { cvid, vid, keepTag } of rules) {
    const where = keepTag ? `in service VLAN ${vid}` : `as service VLAN ${vid}, instead of their tag`;
    byService.set(where, [...(byService.get(where) ?? []), cvid]);
  }
  return [...byService].map(([where, cvids]) => `customer VLANs ${vidList(cvids)} ${where}`);
}

/** `88a8:103.7`, outermost first. */
function tagsText(tags: readonly TagConfig[]): string {
  return tags.map(({ tpid, vid }) => (tpid === C_TAG ? String(vid) : `${tpid.toString(16)}:${vid}`)).join('.');
}
