/**
 * The part of a plan that is entries of the FDB and the VXLAN FDB, and the whole of it where nothing else differs: who adds or moves an entry of a
 * switch with a thousand ports has only the entries compared.
 */

import { changedPart } from '../../config/changed-part.ts';
import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import type { SwitchConfig } from '../../config/types.ts';
import type { Action } from './action.ts';

type FdbAction = Extract<Action, { do: 'remove-entry' | 'add-entry' }>;
type VxlanAction = Extract<Action, { do: 'remove-vxlan-entry' | 'add-vxlan-entry' }>;
export type EntryAction = FdbAction | VxlanAction;
type Entries = Pick<SwitchConfig, 'fdbEntries' | 'vxlanEntries'>;

export function entryKey(entry: Pick<FdbEntryConfig, 'bridge' | 'vid' | 'mac'>): string {
  return `${entry.bridge} ${entry.vid} ${entry.mac}`;
}

export function vxlanEntryKey({ port, vni, mac }: Pick<VxlanEntryConfig, 'port' | 'vni' | 'mac'>): string {
  return `${port} ${vni} ${mac}`;
}

/** All other parts are the very objects, as config/edited.ts leaves them. */
export function onlyEntriesDiffer(from: SwitchConfig, to: SwitchConfig): boolean {
  const isEntries = (key: string) => key === 'fdbEntries' || key === 'vxlanEntries';
  return (Object.keys(to) as (keyof SwitchConfig)[]).every((key) => isEntries(key) || from[key] === to[key]);
}

/** What entries hang on, ports, bridges and VNIs: whether `all` of it stays, and whether that of one entry does. */
interface Holds {
  all: boolean;
  fdb(entry: FdbEntryConfig): boolean;
  vxlan(entry: VxlanEntryConfig): boolean;
}

/** The actions that turn the one's lists into the other's, those that come first and those that come last; `holds` is null where all stays. */
export function changedEntries(
  from: Entries,
  to: Entries,
  holds: Holds | null = null,
): { go: EntryAction[]; come: EntryAction[] } {
  const fdb = changed(from.fdbEntries, to.fdbEntries, entryKey, isSame, holds === null || holds.all || holds.fdb);
  const vxlan = changed(
    from.vxlanEntries,
    to.vxlanEntries,
    vxlanEntryKey,
    isSameBehind,
    holds === null || holds.all || holds.vxlan,
  );
  return {
    go: [
      ...fdb.go.map((entry): EntryAction => ({ do: 'remove-entry', entry })),
      ...vxlan.go.map((entry): EntryAction => ({ do: 'remove-vxlan-entry', entry })),
    ],
    come: [
      ...fdb.come.map((entry): EntryAction => ({ do: 'add-entry', entry })),
      ...vxlan.come.map((entry): EntryAction => ({ do: 'add-vxlan-entry', entry })),
    ],
  };
}

function changed<E>(
  was: readonly E[],
  is: readonly E[],
  keyOf: (entry: E) => string,
  same: (a: E, b: E) => boolean,
  holds: true | ((entry: E) => boolean),
): { go: E[]; come: E[] } {
  if (was === is) {
    const moved = holds === true ? [] : is.filter((entry) => !holds(entry));
    return { go: moved, come: moved };
  }
  const { from, wasEnd, isEnd } =
    holds === true ? changedPart(was, is) : { from: 0, wasEnd: was.length, isEnd: is.length };
  const old = byKey(was.slice(from, wasEnd), keyOf);
  const now = byKey(is.slice(from, isEnd), keyOf);
  const without = (entries: Map<string, E>, others: Map<string, E>) =>
    [...entries].flatMap(([key, entry]) => {
      const other = others.get(key);
      return other !== undefined && same(entry, other) && (holds === true || holds(entry)) ? [] : [entry];
    });
  return { go: without(old, now), come: without(now, old) };
}

function byKey<E>(entries: readonly E[], keyOf: (entry: E) => string): Map<string, E> {
  return new Map(entries.map((entry) => [keyOf(entry), entry]));
}

/** Of one address. */
function isSame(a: FdbEntryConfig, b: FdbEntryConfig): boolean {
  return a.port === b.port && a.kind === b.kind;
}

function isSameBehind(a: VxlanEntryConfig, b: VxlanEntryConfig): boolean {
  return (
    a.kind === b.kind && a.remotes.length === b.remotes.length && a.remotes.every((each, n) => each === b.remotes[n])
  );
}
