/** What a replay promises beside forwarding: order, clocks, what it does with frames that no slot holds. */
import { describe, expect, it } from 'vitest';
import { capture, EPOCH_SECONDS, Host } from '../../../fixtures/scene.ts';
import { PcapWriter } from '../../../src/pcap/pcap-writer.ts';
import { MemorySink } from '../../../src/pcap/source.ts';
import { framesOf, replayBytes } from './run.ts';

const HUB = `
switch: { hub: true }
ports: { a: { adapter: memory }, b: { adapter: memory }, c: { adapter: memory }, x: { adapter: memory } }`;
const SECOND = 1_000_000;
const [a, b, c] = [1, 2, 3].map((n) => new Host(n));
const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex');
const time = (us: number) => EPOCH_SECONDS * 1e6 + us;

describe('order', () => {
  it('frames of all inputs in timestamp order, ties by input, then by record', async () => {
    const send = (host: Host, times: number[]) => capture(times.map((us, n) => [us, host.ping(b, n)] as const));
    const inputs = [
      ['a', send(a, [10, 30, 30, 50])],
      ['c', send(c, [10, 20, 30, 60])],
      ['b', send(b, [5, 30])],
    ] as const;
    const { captures } = await replayBytes(HUB, inputs);
    const seen = framesOf(captures.get('x')).map((frame) => [frame.time - time(0), frame.hex.slice(12, 24)]);
    const [ma, mb, mc] = [a, b, c].map((host) => host.mac.replaceAll(':', ''));
    expect(seen).toEqual([
      [5, mb],
      [10, ma],
      [10, mc],
      [20, mc],
      [30, ma],
      [30, ma],
      [30, mc],
      [30, mb],
      [50, ma],
      [60, mc],
    ]);
  });

  it('a capture whose time goes back keeps its own order', async () => {
    const times = [10, 40, 20, 30];
    const { captures } = await replayBytes(HUB, [
      ['a', capture(times.map((us, n) => [us, a.ping(b, n)] as const))],
      ['b', capture([[25, b.ping(a, 9)]])],
    ]);
    expect(framesOf(captures.get('x')).map((frame) => frame.time - time(0))).toEqual([10, 25, 40, 20, 30]);
  });

  it('many inputs, several for one port', async () => {
    const inputs = Array.from({ length: 40 }, (_, k) => {
      const times = Array.from({ length: 25 }, (_, n) => ((n * 40 + ((k * 17) % 40)) * 7) % 100_000);
      return [k % 2 === 0 ? 'a' : 'b', capture(times.sort((x, y) => x - y).map((us) => [us, a.ping(b, k)]))] as const;
    });
    const { captures, report } = await replayBytes(HUB, inputs);
    const written = framesOf(captures.get('x')).map((frame) => frame.time);
    expect(written.length).toBe(1000);
    expect(written).toEqual([...written].sort((x, y) => x - y));
    expect(report.ports.a.rxFrames).toBe(500);
    expect(report.inputs.map((input) => input.frames)).toEqual(inputs.map(() => 25));
  });

  it('nanoseconds decide the order and are dropped in what is written', async () => {
    const nano = (host: Host, nanos: number) => {
      const sink = new MemorySink();
      const writer = new PcapWriter(sink, { nanos: true });
      const frame = host.ping(b, 1);
      writer.write(frame, 0, frame.length, frame.length, EPOCH_SECONDS, nanos);
      writer.flush();
      return sink.bytes();
    };
    const { captures } = await replayBytes(HUB, [
      ['a', nano(a, 1999)],
      ['c', nano(c, 1998)],
    ]);
    expect(framesOf(captures.get('x'))).toEqual([
      { time: time(1), hex: hex(c.ping(b, 1)) },
      { time: time(1), hex: hex(a.ping(b, 1)) },
    ]);
  });
});

describe('clocks', () => {
  const AGEING = `
switch: { fdb: { ageSeconds: 10 } }
ports: { a: { adapter: memory }, b: { adapter: memory }, x: { adapter: memory } }`;
  const inputs = [
    ['a', capture([[0, a.arpRequest(b)]])],
    ['b', capture([10_000, 10_001].map((ms) => [ms * 1000, b.ping(a, ms)] as const))],
  ] as const;
  const toX = async (clock: 'packet' | 'none' | 'wall', speed = 1) => {
    const { captures, report } = await replayBytes(AGEING, inputs, { clock, speed });
    return { frames: framesOf(captures.get('x')).length, report };
  };

  it('packet: ages by the captures', async () => {
    const { frames, report } = await toX('packet');
    expect(frames).toBe(2); // the broadcast, and the ping after 10.001 s
    expect(report.durationSeconds).toBe(10.001);
    expect(report.firstTime).toBe(EPOCH_SECONDS);
    expect(report.fdb.map(({ mac, ageSeconds }) => [mac, ageSeconds])).toEqual([[b.mac, 0.001]]);
    expect(report.fdbStats.aged).toBe(0); // it is forgotten, and its place is not needed yet
  });

  it('none: nothing ages', async () => {
    const { frames, report } = await toX('none');
    expect(frames).toBe(1);
    expect(report.fdb.map(({ mac, ageSeconds }) => [mac, ageSeconds])).toEqual([
      [a.mac, 0],
      [b.mac, 0],
    ]);
  });

  it('wall: the same as packet, held back to real time', async () => {
    const started = performance.now();
    const wall = await toX('wall', 50);
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(195);
    expect(wall.frames).toBe(2);
    const packet = await toX('packet');
    expect({ ...wall.report, clock: 'packet' }).toEqual(packet.report);
  });

  it('the second in which entries are swept does not depend on the batch', async () => {
    const limit = 88;
    const times = Array.from({ length: 400 }, (_, n) => n * 120);
    // The same by hand: expired entries go at whole seconds, and until then they take room.
    let held: number[] = [];
    const expected = { learned: 0, aged: 0, evicted: 0 };
    let nextTick = 1000;
    for (const now of times) {
      if (now >= nextTick) {
        const tick = Math.floor(now / 1000) * 1000;
        nextTick = tick + 1000;
        expected.aged += held.filter((seen) => tick - seen > 10_000).length;
        held = held.filter((seen) => tick - seen <= 10_000);
      }
      if (held.length === limit) {
        held.shift();
        expected.evicted++;
      }
      held.push(now);
      expected.learned++;
    }
    expect(expected.aged).toBeGreaterThan(0);
    expect(expected.evicted).toBeGreaterThan(0);
    const full = `
switch: { fdb: { ageSeconds: 10, maxEntries: ${limit} } }
ports: { a: { adapter: memory }, b: { adapter: memory } }`;
    const records = times.map((ms, n) => [ms * 1000, new Host(n % 200).arpRequest(b)] as const);
    const results = [];
    for (const batch of [1, 2, 63, 256])
      results.push((await replayBytes(full, [['a', capture(records)]], { batch })).json);
    expect(new Set(results).size).toBe(1);
    expect(JSON.parse(results[0]).fdbStats).toMatchObject(expected);
  });

  it('a pause of any length, hundreds of them', async () => {
    const year = 365 * 86_400 * SECOND;
    const records = Array.from({ length: 60 }, (_, n) => [n * year, n % 2 ? b.ping(a, n) : a.ping(b, n)] as const);
    const { report, captures } = await replayBytes(AGEING, [['a', capture(records)]]);
    // Nobody is known by then: all of them are flooded.
    expect(framesOf(captures.get('x')).length).toBe(60);
    expect(report.fdb.length).toBe(1);
    expect(report.ledger.balanced).toBe(true);
  });
});

describe('sizes', () => {
  const BIG = `
ports: { a: { adapter: memory, mtu: 65535 }, b: { adapter: memory, mtu: 65535 }, c: { adapter: memory, mode: trunk, vlans: '1', mtu: 65535 } }`;
  const frame = (length: number) => {
    const bytes = new Uint8Array(length).map((_, i) => i * 7);
    bytes.set(a.arpRequest(b).subarray(0, 14));
    return bytes;
  };

  it('every length of frame arrives as it was sent, in both shapes', async () => {
    const lengths = [14, 15, 59, 60, 61, 127, 128, 129, 130, 1514, 1983, 1984, 1985, 9014, 65_535, 65_549];
    const { captures, report } = await replayBytes(BIG, [
      ['a', capture(lengths.map((length, n) => [n, frame(length)] as const))],
    ]);
    expect(report.drops).toEqual({});
    expect(framesOf(captures.get('b')).map((f) => f.hex)).toEqual(lengths.map((length) => hex(frame(length))));
    expect(framesOf(captures.get('c')).map((f) => f.hex)).toEqual(
      lengths.map((length) => {
        const whole = hex(frame(length));
        return `${whole.slice(0, 24)}81000001${whole.slice(24)}`;
      }),
    );
  });

  it('a frame that no slot holds is in the ledger, and the frames around it pass', async () => {
    const records = [frame(100), frame(65_985), frame(80_000), frame(262_144), frame(101), frame(70_000)];
    records[5][6] |= 1; // a group source comes before the length, as for any frame
    const { captures, report } = await replayBytes(BIG, [['a', capture(records.map((f, n) => [n, f] as const))]]);
    expect(framesOf(captures.get('b')).map((f) => f.hex.length / 2)).toEqual([100, 101]);
    expect(report.drops).toEqual({ PARSE_GROUP_SOURCE: 1, PARSE_TOO_LONG: 3 });
    expect(report.inputs[0].oversized).toBe(4);
    expect(report.ports.a.rxBytes).toBe(records.reduce((sum, f) => sum + f.length, 0));
    expect(report.ledger.balanced).toBe(true);
    expect(report.ledger.noVlan.received).toBe(4);
  });

  it('more long frames than there are large slots', async () => {
    const records = Array.from({ length: 300 }, (_, n) => [n, frame(2000 + n)] as const);
    const { captures, report } = await replayBytes(BIG, [['a', capture(records)]]);
    expect(framesOf(captures.get('b')).map((f) => f.hex.length / 2)).toEqual(records.map(([, f]) => f.length));
    expect(report.ledger.balanced).toBe(true);
  });
});
