/** A whole switch with memory ports, fast lane and adapters included: whether what an explanation says holds there. */

import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import type { Start } from '../../../src/trace/situation.ts';

export interface WholeSwitch {
  core: SwitchCore;
  /** Of every port that is no tunnel. */
  adapters: ReadonlyMap<string, MemoryAdapter>;
}

export function wholeSwitch({ config, down }: Start): WholeSwitch {
  const core = new SwitchCore({
    ...sizeFor(config),
    fdbEntries: 64,
    fids: 64,
    smallSlots: 8,
    largeSlots: 1,
    nowMs: () => 0,
  });
  configure(core, config);
  const adapters = new Map<string, MemoryAdapter>();
  for (const { name, tunnel } of config.ports) {
    if (tunnel !== null) {
      core.control.setLink(name, true);
      continue;
    }
    const events = { link: () => {}, readable: () => {} };
    const adapter = new MemoryAdapter({ mtu: 9000 }, { arena: core.dp.arena, events });
    adapters.set(name, adapter);
    core.attach(name, adapter, !down.includes(name));
  }
  return { core, adapters };
}

/** Sends a frame in; the frames that come out, by port. */
export function sentThrough(
  { core, adapters }: WholeSwitch,
  from: string,
  bytes: Uint8Array,
): [string, Uint8Array[]][] {
  adapters.get(from)!.push(bytes);
  core.poll(core.control.port(from).index);
  return [...adapters].map(([name, adapter]) => [name, adapter.take()]);
}
