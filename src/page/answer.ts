/** A trace or an explanation, stage by stage. */

import { el, replace } from './dom.ts';
import type { Explanation, Fix, Stage, Trace } from './types.ts';

/** Ports that do not send, before the rest is folded away. */
const MAX_SILENT = 8;

export function showTrace(place: HTMLElement, trace: Trace): void {
  replace(place, heading(trace), stages(trace.stages), verdict(trace), ...trace.outputs.map(output));
}

export function showExplanation(place: HTMLElement, found: Explanation): void {
  const { trace, to, arrives, text, fix, alternatives, hint } = found;
  const missing = trace.reason === null && !arrives;
  replace(
    place,
    heading(trace),
    stages(trace.stages),
    missing ? el('p', { class: 'verdict dropped' }, `It does not reach ${to ?? 'any port'}.`) : verdict(trace),
    el(
      'div',
      { class: fix === null && !arrives ? 'fix none' : 'fix' },
      el('p', {}, `${sentence(text)}.`),
      fix && keys(fix),
    ),
    alternatives.length > 0 &&
      el(
        'details',
        {},
        el('summary', {}, alternatives.length === 1 ? 'Another way' : `${alternatives.length} other ways`),
        ...alternatives.map((each) => el('div', { class: 'fix' }, el('p', {}, `${sentence(each.text)}.`), keys(each))),
      ),
    hint !== null && el('p', { class: 'hint' }, `${sentence(hint)}.`),
  );
}

export function showError(place: HTMLElement, message: string): void {
  replace(place, el('p', { class: 'error' }, message));
}

function heading({ port, bridge, frame }: Trace): HTMLElement {
  const where = bridge === null ? '' : ` (bridge ${bridge})`;
  return el('p', { class: 'arrives' }, el('b', {}, port), `${where} receives `, el('span', {}, frame.text));
}

function stages(all: readonly Stage[]): HTMLElement {
  return el(
    'ol',
    { class: 'stages' },
    ...all.map((stage, i) =>
      el(
        'li',
        { class: stage.reason === null ? '' : 'stops', '--n': i },
        el('b', {}, stage.stage),
        el(
          'div',
          {},
          stage.text,
          stage.reason && el('code', { class: 'reason' }, stage.reason),
          stage.ports && ports(stage.ports),
        ),
      ),
    ),
  );
}

function ports(all: NonNullable<Stage['ports']>): HTMLElement {
  const silent = all.filter((port) => !port.sends);
  const shown = all.filter((port) => port.sends || silent.indexOf(port) < MAX_SILENT);
  const hidden = all.length - shown.length;
  return el(
    'ul',
    { class: 'ports' },
    ...shown.map(({ port, sends, text }) => el('li', { class: sends ? 'sends' : '' }, el('b', {}, port), ` ${text}`)),
    hidden > 0 && el('li', {}, `and ${hidden} more that do not`),
  );
}

function verdict({ verdict: what, reason, outputs }: Trace): HTMLElement {
  if (reason !== null) {
    return el('p', { class: 'verdict dropped' }, `Dropped: ${reason.name} (${reason.number}). ${reason.sentence}`);
  }
  const text =
    what === 'consumed'
      ? 'Consumed by the switch itself.'
      : `Delivered to ${outputs.map(({ port, tunnel }) => (tunnel === undefined ? port : `${port} (${tunnel})`)).join(', ')}.`;
  return el('p', { class: 'verdict' }, text);
}

function output({ port, text, hex }: Trace['outputs'][number]): HTMLElement {
  const bytes = hex.replace(/(.{2})(?=.)/g, '$1 ');
  return el(
    'details',
    { class: 'output' },
    el('summary', {}, el('b', {}, port), ` sends ${text}`),
    el('pre', {}, bytes),
  );
}

function keys({ changes }: Fix): HTMLElement {
  const lines = changes.map(({ path, value }) => (value === null ? `without ${path}` : `${path}: ${value}`));
  return el('pre', {}, lines.join('\n'));
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
