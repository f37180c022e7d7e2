/** Groups with two workers: a frame fares the same by either, also after the groups have changed. */

import { expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { apply } from '../../../src/control/apply.ts';
import { plan } from '../../../src/control/plan.ts';
import { joinDataplane } from '../../../src/dataplane/dataplane.ts';
import { AdoptedTables, postTables } from '../../../src/dataplane/table-memory.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { Forwarding } from '../../../src/runtime/forwarding.ts';

const PORTS = ['up', 'a', 'b', 'c', 'h'];
const MACVLAN = (a: string, c: string) => `
switch: { workers: 2 }
ports: { ${PORTS.map((name) => `${name}: { adapter: memory }`).join(', ')} }
macvlan:
  g:
    parent: up
    vlan: 10
    children:
      a: { macs: ['02:00:00:00:00:0${a}'] }
      b: { macs: ['02:00:00:00:00:0b'] }
      c: { mode: ${c}, macs: ['02:00:00:00:00:0c'] }
    host: { port: h, mac: '02:00:00:00:00:01' }
    hostAccess: true
`;

class Side extends Forwarding {
  protected punted(): void {}
}

function bench(text: string) {
  const core = new SwitchCore({ nowMs: () => 1000, ports: 8, fids: 8, fdbEntries: 64, smallSlots: 64, workers: 2 });
  let config = loadConfig(text, 'test.yaml');
  configure(core, config);
  const posted = postTables(core.dp);
  const side = new Side(joinDataplane(posted.tables, 1, { smallSlots: 64, largeSlots: 1 }), { nowMs: () => 1000 });
  const adopted = new AdoptedTables(side.dp, posted);
  const left: string[] = [];
  const queues = [core, side].map((worker) => {
    const of: Record<string, MemoryAdapter> = {};
    for (const name of PORTS) {
      const adapter = new MemoryAdapter(
        { mtu: 1500 },
        { arena: worker.dp.arena, events: { link() {}, readable() {} } },
      );
      adapter.onFrame = (frame) => {
        left.push(`${name} ${frame.toString('hex')}`);
        return true;
      };
      if (worker === core) core.attach(name, adapter);
      else worker.adapters[core.control.port(name).index] = adapter;
      of[name] = adapter;
    }
    return of;
  });
  const arrive = (k: number, name: string, frame: string) => {
    left.length = 0;
    expect(queues[k]![name]!.push(Buffer.from(frame.padEnd(120, '0'), 'hex'))).toBe(true);
    [core, side][k]!.poll(core.control.port(name).index);
    return [...left];
  };
  const change = (next: string) => {
    const to = loadConfig(next, 'test.yaml');
    for (const action of plan(config, to)) apply(core.control, action);
    config = to;
    adopted.adopt(postTables(core.dp));
  };
  return { arrive, change };
}

/** What every port says to every address, by worker. */
function told({ arrive }: ReturnType<typeof bench>, k: number): string[] {
  const macs = ['02000000000a', '02000000000b', '02000000000c', '02000000000d', '020000000001', 'ffffffffffff'];
  return PORTS.flatMap((port) =>
    macs.flatMap((dst) =>
      ['88b5', '8100000a88b5'].map(
        (type) => `${port} ${dst} ${type}: ${arrive(k, port, `${dst}020000000099${type}`).join(' | ')}`,
      ),
    ),
  );
}

it('macvlan groups are the same for both workers, before and after a change', () => {
  const two = bench(MACVLAN('a', 'private'));
  const before = told(two, 0);
  expect(told(two, 1)).toEqual(before);
  two.change(MACVLAN('d', 'bridge'));
  const after = told(two, 0);
  expect(told(two, 1)).toEqual(after);
  expect(after).not.toEqual(before);
  expect(before.filter((line) => /: \w/.test(line)).length).toBeGreaterThan(30);
});
