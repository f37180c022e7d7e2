/**
 * Routes, interfaces and configured entries of a large plan, one by one between frames.
 *
 * A frame asks for one address or one prefix. So ten thousand of them need not change in one instant for each frame to find what the old
 * configuration said or what the new one says: entries in any order, since each is its own key, and one that changes is replaced; routes that
 * come or change from the longest prefix to the shortest, then those that go from the shortest to the longest. For whatever matches longest
 * then is the longest match of the old routes or of the new ones.
 *
 * What hangs on a port or an interface that comes with the plan follows it; what changes with one that is made anew is done in one go with it, as
 * interfaces are where some come and others go. So is everything of plans that are small.
 */

import type { FdbEntryConfig, RouteConfig } from '../config/types.ts';
import type { Action } from './action.ts';
import { routerOf } from './apply.ts';
import type { Control } from './control.ts';
import { entryKey } from './plan-entries.ts';
import { routeKey } from './router-prefixes.ts';

/** Fewer take less than frames may wait. */
const WORTH_IT = 100;
/** Actions that are looked at in one step. */
const LOOKS = 32;
const LENGTHS = 129;
/** What an interface costs beside a route. */
const INTERFACE = 20;

/** A route in the place of the one of its prefix. */
export interface ReplaceRoute {
  do: 'replace-route';
  route: RouteConfig;
}

export interface Piecemeal {
  /** Before what all frames see at once, and after it. */
  readonly early: readonly (Action | ReplaceRoute)[];
  readonly late: readonly (Action | ReplaceRoute)[];
  /** What of the plan is in neither. */
  readonly rest: readonly Action[];
}

type Route = Extract<Action, { do: 'add-route' | 'remove-route' }>;
type Entry = Extract<Action, { do: 'add-entry' | 'remove-entry' }>;

/** In steps. */
export function* piecemealOf(control: Control, actions: readonly Action[]): Generator<'small', Piecemeal, void> {
  const moving = new Moving();
  let many = 0;
  for (const [n, action] of actions.entries()) {
    if (n % LOOKS === 0) yield 'small';
    moving.note(action);
    if (isRoute(action) || isEntry(action)) many++;
    else if (isInterface(action)) many += INTERFACE;
  }
  if (many < WORTH_IT) return { early: [], late: [], rest: actions };
  const early: Action[] = [];
  const late: Action[] = [];
  const rest: Action[] = [];
  const goes: Action[] = [];
  const comes: Action[] = [];
  const routes = { come: byLength(), go: byLength(), follow: byLength(), last: byLength() };
  for (const [n, action] of actions.entries()) {
    if (n % LOOKS === 0) yield 'small';
    if (isEntry(action)) {
      const place = moving.placeOfEntry(control, action);
      if (place === 'replaced') continue;
      (place === 'early' ? early : place === 'late' ? late : rest).push(action);
    } else if (isRoute(action)) {
      const place = moving.placeOfRoute(control, action);
      const length = Number(action.route.prefix.split('/')[1]);
      if (place === 'rest') rest.push(action);
      else if (place !== 'replaced') routes[place.among][length]!.push(place.action);
    } else if (isInterface(action) && moving.interfaces === 'come') comes.push(action);
    else if (isInterface(action) && moving.interfaces === 'go') goes.push(action);
    else rest.push(action);
  }
  return {
    early: [early, ...routes.come.reverse(), ...routes.go, goes].flat(),
    late: [comes, late, ...routes.follow.reverse(), ...routes.last].flat(),
    rest,
  };
}

function byLength(): (Action | ReplaceRoute)[][] {
  return Array.from({ length: LENGTHS }, () => []);
}

function isRoute(action: Action): action is Route {
  return action.do === 'add-route' || action.do === 'remove-route';
}

function isEntry(action: Action): action is Entry {
  return action.do === 'add-entry' || action.do === 'remove-entry';
}

function isInterface(action: Action): boolean {
  return action.do === 'add-interface' || action.do === 'remove-interface';
}

/** Where a route has its turn, and as what. */
interface RoutePlace {
  among: 'come' | 'go' | 'follow' | 'last';
  action: Action | ReplaceRoute;
}

/** What of a plan comes, goes or changes. */
class Moving {
  /** Interfaces only come, or only go: one by one then, where nothing else is made of them. */
  interfaces: 'none' | 'come' | 'go' | 'both' = 'none';
  /** Ports whose place or memberships are others, and bridges. */
  readonly #ports = new Set<string>();
  readonly #bridges = new Set<string>();
  readonly #vlans = new Set<string>();
  readonly #routes = { come: new Set<string>(), go: new Set<string>() };
  readonly #entries = { come: new Map<string, FdbEntryConfig>(), go: new Set<string>() };

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
        this.#routes.go.add(routeKey(action.route));
        return;
      case 'add-entry':
        this.#entries.come.set(entryKey(action.entry), action.entry);
        return;
      case 'remove-entry':
        this.#entries.go.add(entryKey(action.entry));
    }
  }

  placeOfRoute(control: Control, action: Route): RoutePlace | 'rest' | 'replaced' {
    if (this.interfaces === 'both') return 'rest';
    // Those that lead by way of an interface that comes set the pace of all.
    const follows = this.interfaces === 'come';
    const key = routeKey(action.route);
    if (action.do === 'remove-route') {
      if (this.#routes.come.has(key)) return 'replaced';
      return { among: follows ? 'last' : 'go', action };
    }
    if (this.#routes.go.has(key)) {
      return { among: follows ? 'follow' : 'come', action: { do: 'replace-route', route: action.route } };
    }
    // It may be a prefix of an interface that goes.
    return { among: follows || routerOf(control).isConnected(action.route) ? 'follow' : 'come', action };
  }

  placeOfEntry(control: Control, { do: what, entry }: Entry): 'early' | 'late' | 'rest' | 'replaced' {
    const key = entryKey(entry);
    const after = this.#entries.come.get(key);
    const goes = this.#entries.go.has(key);
    if (after === undefined) return 'early';
    if (!this.#stands(control, after)) return goes ? 'rest' : 'late';
    // What is put takes the place of what was there.
    return what === 'remove-entry' ? 'replaced' : 'early';
  }

  /** Whether the entry could be put before the plan as well as after it. */
  #stands(control: Control, { bridge, vid, port }: FdbEntryConfig): boolean {
    const there = control.bridges.get(bridge);
    if (there === undefined || this.#bridges.has(bridge)) return false;
    if (vid !== null && (!there.vlans.has(vid) || this.#vlans.has(`${bridge} ${vid}`))) return false;
    return port === null || (control.ports.get(port)?.bridge === there && !this.#ports.has(port));
  }
}
