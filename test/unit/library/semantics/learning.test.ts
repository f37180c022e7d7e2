/**
 * What the FDB learns, keeps, moves and forgets (IEEE 802.1Q-2022 §8.7, §8.8): each test is a row of the rules.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { type FdbChange, manualClock, type Switch, wire } from '../../../../src/index.ts';
import { A, access, B, BROADCAST, C, checkAll, entries, frame, hybrid, made, tagged, told, trunk } from './frames.ts';

afterEach(checkAll);

const three = { p1: access(1), p2: access(1), p3: access(1) };
const STATIC = '02:00:00:00:00:99';
const withEntry = (kind: 'static' | 'sticky' | 'external' | 'local' | 'blackhole', fdb = {}) => {
  const port = kind === 'blackhole' || kind === 'local' ? {} : { port: 'p1' };
  return made(three, { switch: { fdb }, fdb: [{ mac: STATIC, vlan: 1, kind, ...port }] });
};
const mac = (n: number) => wire.formatMac(0x0200, 0x1000 + n);
const hosts = (sw: Switch) =>
  sw.fdb().map((e) => `${e.port} ${Number.parseInt(e.mac.slice(-4).replace(':', ''), 16) & 0xfff}`);

describe('learning', () => {
  it('takes individual sources; a group source is a drop, an all-zero one is forwarded and not learned', () => {
    const sw = made(three);
    expect(told(sw, 'p1', frame({ src: '03:00:00:00:00:01' }))).toBe('PARSE_GROUP_SOURCE');
    expect(told(sw, 'p1', frame({ src: BROADCAST }))).toBe('PARSE_GROUP_SOURCE');
    expect(told(sw, 'p1', frame({ src: '00:00:00:00:00:00' }))).toBe('F p2 p3');
    expect(told(sw, 'p2', frame({ src: B, dst: '00:00:00:00:00:00' }))).toBe('F p1 p3');
    expect(entries(sw)).toEqual([`1 ${B} p2 dynamic`]);
  });

  it('comes after every ingress check', () => {
    const sw = made({ p1: access(1), t: trunk(10), p3: hybrid({ pvid: 'none', tagged: 10 }) });
    told(sw, 'p1', tagged(10));
    told(sw, 't', tagged(20, { src: B }));
    told(sw, 'p3', frame({ src: C }));
    expect(sw.fdb()).toEqual([]);
  });

  it('is by VLAN: the same address in two of them is two entries', () => {
    const sw = made({ t1: trunk('10,20'), t2: trunk('10,20') });
    told(sw, 't1', tagged(10));
    told(sw, 't2', tagged(20));
    expect(entries(sw)).toEqual([`10 ${A} t1 dynamic`, `20 ${A} t2 dynamic`]);
    expect(told(sw, 't2', tagged(10, { src: B, dst: A }))).toBe('t1');
  });

  it('needs a member in the VLAN', () => {
    const sw = made({ p1: trunk(10, { ingressFiltering: false }) }, { vlans: { 30: {} } });
    expect(told(sw, 'p1', tagged(30))).toBe('EGRESS_NO_PORT');
    expect(sw.fdb()).toEqual([]);
  });

  it('can be off for a port and for the bridge', () => {
    const port = made({ p1: access(1, { learning: false }), p2: access(1) });
    told(port, 'p1', frame());
    told(port, 'p2', frame({ src: B }));
    expect(entries(port)).toEqual([`1 ${B} p2 dynamic`]);
    const bridge = made(three, { switch: { learning: false } });
    told(bridge, 'p1', frame());
    expect(told(bridge, 'p2', frame({ src: B, dst: A }))).toBe('F p1 p3');
    expect(bridge.fdb()).toEqual([]);
  });

  it('happens in the state learning, where nothing is forwarded, and not in discarding', () => {
    const sw = made({ p1: access(1, { state: 'learning' }), p2: access(1, { state: 'discarding' }), p3: access(1) });
    expect(told(sw, 'p1', frame({ src: A }))).toBe('INGRESS_PORT_STATE');
    expect(told(sw, 'p2', frame({ src: B }))).toBe('INGRESS_PORT_STATE');
    expect(entries(sw)).toEqual([`1 ${A} p1 dynamic`]);
    expect(told(sw, 'p3', frame({ src: C, dst: A }))).toBe('EGRESS_PORT_STATE');
    expect(told(sw, 'p3', frame({ src: C }))).toBe('EGRESS_NO_PORT');
    sw.setPort('p1', { state: 'forwarding' });
    expect(told(sw, 'p3', frame({ src: C, dst: A }))).toBe('p1');
    // 802.1D-2004 §7.9.2: a port that stops learning forgets.
    sw.setPort('p1', { state: 'discarding' });
    expect(entries(sw)).toEqual([`1 ${C} p3 dynamic`]);
  });
});

describe('a move', () => {
  it('changes the port of a learned entry, counts and is told', () => {
    const sw = made(three);
    const moves: FdbChange[] = [];
    sw.on('moved', (change) => moves.push(change));
    told(sw, 'p1', frame());
    told(sw, 'p1', frame());
    told(sw, 'p2', frame());
    expect(moves).toEqual([{ bridge: 'loom0', vid: 1, mac: A, port: 'p2', oldPort: 'p1' }]);
    expect(entries(sw)).toEqual([`1 ${A} p2 dynamic`]);
    expect(told(sw, 'p3', frame({ src: C, dst: A }))).toBe('p2');
  });

  it.each(['static', 'sticky'] as const)('of a %s address never happens: it is reported, and forwarded', (kind) => {
    const sw = withEntry(kind);
    const reports: FdbChange[] = [];
    sw.on('staticViolation', (change) => reports.push(change));
    expect(told(sw, 'p2', frame({ src: STATIC }))).toBe('F p1 p3');
    expect(reports).toEqual([{ bridge: 'loom0', vid: 1, mac: STATIC, port: 'p2', oldPort: 'p1' }]);
    expect(entries(sw)).toEqual([`1 ${STATIC} p1 ${kind}`]);
    expect(told(sw, 'p1', frame({ src: STATIC }))).toBe('F p2 p3');
    expect(reports).toHaveLength(1);
  });

  it('of a static address is a drop with staticViolation: drop', () => {
    const sw = withEntry('static', { staticViolation: 'drop' });
    expect(told(sw, 'p2', frame({ src: STATIC }))).toBe('GUARD_STATIC_VIOLATION');
    expect(told(sw, 'p1', frame({ src: STATIC }))).toBe('F p2 p3');
  });

  it('of an external address happens: traffic knows better; it is learned then', () => {
    const sw = withEntry('external');
    const moves: FdbChange[] = [];
    sw.on('moved', (change) => moves.push(change));
    expect(told(sw, 'p2', frame({ src: B, dst: STATIC }))).toBe('p1');
    told(sw, 'p3', frame({ src: STATIC }));
    expect(moves.map(({ port, oldPort }) => [oldPort, port])).toEqual([['p1', 'p3']]);
    expect(entries(sw)).toContain(`1 ${STATIC} p3 dynamic`);
  });
});

describe('configured entries', () => {
  it('forward at once, never age and survive a flush', () => {
    const clock = manualClock();
    const sw = made(three, { fdb: [{ mac: STATIC, vlan: 1, port: 'p1' }] }, { clock });
    clock.advance(10_000_000);
    sw.tick();
    sw.flushFdb();
    sw.port('p1').down();
    sw.port('p1').up();
    expect(told(sw, 'p2', frame({ src: B, dst: STATIC }))).toBe('p1');
  });

  it('blackhole drops frames to it and from it', () => {
    const sw = withEntry('blackhole');
    expect(told(sw, 'p2', frame({ dst: STATIC }))).toBe('LOOKUP_BLACKHOLE');
    expect(told(sw, 'p2', frame({ src: STATIC }))).toBe('GUARD_BLACKHOLE_SOURCE');
  });

  it('local is consumed', () => {
    const sw = withEntry('local');
    expect(told(sw, 'p2', frame({ dst: STATIC }))).toBe('-');
    expect(sw.port('p2').counters().consumed).toBe(1);
  });

  it('come and go while it runs; a learned one makes way, a configured one refuses', () => {
    const sw = made(three);
    told(sw, 'p1', frame());
    sw.addFdbEntry({ mac: A, vid: 1, port: 'p2' });
    expect(entries(sw)).toEqual([`1 ${A} p2 static`]);
    expect(() => sw.addFdbEntry({ mac: A, vid: 1, port: 'p3' })).toThrow('has a static entry already');
    expect(() => sw.addFdbEntry({ mac: '01:00:5e:00:00:01', vid: 1, port: 'p3' })).toThrow('group address');
    expect(() => sw.addFdbEntry({ mac: B, port: 'p3' })).toThrow('needs a VLAN');
    expect(() => sw.addFdbEntry({ mac: B, vid: 7, port: 'p3' })).toThrow('has no VLAN 7');
    expect(() => sw.addFdbEntry({ mac: B, vid: 1, kind: 'dynamic' as never })).toThrow('is no kind of entry');
    for (const { bridge, vid, mac: address } of sw.fdb()) sw.deleteFdbEntry({ bridge, vid, mac: address });
    expect(sw.fdb()).toEqual([]);
    expect(() => sw.deleteFdbEntry({ mac: A, vid: 1 })).toThrow('no entry');
  });
});

describe('ageing', () => {
  it('is 300 s by default and exact: believed at 300 s, gone a millisecond later, swept or not', () => {
    const clock = manualClock(1_000_000);
    const sw = made(three, {}, { clock });
    told(sw, 'p1', frame());
    clock.advance(300_000);
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('p1');
    clock.advance(1);
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('F p1 p3');
    expect(entries(sw)).toEqual([`1 ${B} p2 dynamic`]);
  });

  it('is refreshed by the source alone', () => {
    const clock = manualClock();
    const sw = made(three, { switch: { fdb: { ageSeconds: 10 } } }, { clock });
    told(sw, 'p1', frame());
    for (let n = 0; n < 3; n++) {
      clock.advance(6000);
      told(sw, 'p1', frame());
    }
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('p1');
    clock.advance(6000);
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('p1');
    clock.advance(6000);
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('F p1 p3');
  });

  it('goes on across the wrap of 32-bit milliseconds', () => {
    const clock = manualClock(2 ** 31 - 5000);
    const sw = made(three, { switch: { fdb: { ageSeconds: 10 } } }, { clock });
    told(sw, 'p1', frame());
    clock.advance(10_000);
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('p1');
    clock.advance(1);
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('F p1 p3');
  });

  it('has bounds', () => {
    const age = (ageSeconds: number) => () => made(three, { switch: { fdb: { ageSeconds } } });
    for (const wrong of [9, 1_000_001, 0, -1]) expect(age(wrong)).toThrow('ageSeconds');
    for (const right of [10, 1_000_000]) expect(age(right)).not.toThrow();
  });

  it('follows a change of the time', () => {
    const clock = manualClock();
    const sw = made(three, {}, { clock });
    told(sw, 'p1', frame());
    sw.apply({
      switch: { fdb: { ageSeconds: 10 } },
      ports: Object.fromEntries(
        Object.keys(three).map((name) => [name, { adapter: 'memory', vlan: 1, mode: 'access' }]),
      ),
    });
    clock.advance(10_001);
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('F p1 p3');
  });
});

describe('flushing', () => {
  it('a port that goes down is forgotten, and drops what it brings and gets', () => {
    const sw = made(three);
    told(sw, 'p1', frame());
    told(sw, 'p2', frame({ src: B }));
    sw.port('p1').down();
    expect(entries(sw)).toEqual([`1 ${B} p2 dynamic`]);
    expect(told(sw, 'p1', frame())).toBe('INGRESS_PORT_DOWN');
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('F p3');
    sw.port('p1').up();
    expect(told(sw, 'p2', frame({ src: B, dst: A }))).toBe('F p1 p3');
  });

  it('a static entry on a port that is down drops the frame', () => {
    const sw = withEntry('static');
    sw.port('p1').down();
    expect(told(sw, 'p2', frame({ dst: STATIC }))).toBe('EGRESS_PORT_DOWN');
  });

  it('is by port, by VLAN, by both, or of everything', () => {
    const make = () => {
      const sw = made({ t1: trunk('10,20'), t2: trunk('10,20') });
      for (const [port, vid, src] of [
        ['t1', 10, A],
        ['t1', 20, A],
        ['t2', 10, B],
      ] as const) {
        told(sw, port, tagged(vid, { src }));
      }
      return sw;
    };
    const left = (what: Parameters<Switch['flushFdb']>[0]) => {
      const sw = make();
      sw.flushFdb(what);
      return entries(sw).map((text) => text.replace(/ dynamic| 02:00:00:00:00/g, ''));
    };
    expect(left({ port: 't1' })).toEqual(['10:0b t2']);
    expect(left({ vid: 10 })).toEqual(['20:0a t1']);
    expect(left({ port: 't1', vid: 10 })).toEqual(['10:0b t2', '20:0a t1']);
    expect(left({})).toEqual([]);
    expect(() => left({ vid: 30 })).toThrow('VLAN 30');
  });
});

describe('a full table', () => {
  const limited = (fdb: object, ports = three, rest = {}) => made(ports, { switch: { fdb }, ...rest });
  const learn = (sw: Switch, port: string, ...numbers: number[]) => {
    for (const n of numbers) expect(told(sw, port, frame({ src: mac(n) }))).toMatch(/^F /);
  };

  it('fair: the least recently used entry of the port that holds most goes', () => {
    const clock = manualClock();
    const sw = made(three, { switch: { fdb: { maxEntries: 4 } } }, { clock });
    const evicted: string[] = [];
    sw.on('evicted', ({ port, mac: address }) => evicted.push(`${port} ${address}`));
    learn(sw, 'p1', 1);
    for (const n of [2, 3, 4]) {
      clock.advance(1000);
      learn(sw, 'p2', n);
    }
    learn(sw, 'p3', 5);
    expect(hosts(sw)).toEqual(['p1 1', 'p2 3', 'p2 4', 'p3 5']);
    expect(evicted).toEqual([`p2 ${mac(2)}`]);
  });

  it('fair: a flood of addresses from one port takes nothing from the others', () => {
    const sw = limited({ maxEntries: 8 });
    learn(sw, 'p1', 1, 2);
    learn(sw, 'p2', 3);
    learn(sw, 'p3', ...Array.from({ length: 500 }, (_, n) => 100 + n));
    expect(hosts(sw).slice(0, 3)).toEqual(['p1 1', 'p1 2', 'p2 3']);
    expect(hosts(sw)).toHaveLength(8);
  });

  it('lru: the least recently used entry of all goes', () => {
    const clock = manualClock();
    const sw = made(three, { switch: { fdb: { maxEntries: 3, overflow: 'lru' } } }, { clock });
    for (const [port, n] of [
      ['p1', 1],
      ['p2', 2],
      ['p2', 3],
      ['p1', 1],
      ['p3', 4],
    ] as const) {
      clock.advance(1000);
      learn(sw, port, n);
    }
    expect(hosts(sw)).toEqual(['p1 1', 'p2 3', 'p3 4']);
  });

  it('refuse: a new source is not learned, and still forwarded', () => {
    const sw = limited({ maxEntries: 2, overflow: 'refuse' });
    const refused: string[] = [];
    sw.on('refused', ({ mac: address }) => refused.push(address));
    learn(sw, 'p1', 1, 2, 3);
    expect(hosts(sw)).toEqual(['p1 1', 'p1 2']);
    expect(refused).toEqual([mac(3)]);
    expect(told(sw, 'p2', frame({ src: mac(9), dst: mac(3) }))).toBe('F p1 p3');
  });

  it('of a port: that port pays', () => {
    const sw = limited({}, { ...three, p1: access(1, { fdbMaxEntries: 2 }) });
    learn(sw, 'p2', 9);
    learn(sw, 'p1', 1, 2, 3);
    expect(hosts(sw)).toEqual(['p1 2', 'p1 3', 'p2 9']);
    const refusing = limited({ overflow: 'refuse' }, { ...three, p1: access(1, { fdbMaxEntries: 2 }) });
    learn(refusing, 'p1', 1, 2, 3);
    expect(hosts(refusing)).toEqual(['p1 1', 'p1 2']);
  });

  it('of a VLAN: that VLAN pays', () => {
    const ports = { t1: trunk('10,20'), t2: trunk('10,20') };
    const sw = made(ports, { vlans: { 10: { fdbMaxEntries: 2 } } });
    for (const n of [1, 2, 3]) told(sw, 't1', tagged(10, { src: mac(n) }));
    for (const n of [1, 2, 3]) told(sw, 't1', tagged(20, { src: mac(n) }));
    expect(sw.fdb().map((e) => `${e.vid} ${e.mac.slice(-2)}`)).toEqual(['10 02', '10 03', '20 01', '20 02', '20 03']);
  });

  it('counts learned entries only: configured ones always fit', () => {
    const fdb = Array.from({ length: 100 }, (_, n) => ({ mac: mac(n), vlan: 1, port: 'p1' }));
    const sw = made(three, { switch: { fdb: { maxEntries: 1 } }, fdb });
    told(sw, 'p2', frame({ src: B }));
    expect(sw.fdb()).toHaveLength(101);
    for (let n = 0; n < 5000; n++) sw.addFdbEntry({ mac: mac(100 + n), vid: 1, port: 'p3' });
    expect(sw.fdb()).toHaveLength(5101);
    expect(told(sw, 'p1', frame({ src: mac(1), dst: B }))).toBe('p2');
  });

  it('has room again after a flush, without evicting anybody', () => {
    const sw = limited({ maxEntries: 2, overflow: 'refuse' });
    learn(sw, 'p1', 1, 2);
    sw.flushFdb({ port: 'p1' });
    learn(sw, 'p2', 3, 4);
    expect(hosts(sw)).toEqual(['p2 3', 'p2 4']);
  });
});
