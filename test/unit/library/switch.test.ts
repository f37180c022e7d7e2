/**
 * The library as a program uses it: frames in, frames out, answers from listeners, events, changes while it runs.
 */
import { describe, expect, it, vi } from 'vitest';
import { ConfigError, ControlError, createSwitch, type FdbChange, manualClock, wire } from '../../../src/index.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const ALL = 'ff:ff:ff:ff:ff:ff';
const frame = (dst: string, src: string, text = 'hello') =>
  wire.ethernetFrame({ dst, src }, 0x88b5, new TextEncoder().encode(text));
const access = (vlan: number) => ({ adapter: 'memory', mode: 'access', vlan }) as const;
const threePorts = () => ({ ports: { p1: access(10), p2: access(10), p3: access(20) } });

describe('createSwitch', () => {
  it('floods, learns, forwards and says so', () => {
    const sw = createSwitch(threePorts());
    expect(sw.port('p1').send(frame(ALL, A))).toEqual({ verdict: 'flood', reason: null, vid: 10, ports: ['p2'] });
    expect(sw.port('p2').send(frame(A, B))).toEqual({ verdict: 'forward', reason: null, vid: 10, ports: ['p1'] });
    expect(sw.port('p2').receive()).toEqual([Buffer.from(frame(ALL, A))]);
    expect(sw.port('p2').receive()).toEqual([]);
    expect(sw.fdb().map(({ mac, port, vid, kind }) => [mac, port, vid, kind])).toEqual([
      [A, 'p1', 10, 'dynamic'],
      [B, 'p2', 10, 'dynamic'],
    ]);
    expect(sw.port('p3').send(frame(ALL, A))).toEqual({
      verdict: 'drop',
      reason: 'EGRESS_NO_PORT',
      vid: 20,
      ports: [],
    });
    expect(sw.drops()).toEqual({ EGRESS_NO_PORT: 1 });
    expect(sw.ledger()).toMatchObject({ balanced: true, total: { received: 3, delivered: 2, dropped: 1 } });
    sw.close();
  });

  it('takes YAML, JSON and an object, and refuses all wrong ones with the path', () => {
    const yaml = 'ports:\n  p1: { adapter: memory, mode: access, vlan: 10 }\n';
    for (const config of [yaml, JSON.stringify({ ports: { p1: access(10) } }), { ports: { p1: access(10) } }]) {
      const sw = createSwitch(config);
      expect(sw.ports.map((p) => p.name)).toEqual(['p1']);
      sw.close();
    }
    const bad = (config: unknown) => () => createSwitch(config as string);
    expect(bad({ ports: { p1: access(4095) } })).toThrow(ConfigError);
    expect(bad({ ports: { p1: access(4095) } })).toThrow('config: ports.p1.vlan: 4095 is not a VLAN ID');
    expect(bad('ports:\n  p1: { adapter: memory, mode: acces }\n')).toThrow(/^config:2: ports\.p1\.mode: .*access/);
    expect(bad({ ports: { t: { adapter: 'tap', device: 'tap0' } } })).toThrow('config: ports.t.adapter: is tap');
    expect(bad({ ports: { p1: () => 1 } })).toThrow('config: ports.p1: is a function');
    expect(bad({ ports: new Map() })).toThrow('config: ports: is an object with behaviour');
    expect(bad(JSON.parse('{"ports":{"__proto__":{"adapter":"memory"}}}'))).toThrow('reserved');
    expect(bad(null)).toThrow(ConfigError);
    expect(bad(7)).toThrow(ConfigError);
    const loop: Record<string, unknown> = {};
    loop.ports = loop;
    expect(bad(loop)).toThrow('levels deep');
    expect(() => createSwitch({}, { batch: 0 })).toThrow(RangeError);
    expect(() => createSwitch({}, { seed: -1 })).toThrow(RangeError);
  });

  it('takes undefined for absent, and keeps nothing of the caller', () => {
    const config = { ports: { p1: { ...access(10), pvid: undefined }, p2: access(10) } };
    const sw = createSwitch(config as never);
    Object.assign(config.ports.p2, { vlan: 20 });
    expect(sw.port('p1').send(frame(ALL, A)).ports).toEqual(['p2']);
    sw.close();
  });

  it('gives views that hold until the listener returns, joined where a flood has two shapes', () => {
    const sw = createSwitch({
      ports: {
        in: access(10),
        plain: access(10),
        trunk: { adapter: 'memory', mode: 'trunk', vlans: '10,20' },
      },
    });
    const seen: [string, string, string, number | null][] = [];
    for (const name of ['plain', 'trunk']) {
      sw.port(name).on('frame', (bytes, info) => {
        seen.push([info.port, bytes.toString('hex'), info.from, info.vid]);
      });
    }
    const sent = frame(ALL, A);
    const hex = Buffer.from(sent).toString('hex');
    expect(sw.port('in').send(sent).ports).toEqual(['plain', 'trunk']);
    const tagged = `${hex.slice(0, 24)}8100000a${hex.slice(24)}`;
    expect(seen).toEqual([
      ['plain', hex, 'in', 10],
      ['trunk', tagged, 'in', 10],
    ]);
    // Both ways: a tagged frame makes the untagged shape the other one.
    seen.length = 0;
    sw.port('trunk').send(Buffer.from(tagged.replace('00000a88', '00000b88'), 'hex'));
    sw.port('trunk').send(Buffer.from(tagged, 'hex'));
    expect(seen.every(([port, bytes]) => port === 'plain' && !bytes.includes('8100000a'))).toBe(true);
    sw.close();
  });

  it('forwards what listeners send, in order and without recursion', () => {
    const sw = createSwitch({ ports: { p1: access(1), p2: access(1) } });
    let rounds = 0;
    const verdicts: string[] = [];
    const bounce = (name: string, dst: string, src: string) =>
      sw.port(name).onFrame(() => {
        if (++rounds <= 50_000) verdicts.push(sw.port(name).send(frame(dst, src)).verdict);
      });
    bounce('p1', B, A);
    bounce('p2', A, B);
    expect(sw.port('p1').send(frame(ALL, A)).verdict).toBe('flood');
    expect(rounds).toBe(50_001);
    expect(new Set(verdicts)).toEqual(new Set(['queued']));
    expect(sw.ledger()).toMatchObject({ balanced: true, total: { received: 50_001, delivered: 50_001 } });
    sw.close();
  });

  it('ends a loop of listeners with an error, and works on', () => {
    const sw = createSwitch({ ports: { p1: access(1), p2: access(1) } }, { maxAnswers: 100 });
    const stop = sw.port('p2').onFrame(() => {
      sw.port('p1').send(frame(ALL, A));
    });
    expect(() => sw.port('p1').send(frame(ALL, A))).toThrow(/more than 100 frames.* 1 are not forwarded/);
    stop();
    expect(sw.port('p1').send(frame(ALL, A)).ports).toEqual(['p2']);
    expect(sw.ledger()).toMatchObject({ balanced: true, total: { received: 102, delivered: 102 } });
    sw.close();
  });

  it('throws what a listener threw, after everybody got the frame', () => {
    const sw = createSwitch({ ports: { p1: access(1), p2: access(1), p3: access(1) } });
    sw.port('p2').onFrame(() => {
      throw new Error('assertion in p2');
    });
    expect(() => sw.port('p1').send(frame(ALL, A))).toThrow('assertion in p2');
    expect(sw.port('p3').receive()).toHaveLength(1);
    sw.port('p3').onFrame(() => {
      throw new Error('and in p3');
    });
    expect(() => sw.port('p1').sendBatch([frame(ALL, A)])).toThrow(AggregateError);
    expect(sw.ledger().balanced).toBe(true);
    sw.close();
  });

  it('forwards batches in order, whatever their size', () => {
    const run = (batch: number) => {
      const sw = createSwitch(threePorts(), { batch, queueFrames: 1000 });
      const arrivals = Array.from({ length: 300 }, (_, n) => ({
        port: n % 3 === 0 ? 'p1' : 'p2',
        frame: frame(n % 5 === 0 ? ALL : n % 2 === 0 ? A : B, n % 7 < 3 ? A : B, `n${n}`),
      }));
      sw.send(arrivals);
      sw.port('p1').sendBatch(arrivals.map((a) => a.frame));
      const out = sw.ports.map((p) => p.receive().map(String));
      const ledger = sw.ledger();
      sw.close();
      return { out, ledger };
    };
    const one = run(1);
    expect(one.ledger).toMatchObject({ balanced: true, total: { received: 600 } });
    for (const batch of [2, 255, 256, 4096]) expect(run(batch)).toEqual(one);
  });

  it('counts what nobody takes, and bounds what it keeps', () => {
    const sw = createSwitch({ ports: { p1: access(1), p2: access(1) } }, { queueFrames: 2 });
    for (let n = 0; n < 3; n++) sw.port('p1').send(frame(ALL, A));
    expect(sw.port('p1').send(frame(ALL, A))).toMatchObject({ verdict: 'drop', reason: 'TX_RING_FULL', ports: [] });
    expect(sw.port('p2').receive()).toHaveLength(2);
    expect(sw.port('p2').counters()).toMatchObject({ txFrames: 2, txDropped: 2 });
    expect(sw.drops()).toEqual({ TX_RING_FULL: 2 });
    expect(sw.ledger().balanced).toBe(true);
    sw.close();
  });

  it('refuses what is no frame, and a frame that no slot holds', () => {
    const sw = createSwitch(threePorts());
    expect(() => sw.port('p1').send('frame' as never)).toThrow(TypeError);
    expect(() => sw.port('p1').send(new Uint8Array(70_000))).toThrow(RangeError);
    expect(sw.port('p1').send(new Uint8Array(0)).reason).toBe('PARSE_RUNT');
    expect(sw.port('p1').send(frame(ALL, A), { truncated: true }).reason).toBe('PARSE_TRUNCATED_CAPTURE');
    const big = new Uint8Array(60_000);
    big.set(frame(ALL, A));
    sw.port('p1').sendBatch(Array.from({ length: 100 }, () => big));
    expect(sw.drops()).toMatchObject({ PARSE_TOO_LONG: 100 });
    expect(() => sw.port('p1').sendBatch([frame(ALL, A), 'x' as never])).toThrow(TypeError);
    expect(sw.port('p2').receive()).toHaveLength(1);
    expect(() => sw.port('nobody')).toThrow(ControlError);
    expect(sw.ledger()).toMatchObject({ balanced: true, total: { received: 103 } });
    sw.close();
    sw.close();
    expect(() => sw.port('p1').send(frame(ALL, A))).toThrow('closed');
  });
});

describe('frames whose memory was transferred away', () => {
  it('are refused, however often, and keep no room', () => {
    const sw = createSwitch(threePorts());
    const gone = new Uint8Array(60);
    structuredClone(gone, { transfer: [gone.buffer] });
    for (let n = 0; n < 5000; n++) expect(() => sw.port('p1').send(gone)).toThrow(/transferred away/);
    expect(() => sw.port('p1').sendBatch([frame(ALL, A), gone])).toThrow(/transferred away/);
    expect(sw.port('p1').send(frame(ALL, A)).verdict).toBe('flood');
    sw.close();
  });
});

describe('events', () => {
  it('tells of learning, moving and ageing, exactly and only from the first listener on', () => {
    const clock = manualClock();
    expect(() => clock.advance('5' as never)).toThrow(RangeError);
    expect(() => clock.advance(Number.POSITIVE_INFINITY)).toThrow(RangeError);
    const sw = createSwitch(threePorts(), { clock });
    sw.port('p1').send(frame(ALL, B));
    const seen: [string, FdbChange][] = [];
    for (const event of ['learned', 'moved', 'aged'] as const) sw.on(event, (change) => seen.push([event, change]));
    sw.port('p1').send(frame(ALL, A));
    sw.port('p2').send(frame(ALL, A));
    const at = { bridge: 'loom0', vid: 10, mac: A };
    expect(seen).toEqual([
      ['learned', { ...at, port: 'p1', oldPort: null }],
      ['moved', { ...at, port: 'p2', oldPort: 'p1' }],
    ]);
    clock.advance(300_000);
    sw.tick();
    expect(seen).toHaveLength(2);
    clock.advance(1);
    sw.tick();
    expect(
      seen
        .slice(2)
        .map(([event, { mac }]) => `${event} ${mac}`)
        .sort(),
    ).toEqual([`aged ${A}`, `aged ${B}`]);
    expect(sw.fdb()).toEqual([]);
    sw.close();
  });

  it('tells all of a table that ages at once', () => {
    const clock = manualClock();
    const sw = createSwitch(threePorts(), { clock });
    let aged = 0;
    sw.on('aged', () => aged++);
    sw.on('eventsLost', (n) => expect.unreachable(`${n} events lost`));
    const many = 20_000;
    const mac = (n: number) => wire.formatMac(0x0200, n + 1);
    sw.port('p1').sendBatch(Array.from({ length: many }, (_, n) => frame(B, mac(n))));
    clock.advance(300_001);
    sw.tick();
    expect(aged).toBe(many);
    sw.close();
  });

  it('tells of links and drops; listeners may change the switch', () => {
    const sw = createSwitch(threePorts());
    const seen: unknown[] = [];
    sw.on('portDown', ({ port }) => seen.push(`down ${port}`));
    sw.on('portUp', ({ port }) => seen.push(`up ${port}`));
    sw.on('drop', ({ port, reason, vid, frame: f }) => {
      seen.push([port, reason, vid, Buffer.from(f).length]);
      if (reason === 'INGRESS_PORT_DOWN') sw.port('p1').up();
    });
    sw.port('p1').down();
    sw.port('p1').down();
    sw.port('p1').send(frame(ALL, A));
    sw.port('p1').send(new Uint8Array(13));
    expect(seen).toEqual(['down p1', ['p1', 'INGRESS_PORT_DOWN', null, 19], 'up p1', ['p1', 'PARSE_RUNT', null, 13]]);
    sw.close();
  });

  it('lets listeners of FDB events send and throw', () => {
    const sw = createSwitch({ ports: { p1: access(1), p2: access(1) } });
    const learned: string[] = [];
    sw.on('learned', ({ mac }) => {
      learned.push(mac);
      if (mac === A) sw.port('p2').send(frame(A, B));
      else throw new Error('thrown in learned');
    });
    expect(() => sw.port('p1').send(frame(ALL, A))).toThrow('thrown in learned');
    expect(learned).toEqual([A, B]);
    expect(sw.port('p1').receive()).toHaveLength(1);
    sw.close();
  });
});

describe('hooks', () => {
  it('see every frame before it is forwarded, with its place', () => {
    const sw = createSwitch(threePorts());
    const types = new Map<number, number>();
    const remove = sw.hook('ingress', (view, offset, length, port) => {
      if (length < 14) return;
      expect(port).toBe('p1');
      const type = view.getUint16(offset + 12);
      types.set(type, (types.get(type) ?? 0) + 1);
    });
    sw.port('p1').sendBatch([frame(ALL, A), frame(ALL, A), new Uint8Array(3)]);
    remove();
    sw.port('p1').send(frame(ALL, A));
    expect([...types]).toEqual([[0x88b5, 2]]);
    sw.close();
  });

  it('go when they throw; forwarding goes on', () => {
    const sw = createSwitch(threePorts());
    const failures: unknown[] = [];
    let calls = 0;
    sw.hook('ingress', () => {
      calls++;
      throw new Error('hook');
    });
    sw.on('hookFailed', ({ port, error }) => failures.push([port, String(error)]));
    sw.port('p1').sendBatch([frame(ALL, A), frame(ALL, A)]);
    expect([calls, failures]).toEqual([1, [['p1', 'Error: hook']]]);
    expect(sw.port('p2').receive()).toHaveLength(2);
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    sw.removeAllListeners('hookFailed');
    sw.hook('ingress', () => {
      throw new Error('again');
    });
    sw.port('p1').send(frame(ALL, A));
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
    sw.close();
  });
});
