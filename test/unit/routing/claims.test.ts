/** Hosts that have, or say that they have, an address of an interface: told once, shown while it lasts. */

import { expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { interfaceViews } from '../../../src/api/router-views.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import { ownDirectory } from '../../../src/runtime/directory-of.ts';
import { arpFrame } from '../../../src/wire/build.ts';

const FIRST = '02:00:00:00:00:05';
const SECOND = '02:00:00:00:00:06';

function world(more = '') {
  const gw = `{ vlan: 10, addresses: [10.0.10.1/24, 10.0.11.1/24]${more} }`;
  const config = loadConfig(`{ ports: { a: { adapter: memory, vlan: 10 } }, interfaces: { gw: ${gw} } }`, 'test.yaml');
  let now = 0;
  const told: string[] = [];
  const core = new SwitchCore({ ...sizeFor(config), smallSlots: 8, largeSlots: 0, nowMs: () => now });
  configure(core, config);
  core.router.tell = (text) => told.push(text);
  const adapter = new MemoryAdapter(
    { mtu: 1500 },
    { arena: core.dp.arena, events: { link: () => {}, readable: () => {} } },
  );
  core.attach('a', adapter, true);
  const port = core.control.port('a').index;
  return {
    told: () => told.splice(0),
    pass(seconds: number) {
      for (let n = 0; n < seconds; n++) {
        now += 1000;
        core.tick();
      }
    },
    claims(src: string, address: string) {
      const arp = { senderMac: src, senderIp: address, targetMac: '00:00:00:00:00:00', targetIp: address };
      adapter.push(arpFrame({ dst: 'ff:ff:ff:ff:ff:ff', src }, { operation: 1, ...arp }));
      core.poll(port);
    },
    comesUp() {
      core.control.setLink('a', false);
      core.control.setLink('a', true);
    },
    shown() {
      const [view] = interfaceViews({ tables: core.dp, directory: ownDirectory(core.control, config), statuses: [] });
      return { claimed: view!.claimed, duplicates: view!.duplicates };
    },
  };
}

const line = (mac: string, address: string, so: string) => `interface gw: ${mac} has its address ${address} ${so}`;
const USED = 'as well; hosts may send their packets there';
const UNUSED = 'already; it is not used';

it('tells who claims an address that is used, and shows it for five minutes after the last time', () => {
  const { told, pass, claims, shown } = world();
  pass(1);
  claims(FIRST, '10.0.11.1');
  expect(told()).toEqual([line(FIRST, '10.0.11.1', USED)]);
  expect(shown()).toEqual({ claimed: ['10.0.11.1/24'], duplicates: [] });
  pass(200);
  claims(FIRST, '10.0.11.1');
  pass(299);
  expect(shown().claimed).toEqual(['10.0.11.1/24']);
  expect(told()).toEqual([]);
  pass(1);
  expect(shown().claimed).toEqual([]);
  claims(FIRST, '10.0.11.1');
  expect(told()).toEqual([line(FIRST, '10.0.11.1', USED)]);
});

it('tells of two that take turns every ten seconds at most, of each address by itself', () => {
  const { told, pass, claims } = world();
  const both = () => {
    for (const mac of [FIRST, SECOND]) claims(mac, '10.0.10.1');
  };
  both();
  claims(SECOND, '10.0.11.1');
  expect(told()).toEqual([line(FIRST, '10.0.10.1', USED), line(SECOND, '10.0.11.1', USED)]);
  pass(9);
  both();
  expect(told()).toEqual([]);
  pass(1);
  both();
  expect(told()).toEqual([line(SECOND, '10.0.10.1', USED)]);
});

it('tells of an address that somebody has already, and shows it until nobody has', () => {
  const { told, pass, claims, comesUp, shown } = world(', detectDuplicates: true');
  pass(1);
  claims(FIRST, '10.0.10.1');
  expect(told()).toEqual([line(FIRST, '10.0.10.1', UNUSED)]);
  expect(shown()).toEqual({ claimed: [], duplicates: ['10.0.10.1/24'] });
  pass(10);
  expect(shown().duplicates).toEqual(['10.0.10.1/24']);
  comesUp();
  pass(1);
  claims(FIRST, '10.0.10.1');
  expect(told()).toEqual([line(FIRST, '10.0.10.1', UNUSED)]);
  comesUp();
  pass(10);
  expect(shown()).toEqual({ claimed: [], duplicates: [] });
  claims(FIRST, '10.0.10.1');
  expect(told()).toEqual([line(FIRST, '10.0.10.1', USED)]);
  expect(shown()).toEqual({ claimed: ['10.0.10.1/24'], duplicates: [] });
});

it('tells nothing of frames with the MAC of the interface: another switch may have the same gateway', () => {
  const { told, claims, shown } = world(`, mac: '${FIRST}'`);
  claims(FIRST, '10.0.10.1');
  expect([told(), shown()]).toEqual([[], { claimed: [], duplicates: [] }]);
});
