/**
 * The same frames to macvlan devices of the kernel and to Etherloom's groups: the same stations get them.
 *
 * The kernel's children stand in one namespace on one end of a cable, each with a packet socket; Etherloom's are memory
 * ports, since what is compared is who gets a frame and not its way. Left out is what docs/macvlan.md says is different,
 * and what the parent's own stack gets, which a packet socket on a parent does not show.
 */

import { describe, expect, it } from 'vitest';
import { type ConfigInput, createSwitch, wire } from '../../src/index.ts';
import { createLab, type FrameSocket, liveObstacle, until } from './netns.ts';
import { useLab } from './use.ts';

type Groups = NonNullable<ConfigInput['macvlan']>;
type Mode = 'bridge' | 'vepa' | 'private' | 'source' | 'passthru';

const TYPE = 0x88b5; // IEEE 802 local experimental EtherType 1: no stack answers
const OUTSIDE = '02:00:00:00:00:99';
const SPOKEN = '02:00:00:00:00:77';
const STRANGER = '02:00:00:00:00:55';
const HOST = '02:00:00:00:00:01';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const MULTICAST = '01:00:5e:00:00:42';

interface Child {
  mac: string;
  mode: Mode;
  sources?: string[];
}

const MIXED: Record<string, Child> = {
  b1: { mac: '02:00:00:00:01:01', mode: 'bridge' },
  b2: { mac: '02:00:00:00:01:02', mode: 'bridge' },
  v1: { mac: '02:00:00:00:02:01', mode: 'vepa' },
  v2: { mac: '02:00:00:00:02:02', mode: 'vepa' },
  p1: { mac: '02:00:00:00:03:01', mode: 'private' },
  p2: { mac: '02:00:00:00:03:02', mode: 'private' },
  s1: { mac: '02:00:00:00:04:01', mode: 'source', sources: [SPOKEN, '02:00:00:00:01:01'] },
  s2: { mac: '02:00:00:00:04:02', mode: 'source', sources: [SPOKEN] },
};
const ALONE: Record<string, Child> = { t1: { mac: HOST, mode: 'passthru' } };

/** Why the kernel cannot be asked, or null. */
function obstacle(): string | null {
  const why = liveObstacle();
  if (why !== null) return why;
  const lab = createLab();
  try {
    const ns = lab.namespace('mp');
    const [a, b] = [lab.device('ma'), lab.device('mb')];
    lab.makeVeth(a, b);
    ns.adopt(a);
    const { status, stderr } = ns.try('ip', 'link', 'add', 'm0', 'link', a, 'type', 'macvlan', 'mode', 'bridge');
    return status === 0 ? null : `the kernel has no macvlan: ${stderr.trim()}`;
  } finally {
    lab.close();
  }
}

const why = obstacle();
if (why !== null) console.warn(`skipped: ${why}`);

interface Sent {
  from: string;
  src: string;
  dst: string;
}

/** Every station speaks to every address, as itself and as others; reflected frames come from outside. */
function conversation(children: Record<string, Child>): Sent[] {
  const macs = Object.values(children).map(({ mac }) => mac);
  const all: Sent[] = [];
  const addresses = [...new Set([...macs, HOST, STRANGER, OUTSIDE, BROADCAST, MULTICAST])];
  for (const dst of addresses) {
    for (const src of [OUTSIDE, SPOKEN, ...macs]) all.push({ from: 'up', src, dst });
    for (const src of [HOST, SPOKEN]) all.push({ from: 'h', src, dst });
    for (const [from, { mac }] of Object.entries(children)) {
      if (dst === mac) continue; // to itself: different on purpose
      for (const src of [mac, SPOKEN, STRANGER]) all.push({ from, src, dst });
    }
  }
  return all;
}

const frameOf = ({ src, dst }: Sent, id: number) => {
  const payload = new Uint8Array(46);
  new DataView(payload.buffer).setUint32(0, id);
  return wire.ethernetFrame({ dst, src }, TYPE, payload);
};

/** `from src > dst: who who`, a station as often as it got the frame. */
function told(sent: Sent[], got: Map<number, string[]>): string[] {
  return sent.map(({ from, src, dst }, id) => `${from} ${src} > ${dst}: ${(got.get(id) ?? []).sort().join(' ')}`);
}

const note = (got: Map<number, string[]>, station: string, frame: Uint8Array) => {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (view.getUint16(12) !== TYPE) return;
  const id = view.getUint32(14);
  got.set(id, [...(got.get(id) ?? []), station]);
};

function ours(children: Record<string, Child>, sent: Sent[]): string[] {
  const names = ['up', 'h', ...Object.keys(children)];
  const group: Groups[string] = {
    parent: 'up',
    host: { port: 'h', mac: '02:00:00:00:00:01' },
    children: Object.fromEntries(
      Object.entries(children).map(([name, { mac, mode, sources }]) => [
        name,
        { mode, macs: [mac], ...(sources && { sources }) },
      ]),
    ),
  };
  if (children === ALONE) delete group.host; // the child has the parent's address
  const used = names.filter((name) => name !== 'h' || group.host !== undefined);
  const sw = createSwitch(
    { ports: Object.fromEntries(used.map((name) => [name, { adapter: 'memory' as const }])), macvlan: { g: group } },
    { seed: 1 },
  );
  const got = new Map<number, string[]>();
  for (const name of used) if (name !== 'h') sw.port(name).onFrame((frame) => note(got, name, frame));
  sent.forEach((each, id) => {
    sw.port(each.from).send(frameOf(each, id));
  });
  expect(sw.ledger()).toMatchObject({ balanced: true });
  sw.close();
  return told(sent, got);
}

describe.skipIf(why !== null)('beside the macvlan devices of the kernel', () => {
  const lab = useLab();

  it.each([
    ['bridge, vepa, private and source on one parent', MIXED],
    ['passthru', ALONE],
  ])('%s: the same stations get the same frames', async (_, children) => {
    const label = children === ALONE ? 'mt' : 'mk';
    const [inside, outside] = [lab.device(`${label}i`), lab.device(`${label}o`)];
    lab.makeVeth(inside, outside);
    const kernel = lab.namespace(`${label}k`);
    const beyond = lab.namespace(`${label}b`);
    kernel.adopt(inside, { mac: HOST });
    beyond.adopt(outside, { mac: OUTSIDE });
    const sockets: Record<string, FrameSocket> = {};
    for (const [name, { mac, mode, sources = [] }] of Object.entries(children)) {
      kernel.run('ip', 'link', 'add', name, 'link', inside, 'address', mac, 'type', 'macvlan', 'mode', mode);
      for (const source of sources) kernel.run('ip', 'link', 'set', name, 'type', 'macvlan', 'macaddr', 'add', source);
      // The switch is not told what a station listens to, so these listen to everything.
      kernel.run('ip', 'link', 'set', name, 'allmulticast', 'on', 'up');
      sockets[name] = await kernel.frameSocket(name);
    }
    sockets.h = await kernel.frameSocket(inside);
    sockets.up = await beyond.frameSocket(outside);

    const sent = conversation(children).filter(({ from }) => from !== 'h' || children !== ALONE);
    const expected = ours(children, sent);
    const got = new Map<number, string[]>();
    sent.forEach((each, id) => {
      sockets[each.from]!.send(frameOf(each, id));
    });
    const wanted = expected.reduce(
      (sum, line) =>
        sum +
        line
          .slice(line.lastIndexOf(':') + 2)
          .split(' ')
          .filter(Boolean).length,
      0,
    );
    const stations = Object.entries(sockets).filter(([name]) => name !== 'h');
    const arrived = () => stations.reduce((sum, [, { frames }]) => sum + frames.length, 0);
    await until(() => arrived() >= wanted, 'as many frames have come').catch(() => {}); // the comparison says which
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const [name, socket] of stations) for (const frame of socket.frames.splice(0)) note(got, name, frame);
    expect(told(sent, got)).toEqual(expected);
    expect(wanted).toBeGreaterThan(sent.length / 2);
  });
});
