/**
 * Routes, interfaces and configured entries (FDB, VXLAN) of a large plan, one by one between frames.
 *
 * A frame asks for one address or one prefix. So ten thousand of them need not change in one instant for each frame to find what the old
 * configuration said or what the new one says: entries in any order, since each is its own key, and one that changes is replaced; routes that
 * come or change from the longest prefix to the shortest, then those that go from the shortest to the longest. For whatever matches longest
 * then is the longest match of the old routes or of the new ones.
 *
 * What hangs on a port or an interface that comes with the plan follows it; what changes with one that is made anew is done in one go with it, as
 * interfaces are where some come and others go. So is everything of plans that are small.
 */

import type { FdbEntryConfig } from '../../config/types/fdb.ts';
import type { RouteConfig } from '../../config/types/routing.ts';
import type { VxlanEntryConfig } from '../../config/types/vxlan.ts';
import { routeKey } from '../router/prefixes.ts';
import type { Action } from './action.ts';
import { entryKey, vxlanEntryKey } from './entries.ts';
import { inOnePiece, type Pieces, type Replacement } from './pieces.ts';
import type { Stands } from './stands.ts';

/** Fewer take less than frames may wait. */
const WORTH_IT = 100;
/** Actions that are looked at in one step. */
const LOOKS = 32;
const LENGTHS = 129;
/** What an interface costs beside a route. */
const INTERFACE = 20;

export interface Piecemeal {
  /** Before what all frames see at once, and after it. */
  readonly early: Pieces;
  readonly late: Pieces;
  /** What of the plan is in neither. */
  readonly rest: readonly Action[];
  /** Actions of the plan. */
  readonly count: number;
}

type Route = Extract<Action, { do: 'add-route' | 'remove-route' }>;
type Entry = Extract<Action, { do: 'add-entry' | 'remove-entry' }>;
type VxlanEntry = Extract<Action, { do: 'add-vxlan-entry' | 'remove-vxlan-entry' }>;

/** In steps. */
export function* piecemealOf(stands: Stands, actions: readonly Action[]): Generator<'small', Piecemeal, void> {
  const moving = new Moving();
  let many = 0;
  for (const [n, action] of actions.entries()) {
    if (n % LOOKS === 0) yield 'small';
    moving.note(action);
    if (isRoute(action) || isEntry(action) || isVxlanEntry(action)) many++;
    else if (isInterface(action)) many += INTERFACE;
  }
  const count = actions.length;
  if (many < WORTH_IT) return { early: inOnePiece([]), late: inOnePiece([]), rest: actions, count };
  const early: (Action | Replacement)[] = [];
  const late: Action[] = [];
  const rest: Action[] = [];
  const goes: Action[] = [];
  const comes: Action[] = [];
  const routes = { come: byLength(), go: byLength(), follow: byLength(), last: byLength() };
  for (const [n, action] of actions.entries()) {
    if (n % LOOKS === 0) yield 'small';
    if (isEntry(action) || isVxlanEntry(action)) {
      const place = moving.placeOfEntry(stands, action);
      if (place === 'replaced') continue;
      if (place === 'early') early.push(moving.replacing(action));
      else (place === 'late' ? late : rest).push(action);
    } else if (isRoute(action)) {
      const place = moving.placeOfRoute(stands, action);
      const length = Number(action.route.prefix.split('/')[1]);
      if (place === 'rest') rest.push(action);
      else if (place !== 'replaced') routes[place.among][length]!.push(place.action);
    } else if (isInterface(action) && moving.interfaces === 'come') comes.push(action);
    else if (isInterface(action) && moving.interfaces === 'go') goes.push(action);
    else rest.push(action);
  }
  return {
    early: inOnePiece([early, ...routes.come.reverse(), ...routes.go, goes].flat()),
    late: inOnePiece([comes, late, ...routes.follow.reverse(), ...routes.last].flat()),
    rest,
    count,
  };
}

function byLength(): (Action | Replacement)[][] {
  return Array.from({ length: LENGTHS }, () => []);
}

function isRoute(action: Action): action is Route {
  return action.do === 'add-route' || action.do === 'remove-route';
}

function isEntry(action: Action): action is Entry {
  return action.do === 'add-entry' || action.do === 'remove-entry';
}

function isVxlanEntry(action: Action): action is VxlanEntry {
  return action.do === 'add-vxlan-entry' || action.do === 'remove-vxlan-entry';
}

function isInterface(action: Action): boolean {
  return action.do === 'add-interface' || action.do === 'remove-interface';
}

/** Where a route has its turn, and as what. */
interface RoutePlace {
  among: 'come' | 'go' | 'follow' | 'last';
  action: Action | Replacement;
}

/** What of a plan comes, goes or changes. */
class Moving {
  /** Interfaces only come, or only go: one by one then, where nothing else is made of them. */
  interfaces: 'none' | 'come' | 'go' | 'both' = 'none';
  /** Ports whose place or memberships are others, and bridges. */
  readonly #ports = new Set<string>();
  readonly #bridges = new Set<string>();
  readonly #vlans = new Set<string>();
  readonly #routes = { come: new Set<string>(), go: new Map<string, RouteConfig>() };
  /** Of both tables: whether it could be put before the plan as well as after it is asked for those that come. */
  readonly #entries = {
    come: new Map<string, (Entry | VxlanEntry)['entry']>(),
    go: new Map<string, (Entry | VxlanEntry)['entry']>(),
  };
  readonly #vteps = new Set<string>();

  note(action: Action): void {
    switch (action.do) {
      case 'add-interface':
        this.interfaces = this.interfaces === 'none' || this.interfaces === 'come' ? 'come' : 'both';
        return;
      case 'remove-interface':
        this.interfaces = this.interfaces === 'none' || this.interfaces === 'go' ? 'go' : 'both';
        return;
      case 'set-ipvlan':
        this.interfaces = 'both';
        return;
      case 'add-port':
        this.#ports.add(action.port.name);
        return;
      case 'remove-port':
      case 'set-tunnel':
      case 'set-member':
      case 'remove-member':
        this.#ports.add(action.port);
        return;
      case 'add-bridge':
      case 'remove-bridge':
        this.#bridges.add(action.bridge);
        return;
      case 'add-vlan':
        this.#vlans.add(`${action.bridge} ${action.vlan.vid}`);
        // A secondary learns in its primary.
        if (action.vlan.secondary !== undefined) this.#bridges.add(action.bridge);
        return;
      case 'remove-vlan':
        this.#vlans.add(`${action.bridge} ${action.vid}`);
        return;
      case 'add-route':
        this.#routes.come.add(routeKey(action.route));
        return;
      case 'remove-route':
        this.#routes.go.set(routeKey(action.route), action.route);
        return;
      case 'add-vtep':
      case 'set-vtep':
        this.#vteps.add(action.vtep.name);
        return;
      case 'remove-vtep':
        this.#vteps.add(action.vtep);
        return;
      case 'add-entry':
      case 'add-vxlan-entry':
        this.#entries.come.set(keyOf(action.entry), action.entry);
        return;
      case 'remove-entry':
      case 'remove-vxlan-entry':
        this.#entries.go.set(keyOf(action.entry), action.entry);
    }
  }

  placeOfRoute(stands: Stands, action: Route): RoutePlace | 'rest' | 'replaced' {
    if (this.interfaces === 'both') return 'rest';
    // Those that lead by way of an interface that comes set the pace of all.
    const follows = this.interfaces === 'come';
    const key = routeKey(action.route);
    if (action.do === 'remove-route') {
      if (this.#routes.come.has(key)) return 'replaced';
      return { among: follows ? 'last' : 'go', action };
    }
    const was = this.#routes.go.get(key);
    if (was !== undefined) {
      return { among: follows ? 'follow' : 'come', action: { do: 'replace-route', route: action.route, was } };
    }
    // It may be a prefix of an interface that goes.
    return { among: follows || stands.isConnected(action.route) ? 'follow' : 'come', action };
  }

  placeOfEntry(stands: Stands, { do: what, entry }: Entry | VxlanEntry): 'early' | 'late' | 'rest' | 'replaced' {
    const key = keyOf(entry);
    const after = this.#entries.come.get(key);
    const goes = this.#entries.go.has(key);
    if (after === undefined) return 'early';
    if (!this.#hasPlace(stands, after)) return goes ? 'rest' : 'late';
    return what === 'remove-entry' || what === 'remove-vxlan-entry' ? 'replaced' : 'early';
  }

  /** What is put takes the place of what was there. */
  replacing(action: Entry | VxlanEntry): Action | Replacement {
    if (action.do === 'remove-entry' || action.do === 'remove-vxlan-entry') return action;
    const was = this.#entries.go.get(keyOf(action.entry));
    if (was === undefined) return action;
    if (action.do === 'add-entry') return { do: 'replace-entry', entry: action.entry, was: was as FdbEntryConfig };
    return { do: 'replace-vxlan-entry', entry: action.entry, was: was as VxlanEntryConfig };
  }

  /** Whether the entry could be put before the plan as well as after it. */
  #hasPlace(stands: Stands, entry: (Entry | VxlanEntry)['entry']): boolean {
    if ('vni' in entry) {
      const vtep = stands.vtepOf(entry.port, entry.vni);
      return vtep !== null && !this.#vteps.has(vtep) && !this.#ports.has(entry.port);
    }
    const { bridge, vid, mac, port } = entry;
    // Of an interface that goes, or has another MAC then.
    if (stands.isOwnMac(bridge, vid, mac)) return false;
    if (this.#bridges.has(bridge) || !stands.hasVlan(bridge, vid) || this.#vlans.has(`${bridge} ${vid}`)) return false;
    return port === null || (stands.hasPort(bridge, port) && !this.#ports.has(port));
  }
}

function keyOf(entry: (Entry | VxlanEntry)['entry']): string {
  return 'vni' in entry ? vxlanEntryKey(entry) : entryKey(entry);
}
