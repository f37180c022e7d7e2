/**
 * A running switch as the API is given it: the configuration that stands, its tables, its events.
 */

import type { Directory } from '../api/directory.ts';
import { EventHub } from '../api/event-hub.ts';
import type { ConfigEvent, PortEvent } from '../api/events.ts';
import { FdbFeed, type Violations } from '../api/fdb-feed.ts';
import type { ReadableSwitch } from '../api/reader.ts';
import type { ApiSwitch, RunningCapture, TableChange } from '../api/switch.ts';
import type { WorkerLoad } from '../api/worker-view.ts';
import { createRing } from '../capture/ring.ts';
import type { TapSpec } from '../capture/tap.ts';
import type { ConfigDocument } from '../config/load.ts';
import type { ConfigInput } from '../config/schema/schema.ts';
import type { Action } from '../control/plan/action.ts';
import { vniOf } from '../tables/vni-table.ts';
import { monotonicMs } from './clock.ts';
import { loadLater } from './load-later.ts';
import { type Known, learnedBy } from './relearn.ts';
import { type Changer, Standing } from './standing.ts';

/** What is told beside events: to the log. */
export interface ServedHooks {
  changed(event: ConfigEvent): void;
  violated(violations: Violations): void;
}

/** Of one capture: 20 ms of a million small frames a second. */
const RING_BYTES = 4 << 20;

export class ServedSwitch implements ApiSwitch {
  readonly version: string;
  readonly events = new EventHub();
  readonly #changer: Changer;
  readonly #standing: Standing;
  readonly #feed: FdbFeed;
  #captures = 0;
  #named: { directory: Directory | null; names: Map<number, string> } = { directory: null, names: new Map() };

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

  /** Other threads forward from now on: see `Stood`. Captures have ended with the old ones. */
  restarting(): () => Promise<void> {
    const known = [...learnedBy(this)];
    return () => this.#standing.restarted(known);
  }

  ping(): Promise<void> {
    return this.#standing.ping();
  }

  workers(): WorkerLoad[] {
    return this.#changer.workers();
  }

  async capture(spec: TapSpec, most: number): Promise<RunningCapture> {
    const [{ compileFilter }, { Feed }] = await loadLater(() =>
      Promise.all([import('../filter/compile.ts'), import('../capture/feed.ts')]),
    );
    compileFilter(spec.filter);
    const rings = Array.from({ length: this.readable.tables.gate.workers }, () => createRing(RING_BYTES));
    const id = ++this.#captures;
    await this.#standing.make({ do: 'start-capture', id, spec, rings });
    const names = {
      nameOf: (port: number) => this.#portName(port),
      vniOf: (port: number, vid: number) => vniOf(this.readable.tables.vxlan.vnis, port, vid),
    };
    const feed = new Feed({ rings, application: `etherloom ${this.version}`, names, most });
    return { feed, stop: () => void this.#standing.make({ do: 'stop-capture', id }).catch(() => {}) };
  }

  /** Asked for every frame of a capture. */
  #portName(port: number): string {
    const { directory } = this.readable;
    if (this.#named.directory !== directory) {
      this.#named = { directory, names: new Map(directory.ports.map(({ index, name }) => [index, name])) };
    }
    return this.#named.names.get(port) ?? `port ${port}`;
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
