/** What happens: addresses, sampled drops, events. */

import type { Happening } from './api.ts';
import { byId, el, replace } from './dom.ts';
import { short } from './rates.ts';
import type { Drop, Found, Sample } from './types.ts';

/** Lines of a feed; older ones go. */
const MAX_LINES = 100;

export function showEntries({ entries, total }: Found): void {
  const several = new Set(entries.map((entry) => entry.bridge)).size > 1;
  const head = ['MAC', 'VLAN', 'Port', 'Kind', 'Age', ...(several ? ['Bridge'] : [])];
  replace(
    byId('entries'),
    el('thead', {}, el('tr', {}, ...head.map((title) => el('th', { scope: 'col' }, title)))),
    el(
      'tbody',
      {},
      ...entries.map((entry) =>
        el(
          'tr',
          {},
          el('td', { class: 'mac' }, entry.mac),
          el('td', {}, entry.vid ?? '–'),
          el('td', {}, entry.port ?? '–'),
          el('td', {}, entry.kind),
          el('td', {}, entry.kind === 'dynamic' ? age(entry.ageSeconds) : '–'),
          several && el('td', {}, entry.bridge),
        ),
      ),
    ),
  );
  const shown = entries.length < total ? `the first ${entries.length} of ${total}` : String(total);
  byId('entries-count').textContent = total === 1 ? 'one address' : `${total === 0 ? 'no' : shown} addresses`;
}

export function showReasons(drops: readonly Drop[]): void {
  const total = new Map<string, { frames: number; sentence: string }>();
  for (const { reason, frames, sentence } of drops) {
    const sum = total.get(reason) ?? { frames: 0, sentence };
    sum.frames += frames;
    total.set(reason, sum);
  }
  const rows = [...total].sort(([, a], [, b]) => b.frames - a.frames);
  replace(
    byId('reasons'),
    ...rows.map(([reason, { frames, sentence }]) =>
      el('li', { title: sentence }, el('code', {}, reason), ` ${short(frames)}`),
    ),
    rows.length === 0 && el('li', { class: 'quiet' }, 'No frame was dropped.'),
  );
}

/** The newest first; `choose` is told which one was picked. */
export function showSamples(samples: readonly Sample[], chosen: number | null, choose: (sample: Sample) => void): void {
  const feed = byId('samples');
  // It stands still while somebody reaches for a line.
  if (feed.matches(':hover, :focus-within') && feed.dataset.chosen === String(chosen)) return;
  feed.dataset.chosen = String(chosen);
  const focused = (document.activeElement as HTMLElement | null)?.dataset.sample;
  replace(
    feed,
    ...[...samples]
      .reverse()
      .slice(0, MAX_LINES)
      .map((sample) =>
        el(
          'li',
          {},
          el(
            'button',
            {
              type: 'button',
              'data-sample': sample.id,
              'aria-pressed': sample.id === chosen ? 'true' : 'false',
              onclick: () => choose(sample),
            },
            el('time', {}, age(sample.ageSeconds)),
            el('code', {}, sample.reason),
            el('span', {}, `${sample.port ?? 'a port that is gone'}: ${sample.text}`),
          ),
        ),
      ),
  );
  if (focused !== undefined) document.querySelector<HTMLElement>(`[data-sample="${focused}"]`)?.focus();
}

export function tellEvent(event: Happening): void {
  // They have a list of their own.
  if (event.event === 'drop') return;
  const feed = byId('happened');
  const time = new Date().toLocaleTimeString([], { hour12: false });
  feed.prepend(
    el('li', { class: event.event }, el('time', {}, time), el('code', {}, event.event), el('span', {}, textOf(event))),
  );
  while (feed.childElementCount > MAX_LINES) feed.lastElementChild?.remove();
}

function textOf({ event, ...fields }: Happening): string {
  const { mac, port, oldPort, vid, bridge: _bridge, ...rest } = fields;
  const vlan = vid === null || vid === undefined ? '' : ` in VLAN ${vid}`;
  switch (event) {
    case 'vxlan-learned':
    case 'vxlan-moved':
    case 'vxlan-aged':
    case 'vxlan-evicted':
    case 'vxlan-refused':
    case 'vxlan-static-violation':
      return `${mac} in VNI ${rest.vni} on ${port}: ${rest.oldRemote === null ? '' : `${rest.oldRemote} ▸ `}${rest.remote}`;
    case 'learned':
      return `${mac}${vlan} on ${port}`;
    case 'moved':
      return `${mac}${vlan} from ${oldPort ?? '–'} to ${port}`;
    case 'aged':
    case 'evicted':
      return `${mac}${vlan}, was on ${port}`;
    case 'refused':
      return `${mac}${vlan} on ${port}: the table is full`;
    case 'static-violation':
      return `${mac}${vlan} on ${port}, configured on ${oldPort ?? 'no port'}`;
    case 'link':
      return `${port} is ${rest.up === true ? 'up' : 'down'} (${rest.reason})`;
    case 'applied':
    case 'rolled-back':
      return (rest.actions as string[]).join(', ') || 'nothing changed';
    default:
      return [port, ...Object.values(rest)].filter((value) => value !== undefined && value !== null).join(' ');
  }
}

function age(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}
