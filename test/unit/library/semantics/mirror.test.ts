/** Mirrors: what is copied, in which shape, how often, and that nothing else changes. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../../src/index.ts';
import {
  A,
  access,
  B,
  BROADCAST,
  checkAll,
  frame,
  hybrid,
  made,
  only,
  type Port,
  tagged,
  tagsOf,
  told,
  trunk,
  vidsOf,
} from './frames.ts';

afterEach(checkAll);

type Mirror = NonNullable<ConfigInput['mirrors']>[number];
const PORTS: Record<string, Port> = {
  p1: access(10),
  p2: trunk('10,20'),
  p3: access(10),
  m: access(1),
};
const mirrored = (mirror: Partial<Mirror>, ports: Record<string, Port> = PORTS) =>
  made(ports, { mirrors: [{ name: 'watch', ...('outputVlan' in mirror ? {} : { output: 'm' }), ...mirror }] });
const copies = (sw: ReturnType<typeof made>) => sw.port('m').receive();

describe('selectSrc', () => {
  it('copies what a port receives, as it came', () => {
    const sw = mirrored({ selectSrc: ['p1'] });
    const sent = frame({ dst: B });
    expect(told(sw, 'p1', sent)).toBe('F m p2 p3');
    expect(only(sw, 'm')).toEqual(Buffer.from(sent));
    expect(vidsOf(only(sw, 'p2'))).toEqual([10]);
    told(sw, 'p2', tagged(10, { dst: A, src: B }));
    expect(copies(sw)).toEqual([]);
  });

  it('copies what is dropped as well', () => {
    const sw = mirrored({ selectSrc: ['p1'] });
    expect(told(sw, 'p1', tagged(10))).toBe('INGRESS_FRAME_TYPE');
    expect(told(sw, 'p1', frame().subarray(0, 10))).toBe('PARSE_RUNT');
    expect(copies(sw).map((copy) => copy.length)).toEqual([64, 10]);
  });
});

describe('an output that is turned off', () => {
  it('sends no copy, and says how many it has lost', () => {
    const sw = mirrored({ selectSrc: ['p1'] }, { ...PORTS, m: access(1, { enabled: false }) });
    told(sw, 'p1', frame());
    expect(copies(sw)).toEqual([]);
    expect(sw.counters().m).toMatchObject({ txFrames: 0, mirrorCopiesLost: 1 });
  });
});

describe('selectDst', () => {
  it('copies what leaves by a port, in the shape in which it leaves', () => {
    const sw = mirrored({ selectDst: ['p2'] });
    told(sw, 'p1', frame());
    const left = only(sw, 'p2');
    expect(vidsOf(left)).toEqual([10]);
    expect(only(sw, 'm')).toEqual(left);
    expect(vidsOf(only(sw, 'p3'))).toEqual([]);
  });

  it('copies a flood once, whatever many of its ports are selected', () => {
    const sw = mirrored({ selectDst: ['p3', 'p2'] });
    told(sw, 'p1', frame());
    expect(vidsOf(only(sw, 'm'))).toEqual([10]);
  });

  it('copies nothing that is dropped', () => {
    const sw = mirrored({ selectDst: ['p1', 'p2', 'p3'] });
    expect(told(sw, 'p2', tagged(20))).toBe('EGRESS_NO_PORT');
    expect(copies(sw)).toEqual([]);
  });
});

describe('selectAll and selectVlan', () => {
  it('copies every frame once', () => {
    const sw = mirrored({ selectAll: true });
    const one = frame();
    const two = tagged(20, { src: B });
    told(sw, 'p1', one);
    told(sw, 'p2', two);
    expect(copies(sw)).toEqual([Buffer.from(one), Buffer.from(two)]);
  });

  it('takes the VLAN of tag or PVID', () => {
    const sw = mirrored({ selectVlan: 10 });
    told(sw, 'p1', frame());
    told(sw, 'p2', tagged(20));
    told(sw, 'p2', tagged(10));
    expect(copies(sw).map(vidsOf)).toEqual([[], [10]]);
  });

  it('looks at the outermost tag where the bridge has no VLANs', () => {
    const sw = made(
      { p1: {}, p2: {}, m: {} },
      { switch: { type: 'unaware' }, mirrors: [{ name: 'watch', output: 'm', selectAll: true, selectVlan: 11 }] },
    );
    told(sw, 'p1', frame());
    told(sw, 'p1', tagged(10));
    told(sw, 'p1', tagged(11));
    expect(copies(sw).map(vidsOf)).toEqual([[11]]);
  });

  it('of frames sent it takes the VLAN that they are in', () => {
    const sw = mirrored(
      { selectDst: ['p3'], selectVlan: 10 },
      { ...PORTS, p3: hybrid({ pvid: 10, untagged: '10,20' }) },
    );
    told(sw, 'p2', tagged(20));
    told(sw, 'p1', frame());
    expect(copies(sw)).toHaveLength(1);
  });
});

describe('the output', () => {
  it('takes part in nothing else', () => {
    const sw = mirrored({ selectSrc: ['p1'] }, { ...PORTS, m: access(10) });
    expect(told(sw, 'p3', frame({ src: B }))).toBe('F p1 p2');
    expect(copies(sw)).toEqual([]);
    expect(told(sw, 'm', frame())).toBe('INGRESS_MIRROR_OUTPUT');
    expect(sw.fdb().map((entry) => entry.port)).toEqual(['p3']);
  });

  it('is no destination, even where an entry says so', () => {
    const sw = made(
      { ...PORTS, m: access(10) },
      { mirrors: [{ name: 'watch', output: 'm', selectSrc: ['p3'] }], fdb: [{ mac: B, vlan: 10, port: 'm' }] },
    );
    expect(told(sw, 'p1', frame({ dst: B }))).toBe('EGRESS_MIRROR_OUTPUT');
  });

  it('gets one copy of what several mirrors select for it', () => {
    const sw = made(PORTS, {
      mirrors: [
        { name: 'a', output: 'm', selectSrc: ['p1'] },
        { name: 'b', output: 'm', selectDst: ['p2', 'p3'] },
        { name: 'c', output: 'm', selectAll: true },
      ],
    });
    told(sw, 'p1', frame());
    expect(copies(sw)).toHaveLength(1);
  });

  it('loses copies that do not fit, and no frame', () => {
    const sw = mirrored(
      { selectSrc: ['p1'] },
      { ...PORTS, p1: access(10, { mtu: 9000 }), p2: trunk('10', { mtu: 9000 }) },
    );
    expect(told(sw, 'p1', frame({ payload: 4000 }))).toBe('F p2');
    expect(copies(sw)).toEqual([]);
    expect(sw.port('m').counters()).toMatchObject({ txFrames: 0, mirrorCopies: 0, mirrorCopiesLost: 1, txDropped: 0 });
  });

  it('counts copies apart from the ledger', () => {
    const sw = mirrored({ selectAll: true });
    told(sw, 'p1', frame());
    expect(sw.ledger().total).toMatchObject({ received: 1, delivered: 1, floodCopies: 1, balanced: true });
    expect(sw.port('m').counters()).toMatchObject({ txFrames: 1, txBytes: 60, mirrorCopies: 1, rxFrames: 0 });
  });
});

describe('outputVlan', () => {
  const ports = { ...PORTS, m: trunk('99'), far: access(99) };

  it("puts copies into the VLAN, with its tag instead of the frame's own", () => {
    const sw = mirrored({ outputVlan: 99, selectSrc: ['p2'] }, ports);
    told(sw, 'p2', frame({ tags: [{ vid: 20, pcp: 5, dei: 1 }], payload: 100 }));
    const copy = only(sw, 'm');
    expect(tagsOf(copy)).toEqual([{ tpid: 0x8100, vid: 99, pcp: 5, dei: 1 }]);
    expect(copy.subarray(18)).toEqual(Buffer.from(frame({ payload: 100 })).subarray(14));
    expect(only(sw, 'far')).toEqual(Buffer.from(frame({ payload: 100 })));
  });

  it('copies frames without a tag, and of both shapes of a flood the one selected', () => {
    const sw = mirrored({ outputVlan: 99, selectDst: ['p3', 'p2'] }, ports);
    told(sw, 'p1', frame());
    expect(vidsOf(only(sw, 'm'))).toEqual([99]);
    expect(only(sw, 'far')).toEqual(Buffer.from(frame()));
  });

  it('leaves alone what is in the VLAN already, and reserved addresses', () => {
    const sw = mirrored({ outputVlan: 99, selectAll: true }, ports);
    told(sw, 'm', tagged(99));
    expect(copies(sw)).toEqual([]);
    expect(sw.port('far').receive()).toHaveLength(1);
    told(sw, 'p1', frame({ dst: '01:80:c2:00:00:00' }));
    expect(copies(sw)).toEqual([]);
  });

  it('leaves alone untagged frames of the VLAN alone, whatever came before them', () => {
    const sw = mirrored({ outputVlan: 99, selectSrc: ['p1', 'far'] }, ports);
    for (const payload of [46, 50]) {
      told(sw, 'far', frame({ payload }));
      told(sw, 'p1', frame({ payload: 100 }));
    }
    expect(copies(sw).map((copy) => [vidsOf(copy), copy.length])).toEqual([
      [[99], 64],
      [[99], 118],
      [[99], 68],
      [[99], 118],
    ]);
    expect(sw.port('far').receive()).toHaveLength(2);
  });

  it('sends more copies than are made at once', () => {
    const sw = mirrored({ outputVlan: 99, selectSrc: ['p1'] }, ports);
    sw.send(Array.from({ length: 100 }, (_, i) => ({ port: 'p1', frame: frame({ payload: 46 + i }) })));
    expect(copies(sw).map((copy) => copy.length)).toEqual(Array.from({ length: 100 }, (_, i) => 64 + i));
  });
});

describe('any batch size', () => {
  it('copies the same frames in the same order', () => {
    const arrivals = Array.from({ length: 300 }, (_, i) => ({
      port: `p${1 + (i % 3)}`,
      frame:
        i % 3 === 1
          ? tagged(10 + 10 * (i & 1), { src: B, dst: i % 5 ? A : BROADCAST })
          : frame({ dst: B, payload: 46 + i }),
    }));
    const run = (batch: number) => {
      const mirrors = [
        { name: 'a', output: 'm', selectSrc: ['p1'], selectDst: ['p2'] },
        { name: 'b', outputVlan: 99, selectVlan: 10 },
      ];
      const sw = made({ ...PORTS, far: trunk('99') }, { mirrors }, { batch, queueFrames: 5000 });
      sw.send(arrivals);
      return ['m', 'far', 'p1', 'p2', 'p3'].map((port) =>
        sw
          .port(port)
          .receive()
          .map((bytes) => bytes.toString('hex'))
          .sort(),
      );
    };
    const one = run(1);
    for (const batch of [7, 256]) expect(run(batch)).toEqual(one);
    expect(one[0]!.length).toBeGreaterThan(100);
  });
});
