/** Two workers route to the same neighbor: neither believes where the other has seen it. */

import { expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { joinDataplane, sharedPart } from '../../../src/dataplane/dataplane.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { Forwarding } from '../../../src/runtime/forwarding.ts';
import { ipv4Packet } from '../../../src/wire/build.ts';

const CONFIG = `
ports:
  a: { adapter: memory, mode: access, vlan: 10 }
  b: { adapter: memory, mode: access, vlan: 20 }
  c: { adapter: memory, mode: trunk, vlans: '20' }
interfaces:
  v10: { vlan: 10, addresses: [192.0.2.1/24], mac: '02:00:00:00:00:fe' }
  v20: { vlan: 20, addresses: [198.51.100.1/24], mac: '02:00:00:00:00:fe', neighbors: { 198.51.100.5: '02:00:00:00:00:05', 198.51.100.6: '02:00:00:00:00:06' } }
`;

class Side extends Forwarding {
  protected punted(): void {}
}

function bench() {
  const core = new SwitchCore({ nowMs: () => 1000, ports: 8, fids: 8, fdbEntries: 64, smallSlots: 64, workers: 2 });
  configure(core, loadConfig(CONFIG, 'test.yaml'));
  const port = (name: string) => core.control.port(name).index;
  const side = new Side(joinDataplane(sharedPart(core.dp), 1, { smallSlots: 64, largeSlots: 1 }), {
    nowMs: () => 1000,
  });
  const left: string[] = [];
  const queues = [core, side].map((worker) => {
    const of: Record<string, MemoryAdapter> = {};
    for (const name of ['a', 'b', 'c']) {
      const events = { link() {}, readable() {} };
      const adapter = new MemoryAdapter({ mtu: 1500 }, { arena: worker.dp.arena, events });
      adapter.onFrame = (frame) => {
        left.push(`${name} ${frame.readUInt16BE(12).toString(16)}`);
        return true;
      };
      if (worker === core) core.attach(name, adapter);
      else worker.adapters[port(name)] = adapter;
      of[name] = adapter;
    }
    return of;
  });
  const arrive = (worker: Forwarding, queue: Record<string, MemoryAdapter>, name: string, frame: Uint8Array) => {
    left.length = 0;
    expect(queue[name]!.push(frame)).toBe(true);
    worker.poll(port(name));
    return [...left];
  };
  const says = (name: string, mac: string, tag = '') =>
    arrive(core, queues[0]!, name, Buffer.from(`ffffffffffff${mac}${tag}88b5`.padEnd(120, '0'), 'hex'));
  const routed = (k: 0 | 1, dst: string) => {
    const packet = ipv4Packet({ src: '192.0.2.10', dst }, 17, Buffer.alloc(26));
    return arrive([core, side][k]!, queues[k]!, 'a', Buffer.concat([HEAD, packet]));
  };
  return { says, routed };
}

const HEAD = Buffer.from('0200000000fe02000000000a0800', 'hex');

it('a neighbor that has moved is where it is, for every worker', () => {
  // However many calls each worker's lane has behind it: for one of these the number is that of the other's note.
  for (let calls = 0; calls < 16; calls++) {
    const { says, routed } = bench();
    says('a', '02000000000a');
    says('b', '020000000005');
    says('b', '020000000006');
    for (let n = 0; n < 3; n++) expect(routed(0, '198.51.100.5')).toEqual(['b 800']);
    says('c', '020000000005', '81000014');
    for (let n = 0; n < calls; n++) expect(routed(1, '198.51.100.6')).toEqual(['b 800']);
    expect(routed(1, '198.51.100.5'), `after ${calls} calls`).toEqual(['c 8100']);
    expect(routed(0, '198.51.100.5')).toEqual(['c 8100']);
  }
});
