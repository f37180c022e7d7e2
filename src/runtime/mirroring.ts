/**
 * Mirrors at work: the core calls `received` before it forwards a batch and `sent` before it flushes one, and only
 * while a mirror is in force. Copies leave at once, before the frames that they are copies of are touched or sent.
 */

import { type Batch, createBatch } from '../dataplane/batch.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import { usedPorts } from '../dataplane/egress-ports.ts';
import { chooseReceived, chooseSent, createChosen, transmitCopies } from '../dataplane/mirror.ts';
import { copyForVlan, isMemberForCopies, listCopies, releaseCopies } from '../dataplane/mirror-vlan.ts';
import type { Sender } from '../dataplane/transmit.ts';

/** Copies into a VLAN that are made before they are sent. */
const COPIES = 32;

export class Mirroring {
  readonly #dp: Dataplane;
  readonly #senderOf: (port: number) => Sender | null;
  readonly #chosen;
  readonly #copies = createBatch(COPIES);
  readonly #list = new Int32Array(COPIES);

  constructor(dp: Dataplane, senderOf: (port: number) => Sender | null) {
    this.#dp = dp;
    this.#senderOf = senderOf;
    this.#chosen = createChosen(dp.egress.capacity);
  }

  /** Frames of the batch have just been received. */
  received(b: Batch): void {
    b.mirrored.fill(0, 0, b.count);
    this.decapsulated(b);
  }

  /** Datagrams of tunnels have become the frames that they brought; the others have been seen. */
  decapsulated(b: Batch): void {
    const { inForce } = this.#dp.mirrors;
    for (let bits = inForce[0]; bits !== 0; bits &= bits - 1) {
      const mirror = 31 - Math.clz32(bits & -bits);
      this.#chosen.count = 0;
      chooseReceived(this.#dp, b, mirror, this.#chosen);
      this.#send(b, mirror);
    }
  }

  /** The egress lists are complete: rows [first, end) have filled them. */
  sent(b: Batch, first: number, end: number): void {
    const { egress } = this.#dp;
    const ports = usedPorts(egress, b, first, end);
    for (let k = 0; k < ports; k++) {
      const port = egress.used[k];
      this.sentBy(b, port, egress.list, port * egress.stride, egress.count[port]);
    }
  }

  /** list[start .. start+count) is about to leave by `port`. */
  sentBy(b: Batch, port: number, list: Int32Array, start: number, count: number): void {
    const { inForce } = this.#dp.mirrors;
    for (let bits = inForce[0]; bits !== 0; bits &= bits - 1) {
      const mirror = 31 - Math.clz32(bits & -bits);
      this.#chosen.count = 0;
      chooseSent(this.#dp, b, mirror, port, list, start, count, this.#chosen);
      this.#send(b, mirror);
    }
  }

  #send(b: Batch, mirror: number): void {
    if (this.#chosen.count === 0) return;
    const { mirrors } = this.#dp;
    const output = mirrors.output[mirror];
    if (output >= 0) {
      const { list, count } = this.#chosen;
      transmitCopies(this.#dp, b, mirror, list, count, output, this.#senderOf(output));
    } else if (mirrors.outputFid[mirror] !== 0) {
      this.#sendIntoVlan(b, mirror);
    }
  }

  #sendIntoVlan(b: Batch, mirror: number): void {
    const copies = this.#copies;
    for (let next = 0; next < this.#chosen.count; ) {
      next = copyForVlan(this.#dp, b, mirror, this.#chosen, next, copies);
      for (let port = 0; port < this.#dp.ports.capacity; port++) {
        const sender = isMemberForCopies(this.#dp, mirror, port) ? this.#senderOf(port) : null;
        if (sender === null) continue;
        const count = listCopies(this.#dp, mirror, port, copies, this.#list);
        transmitCopies(this.#dp, copies, mirror, this.#list, count, port, sender);
      }
      releaseCopies(this.#dp, copies);
    }
  }
}
