/** Groups with two workers: a frame fares the same by either, also after the groups have changed. */

import { expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { apply } from '../../../src/control/plan/apply.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { joinDataplane } from '../../../src/dataplane/dataplane.ts';
import { AdoptedTables, postTables } from '../../../src/dataplane/table-memory.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { Forwarding } from '../../../src/runtime/forwarding.ts';
import { ipv4Packet } from '../../../src/wire/build.ts';

const PORTS = ['up', 'a', 'b', 'c', 'h'];
const ALL = [...PORTS, 'gate'];
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

const IPVLAN = (address: number, flag: string) => `
switch: { workers: 2 }
ports:
  up: { adapter: memory }
  gate: { adapter: memory, mode: access, vlan: 5 }
  ${['a', 'b', 'c', 'h'].map((name) => `${name}: { adapter: memory }`).join('\n  ')}
interfaces:
  v5: { vlan: 5, mac: '02:00:00:00:00:0e', addresses: [10.0.5.1/24], neighbors: { 10.0.5.2: '02:00:00:00:00:99' } }
routes: [{ to: 0.0.0.0/0, type: blackhole }] # an error would be control's, which worker 0 alone has
fdb: [{ mac: '02:00:00:00:00:99', vlan: 5, port: gate }]
ipvlan:
  near:
    parent: up
    mac: '02:00:00:00:00:0d'
    flag: ${flag}
    children: { a: { addresses: [10.0.0.${address}] }, b: { addresses: [10.0.0.12], multicast: [224.0.0.${address}] } }
    host: { port: h }
  far: { mode: l3, parent: v5, children: { c: { addresses: [10.1.0.${address}] } } }
`;

class Side extends Forwarding {
  protected punted(): void {}
}

function bench(text: string, ports: readonly string[]) {
  const core = new SwitchCore({ nowMs: () => 1000, ports: 8, fids: 8, fdbEntries: 64, smallSlots: 64, workers: 2 });
  let config = loadConfig(text, 'test.yaml');
  configure(core, config);
  const posted = postTables(core.dp);
  const side = new Side(joinDataplane(posted.tables, 1, { smallSlots: 64, largeSlots: 1 }), { nowMs: () => 1000 });
  const adopted = new AdoptedTables(side.dp, posted);
  const left: string[] = [];
  const queues = [core, side].map((worker) => {
    const of: Record<string, MemoryAdapter> = {};
    for (const name of ports) {
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

/** What becomes of every frame at every port, by one worker. */
function told({ arrive }: ReturnType<typeof bench>, k: number, ports: readonly string[], frames: readonly string[]) {
  return ports.flatMap((port) => frames.map((frame) => `${port} ${frame}: ${arrive(k, port, frame).join(' | ')}`));
}

function agree(before: string, after: string, ports: readonly string[], frames: readonly string[]): void {
  const two = bench(before, ports);
  const first = told(two, 0, ports, frames);
  expect(told(two, 1, ports, frames)).toEqual(first);
  two.change(after);
  const then = told(two, 0, ports, frames);
  expect(told(two, 1, ports, frames)).toEqual(then);
  expect(then).not.toEqual(first);
  expect(first.filter((line) => /: \w/.test(line)).length).toBeGreaterThan(frames.length);
}

it('macvlan groups are the same for both workers, before and after a change', () => {
  const macs = ['02000000000a', '02000000000b', '02000000000c', '02000000000d', '020000000001', 'ffffffffffff'];
  const frames = macs.flatMap((dst) => ['88b5', '8100000a88b5'].map((type) => `${dst}020000000099${type}`));
  agree(MACVLAN('a', 'private'), MACVLAN('d', 'bridge'), PORTS, frames);
});

it('ipvlan groups as well, also where the router is their parent', () => {
  const macs = ['02000000000d', '02000000000e', 'ffffffffffff', '01005e00000b', '01005e00000d'];
  const places = ['10.0.0.11', '10.0.0.12', '10.0.0.13', '10.1.0.11', '10.1.0.13', '10.0.5.2'];
  const frames = macs.flatMap((dst) =>
    places.map((place) => {
      const packet = ipv4Packet({ src: '10.0.5.9', dst: place }, 17, new Uint8Array(26));
      return `${dst}02000000000d0800${Buffer.from(packet).toString('hex')}`;
    }),
  );
  agree(IPVLAN(11, 'bridge'), IPVLAN(13, 'private'), ALL, frames);
});
