/** Numbers of VRFs by name: one that no interface, no route and no declaration uses any more goes to the next that needs one. */
import { MAX_VRFS } from '../../tables/router-table.ts';
import { ControlError } from '../model.ts';

interface Use {
  readonly number: number;
  /** Interfaces and routes. */
  users: number;
}

export class VrfNumbers {
  readonly #uses = new Map<string, Use>();
  #declared: readonly string[] = [];

  find(name: string): number | undefined {
    return this.#uses.get(name)?.number;
  }

  /** The number of the VRF, a new one where it has none. */
  take(name: string): number {
    const known = this.find(name);
    if (known !== undefined) return known;
    // Whoever took one and came to nothing left it here.
    for (const each of this.#uses.keys()) this.#freeUnused(each);
    const taken = new Set([...this.#uses.values()].map(({ number }) => number));
    let number = 0;
    while (taken.has(number)) number++;
    if (number >= MAX_VRFS) throw new ControlError(`no room for another VRF (${MAX_VRFS})`);
    this.#uses.set(name, { number, users: 0 });
    return number;
  }

  /** An interface or a route of a VRF that has a number is there, or is not any more. */
  enter(name: string): void {
    this.#uses.get(name)!.users++;
  }

  leave(name: string): void {
    this.#uses.get(name)!.users--;
    this.#freeUnused(name);
  }

  /** These stay, used or not; each has been given a number. */
  declare(names: readonly string[]): void {
    const before = this.#declared;
    this.#declared = names;
    for (const name of before) this.#freeUnused(name);
  }

  #freeUnused(name: string): void {
    if (this.#uses.get(name)?.users === 0 && !this.#declared.includes(name)) this.#uses.delete(name);
  }
}
