/**
 * When state is kept: soon after each change, every few minutes for learned addresses, and at the end.
 *
 * A change that waits to be confirmed is not kept before it is. A failure (a full disk) is told once, and tried again
 * the next time.
 */

import type { ConfigDocument } from '../config/load.ts';
import type { StateConfig } from '../config/types.ts';
import { learnedBy } from './relearn.ts';
import type { ServedSwitch } from './served.ts';
import { basisOf, writeState } from './state-file.ts';

/** Many changes one after the other are kept together. */
const SOON_MS = 500;
const ADDRESSES_MS = 300_000;

export class StateKeeper {
  readonly #config: StateConfig;
  readonly #served: ServedSwitch;
  /** Of the file that the switch was started with. */
  #basis: string;
  readonly #fault: (text: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #interval: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #toldFault = '';

  constructor(config: StateConfig, served: ServedSwitch, file: ConfigDocument, fault: (text: string) => void) {
    this.#config = config;
    this.#served = served;
    this.#basis = basisOf(file.raw);
    this.#fault = fault;
    if (config.fdb) this.#interval = setInterval(() => this.#save(), ADDRESSES_MS);
  }

  /** The file was read again. */
  rebase(file: ConfigDocument): void {
    this.#basis = basisOf(file.raw);
  }

  /** Something has changed. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#save();
    }, SOON_MS);
  }

  /** Keeps what there is to keep, and ends. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearInterval(this.#interval);
    this.#save();
    await this.#saving;
  }

  #save(): void {
    this.#saving = this.#saving.then(() => this.#write()).catch((error: Error) => this.#tell(error.message));
  }

  async #write(): Promise<void> {
    const { confirmed } = this.#served;
    const basis = this.#basis;
    const document = basisOf(confirmed.raw) === basis ? null : confirmed.raw;
    const known = this.#config.fdb ? learnedBy(this.#served) : [];
    await writeState(this.#config.file, { savedAt: Date.now(), basis, document }, known);
    this.#toldFault = '';
  }

  #tell(why: string): void {
    if (why === this.#toldFault) return;
    this.#toldFault = why;
    this.#fault(`state ${this.#config.file}: not kept: ${why}`);
  }
}
