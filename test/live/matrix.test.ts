/**
 * The adapter matrix: a Linux host behind every kind of port, every kind beside every other in one switch. TCP over
 * IPv4 and IPv6, jumbo packets, datagrams cut by UDP_SEGMENT, all with the checksums that hosts leave to their
 * devices; and the same through trunks of every kind, tagged. Hashes at both ends account for every byte.
 */

import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { capObstacle } from './adapter-kinds.ts';
import { type Lab, liveObstacle, type Namespace, python, until } from './netns.ts';
import type { Bench, Raw, SwitchProcess } from './switch-process.ts';
import { transfer } from './tcp-transfer.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const MIB = 1 << 20;
const JUMBO = 9000;
const SEGMENT = fileURLToPath(new URL('./udp-segment.py', import.meta.url));

/** A host and the port that it is plugged into. */
interface Place {
  port: Raw;
  /** Called when the switch has opened the port. */
  plug(address: string[]): Promise<Namespace>;
}

interface World {
  lab: Lab;
  bench: Bench;
}

/** How to make each kind of place. */
const KINDS: Readonly<Record<string, (world: World, label: string) => Promise<Place>>> = {
  tap: async (world, label) => tap(world, label, 'on'),
  'tap without offloads': async (world, label) => tap(world, label, 'off'),
  'af-packet': async (world, label) => veth(world, label, 'af-packet'),
  'af-xdp': async (world, label) => veth(world, label, 'af-xdp'),
  ...(capObstacle() === null ? { cap: async (world: World, label: string) => veth(world, label, 'cap') } : {}),
  // Behind the datagrams is another switch, and behind that a TAP.
  udp: async ({ lab, bench }, label) => {
    const [local, remote] = [await freePort(), await freePort()];
    const port = (from: number, to: number) => ({
      adapter: 'udp',
      local: `127.0.0.1:${from}`,
      remote: `127.0.0.1:${to}`,
      mtu: JUMBO,
      vlan: 10,
    });
    const { port: host, plug } = tap({ lab, bench }, label, 'auto');
    return {
      port: port(local, remote),
      async plug(address) {
        await bench.start({ ports: { host, up: port(remote, local) } });
        return plug(address);
      },
    };
  },
};

function tap({ lab }: World, label: string, offloads: string): Place {
  const device = lab.device(label);
  const plug = async (address: string[]) => adopted(lab, label, device, address);
  return { port: { adapter: 'tap', device, mtu: JUMBO, vlan: 10, offloads }, plug };
}

function veth({ lab }: World, label: string, adapter: string): Place {
  const [device, far] = [lab.device(label), lab.device(`${label}f`)];
  lab.makeVeth(device, far, Number(process.env.ETHERLOOM_TEST_WORKERS ?? 1));
  lab.run('ip', 'link', 'set', device, 'mtu', String(JUMBO));
  const plug = async (address: string[]) => adopted(lab, label, far, address);
  return { port: { adapter, device, mtu: JUMBO, vlan: 10 }, plug };
}

function adopted(lab: Lab, label: string, device: string, address: string[]): Namespace {
  const host = lab.namespace(label, { ipv6: true });
  host.adopt(device, { address, mtu: JUMBO });
  return host;
}

/** Blocks of 20 datagrams that one call hands over, all of which arrive with the right hash. */
async function datagrams(receiver: Namespace, address: string, sender: Namespace): Promise<void> {
  const args = [address, '5003', '1200', '3'];
  const [received, sent] = await Promise.all([
    receiver.tryAsync(...python(), SEGMENT, 'receive', ...args),
    sender.tryAsync(...python(), SEGMENT, 'send', ...args),
  ]);
  expect([sent.stdout.trim(), sent.stderr, received.stderr]).toEqual(['3', '', '']);
}

const names = Object.keys(KINDS);
const pairs = names.flatMap((one, i) => names.slice(i).map((other) => [one, other] as const));

describe.skipIf(obstacle !== null)('adapter matrix', () => {
  const world: World = { lab: useLab(), bench: useBench('group') };
  let sw: SwitchProcess;
  /** Two hosts of each kind; host n of all has 10.40.0.(n + 1) and fd00:40::(n + 1). */
  const hosts: Namespace[] = [];
  const v4 = (n: number) => `10.40.0.${n + 1}`;
  const v6 = (n: number) => `fd00:40::${n + 1}`;
  const at = (kind: string, second: boolean) => names.indexOf(kind) * 2 + (second ? 1 : 0);

  beforeAll(async () => {
    const places: Place[] = [];
    for (const kind of names) {
      for (const side of ['a', 'b']) places.push(await KINDS[kind]!(world, `m${names.indexOf(kind)}${side}`));
    }
    const ports = Object.fromEntries(places.map(({ port }, n) => [`p${n}`, port]));
    sw = await world.bench.start({ ports });
    for (const [n, place] of places.entries()) {
      hosts.push(await place.plug([`${v4(n)}/24`, `${v6(n)}/64`]));
    }
    await until(() => places.every((_, n) => !links(n) || links(n) === 'up'), 'all links are up');
  });

  /** What the switch said last about a port's link. */
  const links = (n: number) => [...sw.log().matchAll(new RegExp(`port p${n}: link (\\w+)`, 'g'))].at(-1)?.[1];

  it.each(pairs)('%s to %s: TCP, jumbo packets and cut datagrams arrive whole', async (one, other) => {
    const [a, b] = [at(one, false), at(other, true)];
    const [left, right] = [hosts[a]!, hosts[b]!];
    await Promise.all([
      transfer(left, v4(a), right, 2 * MIB, 5001),
      transfer(left, v6(a), right, 2 * MIB, 5002),
      // libpcap does not say how a sender wants them cut.
      other === 'cap' ? undefined : datagrams(left, (a + b) % 2 === 0 ? v4(a) : v6(a), right),
    ]);
    expect(await right.ping(v4(a), { count: 2, size: JUMBO - 28, dontFragment: true })).toBe(2);
  });

  it('moved frames with what their senders had left undone, and lost none of the ledger', async () => {
    const ports = await sw.ports();
    const offloading = ports.get(`p${at('tap', false)}`)!;
    expect(offloading.rxBytes / offloading.rxFrames).toBeGreaterThan(2000);
    expect(ports.get(`p${at('udp', false)}`)?.software).toContain('csum tso4 tso6');
    expect((await sw.ledger()).balanced).toBe(true);
  });
});

describe.skipIf(obstacle !== null)('trunks of every kind', () => {
  const onInterfaces = names.filter((name) => ['af-packet', 'af-xdp', 'cap'].includes(name));
  const ends = onInterfaces.flatMap((one, i) => onInterfaces.slice(i).map((other) => [one, other]));
  const lab = useLab();
  const bench = useBench();

  it('carry tagged TCP between two switches whole, super-frames and segments', async () => {
    const trunk = (vlan: number, more: Raw): Raw => ({ mode: 'trunk', vlans: String(vlan), mtu: JUMBO, ...more });
    const taps = ['tta', 'ttb'].map((label) => lab.device(label));
    const udp = [await freePort(), await freePort()];
    // VLAN 10 goes by datagrams, 30 by TAPs of which one takes no offloads.
    const sides: Record<string, Raw>[] = [0, 1].map((side) => ({
      udp: trunk(10, { adapter: 'udp', local: `127.0.0.1:${udp[side]}`, remote: `127.0.0.1:${udp[1 - side]}` }),
      tap: trunk(30, { adapter: 'tap', device: taps[side], offloads: side === 0 ? 'auto' : 'off' }),
    }));
    // Each of the others by a veth pair with one kind of adapter at each end.
    const wired = ends.map((adapters, i) => {
      const vlan = 40 + i;
      const devices = ['a', 'b'].map((end) => lab.device(`tv${i}${end}`));
      lab.makeVeth(devices[0]!, devices[1]!);
      for (const device of devices) lab.run('ip', 'link', 'set', device, 'mtu', String(JUMBO), 'up');
      for (const [side, adapter] of adapters.entries()) {
        sides[side]![`v${vlan}`] = trunk(vlan, { adapter, device: devices[side] });
      }
      return vlan;
    });
    const vlans = [10, 30, ...wired];
    const hosts = vlans.map((vlan) => [0, 1].map((side) => ({ vlan, label: `t${vlan}${side}` })));
    for (const [side, trunks] of sides.entries()) {
      const access = hosts.map((both) => {
        const { vlan, label } = both[side]!;
        return [`h${vlan}`, { adapter: 'tap', device: lab.device(label), mtu: JUMBO, vlan }];
      });
      const sw = await bench.start({ ports: { ...Object.fromEntries(access), ...trunks } });
      for (const [i, [, port]] of access.entries()) {
        const { vlan, label } = hosts[i]![side]!;
        const address = [`10.41.${vlan}.${side + 1}/24`, `fd00:41:${vlan}::${side + 1}/64`];
        Object.assign(hosts[i]![side]!, {
          sw,
          host: adopted(lab, label, (port as { device: string }).device, address),
        });
      }
    }
    const cable = lab.namespace('tcable');
    cable.run('ip', 'link', 'add', 'br0', 'mtu', String(JUMBO), 'type', 'bridge');
    for (const device of taps) {
      cable.adopt(device, { mtu: JUMBO });
      cable.run('ip', 'link', 'set', device, 'master', 'br0');
    }
    cable.run('ip', 'link', 'set', 'br0', 'up');
    await Promise.all(
      hosts.map(async (both) => {
        const [one, two] = both as unknown as { vlan: number; host: Namespace }[];
        const [v4, v6] = [`10.41.${one!.vlan}.1`, `fd00:41:${one!.vlan}::1`];
        await Promise.all([
          transfer(one!.host, v4, two!.host, 2 * MIB),
          transfer(one!.host, v6, two!.host, 2 * MIB, 5002),
        ]);
        expect(await two!.host.ping(v4, { count: 2, size: JUMBO - 28, dontFragment: true })).toBe(2);
      }),
    );
    const { sw } = hosts[0]![0] as unknown as { sw: SwitchProcess };
    expect((await sw.ledger()).balanced).toBe(true);
  });
});
