/**
 * What happens to the FDB, read from the ring that the forwarding thread writes, which never waits for us: ten times a
 * second while somebody listens, else once a second for the sake of static violations, which are always told. Sampled
 * drops and the VXLAN FDB are told along.
 */

import { drainEvents, type FdbEvent as RawEvent } from '../tables/fdb/events.ts';
import { formatMac } from '../wire/ethernet.ts';
import { DropFeed } from './drop-feed.ts';
import type { EventHub } from './event-hub.ts';
import { type FdbEvent, fdbEventName, type SwitchEvent } from './events.ts';
import type { ReadableSwitch } from './reader.ts';
import { vxlanNews } from './vxlan-view.ts';

const LISTENED_MS = 100;
const IDLE_MS = 1000;

/** Frames that claimed a configured address on another port since the last look; `first` is one of them. */
export interface Violations {
  count: number;
  first: FdbEvent;
}

export class FdbFeed {
  readonly #readable: () => ReadableSwitch;
  readonly #hub: EventHub;
  readonly #violated: (violations: Violations) => void;
  #timer: NodeJS.Timeout | undefined;
  #violations: Violations | null = null;
  #toldAt = 0;
  readonly #drops = new DropFeed();

  constructor(readable: () => ReadableSwitch, hub: EventHub, violated: (violations: Violations) => void) {
    this.#readable = readable;
    this.#hub = hub;
    this.#violated = violated;
  }

  start(): void {
    // The first listener hears of what happens from now on.
    this.#hub.onFirst = () => {
      this.#look();
      this.#arm(LISTENED_MS);
    };
    this.#arm(IDLE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#hub.onFirst = () => {};
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#look();
      this.#arm(this.#hub.listened ? LISTENED_MS : IDLE_MS);
    }, ms);
  }

  #look(): void {
    const readable = this.#readable();
    const events: SwitchEvent[] = [];
    let names: ReturnType<typeof namesOf> | undefined;
    const lost = drainEvents(readable.tables.fdb.events, (raw) => {
      names ??= namesOf(readable);
      const event = names(raw);
      if (event === null) return;
      if (event.event === 'static-violation') this.#note(event);
      if (this.#hub.listened) events.push(event);
    });
    const tunnels = vxlanNews(readable);
    if (this.#hub.listened) events.push(...tunnels.events);
    if (lost + tunnels.lost > 0) events.push({ event: 'lost', count: lost + tunnels.lost });
    this.#hub.tell(...events, ...this.#drops.look(readable, this.#hub.listened));
    const now = performance.now();
    if (this.#violations === null || now - this.#toldAt < IDLE_MS) return;
    this.#toldAt = now;
    this.#violated(this.#violations);
    this.#violations = null;
  }

  #note(event: FdbEvent): void {
    if (this.#violations === null) this.#violations = { count: 1, first: event };
    else this.#violations.count++;
  }
}

/** Numbers to names; null for what names a port or a VLAN that is gone. */
function namesOf({ directory }: ReadableSwitch): (raw: RawEvent) => FdbEvent | null {
  const ports = new Map(directory.ports.map(({ index, name }) => [index, name]));
  // An interface's own address is on no port.
  const owners = new Map(
    directory.interfaces.map(({ config: { name, bridge, vid, mac } }) => [`${bridge} ${vid} ${mac}`, name]),
  );
  const vlans = new Map(directory.vlans.map((vlan) => [vlan.fid, vlan]));
  return ({ kind, fid, macHigh, macLow, port, oldPort }) => {
    const vlan = vlans.get(fid);
    const name = ports.get(port);
    if (vlan === undefined || name === undefined) return null;
    const { bridge, vid } = vlan;
    const mac = formatMac(macHigh, macLow);
    const before = ports.get(oldPort) ?? owners.get(`${bridge} ${vid} ${mac}`) ?? null;
    return { event: fdbEventName(kind), bridge, vid, mac, port: name, oldPort: before };
  };
}
