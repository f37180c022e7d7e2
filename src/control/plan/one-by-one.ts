/**
 * Actions that are done one by one between frames, and taken back one by one, from the last that was done. They are read a piece at a time in either
 * direction and not kept: what lives through collections of the heap is what makes them long.
 */

import type { InterfaceConfig } from '../../config/types/routing.ts';
import type { Control } from '../control.ts';
import type { Action } from './action.ts';
import { apply, routerOf } from './apply.ts';
import { inverseAlone } from './inverse.ts';
import type { Pieces, Replacement, Step } from './pieces.ts';

export class OneByOne {
  readonly #control: Control;
  readonly #pieces: Pieces;
  /** All of the pieces before it are done, and so many of its own. */
  #piece = 0;
  #done = 0;
  /** Of those that are removed only the name is in the plan. */
  readonly #interfaces: InterfaceConfig[] = [];

  constructor(control: Control, pieces: Pieces) {
    this.#control = control;
    this.#pieces = pieces;
  }

  *forth(): Generator<Step, void, void> {
    for (; this.#piece < this.#pieces.count; this.#piece++) {
      for (const action of this.#pieces.read(this.#piece)) {
        this.#make(action);
        this.#done++;
        yield 'small';
      }
      this.#done = 0;
    }
  }

  *back(): Generator<Step, void, void> {
    for (; this.#piece >= 0; this.#piece--) {
      const actions = this.#piece < this.#pieces.count ? this.#pieces.read(this.#piece) : [];
      for (const action of actions.slice(0, this.#done).reverse()) {
        this.#takeBack(action);
        yield 'small';
      }
      this.#done = Number.POSITIVE_INFINITY;
    }
  }

  #make(action: Action | Replacement): void {
    if (action.do === 'remove-interface') {
      const { config } = routerOf(this.#control).interface(action.interface);
      apply(this.#control, action);
      this.#interfaces.push(config);
    } else if (action.do === 'replace-route') routerOf(this.#control).routes.replace(action.route);
    else if (action.do === 'replace-entry') apply(this.#control, { do: 'add-entry', entry: action.entry });
    else if (action.do === 'replace-vxlan-entry') apply(this.#control, { do: 'add-vxlan-entry', entry: action.entry });
    else apply(this.#control, action);
  }

  #takeBack(action: Action | Replacement): void {
    if (action.do === 'remove-interface') {
      apply(this.#control, { do: 'add-interface', interface: this.#interfaces.pop()! });
    } else if (action.do === 'replace-route') this.#make({ ...action, route: action.was });
    else if (action.do === 'replace-entry') this.#make({ ...action, entry: action.was });
    else if (action.do === 'replace-vxlan-entry') this.#make({ ...action, entry: action.was });
    else apply(this.#control, inverseAlone(action)!);
  }
}
