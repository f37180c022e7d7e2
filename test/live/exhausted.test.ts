/** A change that the system has nothing left for, or whose devices vanish meanwhile: one line that says so, and everything as it was. */

import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { askSwitch } from '../../src/api/control-client.ts';
import { cabled } from './cabled.ts';
import { eventually, installed, liveObstacle, until } from './netns.ts';
import type { Raw, SwitchProcess } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);
if (!installed('prlimit')) console.warn('skipped: limits need prlimit (util-linux)');

const descriptors = (sw: SwitchProcess) => readdirSync(`/proc/${sw.child.pid}/fd`).map(Number);

/** The number below which so many are free. */
function freeBelow(taken: readonly number[], free: number): number {
  let number = 0;
  for (let left = free; left > 0; number++) if (!taken.includes(number)) left--;
  return number;
}

const apply = (sw: SwitchProcess, config: object) =>
  askSwitch(sw.socket, { method: 'POST', path: '/v1/apply', body: { config } });
const configOf = async (sw: SwitchProcess) =>
  ((await askSwitch(sw.socket, { path: '/v1/config' })) as { config: Raw & { ports: object } }).config;

describe.skipIf(obstacle !== null)('a change', () => {
  const lab = useLab();
  const bench = useBench();

  /** Two hosts that talk by an af-packet port and a TAP, of a switch to which some TAPs came and from which they have gone again. */
  async function world(label: string, net: string, workers: number) {
    const { hosts, devices, fars } = cabled(lab, label, 1, net, { ipv6: false });
    const tap = lab.device(`${label}9`);
    const ports = {
      p1: { adapter: 'af-packet', device: devices[0], vlan: 10 },
      p2: { adapter: 'tap', device: tap, vlan: 10 },
    };
    const sw = await bench.start({ ports }, ['--workers', String(workers)]);
    const guest = lab.namespace(`${label}9`);
    guest.adopt(tap, { address: `10.${net}.0.9/24` });
    const talks = async () => expect(await hosts[0]!.ping(`10.${net}.0.9`, { count: 2 })).toBe(2);
    await talks();
    return { sw, talks, far: fars[0]!, host: hosts[0]! };
  }

  const limit = (sw: SwitchProcess, files: string) =>
    void lab.run('prlimit', '--pid', String(sw.child.pid), `--nofile=${files}:`);

  it.skipIf(!installed('prlimit')).each([
    ['tap', 1],
    ['tap', 2],
    ['af-packet', 1],
    ['af-packet', 2],
  ])('that runs out of descriptors in its middle is refused: %s, %d workers', async (adapter, workers) => {
    const label = `x${adapter[0]}${workers}`;
    const { sw, talks } = await world(label, `${50 + workers}`, workers);
    const raw = await configOf(sw);
    const names = Array.from({ length: 12 }, (_, n) => lab.device(`${label}${n.toString(36)}n`));
    if (adapter === 'af-packet')
      for (const [i, name] of names.entries()) lab.makeVeth(name, lab.device(`${label}${i.toString(36)}m`));
    const more = Object.fromEntries(names.map((device, n) => [`n${n}`, { adapter, device, vlan: 10 }]));
    const config = { ...raw, ports: { ...raw.ports, ...more } };
    // What is loaded for the first change is loaded.
    await apply(sw, config);
    await apply(sw, raw);
    await talks();
    const before = descriptors(sw);
    // The request takes one of them, and asking for an interface another for a moment.
    limit(sw, String(freeBelow(before, 6)));
    await expect(apply(sw, config)).rejects.toThrow(
      new RegExp(`^port n\\d+ \\(${adapter} \\S+\\): EMFILE: .*no descriptor is left`),
    );
    limit(sw, '4096');
    await eventually(async () => descriptors(sw).length <= before.length, 'no more descriptors than before');
    expect(await configOf(sw)).toEqual(raw);
    if (adapter === 'tap') for (const name of names) expect(readdirSync('/sys/class/net')).not.toContain(name);
    await talks();
    expect((await sw.ledger()).balanced).toBe(true);
    await apply(sw, config);
    expect((await sw.ports()).size).toBe(14);
    await talks();
    expect(await sw.stop()).toBe(0);
  });

  it.skipIf(!installed('prlimit'))(
    'of a link is seen when no descriptor is left, and none is seen that is not',
    async () => {
      const { sw, talks, far, host } = await world('xl', '53', 1);
      limit(sw, '3');
      const said = sw.log().length;
      const link = () =>
        [
          ...sw
            .log()
            .slice(said)
            .matchAll(/port (p\d): (link \w+)/g),
        ].map(([, port, what]) => `${port} ${what}`);
      host.run('ip', 'link', 'set', far, 'down');
      await until(() => link().length > 0, 'it is down');
      host.run('ip', 'link', 'set', far, 'up');
      await until(() => link().length > 1, 'it is up again');
      expect(link()).toEqual(['p1 link down', 'p1 link up']);
      limit(sw, '4096');
      await talks();
    },
  );

  it('whose interfaces vanish while they are opened is made or refused, and leaves nothing', async () => {
    const { sw, talks } = await world('xd', '54', 1);
    const raw = await configOf(sw);
    const plain = descriptors(sw).length;
    for (let round = 0; round < 4; round++) {
      const names = Array.from({ length: 6 }, (_, n) => lab.device(`xd${round}${n}`));
      for (const [n, name] of names.entries()) lab.makeVeth(name, lab.device(`xe${round}${n}`));
      const more = Object.fromEntries(names.map((device, n) => [`n${n}`, { adapter: 'af-packet', device, vlan: 10 }]));
      const applied = apply(sw, { ...raw, ports: { ...raw.ports, ...more } }).then(
        () => null,
        (error: Error) => error.message,
      );
      // The first of them, or the last.
      const gone = round % 2 === 0 ? 0 : 5;
      await until(() => descriptors(sw).length > plain + round, 'some are open');
      lab.run('ip', 'link', 'del', names[gone]!);
      const refusal = await applied;
      if (refusal === null) {
        await eventually(async () => (await sw.ports()).get(`n${gone}`)?.link === 'down', 'it is down');
        await apply(sw, raw);
      } else {
        expect(refusal).toMatch(new RegExp(`^port n${gone} \\(af-packet ${names[gone]}\\): E\\w+: [^\\n]*$`));
      }
      await eventually(async () => descriptors(sw).length <= plain, 'no more descriptors than before');
      expect(await configOf(sw)).toEqual(raw);
      await talks();
      for (const [n, name] of names.entries()) if (n !== gone) lab.run('ip', 'link', 'del', name);
    }
    expect((await sw.ledger()).balanced).toBe(true);
    expect(await sw.stop()).toBe(0);
  });
});
