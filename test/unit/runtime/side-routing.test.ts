/** Two workers route to the same neighbor: neither believes where the other has seen it. */

import { describe, expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { joinDataplane } from '../../../src/dataplane/dataplane.ts';
import { AdoptedTables, postTables } from '../../../src/dataplane/table-memory.ts';
import { configure, SwitchCore } from '../../../src/runtime/core.ts';
import { Forwarding } from '../../../src/runtime/forwarding.ts';
import { lookup4, lookup6 } from '../../../src/tables/lpm/lpm.ts';
import { addressBytes } from '../../../src/wire/address.ts';
import { ipv4Packet } from '../../../src/wire/build.ts';
import { viewOf } from '../wire/bytes.ts';

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
  const posted = structuredClone(postTables(core.dp));
  const side = new Side(joinDataplane(posted.tables, 1, { smallSlots: 64, largeSlots: 1 }), { nowMs: () => 1000 });
  const adopted = new AdoptedTables(side.dp, posted);
  core.control.onTablesMoved = () => adopted.adopt(structuredClone(postTables(core.dp)));
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
  return { core, side, says, routed };
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

describe('removals of routes for which tables need more memory reach every worker', () => {
  const withdraw = (routes: readonly string[], gone: readonly string[]) => {
    const { core, side } = bench();
    const router = core.control.router!;
    const route = (prefix: string) => ({ vrf: 'default', prefix, kind: 'blackhole' as const, via: [] });
    for (const prefix of routes) router.routes.add(route(prefix));
    const { lpm4, lpm6 } = core.dp.router;
    const memory = () => [lpm4.lines, lpm6.nodes, lpm6.values, lpm6.blocks];
    const before = memory();
    for (const prefix of gone) router.routes.remove(route(prefix));
    const stays = new Set(routes);
    for (const prefix of gone) stays.delete(prefix);
    expect(memory().some((words, n) => words !== before[n])).toBe(true);
    const bytes = new Uint8Array(16);
    for (const prefix of routes) {
      bytes.set(addressBytes(prefix.split('/')[0]!)!);
      const view = viewOf(bytes);
      if (prefix.includes(':')) expect(lookup6(side.dp.router.lpm6, 0, view, 0) !== 0).toBe(stays.has(prefix));
      else expect(lookup4(side.dp.router.lpm4, 0, view.getUint32(0)) !== 0).toBe(stays.has(prefix));
    }
  };

  it('IPv6 blocks that come to be', () => {
    const routes: string[] = [];
    for (let block = 0; block < 12; block++) {
      for (let n = 0; n < 40; n++) routes.push(`2001:${(0xd00 + block).toString(16)}:${(n * 2 + 1).toString(16)}::/48`);
    }
    // All blocks fit at about the same time.
    const gone = Array.from(routes, (_, n) => routes[(n % 12) * 40 + Math.floor(n / 12)]!);
    withdraw(routes, gone.slice(0, -12));
  });

  it('nodes of the IPv6 tree that have less below them', () => {
    const routes: string[] = [];
    for (let node = 0; node < 100; node++) {
      for (let n = 0; n < 16; n++) routes.push(`2001:db8:0:${(node * 16 + n).toString(16)}:8000::/65`);
    }
    withdraw(
      routes,
      routes.filter((prefix) => prefix.includes('f:8000')),
    );
  });

  it('IPv4 pages that have fewer runs', () => {
    const routes: string[] = [];
    for (let page = 0; page < 40; page++) for (let n = 1; n < 128; n += 2) routes.push(`10.${page}.${n}.0/24`);
    withdraw(
      routes,
      routes.filter((prefix) => Number(prefix.split('.')[2]) >= 100),
    );
  });
});
