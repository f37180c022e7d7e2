/**
 * A side worker in memory, for shared-tables.test.ts: it forwards frames of its own over tables that others forward by, too. Runs what
 * was built: Node.js cannot load TypeScript in a thread.
 */

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { MemoryAdapter } from '../../../dist/adapters/memory.js';
import { slotsInUse } from '../../../dist/dataplane/arena.js';
import { joinDataplane } from '../../../dist/dataplane/dataplane.js';
import { AdoptedTables } from '../../../dist/dataplane/table-memory.js';
import { Forwarding } from '../../../dist/runtime/forwarding.js';

const { posted, channel, worker, workers, words, seed, rounds, red, blue, macs } = workerData;
// words: what they mean is in shared-tables.test.ts.
const [NOW, DONE, SETTLE, SETTLED, PUSHED, LATE, LEFT, SLOTS] = [0, 1, 2, 3, 4, 5, 6, 7];

class Side extends Forwarding {
  #heard = 0;
  tables = new AdoptedTables(this.dp, posted);

  punted() {}

  enter() {
    const announced = super.enter();
    if (announced === this.#heard) return announced;
    this.#heard = announced;
    for (let next = receiveMessageOnPort(channel); next; next = receiveMessageOnPort(channel)) {
      this.tables.adopt(next.message);
    }
    return announced;
  }
}

const dp = joinDataplane(posted.tables, worker, { smallSlots: 256, largeSlots: 1 });
const side = new Side(dp, { nowMs: () => Atomics.load(words, NOW) });

/** By flow and port that it leaves by: the last number. */
const last = new Map();
for (const port of [...red, ...blue]) {
  const adapter = new MemoryAdapter({ mtu: 1500 }, { arena: dp.arena, events: { link() {}, readable() {} } });
  adapter.onFrame = (frame) => {
    Atomics.add(words, LEFT, 1);
    const key = frame.readUInt32BE(14) * 16 + port;
    const number = frame.readUInt32BE(18);
    if ((last.get(key) ?? 0) >= number) Atomics.add(words, LATE, 1);
    last.set(key, number);
    return true;
  };
  side.adapters[port] = adapter;
}

let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

let sent = 0;
const frame = Buffer.alloc(60);
/** From a host (a number) to another, or to all (-1). The flow is all that this worker sends from the port. */
const send = (port, from, to, kind = 0x02) => {
  frame.writeUInt16BE(to < 0 ? 0xffff : kind << 8, 0);
  frame.writeUInt32BE(to < 0 ? 0xffffffff : to, 2);
  frame.writeUInt16BE(kind << 8, 6);
  frame.writeUInt32BE(from, 8);
  frame.writeUInt16BE(0x88b5, 12);
  frame.writeUInt32BE(worker * 16 + port, 14);
  frame.writeUInt32BE(++sent, 18);
  if (!side.adapters[port].push(frame)) throw new Error('no room for a frame');
};

for (let round = 0; round < rounds; round++) {
  const port = red[random(red.length)];
  const burst = 1 + random(40);
  for (let n = 0; n < burst; n++) send(port, random(macs), random(20) === 0 ? -1 : random(macs));
  side.poll(port);
  // A storm of addresses on ports that may not have so many.
  const other = blue[random(blue.length)];
  for (let n = random(16); n > 0; n--) send(other, random(1 << 20), random(1 << 20), 0x06);
  side.poll(other);
}
Atomics.add(words, DONE, 1);
while (Atomics.load(words, SETTLE) === 0) Atomics.wait(words, SETTLE, 0, 5);
// Every host speaks once more, from where it is to stay.
for (let mac = worker; mac < macs; mac += workers) {
  const port = red[mac % red.length];
  send(port, mac, -1);
  side.poll(port);
}
Atomics.add(words, PUSHED, sent);
Atomics.add(words, SLOTS, slotsInUse(dp.arena));
Atomics.add(words, SETTLED, 1);
channel.close();
parentPort.close();
