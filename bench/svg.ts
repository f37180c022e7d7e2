/**
 * Reports as one SVG: a bar per result with its interval, the ratios and the target in words. No library: bars and text.
 */

import type { Report } from './report.ts';

const WIDTH = 760;
const LABEL = 250;
const BAR = 380;
const ROW = 24;
const OWN = '#2b6cb0';
const PEER = '#a0aec0';
/** What the ratio to a peer shall reach, where one is set: drawn as a line across that peer's bar. */
const TARGETS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  S1: { c: 0.8 },
  S2: { c: 0.65 },
  S3: { s1: 0.9 },
  S4: { s1: 0.556 },
  S6: { 'linux-bridge': 0.9, 'c-forwarder': 1, vde: 8, ovs: 8 },
  S6n: { 'c-forwarder': 1.5, ovs: 3 },
  S8: { ovs: 3, 'c-forwarder': 0.9 },
  S9: { 'kernel-vxlan': 0.8, ovs: 5 },
};
/** Target in the report's own unit: a line across all bars. */
const ABSOLUTE: Readonly<Record<string, number>> = { S5: 1.5, S12: 8 };

export function chart(reports: readonly Report[]): string {
  const parts: string[] = [];
  let y = 16;
  for (const report of reports) y = section(parts, report, y);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function section(parts: string[], report: Report, top: number): number {
  const { scenario, unit, results, ratios } = report;
  let y = top + 16;
  parts.push(words(16, y, `${scenario}: ${unit}`, 'font-size="15" font-weight="bold"'));
  y += 18;
  const said = Object.entries(ratios).map(([peer, ratio]) => {
    const target = TARGETS[scenario]?.[peer];
    return `Etherloom / ${peer}: ${ratio}${target === undefined ? '' : ` (target ${target})`}`;
  });
  parts.push(words(16, y, [...said, `${report.rounds} rounds, ${report.machine}`].join('; '), 'fill="#4a5568"'));
  y += 12;
  const first = y;
  const most = Math.max(...results.map((r) => r.high), ABSOLUTE[scenario] ?? 0) || 1;
  const x = (value: number): number => Math.round((LABEL + (value / most) * BAR) * 10) / 10;
  for (const { who, median, low, high } of results) {
    const middle = y + ROW / 2;
    const colour = who.startsWith('etherloom') ? OWN : PEER;
    parts.push(words(LABEL - 8, middle + 4, who, 'text-anchor="end"'));
    parts.push(
      `<rect x="${LABEL}" y="${y + 4}" width="${Math.max(1, x(median) - LABEL)}" height="${ROW - 8}" fill="${colour}"/>`,
    );
    parts.push(
      `<path d="M${x(low)} ${middle}H${x(high)}M${x(low)} ${middle - 4}v8M${x(high)} ${middle - 4}v8" stroke="#1a202c"/>`,
    );
    const target = targetOf(scenario, who);
    if (target !== undefined) parts.push(line(x(median * target), y + 1, y + ROW - 1));
    parts.push(words(x(high) + 8, middle + 4, String(median)));
    y += ROW;
  }
  const absolute = ABSOLUTE[scenario];
  if (absolute !== undefined) {
    parts.push(line(x(absolute), first, y));
    parts.push(words(x(absolute) + 4, y + 12, `target ${absolute} ${unit}`, 'fill="#c53030"'));
    y += 16;
  }
  return y + 16;
}

function targetOf(scenario: string, who: string): number | undefined {
  return TARGETS[scenario]?.[/^[\w-]+/.exec(who)?.[0] ?? ''];
}

function line(x: number, from: number, to: number): string {
  return `<path d="M${x} ${from}V${to}" stroke="#c53030" stroke-dasharray="3 2"/>`;
}

function words(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
