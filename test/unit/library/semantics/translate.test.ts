/** VLAN translation per port: 1:1, 1:2, 2:1, 2:2, undone on the way out, without touching other ports' copies. */
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError, createSwitch, type Switch } from '../../../../src/index.ts';
import { A, access, B, BROADCAST, checkAll, frame, made, tagsOf, trunk } from './frames.ts';

afterEach(checkAll);

const S = 0x88a8;
const heard = (sw: Switch, name: string) => {
  const frames: Buffer[] = [];
  sw.port(name).onFrame((f) => frames.push(Buffer.from(f)));
  return frames;
};
const tags = (bytes: Uint8Array) =>
  tagsOf(bytes).map(({ tpid, vid, pcp, dei }) => `${tpid === S ? 's' : ''}${vid}.${pcp}${dei}`);

describe('translation', () => {
  it.each([
    ['1:1', 100, 200, [{ vid: 100, pcp: 5, dei: 1 }], ['200.51']],
    ['1:2', 100, [200, 30], [{ vid: 100, pcp: 5, dei: 1 }], ['200.51', '30.51']],
    [
      '2:1',
      [100, 7],
      200,
      [
        { vid: 100, pcp: 5 },
        { vid: 7, pcp: 2 },
      ],
      ['200.50'],
    ],
    [
      '2:2',
      [100, 7],
      [200, 8],
      [
        { vid: 100, pcp: 5 },
        { vid: 7, pcp: 2 },
      ],
      ['200.50', '8.20'],
    ],
    [
      'the inner tag stays',
      [100, 7],
      [200, 7],
      [
        { vid: 100, pcp: 5 },
        { vid: 7, pcp: 2 },
      ],
      ['200.50', '7.20'],
    ],
    ['another TPID', { tpid: S, vid: 100 }, 200, [{ tpid: S, vid: 100, pcp: 3 }], ['200.30']],
  ] as const)('%s, and back', (_, from, to, sent, inside) => {
    const rule = { from: from as number, to: to as number };
    const sw = made({ p: trunk('200', { translate: [rule] }), q: trunk('200') });
    const [p, q] = [heard(sw, 'p'), heard(sw, 'q')];
    const out = frame({ tags: [...sent] });
    sw.port('p').send(out);
    expect(q.map(tags)).toEqual([inside]);
    // The answer, with the tags that the switch knows, leaves as the port's neighbor knows them.
    const answer = q[0]!;
    answer.set(frame({ dst: A, src: B }).subarray(0, 12));
    sw.port('q').send(answer);
    expect(p.length).toBe(1);
    expect(tagsOf(p[0]!).map(({ tpid, vid }) => [tpid, vid])).toEqual(tagsOf(out).map(({ tpid, vid }) => [tpid, vid]));
    expect(p[0]!.length).toBe(out.length);
    expect(sw.fdb().map(({ mac, port, vid }) => `${mac} ${port} ${vid}`)).toEqual([`${A} p 200`, `${B} q 200`]);
  });

  it('takes the rule that says more, and leaves alone what no rule is for', () => {
    const rules = [
      { from: 100, to: 200 },
      { from: [100, 7], to: 300 },
    ];
    const sw = made({ p: trunk('200,300,400', { translate: rules }), q: trunk('200,300,400') });
    const q = heard(sw, 'q');
    sw.port('p').send(frame({ tags: [{ vid: 100 }] }));
    sw.port('p').send(frame({ tags: [{ vid: 100 }, { vid: 7 }] }));
    sw.port('p').send(frame({ tags: [{ vid: 100 }, { vid: 8 }] }));
    sw.port('p').send(frame({ tags: [{ vid: 400 }] }));
    expect(q.map(tags)).toEqual([['200.00'], ['300.00'], ['200.00', '8.00'], ['400.00']]);
  });

  it('gives each port of a flood its own tags', () => {
    const sw = made({
      a: access(200),
      p: trunk('200', { translate: [{ from: 100, to: 200 }] }),
      r: trunk('200', { translate: [{ from: [5, 6], to: 200 }] }),
      q: trunk('200'),
      b: access(200),
    });
    const all = ['a', 'p', 'r', 'q', 'b'].map((name) => [name, heard(sw, name)] as const);
    sw.send(Array.from({ length: 70 }, () => ({ port: 'a', frame: frame() })));
    sw.port('p').send(frame({ src: B, tags: [{ vid: 100 }] }));
    const last = all.map(([name, frames]) => [name, frames.length, frames.at(-1) ? tags(frames.at(-1)!) : null]);
    expect(last).toEqual([
      ['a', 1, []],
      ['p', 70, ['100.00']],
      ['r', 71, ['5.00', '6.00']],
      ['q', 71, ['200.00']],
      ['b', 71, []],
    ]);
  });

  it('is the same for every batch size', () => {
    const story = Array.from({ length: 50 }, (_, n) => ({
      port: ['a', 'p', 'r'][n % 3]!,
      frame: frame({
        dst: n % 4 === 0 ? BROADCAST : A,
        src: n % 2 === 0 ? A : B,
        tags: n % 3 === 0 ? [] : n % 3 === 1 ? [{ vid: 100 }] : [{ vid: 5 }, { vid: 6 }],
      }),
    }));
    const told = [1, 3, 64].map((batch) => {
      const sw = made(
        {
          a: access(200),
          p: trunk('200', { translate: [{ from: 100, to: 200 }] }),
          r: trunk('200', { translate: [{ from: [5, 6], to: 200 }] }),
        },
        {},
        { batch },
      );
      const out = ['a', 'p', 'r'].map((name) => heard(sw, name));
      sw.send(story);
      return out.map((frames) => frames.map((f) => f.toString('hex')));
    });
    expect(told[1]).toEqual(told[0]);
    expect(told[2]).toEqual(told[0]);
  });

  it('changes with apply', () => {
    const config = (to: number) => ({
      ports: {
        p: { adapter: 'memory' as const, ...trunk('200,300', { translate: [{ from: 100, to }] }) },
        q: { adapter: 'memory' as const, ...trunk('200,300') },
      },
    });
    const sw = createSwitch(config(200), { seed: 1, autoTick: false });
    const q = heard(sw, 'q');
    sw.port('p').send(frame({ tags: [{ vid: 100 }] }));
    expect(sw.plan(config(200))).toEqual([]);
    sw.apply(config(300));
    sw.port('p').send(frame({ tags: [{ vid: 100 }] }));
    expect(q.map(tags)).toEqual([['200.00'], ['300.00']]);
    sw.close();
  });

  it.each([
    [
      [
        { from: 100, to: 200 },
        { from: 100, to: 300 },
      ],
      'ports.p.translate[1].from: is the same as in translate[0]',
    ],
    [
      [
        { from: 100, to: 200 },
        { from: 101, to: 200 },
      ],
      'ports.p.translate[1].to: is the same as in translate[0]',
    ],
    [[{ from: 100, to: 100 }], 'ports.p.translate[0].to: is the same as "from"'],
    [[{ from: 100, to: 999 }], 'ports.p.translate[0].to: port p is not a member of VLAN 999'],
    [[{ from: [], to: 200 }], 'ports.p.translate[0].from: is empty'],
    [[{ from: 100, to: [200, 1, 2] }], 'ports.p.translate[0].to: puts on 3 tags; valid are at most 2'],
    [[{ from: 5000, to: 200 }], 'ports.p.translate[0].from'],
    [[{ from: { tpid: 0x9100, vid: 1 }, to: 200 }], 'ports.p.translate[0].from'],
  ])('refuses %j', (translate, complaint) => {
    const ports = { p: { adapter: 'memory' as const, ...trunk('200,300'), translate: translate as never } };
    expect(() => createSwitch({ ports })).toThrow(ConfigError);
    expect(() => createSwitch({ ports })).toThrow(complaint);
  });
});
