/**
 * Plans and their results as text.
 */

import type { PlanView } from '../../api/plan-view.ts';
import { compressVlans } from '../../config/vlan-range.ts';

export function planText({ text, memberships, forgotten, warnings }: PlanView): string {
  if (text.length === 0) return 'nothing to change\n';
  const lines = text.map((line) => `  ${line}`);
  const out = [`actions: ${text.length}`, ...lines];
  const members = [...memberLines('-', memberships.removed), ...memberLines('+', memberships.added)];
  if (members.length > 0) out.push('memberships:', ...members);
  if (forgotten.count > 0) {
    out.push(`addresses that are forgotten: ${forgotten.count}`);
    for (const { mac, vid, port, kind } of forgotten.entries) {
      out.push(`  - ${mac}${vid === null ? '' : ` vlan ${vid}`}${port === null ? '' : ` on ${port}`} (${kind})`);
    }
    if (forgotten.count > forgotten.entries.length) {
      out.push(`    and ${forgotten.count - forgotten.entries.length} more`);
    }
  }
  return `${out.join('\n')}\n${warningText(warnings)}`;
}

export function warningText(warnings: readonly string[] = []): string {
  return warnings.map((line) => `warning: ${line}\n`).join('');
}

/** A line for each port and shape: `+ p1 vlan 10,20-30 tagged`. */
function memberLines(sign: string, members: PlanView['memberships']['added']): string[] {
  const groups = new Map<string, { port: string; tagged: boolean; vids: number[] }>();
  for (const { port, tagged, vid } of members) {
    const key = `${port} ${tagged}`;
    const group = groups.get(key) ?? { port, tagged, vids: [] };
    group.vids.push(vid);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ port, tagged, vids }) => {
    return `  ${sign} ${port} vlan ${compressVlans(vids)} ${tagged ? 'tagged' : 'untagged'}`;
  });
}

export function changeText(actions: readonly string[], indent = ''): string {
  const lines = actions.length === 0 ? ['nothing to change'] : actions;
  return lines.map((line) => `${indent}${line}\n`).join('');
}
