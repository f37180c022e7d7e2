/**
 * Hooks at their three places, and the fence around them: what they throw, how long they take, what they do to themselves.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSwitch, HookBudgetError, type HookFailure, type HookPlace, wire } from '../../../src/index.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const ALL = 'ff:ff:ff:ff:ff:ff';
const PLACES: HookPlace[] = ['ingress', 'egress', 'drop'];
const frame = (dst: string, src: string, text = 'hello', type = 0x88b5) =>
  wire.ethernetFrame({ dst, src }, type, new TextEncoder().encode(text));
const access = (vlan: number) => ({ adapter: 'memory', mode: 'access', vlan }) as const;

/** p1 and p2 in VLAN 10, p3 alone in 20, p4 a trunk. */
function world() {
  const sw = createSwitch({
    ports: { p1: access(10), p2: access(10), p3: access(20), p4: { adapter: 'memory', mode: 'trunk', vlans: '10' } },
  });
  const failures: HookFailure[] = [];
  sw.on('hookFailed', (failure) => failures.push(failure));
  return { sw, failures };
}

/** One frame that is delivered and one that is dropped: each place has something to see. */
function traffic(sw: ReturnType<typeof world>['sw']) {
  sw.port('p1').send(frame(ALL, A));
  sw.port('p3').send(frame(ALL, B));
}

const busy = (ms: number) => {
  for (const end = performance.now() + ms; performance.now() < end; );
};

afterEach(() => vi.restoreAllMocks());

describe('egress and drop', () => {
  it('see every copy that leaves, with its tag, where it came from and its VLAN', () => {
    const { sw } = world();
    const seen: unknown[] = [];
    sw.hook('egress', (view, offset, length, port, from, vid) => {
      seen.push([port, from, vid, length, view.getUint16(offset + 12).toString(16)]);
    });
    const sent = frame(ALL, A);
    sw.port('p1').send(sent);
    expect(seen).toEqual([
      ['p2', 'p1', 10, sent.length, '88b5'],
      ['p4', 'p1', 10, sent.length + 4, '8100'],
    ]);
    expect(sw.port('p4').receive()).toHaveLength(1);
    sw.close();
  });

  it('see only what the port has taken', () => {
    const sw = createSwitch({ ports: { p1: access(10), p2: access(10) } }, { queueFrames: 1 });
    let left = 0;
    const dropped: string[] = [];
    sw.hook('egress', () => left++);
    sw.hook('drop', (_view, _offset, _length, port, reason) => dropped.push(`${port} ${reason}`));
    sw.port('p1').sendBatch([frame(ALL, A), frame(ALL, A), frame(ALL, A)]);
    expect([left, sw.port('p2').counters().txFrames]).toEqual([1, 1]);
    expect(dropped).toEqual(['p1 TX_RING_FULL', 'p1 TX_RING_FULL']);
    sw.close();
  });

  it('see every drop as it was, with its reason', () => {
    const { sw } = world();
    const seen: unknown[] = [];
    sw.hook('drop', (view, offset, length, port, reason, vid) => {
      seen.push([port, reason, vid, Buffer.from(view.buffer, view.byteOffset + offset, length).toString('hex')]);
    });
    traffic(sw);
    sw.port('p1').send(new Uint8Array(3));
    expect(seen).toEqual([
      ['p3', 'EGRESS_NO_PORT', 20, Buffer.from(frame(ALL, B)).toString('hex')],
      ['p1', 'PARSE_RUNT', null, '000000'],
    ]);
    sw.close();
  });
});

describe('ingress', () => {
  it('drops with a reason of its own, and the frame teaches nobody', () => {
    const { sw } = world();
    const dropped: string[] = [];
    sw.hook('ingress', (view, offset) => (view.getUint16(offset + 12) === 0x0806 ? 'drop' : undefined));
    let later = 0;
    sw.hook('ingress', () => {
      later++;
      return 'whatever';
    });
    sw.hook('drop', (_view, _offset, _length, _port, reason) => dropped.push(reason));
    expect(sw.port('p1').send(frame(ALL, A, 'arp', 0x0806))).toEqual({
      verdict: 'drop',
      reason: 'INGRESS_HOOK',
      vid: null,
      ports: [],
    });
    expect([sw.fdb(), later, dropped]).toEqual([[], 0, ['INGRESS_HOOK']]);
    sw.port('p1').sendBatch([frame(ALL, A), frame(ALL, B, 'arp', 0x0806), frame(ALL, A)]);
    expect(sw.port('p2').receive()).toHaveLength(2);
    expect(sw.fdb().map(({ mac }) => mac)).toEqual([A]);
    expect(later).toBe(2);
    expect(sw.ledger()).toMatchObject({ balanced: true, total: { received: 4, dropped: 2 } });
    expect(sw.port('p1').counters()).toMatchObject({ rxFrames: 4, drops: { INGRESS_HOOK: 2 } });
    sw.close();
  });

  it('may change bytes in place: what is forwarded is what is there then', () => {
    const { sw } = world();
    sw.hook('ingress', (view, offset) => view.setUint8(offset + 11, 0x0b));
    sw.port('p1').send(frame(ALL, A));
    expect(sw.fdb().map(({ mac }) => mac)).toEqual([B]);
    expect(sw.port('p2').receive()).toEqual([Buffer.from(frame(ALL, B))]);
    sw.close();
  });

  it('drops outer frames of a tunnel before they are opened', () => {
    const sw = createSwitch({
      vteps: { v0: { underlay: 'port', uplink: 'up', local: '192.0.2.1/24' } },
      ports: {
        up: { adapter: 'memory' },
        p1: access(10),
        vx: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { 10: 10010 }, remotes: ['192.0.2.2'] } },
      },
    });
    sw.hook('ingress', (_view, _offset, _length, port) => (port === 'up' ? 'drop' : undefined));
    sw.port('up').sendBatch([frame(ALL, A), frame(ALL, B)]);
    expect(sw.port('up').counters()).toMatchObject({ rxFrames: 2, drops: { INGRESS_HOOK: 2 } });
    expect(sw.ledger().balanced).toBe(true);
    sw.close();
  });
});

describe('the fence', () => {
  it.each(PLACES)('%s: one that throws is removed and reported, and forwarding goes on', (place) => {
    const { sw, failures } = world();
    let calls = 0;
    let others = 0;
    sw.hook(place as 'ingress', () => {
      calls++;
      throw new Error('thrown');
    });
    sw.hook(place as 'ingress', () => others++);
    traffic(sw);
    traffic(sw);
    expect(calls).toBe(1);
    expect(others).toBeGreaterThan(1);
    const port = { ingress: 'p1', egress: 'p2', drop: 'p3' }[place];
    expect(failures.map(({ hook, port, error }) => [hook, port, String(error)])).toEqual([
      [place, port, 'Error: thrown'],
    ]);
    expect(sw.port('p2').receive()).toHaveLength(2);
    expect(sw.port('p4').receive()).toHaveLength(2);
    expect(sw.ledger()).toMatchObject({ balanced: true, total: { received: 4, delivered: 2, dropped: 2 } });
    sw.close();
  });

  it.each(PLACES)('%s: one that is slow is removed and reported, and forwarding goes on', (place) => {
    const { sw, failures } = world();
    let calls = 0;
    sw.hook(
      place as 'ingress',
      () => {
        calls++;
        busy(3);
      },
      { budgetUs: 200 },
    );
    for (let n = 0; n < 10; n++) traffic(sw);
    // Three batches, of a frame each; an egress hook has one for each port.
    expect(calls).toBe(3);
    expect(failures).toHaveLength(1);
    expect(failures[0]!.error).toBeInstanceOf(HookBudgetError);
    expect(String(failures[0]!.error)).toMatch(/took \d{4,} us a frame, 3 batches in a row over its budget of 200 us/);
    expect(sw.port('p2').receive()).toHaveLength(10);
    expect(sw.ledger().balanced).toBe(true);
    sw.close();
  });

  it('one slow batch proves nothing, and Infinity is no budget', () => {
    const { sw, failures } = world();
    let calls = 0;
    sw.hook('ingress', () => (++calls % 3 === 0 ? busy(0) : busy(12)), { budgetUs: 8000 });
    sw.hook('ingress', () => busy(2), { budgetUs: Number.POSITIVE_INFINITY });
    for (let n = 0; n < 9; n++) sw.port('p1').send(frame(ALL, A));
    expect([calls, failures]).toEqual([9, []]);
    sw.close();
  });

  it('is a warning of the process when nobody listens', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { sw } = world();
    sw.removeAllListeners('hookFailed');
    for (const place of PLACES) {
      sw.hook(place as 'ingress', () => {
        throw new Error(place);
      });
    }
    traffic(sw);
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      'the ingress hook failed and was removed: Error: ingress',
      'the egress hook failed and was removed: Error: egress',
      'the drop hook failed and was removed: Error: drop',
    ]);
    sw.close();
  });
});

describe('coming and going', () => {
  it.each(PLACES)('%s: a hook may remove itself and another, and add one, while it is called', (place) => {
    const { sw, failures } = world();
    const calls = { first: 0, second: 0, added: 0 };
    const removeFirst = sw.hook(place as 'ingress', () => {
      calls.first++;
      removeFirst();
      removeSecond();
      sw.hook(place as 'ingress', () => calls.added++);
    });
    const removeSecond = sw.hook(place as 'ingress', () => calls.second++);
    sw.port('p1').sendBatch([frame(ALL, A), frame(ALL, A)]);
    sw.port('p3').sendBatch([frame(ALL, B), frame(ALL, B)]);
    sw.port('p3').send(frame(ALL, B));
    expect([calls.first, calls.second, failures]).toEqual([1, 0, []]);
    expect(calls.added).toBeGreaterThan(0);
    removeFirst();
    expect(sw.port('p2').receive()).toHaveLength(2);
    sw.close();
  });

  it('what a hook sends waits its turn', () => {
    const { sw } = world();
    let once = true;
    sw.hook('egress', () => {
      if (once) expect(sw.port('p2').send(frame(A, B, 'answer')).verdict).toBe('queued');
      once = false;
    });
    sw.port('p1').send(frame(ALL, A));
    expect(sw.port('p1').receive()).toEqual([Buffer.from(frame(A, B, 'answer'))]);
    sw.close();
  });

  it('refuses what is no hook', () => {
    const { sw } = world();
    expect(() => sw.hook('middle' as never, () => {})).toThrow(
      'there is no hook "middle"; valid are ingress, egress, drop',
    );
    expect(() => sw.hook('drop', 7 as never)).toThrow('a hook is a function');
    expect(() => sw.hook('drop', () => {}, { budgetUs: 0 })).toThrow(RangeError);
    sw.close();
  });
});
