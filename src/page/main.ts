/**
 * The page: asks the switch once a second, listens to its events, and draws. While nobody looks it rests.
 *
 * Keys: `/` searches addresses, `t` asks about a frame, Escape takes the answer away.
 */

import { showError, showExplanation, showTrace } from './answer.ts';
import { ApiError, events, get } from './api.ts';
import { byId, el, replace } from './dom.ts';
import { showEntries, showReasons, showSamples, tellEvent } from './feeds.ts';
import { Rate, short } from './rates.ts';
import { type PortRates, Topology } from './topology.ts';
import { showTunnels } from './tunnels.ts';
import type { Drop, Explanation, Found, Group, Peer, Port, Sample, ShownGroup, Trace, Vlan, Vtep } from './types.ts';

const EVERY_MS = 1000;
/** Thousands of VLANs on dozens of trunks are megabytes, and change seldom: every so many times. */
const VLANS_EVERY = 10;
const AGAIN_MS = 3000;
const MAX_ENTRIES = '100';
const ANY = '';

const rates = new Map<string, PortRates>();
const port = byId<HTMLSelectElement>('port');
const to = byId<HTMLSelectElement>('to');
const fields = byId<HTMLInputElement>('fields');
const search = byId<HTMLInputElement>('search');
const answer = byId('answer');
const state = byId('state');
const topology = new Topology(byId('picture'), (name) => {
  port.value = name;
  search.value = name;
  void refreshEntries();
});
let chosen: number | null = null;
let samples: readonly Sample[] = [];
let vlans: readonly Vlan[] = [];
let groups: readonly ShownGroup[] = [];
let vlansAge = 0;

// ---- what the switch does

async function groupsOf(kind: ShownGroup['kind']): Promise<ShownGroup[]> {
  return (await get<{ groups: Group[] }>(kind)).groups.map((group) => ({ ...group, kind }));
}

async function refresh(): Promise<void> {
  if (vlansAge++ % VLANS_EVERY === 0) {
    vlans = (await get<{ vlans: Vlan[] }>('vlans')).vlans;
    groups = [...(await groupsOf('macvlan')), ...(await groupsOf('ipvlan'))];
  }
  const [{ switch: name, ports }, { vteps }, { peers }, { drops }, sampled] = await Promise.all([
    get<{ switch: string; ports: Port[] }>('ports'),
    get<{ vteps: Vtep[] }>('vteps'),
    get<{ peers: Peer[] }>('peers'),
    get<{ drops: Drop[] }>('drops'),
    get<{ samples: Sample[] }>('samples'),
  ]);
  byId('name').textContent = name;
  document.title = `${name} – Etherloom`;
  const now = performance.now();
  for (const each of ports) takeRates(each, now);
  topology.update(ports, vlans, vteps, groups, rates);
  showTunnels(byId('tunnels'), vteps, peers, now);
  showOptions(ports.map((each) => each.name));
  showTotals(ports);
  showReasons(drops);
  showSampled(sampled.samples);
  await refreshEntries();
}

function showSampled(taken: readonly Sample[]): void {
  samples = taken;
  showSamples(samples, chosen, explainSample);
}

let asking = false;

/** At once when one is told, but not for each of a storm. */
async function refreshSamples(): Promise<void> {
  if (asking || document.hidden) return;
  asking = true;
  try {
    showSampled((await get<{ samples: Sample[] }>('samples')).samples);
  } finally {
    asking = false;
  }
}

async function refreshEntries(): Promise<void> {
  const found = await get<Found>('fdb/search', { text: search.value.trim(), limit: MAX_ENTRIES });
  showEntries(found);
}

function takeRates({ name, rxFrames, txFrames, dropped }: Port, now: number): void {
  let of = rates.get(name);
  if (of === undefined) {
    of = { in: new Rate(), out: new Rate(), drops: new Rate() };
    rates.set(name, of);
  }
  of.in.take(rxFrames, now);
  of.out.take(txFrames, now);
  of.drops.take(dropped, now);
}

function showOptions(names: readonly string[]): void {
  const known = [...port.options].map((option) => option.value);
  if (known.join('\n') === names.join('\n')) return;
  const [was, wanted] = [port.value, to.value];
  const option = (name: string, text = name) => el('option', { value: name }, text);
  replace(port, ...names.map((name) => option(name)));
  replace(to, option(ANY, 'any port'), ...names.map((name) => option(name)));
  if (names.includes(was)) port.value = was;
  to.value = names.includes(wanted) ? wanted : ANY;
}

function showTotals(ports: readonly Port[]): void {
  const plugged = ports.filter((each) => each.adapter !== 'router');
  // What an interface sends leaves the switch by a port, and is dropped once.
  const sum = (of: keyof PortRates) =>
    (of === 'drops' ? ports : plugged).reduce((all, each) => all + (rates.get(each.name)?.[of].perSecond ?? 0), 0);
  const up = plugged.filter((each) => each.link === 'up').length;
  const total = (title: string, value: string, kind = '') =>
    el('div', { class: kind }, el('dt', {}, title), el('dd', {}, value));
  replace(
    byId('totals'),
    total('ports up', `${up}/${plugged.length}`),
    total('in', `${short(sum('in'))}/s`),
    total('out', `${short(sum('out'))}/s`),
    total('dropped', `${short(sum('drops'))}/s`, sum('drops') > 0 ? 'bad' : ''),
  );
}

// ---- what is asked

/** Hex digits are a frame, everything else are its fields. */
function questionOf(text: string): Record<string, string> {
  const isHex = /^[0-9a-f\s:.-]+$/i.test(text) && text.replace(/[^0-9a-f]/gi, '').length >= 2;
  return isHex ? { frame: text } : { eth: text };
}

async function ask(what: 'trace' | 'explain', question: Record<string, string>): Promise<void> {
  answer.setAttribute('aria-busy', 'true');
  try {
    if (what === 'trace') {
      const trace = await get<Trace>('trace', question);
      showTrace(answer, trace);
      topology.show(trace);
    } else {
      const found = await get<Explanation>('explain', question);
      showExplanation(answer, found);
      topology.show(found.trace);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    topology.show(null);
    showError(answer, error.message);
  }
  answer.removeAttribute('aria-busy');
}

function askForm(what: 'trace' | 'explain'): void {
  chosen = null;
  showSamples(samples, chosen, explainSample);
  const target: Record<string, string> = what === 'explain' && to.value !== ANY ? { to: to.value } : {};
  void ask(what, { port: port.value, ...questionOf(fields.value.trim()), ...target });
}

/** Bytes of a frame that a query has room for. */
const MAX_QUERY_FRAME = 2048;

function explainSample(sample: Sample): void {
  chosen = sample.id;
  showSamples(samples, chosen, explainSample);
  void ask('explain', questionOfSample(sample));
}

/** By its bytes where they are known here: under a storm of drops the switch has forgotten the sample by now. */
function questionOfSample({ id, port, shaped, hex, length, truncated }: Sample): Record<string, string> {
  if (port === null || shaped || length > MAX_QUERY_FRAME) return { drop: String(id) };
  // What was not kept of it is payload, which decides nothing.
  const question = { port, frame: hex.padEnd(length * 2, '0') };
  return truncated ? { ...question, length: String(length + 1) } : question;
}

byId('question').addEventListener('submit', (event) => {
  event.preventDefault();
  askForm('trace');
});
byId('explain').addEventListener('click', () => askForm('explain'));
search.addEventListener('input', () => void refreshEntries().catch(tell));

document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === 'Escape') {
    chosen = null;
    replace(answer);
    topology.show(null);
    if (typing) (event.target as HTMLElement).blur();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.key === '/' ? search : event.key === 't' ? fields : null;
  if (field === null) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// ---- light and dark

const theme = byId('theme');

function paint(): void {
  const kept = localStorage.getItem('etherloom-theme');
  const dark = kept === null ? matchMedia('(prefers-color-scheme: dark)').matches : kept === 'dark';
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  theme.textContent = dark ? 'Light' : 'Dark';
}

theme.addEventListener('click', () => {
  localStorage.setItem('etherloom-theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  paint();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
paint();

// ---- once a second

function tell(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
  state.textContent = error.message;
  state.className = 'bad';
}

async function every(): Promise<void> {
  try {
    if (!document.hidden) {
      await refresh();
      state.textContent = '';
      state.className = '';
    }
    setTimeout(every, EVERY_MS);
  } catch (error) {
    setTimeout(every, AGAIN_MS);
    tell(error);
  }
}

async function listen(): Promise<void> {
  await events((event) => {
    if (event.event === 'applied' || event.event === 'rolled-back') vlansAge = 0;
    if (event.event === 'drop') void refreshSamples().catch(tell);
    tellEvent(event);
  }).catch(tell);
  setTimeout(listen, AGAIN_MS);
}

void every();
void listen();
