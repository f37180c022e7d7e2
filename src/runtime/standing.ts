/**
 * The configuration that stands, and the one way to change it: a file, the API and a signal all come here.
 *
 * A change is a new document. It is checked and planned on this thread, and the plan is carried out by the forwarding
 * thread between two batches, whole or not at all. Changes are made one after the other. One that has to be confirmed
 * is taken back when that does not happen in time; until then no other change is made.
 */

import type { ConfigEvent } from '../api/events.ts';
import type { ReadableSwitch } from '../api/reader.ts';
import type { TableChange } from '../api/switch.ts';
import type { WorkerLoad } from '../api/worker-view.ts';
import type { editedDocument } from '../config/edited.ts';
import { ConfigError } from '../config/error.ts';
import type { ConfigDocument } from '../config/load.ts';
import type { ConfigInput } from '../config/schema/schema.ts';
import type { SwitchConfig } from '../config/types.ts';
import { ControlError } from '../control/model.ts';
import { type Action, describe } from '../control/plan/action.ts';
import { same } from '../control/plan/differences.ts';
import { type EntryAction, onlyEntriesDiffer } from '../control/plan/entries.ts';
import { plan } from '../control/plan/plan.ts';
import { requireRoom } from '../control/room.ts';
import { tellReplaced } from './build-stamp.ts';
import { directoryOf } from './directory-of.ts';
import { unsuited } from './live/adapters.ts';
import { loadLater } from './load-later.ts';
import type { CaptureChange, Change, SharedState } from './messages.ts';
import { planPieces } from './plan-pieces.ts';
import { requireUnprivileged } from './privileges.ts';
import { type Known, relearnRowsOf } from './relearn.ts';

/** Who carries changes out: the forwarding thread. */
export interface Changer {
  readonly state: SharedState;
  change(change: Change): Promise<void>;
  workers(): WorkerLoad[];
}

/** A change that is taken back unless it is confirmed until then (`performance.now`). */
interface Unconfirmed {
  before: ConfigDocument;
  timer: NodeJS.Timeout;
  until: number;
}

/** A message that is made, copied and carried out at once. */
const FEW_ENTRIES = 64;
/** After a rollback that could not be done. */
const ROLLBACK_AGAIN_SECONDS = 10;
/** What errors of an edit carry in the place of a file's name. */
const REQUEST = 'request';

export class Standing {
  readonly #changer: Changer;
  readonly #tell: (event: ConfigEvent) => void;
  #document: ConfigDocument;
  #directory: ReadableSwitch['directory'];
  #changes: Promise<unknown> = Promise.resolve();
  #unconfirmed: Unconfirmed | null = null;
  #edited: typeof editedDocument | undefined;

  /** The forwarding thread is ready. */
  constructor(changer: Changer, document: ConfigDocument, tell: (event: ConfigEvent) => void) {
    this.#changer = changer;
    this.#tell = tell;
    this.#document = document;
    this.#directory = this.#readDirectory();
  }

  get document(): ConfigDocument {
    return this.#document;
  }

  /** The same, without a change that waits to be confirmed. */
  get confirmed(): ConfigDocument {
    return this.#unconfirmed?.before ?? this.#document;
  }

  /** Tables, counters and names, for reading. */
  get readable(): ReadableSwitch {
    const { tables, statuses } = this.#changer.state;
    return { tables, statuses, directory: this.#directory };
  }

  /** Seconds until the last change is taken back, or null when none waits to be confirmed. */
  get confirmSeconds(): number | null {
    return this.#unconfirmed === null ? null : Math.max(0, (this.#unconfirmed.until - performance.now()) / 1000);
  }

  /** What would have to be done; throws what makes it impossible. */
  plan(to: ConfigDocument): Action[] {
    const { config } = this.#document;
    if (!onlyEntriesDiffer(config, to.config)) {
      refuseStartOnly(config, to);
      const problem = unsuited(to.config.ports);
      if (problem !== null) throw new ControlError(problem);
      requireRoom(this.#changer.state.tables, to.config, config);
    }
    const actions = plan(config, to.config);
    requireUnprivileged(config, actions);
    return actions;
  }

  apply(to: ConfigDocument, confirmSeconds: number | null = null): Promise<Action[]> {
    return this.#next(async () => {
      this.#refuseUnconfirmed();
      const before = this.#document;
      const actions = await this.#carryOut(to);
      // There is nothing to take back where nothing has changed.
      const waits = actions.length === 0 ? null : confirmSeconds;
      if (waits !== null) this.#expectConfirmation(before, waits);
      this.#tell({ event: 'applied', actions: actions.map(describe), confirmSeconds: waits });
      return actions;
    });
  }

  /** Changes a part of what stands. */
  edit(change: (raw: ConfigInput) => ConfigInput): Promise<Action[]> {
    return this.#next(async () => {
      this.#refuseUnconfirmed();
      // Loaded when it is needed, as all that checks configurations: a switch that nobody changes goes without.
      this.#edited ??= (await loadLater(() => import('../config/edited.ts')).catch(tellReplaced)).editedDocument;
      const actions = await this.#carryOut(this.#edited(this.#document, change(this.#document.raw), REQUEST));
      this.#tell({ event: 'applied', actions: actions.map(describe), confirmSeconds: null });
      return actions;
    });
  }

  /** The last change stays. */
  confirm(): Promise<void> {
    return this.#next(async () => {
      clearTimeout(this.#requireUnconfirmed().timer);
      this.#unconfirmed = null;
      this.#tell({ event: 'confirmed' });
    });
  }

  /** Takes the unconfirmed change back. Where that cannot be done the change goes on waiting, and it is tried again. */
  rollback(why: string): Promise<Action[]> {
    return this.#next(() => this.#takeBack(this.#requireUnconfirmed(), why));
  }

  async #takeBack({ before, timer }: Unconfirmed, why: string): Promise<Action[]> {
    clearTimeout(timer);
    let actions: Action[];
    try {
      actions = await this.#carryOut(before);
    } catch (error) {
      this.#expectConfirmation(before, ROLLBACK_AGAIN_SECONDS);
      throw error;
    }
    this.#unconfirmed = null;
    this.#tell({ event: 'rolled-back', actions: actions.map(describe), why });
    return actions;
  }

  /** What changes tables and no configuration. */
  make(change: TableChange | CaptureChange): Promise<void> {
    return this.#next(() => this.#changer.change(change));
  }

  /** Addresses that were known before the start. */
  relearn(known: readonly Known[], awaySeconds: number): Promise<void> {
    const rows = relearnRowsOf(this.readable, known, awaySeconds);
    return this.#next(() => this.#changer.change({ do: 'relearn', rows }));
  }

  /** Other threads forward, by numbers of their own. */
  restarted(known: readonly Known[]): Promise<void> {
    this.#directory = this.#readDirectory();
    return this.relearn(known, 0);
  }

  /** At once, whatever is being changed. */
  ping(): Promise<void> {
    return this.#changer.change({ do: 'nothing' });
  }

  /** No timer is left. */
  close(): void {
    clearTimeout(this.#unconfirmed?.timer);
  }

  #next<T>(make: () => Promise<T>): Promise<T> {
    const made = this.#changes.then(make);
    this.#changes = made.catch(() => {});
    return made;
  }

  async #carryOut(to: ConfigDocument): Promise<Action[]> {
    const actions = this.plan(to);
    if (actions.length <= FEW_ENTRIES && onlyEntriesDiffer(this.#document.config, to.config)) {
      const entries = actions as EntryAction[];
      if (entries.length > 0) await this.#changer.change({ do: 'set-entries', actions: entries });
      this.#document = to;
      return actions;
    }
    if (actions.length > 0) {
      await this.#changer.change({ do: 'apply', plan: planPieces(this.#document.config, actions) });
    }
    this.#document = to;
    this.#directory = this.#readDirectory();
    return actions;
  }

  #readDirectory(): ReadableSwitch['directory'] {
    const { numbers, tables } = this.#changer.state;
    return directoryOf(this.#document.config, numbers, tables.vlans);
  }

  #expectConfirmation(before: ConfigDocument, seconds: number): void {
    const timer = setTimeout(() => {
      // It may have been confirmed by what is under way.
      const due = () => this.#unconfirmed === unconfirmed;
      this.#next(async () => due() && this.#takeBack(unconfirmed, 'it was not confirmed in time')).catch(
        (error: Error) => this.#tell({ event: 'rollback-failed', why: error.message }),
      );
    }, seconds * 1000);
    const unconfirmed = { before, timer, until: performance.now() + seconds * 1000 };
    this.#unconfirmed = unconfirmed;
  }

  #requireUnconfirmed(): Unconfirmed {
    if (this.#unconfirmed === null) throw new ControlError('no change waits to be confirmed');
    return this.#unconfirmed;
  }

  #refuseUnconfirmed(): void {
    const { confirmSeconds } = this;
    if (confirmSeconds === null) return;
    const left = Math.ceil(confirmSeconds);
    throw new ControlError(`a change waits to be confirmed (${left} s are left): confirm it or roll it back first`);
  }
}

/** Keys that are read at the start and never again. */
const START_ONLY = {
  name: 'switch',
  workers: 'switch',
  hashSeed: 'switch',
  privileges: 'switch',
  controlSocket: 'switch',
  api: null,
  state: null,
} as const;

function refuseStartOnly(now: SwitchConfig, { config, source }: ConfigDocument): void {
  for (const [key, section] of Object.entries(START_ONLY) as [keyof typeof START_ONLY, string | null][]) {
    if (same(config[key], now[key])) continue;
    const is = now[key] === null ? 'not set' : typeof now[key] === 'object' ? keysText(now[key]) : now[key];
    const problem = `cannot change while the switch runs, where it is ${is}; restart it`;
    throw new ConfigError(source.place(section === null ? [key] : [section, key]), problem);
  }
}

/** As in a file, without what is not set. */
function keysText(section: object): string {
  const keys = Object.entries(section).filter(([, value]) => value !== null);
  return `{ ${keys.map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ')} }`;
}
