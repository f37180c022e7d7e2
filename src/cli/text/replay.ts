/** A replay's report for people: who received and sent what, why frames were dropped, where the hosts are. */

import type { ReplayReport } from '../../runtime/replay/report.ts';

/** FDB entries that are shown; all of them are in the JSON. */
const MAX_FDB_LINES = 40;

export function reportText(report: ReplayReport): string {
  const lines: string[] = [];
  const { total, vlans, noVlan, balanced } = report.ledger;
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
  const ports = Object.entries(report.ports);
  lines.push('', 'PORT');
  lines.push(
    ...table(
      ['port', 'rx frames', 'rx bytes', 'tx frames', 'tx bytes', 'dropped', 'flooded', 'copies', 'written'],
      ports.map(([name, p]) => [
        name,
        ...[p.rxFrames, p.rxBytes, p.txFrames, p.txBytes, p.dropped, p.flooded, p.floodCopies].map(formatNumber),
        p.output ?? '-',
      ]),
    ),
  );
  const drops = ports.flatMap(([name, p]) => Object.entries(p.drops).map(([reason, n]) => [name, reason, n] as const));
  if (drops.length > 0) {
    lines.push('', 'DROPS');
    lines.push(
      ...table(
        ['port', 'frames', 'reason'],
        drops.map(([name, reason, n]) => [name, formatNumber(n), reason]),
        2,
      ),
    );
  }
  lines.push('', 'LEDGER');
  const several = new Set(vlans.map((v) => v.bridge)).size > 1;
  const seen = vlans.filter((v) => v.received > 0).map((v) => [vlanName(v, several), v] as const);
  const rows = [...seen, ['no VLAN', noVlan] as const, ['total', total] as const];
  lines.push(
    ...table(
      ['vlan', 'received', 'delivered', 'consumed', 'dropped', 'flood copies', ''],
      rows.map(([name, r]) => [
        name,
        ...[r.received, r.delivered, r.consumed, r.dropped, r.floodCopies].map(formatNumber),
        r.balanced ? 'balanced' : 'NOT BALANCED',
      ]),
    ),
  );
  if (!balanced) lines.push('  the ledger does not balance: this is a defect, please report it');
  lines.push('', `FDB (${count(report.fdb.length, 'entry', 'entries')})`);
  lines.push(
    ...table(
      ['mac', 'vlan', 'port', 'kind', 'age s'],
      report.fdb
        .slice(0, MAX_FDB_LINES)
        .map((e) => [
          e.mac,
          several ? `${e.bridge}/${e.vid ?? '-'}` : String(e.vid ?? '-'),
          e.port ?? '-',
          e.kind,
          formatNumber(e.ageSeconds),
        ]),
      0,
    ),
  );
  if (report.fdb.length > MAX_FDB_LINES) lines.push(`  and ${formatNumber(report.fdb.length - MAX_FDB_LINES)} more`);
  return `${lines.join('\n')}\n`;
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

function vlanName(row: { bridge: string; vid: number | null; name: string }, several: boolean): string {
  const vid = row.vid === null ? '-' : String(row.vid);
  const named = row.vid !== null && row.name !== `vlan${row.vid}` ? `${vid} (${row.name})` : vid;
  return several ? `${row.bridge}/${named}` : named;
}

/** Columns of text; from column `left` on numbers are to the right, 0: none are. */
function table(head: string[], rows: string[][], numbersUntil = head.length - 1): string[] {
  const widths = head.map((text, c) => Math.max(text.length, ...rows.map((row) => row[c].length)));
  return [head, ...rows].map((row) => {
    const cells = row.map((text, c) => (c > 0 && c < numbersUntil ? text.padStart(widths[c]) : text.padEnd(widths[c])));
    return `  ${cells.join('  ')}`.trimEnd();
  });
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${formatNumber(n)} ${n === 1 ? one : many}`;
}

function formatNumber(n: number): string {
  return n.toLocaleString('en-US', { maximumFractionDigits: 6 });
}
