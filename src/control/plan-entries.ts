/**
 * The part of a plan that is FDB entries, and the whole of it where nothing else differs: who adds or moves an entry of a switch with a thousand
 * ports has only the entries compared.
 */

import { changedPart } from '../config/changed-part.ts';
import type { FdbEntryConfig, SwitchConfig, VxlanEntryConfig } from '../config/types.ts';
import type { Action } from './action.ts';

export type EntryAction = Extract<Action, { do: 'remove-entry' | 'add-entry' }>;

export function entryKey(entry: Pick<FdbEntryConfig, 'bridge' | 'vid' | 'mac'>): string {
  return `${entry.bridge} ${entry.vid} ${entry.mac}`;
}

export function vxlanEntryKey({ port, vni, mac }: Pick<VxlanEntryConfig, 'port' | 'vni' | 'mac'>): string {
  return `${port} ${vni} ${mac}`;
}

/** All other parts are the very objects, as config/edited.ts leaves them. */
export function onlyEntriesDiffer(from: SwitchConfig, to: SwitchConfig): boolean {
  return (Object.keys(to) as (keyof SwitchConfig)[]).every((key) => key === 'fdbEntries' || from[key] === to[key]);
}

/** The actions that turn the one list into the other while ports and bridges stay. */
export function planEntries(was: readonly FdbEntryConfig[], is: readonly FdbEntryConfig[]): EntryAction[] {
  const { from, wasEnd, isEnd } = changedPart(was, is);
  const old = byKey(was.slice(from, wasEnd));
  const now = byKey(is.slice(from, isEnd));
  const actions: EntryAction[] = [];
  for (const [key, entry] of old) if (!isSame(entry, now.get(key))) actions.push({ do: 'remove-entry', entry });
  for (const [key, entry] of now) if (!isSame(entry, old.get(key))) actions.push({ do: 'add-entry', entry });
  return actions;
}

/** What the list was before the actions, however many of them were done. */
export function entriesBefore(now: readonly FdbEntryConfig[], actions: readonly EntryAction[]): FdbEntryConfig[] {
  const entries = byKey(now);
  for (const action of actions.toReversed()) {
    if (action.do === 'add-entry') entries.delete(entryKey(action.entry));
    else entries.set(entryKey(action.entry), action.entry);
  }
  return [...entries.values()];
}

function byKey(entries: readonly FdbEntryConfig[]): Map<string, FdbEntryConfig> {
  return new Map(entries.map((entry) => [entryKey(entry), entry]));
}

/** Of one address. */
function isSame(a: FdbEntryConfig, b: FdbEntryConfig | undefined): boolean {
  return b !== undefined && a.port === b.port && a.kind === b.kind;
}
