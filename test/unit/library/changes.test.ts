/**
 * Changing a switch while it runs: ports, VLANs, settings and whole configurations, and what is refused.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError, ControlError, createSwitch, type PortPatch, type Switch } from '../../../src/index.ts';
import { A, access, B, checkAll, entries, frame, hybrid, made, tagged, told, trunk } from './semantics/frames.ts';

afterEach(checkAll);

describe('names', () => {
  it('of VLANs are those of a file; bridges that are not there are refused', () => {
    const sw = made({ p1: access(10) });
    expect(() => sw.addVlan(20, { name: 'a b' })).toThrow('"a b" is not a VLAN name; valid are 1 to 32');
    expect(() => sw.fdb('br9')).toThrow('no bridge br9');
  });
});

describe('ports', () => {
  it('come with the keys of a file, and go with everything on them', () => {
    const sw = made({ p1: access(10) });
    const p2 = sw.addPort('p2', { mode: 'access', vlan: 10 });
    expect(sw.ports.map((p) => p.name)).toEqual(['p1', 'p2']);
    expect(told(sw, 'p2', frame())).toBe('F p1');
    sw.addFdbEntry({ mac: B, vid: 10, port: 'p2' });
    sw.removePort('p2');
    expect(sw.fdb()).toEqual([]);
    expect(told(sw, 'p1', frame({ dst: B }))).toBe('EGRESS_NO_PORT');
    expect(() => p2.send(frame())).toThrow('port p2 has been removed');
    expect(() => sw.port('p2')).toThrow(ControlError);
    // The number is another port's now, and its counters begin at zero.
    expect(sw.addPort('p3', { mode: 'access', vlan: 10 }).counters().rxFrames).toBe(0);
  });

  it('are refused with the path when they are wrong, and leave nothing behind', () => {
    const sw = made({ p1: access(10) });
    const add = (input: object) => () => sw.addPort('p2', input as never);
    expect(add({ mode: 'access', vlan: 4095 })).toThrow('config: ports.p2.vlan: 4095 is not a VLAN ID');
    expect(add({ bridge: 'br9' })).toThrow('config: ports.p2.bridge: there is no bridge "br9"');
    expect(add({ adapter: 'tap', device: 'tap1' })).toThrow('config: ports.p2.adapter: valid is memory');
    expect(add({ vlna: 3 })).toThrow(/the key is not known.*did you mean "vlan"/);
    expect(() => sw.addPort('p1')).toThrow('port p1 exists');
    expect(() => sw.addPort('a b')).toThrow(ConfigError);
    expect(() => sw.addPort('constructor')).toThrow(ConfigError);
    expect(sw.ports).toHaveLength(1);
    expect(sw.ledger().vlans.map((v) => v.vid)).toEqual([10]);
  });

  it('are bounded before they are looked at', () => {
    const many = new Array(4_000_000_000) as [];
    expect(() => createSwitch({ fdb: many })).toThrow('config: fdb: is a list of 4000000000 values');
    const row = Array.from({ length: 1000 }, () => 1);
    const shared = { fdb: Array.from({ length: 1000 }, () => row) } as never;
    expect(() => createSwitch(shared)).toThrow(/config: (fdb\[\d+\]: is a list of|has more than)/);
  });

  it('can be more than at the beginning, up to the room of the tables', () => {
    const sw = made({ p0: access(1) });
    let n = 1;
    expect(() => {
      for (; n < 200; n++) sw.addPort(`p${n}`);
    }).toThrow('no room for another port');
    expect(n).toBeGreaterThanOrEqual(64);
    expect(sw.port('p0').send(frame()).ports).toHaveLength(n - 1);
  });

  it('take new settings, checked like a file', () => {
    const sw = made({ p1: access(10), p2: access(10) });
    sw.setPort('p1', { mtu: 9000, isolated: true, acceptFrames: 'all' });
    sw.setPort('p2', { isolated: true, mtu: 9000 });
    expect(told(sw, 'p1', frame())).toBe('EGRESS_NO_PORT');
    sw.setPort('p2', { isolated: false });
    expect(told(sw, 'p1', frame({ payload: 9000 }))).toBe('F p2');
    expect(told(sw, 'p1', tagged(10))).toBe('F p2');
    const set = (patch: object) => () => sw.setPort('p1', patch as PortPatch);
    expect(set({ mtu: 1 })).toThrow('config: ports.p1.mtu: 1 is not an MTU');
    expect(set({ vlan: 20 })).toThrow('config: ports.p1.vlan: cannot be set here');
    expect(set({ state: 'up' })).toThrow('config: ports.p1.state');
    expect(() => sw.setPort('p9', {})).toThrow('no port p9');
    expect(told(sw, 'p1', frame({ payload: 9000 }))).toBe('F p2');
  });

  it('cannot go while a frame is being delivered; their links can', () => {
    const sw = made({ p1: access(1), p2: access(1), p3: access(1) });
    const said: unknown[] = [];
    sw.port('p2').onFrame(() => {
      for (const change of [
        () => sw.removePort('p3'),
        () => sw.addPort('p4'),
        () => sw.removeVlan(1),
        () => sw.removeMember('p1', 1),
        () => sw.setPvid('p1', null),
        () => sw.apply({}),
      ]) {
        try {
          change();
        } catch (error) {
          said.push((error as Error).name);
        }
      }
      sw.port('p3').down();
    });
    // p3 is after p2: its copy was on its way already.
    expect(told(sw, 'p1', frame())).toBe('F p2 p3');
    expect(said).toEqual(Array(6).fill('ControlError'));
    expect(told(sw, 'p1', frame())).toBe('F p2');
  });
});

describe('the MAC of an interface', () => {
  const MAC = '02:00:00:00:00:fe';
  const ports = { p1: { adapter: 'memory' as const, vlan: 10 } };
  const config = (mtu: number) => ({
    ports,
    vlans: { 20: {} },
    interfaces: { gw: { vlan: 10, mac: MAC, mtu, addresses: ['10.0.0.1/24'] } },
  });

  it('is not taken out of the FDB, nor given to a port', () => {
    const sw = made({ p1: access(10) }, config(1500));
    const problem = `${MAC} is the MAC of interface gw in VLAN 10; change or remove the interface`;
    expect(() => sw.deleteFdbEntry({ mac: MAC, vid: 10 })).toThrow(problem);
    expect(() => sw.addFdbEntry({ mac: MAC, vid: 10, port: 'p1' })).toThrow(problem);
    expect(() => sw.apply({ ...config(1500), fdb: [{ mac: MAC, vlan: 10, port: 'p1' }] })).toThrow(
      `fdb[0].mac: ${problem}`,
    );
    expect(entries(sw)).toEqual([`10 ${MAC} null local`]);
    expect(() => sw.removeVlan(10)).toThrow('VLAN 10 has the interface gw; remove the interface first');
    // In another VLAN it is anybody's.
    sw.addFdbEntry({ mac: MAC, vid: 20, kind: 'blackhole' });
    sw.apply({ ports });
    sw.addFdbEntry({ mac: MAC, vid: 10, port: 'p1' });
    expect(entries(sw)).toEqual([`10 ${MAC} p1 static`]);
    sw.apply(config(1400));
    expect(entries(sw)).toEqual([`10 ${MAC} null local`]);
    const redirects = { ...config(1300), interfaces: { gw: { ...config(1300).interfaces.gw, redirects: true } } };
    expect(sw.apply(redirects)).toEqual(['set-interface gw (mtu 1400 -> 1300, redirects)']);
    expect(sw.apply(redirects)).toEqual([]);
    expect(sw.apply(config(1300))).toEqual(['set-interface gw (not redirects)']);
  });
});

it('an interface is no port: its VLAN is not changed by the calls of ports', () => {
  const sw = made({ p1: access(10) }, { interfaces: { gw: { vlan: 10, addresses: ['10.0.0.1/24'] } } });
  const problem = 'gw is an interface and no port; apply changes it';
  expect(() => sw.setPvid('gw', 20)).toThrow(problem);
  expect(() => sw.setMember('gw', 20, 'tagged')).toThrow(problem);
  expect(() => sw.removeMember('gw', 10)).toThrow(problem);
  expect(() => sw.setPort('gw', { mtu: 1400 })).toThrow(problem);
  expect(() => sw.removePort('gw')).toThrow(problem);
  expect(() => sw.setPvid('p9', 20)).toThrow('no port p9');
});

describe('what is to be forgotten', () => {
  it('has keys that are known: `vlan` for `vid` would mean everything', () => {
    const sw = made({ p1: access(10), p2: access(10) });
    told(sw, 'p1', frame());
    expect(() => sw.flushFdb({ vlan: 20 } as never)).toThrow('vlan is not known here; valid are port, vid, bridge');
    expect(() => sw.vxlan.flush({ address: '192.0.2.9' } as never)).toThrow('valid are vtep, port, vni, peer');
    expect(sw.fdb()).toHaveLength(1);
    sw.flushFdb({ vid: 10 });
    expect(sw.fdb()).toEqual([]);
  });
});

describe('options', () => {
  it('are known ones: a slip of the pen is no silence', () => {
    const known = 'valid are clock, autoTick, seed, batch, queueFrames, maxAnswers';
    expect(() => createSwitch({ ports: {} }, { autotick: false } as never)).toThrow(
      `autotick is not known here; ${known}`,
    );
    const sw = made({ p1: access(10) });
    expect(() => sw.hook('ingress', () => {}, { budget: 5 } as never)).toThrow('valid are budgetUs');
    expect(() => sw.addVlan(10, { maxEntries: 5 } as never)).toThrow('valid are name, fdbMaxEntries, bridge');
  });
});

describe('VLANs', () => {
  it('keep what is not said of them', () => {
    const ports = { p1: { adapter: 'memory', ...access(10) } as const };
    const sw = createSwitch({ ports });
    sw.addVlan(10, { name: 'red' });
    sw.addVlan(10, { fdbMaxEntries: 1 });
    expect(sw.plan({ vlans: { 10: { name: 'red', fdbMaxEntries: 1 } }, ports })).toEqual([]);
    expect(() => sw.addVlan(20, { name: 'red' })).toThrow('"red" is the name of VLAN 10');
    sw.addVlan(10, { name: 'blue' });
    expect(sw.plan({ vlans: { 10: { name: 'blue', fdbMaxEntries: 1 } }, ports })).toEqual([]);
    sw.close();
  });

  it('have names and limits of their own', () => {
    const sw = made({ t1: trunk('all'), t2: trunk('all') });
    sw.addVlan(10, { name: 'red', fdbMaxEntries: 1 });
    told(sw, 't1', tagged(10, { src: A }));
    told(sw, 't1', tagged(10, { src: B }));
    expect(entries(sw)).toEqual([`10 ${B} t1 dynamic`]);
    expect(sw.ledger().vlans.find((v) => v.vid === 10)?.name).toBe('red');
    expect(() => sw.addVlan(10, { fdbMaxEntries: -1 })).toThrow(RangeError);
    expect(() => sw.addVlan(0)).toThrow('0 is not a VLAN ID');
  });

  it('go with members, addresses and PVIDs; what they counted stays in the ledger', () => {
    const sw = made({ p1: hybrid({ pvid: 10, untagged: 10, tagged: 20 }), p2: trunk('10,20') });
    told(sw, 'p1', frame());
    sw.removeVlan(10);
    expect(sw.fdb()).toEqual([]);
    expect(told(sw, 'p1', frame())).toBe('INGRESS_NO_PVID');
    expect(told(sw, 'p2', tagged(10))).toBe('INGRESS_VLAN');
    expect(told(sw, 'p2', tagged(20))).toBe('F p1');
    expect(sw.ledger()).toMatchObject({ balanced: true, noVlan: { received: 3, delivered: 1 } });
    expect(() => sw.removeVlan(10)).toThrow('has no VLAN 10');
  });
});

describe('apply', () => {
  const config = (ports: object, rest: object = {}) => ({ ports, ...rest }) as never;
  const port = (vlan: number) => ({ adapter: 'memory', mode: 'access', vlan });

  it('changes what differs and keeps the rest: links, addresses, counters', () => {
    const sw = createSwitch(config({ p1: port(10), p2: port(10), p3: port(20) }));
    sw.port('p1').send(frame());
    const { p1 } = sw.counters();
    const to = config({ p1: port(10), p2: port(20), p4: port(10) });
    const actions = ['remove-port p3', 'add-port p4 (access, bridge loom0)'];
    expect(sw.plan(to)).toEqual(expect.arrayContaining(actions));
    expect(sw.apply(to)).toEqual(expect.arrayContaining(actions));
    expect(sw.plan(to)).toEqual([]);
    expect(sw.counters().p1).toEqual(p1);
    expect(sw.port('p4').send(frame({ src: B, dst: A })).ports).toEqual(['p1']);
    expect(sw.ports.map((p) => p.name)).toEqual(['p1', 'p2', 'p4']);
    expect(sw.ledger().balanced).toBe(true);
    sw.close();
  });

  it('changes, adds and removes tunnels', () => {
    const tunnel = (vni: number) => ({
      adapter: 'vxlan',
      vxlan: { vtep: 'v', vnis: { 10: vni }, remotes: ['192.0.2.9'] },
    });
    const vteps = {
      v: { underlay: 'port', uplink: 'up', local: '192.0.2.1/24', neighbors: { '192.0.2.9': '02:00:00:00:00:99' } },
    };
    const up = { adapter: 'memory' };
    const without = config({ p1: port(10), up });
    const one = config({ p1: port(10), up, x: tunnel(1010) }, { vteps });
    const other = config({ p1: port(10), up, x: tunnel(2020) }, { vteps });
    const vniSent = (sw: Switch) => {
      sw.port('up').receive();
      sw.port('p1').send(frame());
      const outer = sw
        .port('up')
        .receive()
        .filter((sent) => sent.readUInt16BE(12) === 0x0800);
      return outer.map((sent) => sent.readUIntBE(14 + 20 + 8 + 4, 3));
    };
    const sw = createSwitch(one);
    expect(sw.plan(one)).toEqual([]);
    expect(vniSent(sw)).toEqual([1010]);
    sw.vxlan.setPathMtu('v', '192.0.2.9', 1400);
    for (const mtu of [-1, 67, 1400.5, Number.NaN, 65_536]) {
      expect(() => sw.vxlan.setPathMtu('v', '192.0.2.9', mtu)).toThrow(RangeError);
    }
    for (const [to, vnis] of [
      [other, [2020]],
      [without, []],
      [one, [1010]],
      [without, []],
      [other, [2020]],
    ] as const) {
      sw.apply(to);
      expect(sw.plan(to)).toEqual([]);
      expect(vniSent(sw)).toEqual(vnis);
    }
    expect(sw.ledger().balanced).toBe(true);
    sw.close();
  });

  it('starts from what is, however it came to be', () => {
    const to = config({ p1: port(10), p2: port(10) });
    const sw = createSwitch(to);
    sw.setMember('p1', 30, 'tagged');
    sw.setPvid('p2', 99);
    sw.setPort('p1', { hairpin: true });
    sw.addFdbEntry({ mac: A, vid: 10, port: 'p1' });
    sw.addPort('p3');
    sw.addVlan(7);
    expect(sw.apply(to)).not.toEqual([]);
    expect(sw.apply(to)).toEqual([]);
    expect(sw.fdb()).toEqual([]);
    expect(sw.ledger().vlans.map((v) => v.vid)).toEqual([10]);
    expect(sw.port('p2').send(frame()).ports).toEqual(['p1']);
    sw.close();
  });

  it('puts back what was there when there is no room', () => {
    const before = config({ p1: port(10), p2: port(10) });
    const sw = createSwitch(before);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x${n}`, port(10)]));
    expect(() => sw.apply(config({ p1: port(20), ...many }))).toThrow('no room for another port');
    expect(sw.ports.map((p) => p.name)).toEqual(['p1', 'p2']);
    expect(sw.plan(before)).toEqual([]);
    expect(sw.port('p1').send(frame()).ports).toEqual(['p2']);
    sw.close();
  });

  it('refuses a wrong configuration and changes nothing', () => {
    const before = config({ p1: port(10) });
    const sw = createSwitch(before);
    expect(() => sw.apply('ports: { p1: { adapter: memory, vlan: 0 } }')).toThrow(ConfigError);
    expect(() => sw.apply(config({ p1: { adapter: 'tap', device: 'tap0' } }))).toThrow('ports.p1.adapter: is tap');
    expect(sw.plan(before)).toEqual([]);
    sw.close();
  });
});
