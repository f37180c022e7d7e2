/** A replay's report for people: who received and sent what, why frames were dropped, where the hosts are. */

import { DROP_REASONS } from '../../dataplane/reasons.ts';
import type { ReplayReport } from '../../runtime/replay/report.ts';
import { dropTable, fdbText, ledgerText } from './show.ts';
import { table } from './table.ts';
import { peersText, vtepsText, vxlanFdbText } from './vxlan.ts';

/** FDB entries that are shown; all of them are in the JSON. */
const MAX_FDB_LINES = 40;

export function reportText(report: ReplayReport): string {
  const lines: string[] = [];
  const span = `${formatNumber(report.durationSeconds)} s of ${report.clock === 'none' ? 'capture' : 'packet'} time`;
  lines.push(
    `${report.switch}: ${count(report.frames, 'frame')} from ${count(report.inputs.length, 'input')}, ${span}`,
  );
  for (const input of report.inputs) {
    const notes = [count(input.frames, 'frame')];
    if (input.truncated > 0) notes.push(`${formatNumber(input.truncated)} truncated`);
    if (input.oversized > 0) notes.push(`${formatNumber(input.oversized)} longer than any slot`);
    for (const s of input.skipped) {
      const what = s.linkType === null ? 'without a packet' : `of link type ${s.linkType}`;
      const where = s.interface === null ? '' : ` (interface ${s.interface})`;
      notes.push(`${count(s.records, 'record')} ${what}${where} passed over`);
    }
    if (input.damaged !== null) notes.push('damaged');
    lines.push(`  ${input.port} <- ${input.capture}: ${notes.join(', ')}`);
  }
  const parts = [portsText(report), ...dropsText(report), ledger(report), fdb(report), ...tunnelsText(report)];
  return [`${lines.join('\n')}\n`, ...parts].join('\n');
}

function portsText({ ports }: ReplayReport): string {
  return table(
    ['PORT', 'RX-FRAMES', 'RX-BYTES', 'RX-DROPPED', 'TX-FRAMES', 'TX-BYTES', 'FLOODED', 'WRITTEN'],
    Object.entries(ports).map(([name, p]) => [
      name,
      ...[p.rxFrames, p.rxBytes, p.dropped, p.txFrames, p.txBytes, p.flooded],
      p.output,
    ]),
  );
}

/** Nothing where no frame was dropped. */
function dropsText({ ports }: ReplayReport): string[] {
  const drops = Object.entries(ports).flatMap(([port, p]) =>
    Object.entries(p.drops).map(([reason, frames]) => ({ port, reason, frames, sentence: sentenceOf(reason) })),
  );
  return drops.length === 0 ? [] : [dropTable(drops)];
}

function sentenceOf(reason: string): string {
  return DROP_REASONS.find(({ name }) => name === reason)?.sentence ?? '';
}

/** VLANs that had a frame. */
function ledger({ ledger }: ReplayReport): string {
  const text = ledgerText({ ...ledger, vlans: ledger.vlans.filter(({ received }) => received > 0) });
  return ledger.balanced ? text : `${text}This is a defect, please report it.\n`;
}

function fdb({ fdb }: ReplayReport): string {
  const more = fdb.length - MAX_FDB_LINES;
  return `${fdbText({ entries: fdb.slice(0, MAX_FDB_LINES) })}${more > 0 ? `and ${formatNumber(more)} more\n` : ''}`;
}

function tunnelsText({ vxlan }: ReplayReport): string[] {
  return vxlan === undefined ? [] : [vtepsText(vxlan.vteps), peersText(vxlan.peers), vxlanFdbText(vxlan.fdb)];
}

/** Fewer frames than this say nothing about speed. */
const FRAMES_FOR_A_RATE = 10_000;

/** The two rates, neither of which is what a device would see; nothing for a short replay. */
export function rateText(frames: number, forwardMs: number, elapsedMs: number): string {
  if (frames < FRAMES_FOR_A_RATE) return '';
  const rate = (ms: number) => (ms > 0 ? `${(frames / ms / 1000).toFixed(2)} M frames/s` : '-');
  return (
    `processing rate without I/O: ${rate(forwardMs)} (${forwardMs.toFixed(1)} ms in the data plane); ` +
    `with reading and writing the captures: ${rate(elapsedMs)} (${elapsedMs.toFixed(0)} ms)\n`
  );
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${formatNumber(n)} ${n === 1 ? one : many}`;
}

function formatNumber(n: number): string {
  return n.toLocaleString('en-US', { maximumFractionDigits: 6 });
}
