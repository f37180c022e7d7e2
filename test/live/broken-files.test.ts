/**
 * Broken configuration files for a switch that is a process of its own, between two hosts that ping each other: by the API, by SIGHUP and by
 * `etherloom apply`. Each is refused with its place, nothing changes, no ping is lost. `npm run fuzz:files` tries ten thousand.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask as askOnce, askSwitch } from '../../src/api/control-client.ts';
import { BASE, brokenFile, isValid } from '../fuzz/broken.ts';
import { Prng } from '../unit/pcap/mutate.ts';
import { liveObstacle, until } from './netns.ts';
import { patiently } from './switch-process.ts';
import { useBench, useLab } from './use.ts';

const obstacle = liveObstacle();
if (obstacle) console.warn(`skipped: ${obstacle}`);

const FILES = Number(process.env.ETHERLOOM_BROKEN_FILES ?? 40);
const SEED = Number(process.env.ETHERLOOM_BROKEN_SEED ?? 5);
/** One of so many by the command, which is a process for each. */
const BY_COMMAND = FILES < 1000 ? 20 : 100;
/** How often all that stands is compared, and not the configuration alone. */
const LOOK = 20;
const PINGS = 20;
const MS_PER_FILE = 2000;

const ask = (socket: string, topic: string) => patiently(() => askOnce(socket, topic));

/** What of the switch is nobody's traffic: of tables that count, what is no number. */
async function stands(socket: string): Promise<unknown> {
  const topics = ['ports', 'vlans', 'interfaces', 'routes', 'mirrors', 'macvlan', 'vteps'];
  const answers = await Promise.all(topics.map((topic) => ask(socket, topic)));
  const { entries } = (await ask(socket, 'fdb')) as { entries: { kind: string }[] };
  const still = (value: unknown) =>
    JSON.parse(JSON.stringify(value, (_, each) => (typeof each === 'number' ? undefined : each)));
  return [await ask(socket, 'config'), still(answers), entries.filter(({ kind }) => kind !== 'dynamic')];
}

const isPlaced = (error: string) => /^\S*broken\.json(:[1-9]\d*)?: ./.test(error) && !error.trim().includes('\n');

describe.skipIf(obstacle !== null)('a switch that is given broken files', () => {
  const lab = useLab();
  const bench = useBench('group');

  it(
    'refuses each with its place, stays what it is, and loses no ping',
    async () => {
      const devices = [lab.device('ba'), lab.device('bb')] as const;
      const tap = (device: string) => ({ adapter: 'tap', device, mode: 'access', vlan: 10 });
      const config = { ...BASE, ports: { ...BASE.ports, kept1: tap(devices[0]), kept2: tap(devices[1]) } };
      const path = join(bench.dir, 'broken.json');
      const controlSocket = join(bench.dir, 'broken.sock');
      writeFileSync(path, JSON.stringify({ ...config, switch: { ...config.switch, controlSocket } }));
      const { child, log } = bench.spawn('run', '-c', path);
      await until(() => log().includes(controlSocket) || child.exitCode !== null, 'the switch is up');
      const hosts = devices.map((device, i) => {
        const host = lab.namespace(`b${i}`);
        host.adopt(device, { address: `10.0.10.${i + 20}/24` });
        return host;
      });
      expect(await hosts[0]!.ping('10.0.10.21', { count: 2 })).toBe(2);

      let going = true;
      const pings = { sent: 0, back: 0 };
      const pinging = (async () => {
        while (going) {
          pings.back += await hosts[0]!.ping('10.0.10.21', { count: PINGS });
          pings.sent += PINGS;
        }
      })();

      const by = {
        api: async (file: Buffer) => {
          const body = { config: file.toString(), file: 'broken.json' };
          const answer = await askSwitch(controlSocket, { method: 'POST', path: '/v1/apply', body }).then(
            () => 'was not refused',
            (error: Error) => error.message,
          );
          return answer;
        },
        signal: async (file: Buffer) => {
          writeFileSync(path, file);
          const from = log().length;
          child.kill('SIGHUP');
          const said = () => /SIGHUP: nothing has changed: (.*)\n/.exec(log().slice(from))?.[1];
          await until(() => said() !== undefined || child.exitCode !== null, 'SIGHUP is answered');
          return said() ?? 'the switch has ended';
        },
        command: async (file: Buffer) => {
          writeFileSync(path, file);
          const { status, stderr } = await bench.cliAsync('apply', '-c', path, '--socket', controlSocket);
          expect([1, 2]).toContain(status);
          return stderr.replace(/^etherloom: /, '').trimEnd();
        },
      };
      const random = new Prng(SEED);
      const before = await stands(controlSocket);
      const configBefore = JSON.stringify(await ask(controlSocket, 'config'));
      const refused = { api: 0, signal: 0, command: 0 };
      for (let n = 0; n < FILES; ) {
        const file = brokenFile(random, config);
        if (isValid(file)) continue;
        const way = n % BY_COMMAND === BY_COMMAND - 1 ? 'command' : n % 2 === 0 ? 'api' : 'signal';
        // What is no text is told by its file alone.
        if (way === 'api' && !Buffer.from(file.toString()).equals(file)) continue;
        const error = await by[way](file);
        const shown = `${way}, file ${n} of seed ${SEED}: ${file.subarray(0, 1000).toString('latin1')}`;
        expect(isPlaced(error), `${JSON.stringify(error)} by ${shown}`).toBe(true);
        expect(JSON.stringify(await ask(controlSocket, 'config')), shown).toBe(configBefore);
        if (n % LOOK === 0) expect(await stands(controlSocket), shown).toEqual(before);
        refused[way]++;
        n++;
        if (n % 500 === 0) console.log(`${n} broken files refused, ${pings.back} of ${pings.sent} pings back`);
      }
      going = false;
      await pinging;
      expect(await stands(controlSocket)).toEqual(before);
      expect(Math.min(...Object.values(refused))).toBeGreaterThan(0);
      expect(pings.sent).toBeGreaterThan(0);
      expect(pings.back).toBe(pings.sent);
      if (FILES >= 500) console.log(`refused ${JSON.stringify(refused)}, pings ${pings.back} of ${pings.sent}`);
    },
    60_000 + FILES * MS_PER_FILE,
  );
});
