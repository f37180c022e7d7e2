/**
 * A running switch as the API is given it: the configuration that stands, its tables, its events.
 */

import { EventHub } from '../api/event-hub.ts';
import type { ConfigEvent, PortEvent } from '../api/events.ts';
import { FdbFeed, type Violations } from '../api/fdb-feed.ts';
import type { ReadableSwitch } from '../api/reader.ts';
import type { ApiSwitch, TableChange } from '../api/switch.ts';
import type { ConfigDocument } from '../config/load.ts';
import type { ConfigInput } from '../config/schema.ts';
import type { Action } from '../control/plan.ts';
import { monotonicMs } from './clock.ts';
import type { Known } from './relearn.ts';
import { type Changer, Standing } from './standing.ts';

/** What is told beside events: to the log. */
export interface ServedHooks {
  changed(event: ConfigEvent): void;
  violated(violations: Violations): void;
}

export class ServedSwitch implements ApiSwitch {
  readonly version: string;
  readonly events = new EventHub();
  readonly #changer: Changer;
  readonly #standing: Standing;
  readonly #feed: FdbFeed;

  constructor(changer: Changer, document: ConfigDocument, version: string, hooks: ServedHooks) {
    this.version = version;
    this.#changer = changer;
    this.#standing = new Standing(changer, document, (event) => {
      hooks.changed(event);
      this.events.tell(event);
    });
    this.#feed = new FdbFeed(
      () => this.readable,
      this.events,
      (violations) => hooks.violated(violations),
    );
    this.#feed.start();
  }

  get readable(): ReadableSwitch {
    return this.#standing.readable;
  }

  get document(): ConfigDocument {
    return this.#standing.document;
  }

  /** The same, without a change that waits to be confirmed. */
  get confirmed(): ConfigDocument {
    return this.#standing.confirmed;
  }

  get confirmSeconds(): number | null {
    return this.#standing.confirmSeconds;
  }

  nowMs(): number {
    return monotonicMs();
  }

  plan(to: ConfigDocument): Action[] {
    return this.#standing.plan(to);
  }

  apply(to: ConfigDocument, confirmSeconds: number | null = null): Promise<Action[]> {
    return this.#standing.apply(to, confirmSeconds);
  }

  edit(change: (raw: ConfigInput) => ConfigInput): Promise<Action[]> {
    return this.#standing.edit(change);
  }

  confirm(): Promise<void> {
    return this.#standing.confirm();
  }

  rollback(why: string): Promise<Action[]> {
    return this.#standing.rollback(why);
  }

  make(change: TableChange): Promise<void> {
    return this.#standing.make(change);
  }

  relearn(known: readonly Known[], awaySeconds: number): Promise<void> {
    return this.#standing.relearn(known, awaySeconds);
  }

  ping(): Promise<void> {
    return this.#standing.ping();
  }

  load(): { activeSeconds: number; idleSeconds: number } {
    return this.#changer.load();
  }

  /** A port has something to tell. */
  tell(event: PortEvent): void {
    this.events.tell(event);
  }

  close(): void {
    this.#feed.stop();
    this.#standing.close();
  }
}
