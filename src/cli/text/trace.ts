/**
 * A trace for people: the frame, a line per stage, a line per port, and what comes out; and an explanation.
 */

import { oneLine } from '../../config/error.ts';
import type { Explanation, Fix } from '../../trace/explain.ts';
import type { Trace, TraceOutput, TraceStage } from '../../trace/types.ts';

/** Ports that do not send, named one by one; a flood in a large switch has hundreds. */
const MAX_SILENT = 16;
/** Bytes shown of a frame; JSON has all of it. */
const MAX_BYTES = 64;
const NAME_WIDTH = 9;

export function traceText(trace: Trace): string {
  const { stages, outputs } = trace;
  const lines = [heading(trace), ''];
  for (const stage of stages) lines.push(...stageLines(stage));
  lines.push('', verdictText(trace));
  for (const output of [...outputs, ...trace.mirrored]) lines.push(...outputLines(output));
  return `${lines.map(oneLine).join('\n')}\n`;
}

/** The stages and the verdict, of a frame that is shown already. */
export function wayText(trace: Trace): string {
  return `${[...trace.stages.flatMap(stageLines), `  ${verdictText(trace)}`].map(oneLine).join('\n')}\n`;
}

/** The stages of now, then what would have to be different. */
export function explanationText({ trace, to, arrives, text, fix, alternatives, hint }: Explanation): string {
  const { stages } = trace;
  const lines = [heading(trace), '', ...stages.flatMap(stageLines), ''];
  if (!arrives) lines.push(trace.reason === null ? `it does not reach ${to ?? 'any port'}` : verdictText(trace), '');
  lines.push(text);
  if (fix !== null) lines.push(...changeLines(fix));
  for (const other of alternatives) lines.push('', `or ${other.text}`, ...changeLines(other));
  if (hint !== null) lines.push('', hint);
  return `${lines.map(oneLine).join('\n')}\n`;
}

function heading({ port, bridge, frame }: Trace): string {
  return `${port}${bridge === null ? '' : ` (bridge ${bridge})`} receives  ${frame.text}`;
}

function changeLines({ changes }: Fix): string[] {
  return changes.map(({ path, value }) => `    ${value === null ? `without ${path}` : `${path}: ${value}`}`);
}

function stageLines({ stage, text, reason, ports = [] }: TraceStage): string[] {
  const lines = [`  ${stage.padEnd(NAME_WIDTH)} ${text}${reason === null ? '' : `  ✗ ${reason}`}`];
  const silent = ports.filter((port) => !port.sends);
  const shown = ports.filter((port) => port.sends || silent.indexOf(port) < MAX_SILENT);
  const width = Math.max(0, ...shown.map((port) => port.port.length));
  for (const { port, sends, text: how } of shown) {
    lines.push(`  ${''.padEnd(NAME_WIDTH)} ${sends ? '→' : '·'} ${port.padEnd(width)}  ${how}`);
  }
  const hidden = silent.length - MAX_SILENT;
  if (hidden > 0) lines.push(`  ${''.padEnd(NAME_WIDTH)} · and ${hidden} more that do not`);
  return lines;
}

function verdictText({ verdict, reason, outputs }: Trace): string {
  if (reason !== null) return `dropped: ${reason.name} (${reason.number}). ${reason.sentence}`;
  if (verdict === 'consumed') return 'consumed by the switch itself';
  return `delivered to ${outputs.map(({ port, tunnel }) => (tunnel === undefined ? port : `${port} (${tunnel})`)).join(', ')}`;
}

function outputLines({ port, text, hex }: TraceOutput): string[] {
  const bytes = hex.match(/.{2}/g) ?? [];
  const lines = [`  ${port} sends  ${text}`];
  for (let at = 0; at < Math.min(bytes.length, MAX_BYTES); at += 16) {
    lines.push(`    ${at.toString(16).padStart(4, '0')}  ${bytes.slice(at, at + 16).join(' ')}`);
  }
  if (bytes.length > MAX_BYTES) lines.push(`    …     ${bytes.length - MAX_BYTES} more bytes`);
  return lines;
}
