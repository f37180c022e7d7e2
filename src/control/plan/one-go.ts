/**
 * Actions that frames see in one go, or none of them: where one cannot be done, those before it are taken back before any frame has its turn.
 */

import type { Control } from '../control.ts';
import type { VidSets } from '../vid-set.ts';
import type { Action } from './action.ts';
import { apply, placePort } from './apply.ts';
import { type Inverse, inverseOf, type PortPlace, type ReturnPort, returning } from './inverse.ts';
import type { StagedMembers } from './staged-members.ts';

/** What goes along with a port's place in the tables: its adapter. Also told while a plan is taken back. */
export interface PortFollower {
  /** The port is about to go. */
  removing(port: string): void;
  /** The port has its place: one of the plan as it is there, or one that went and is back. */
  added(port: PortPlace): void;
}

export class OneGo {
  readonly #control: Control;
  readonly #ports: PortFollower;
  readonly #sets: VidSets;
  readonly #staged: StagedMembers | null;
  readonly #inverses: Inverse[] = [];

  /** `staged` goes before all actions. */
  constructor(control: Control, ports: PortFollower, sets: VidSets, staged: StagedMembers | null = null) {
    this.#control = control;
    this.#ports = ports;
    this.#sets = sets;
    this.#staged = staged;
  }

  make(actions: readonly Action[]): void {
    const make = () => {
      this.#staged?.commit(this.#control);
      try {
        for (const action of actions) {
          const inverse = inverseOf(this.#control, action);
          this.#carryOut(action);
          this.#inverses.push(inverse);
        }
      } catch (error) {
        this.#undo();
        throw error;
      }
    };
    this.#control.together(make, true);
  }

  takeBack(): void {
    this.#control.together(() => this.#undo(), true);
  }

  #undo(): void {
    // Entries that come back need the memberships, groups their ports; a PVID may have been set after those were staged.
    this.#staged?.takeBackMembers(this.#control);
    const actions = this.#inverses.splice(0).reverse().flat();
    for (const action of actions) if (!isGroup(action)) this.#carryOut(action);
    for (const action of actions) if (isGroup(action)) this.#carryOut(action);
    this.#staged?.takeBackSettings(this.#control);
  }

  #carryOut(action: Action | ReturnPort): void {
    if (action.do === 'return-port') {
      placePort(this.#control, action.port, action.tagged, action.untagged);
      this.#ports.added(action.port);
    } else if (action.do === 'remove-port') {
      const { port } = returning(this.#control, this.#control.port(action.port));
      this.#ports.removing(action.port);
      try {
        apply(this.#control, action);
      } catch (error) {
        this.#ports.added(port);
        throw error;
      }
    } else {
      apply(this.#control, action, this.#sets);
      if (action.do === 'add-port') this.#ports.added(action.port);
    }
  }
}

function isGroup(action: Action | ReturnPort): boolean {
  return action.do === 'set-macvlan' || action.do === 'set-ipvlan';
}
