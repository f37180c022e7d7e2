/** `etherloom trace`: of a configuration, of a switch that runs, and of nonsense. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryAdapter } from '../../../src/adapters/memory.ts';
import { readRoutes } from '../../../src/api/routes/read.ts';
import { closeApi, openApi } from '../../../src/api/server.ts';
import { show } from '../../../src/cli/show.ts';
import { type ExplainOptions, explain, type TraceOptions, trace } from '../../../src/cli/trace.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { configure, SwitchCore, sizeFor } from '../../../src/runtime/core.ts';
import { ownDirectory } from '../../../src/runtime/directory-of.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { traceRoutes } from '../../../src/trace/routes.ts';
import { learnBefore } from '../../../src/trace/world.ts';
import { readOnly } from '../api/world.ts';

const SWITCH = `
ports:
  a: { adapter: memory }
  b: { adapter: memory }
  c: { adapter: memory }
`;
const CAPTURE = new URL('../../../fixtures/vlans/a.pcap', import.meta.url).pathname;

let folder = '';
let config = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'etherloom-trace-'));
  config = join(folder, 'switch.yaml');
  writeFileSync(config, SWITCH);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(
  options: Partial<ExplainOptions>,
  command = trace,
): Promise<{ status: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const sink = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        text[name] += String(chunk);
        done();
      },
    });
  const io = { out: sink('out'), err: sink('err') };
  const status = await command({ port: 'a', learned: [], json: false, ...options }, io);
  return { status, ...text };
}

describe('etherloom trace', () => {
  it('prints the stages and the bytes', async () => {
    const { status, out } = await run({ config, eth: 'dst=02:00:00:00:00:02', learned: ['02:00:00:00:00:02@b/1'] });
    expect(status).toBe(0);
    expect(out).toContain('02:00:00:00:00:02 is on b (dynamic, seen 0.0 s ago)');
    expect(out).toContain('delivered to b\n');
    expect(out).toContain('0000  02 00 00 00 00 02 02 00 00 00 00 01 88 b5');
  });

  it('takes a record of a capture, and gives JSON', async () => {
    const { status, out } = await run({ config, pcap: `${CAPTURE}#1`, json: true });
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'delivered', frame: { length: 42 }, outputs: [{}, {}] });
  });

  it('asks a running switch, and changes nothing there', async () => {
    const loaded = loadConfig(SWITCH, config);
    const core = new SwitchCore({ ...sizeFor(loaded), nowMs: () => 0 });
    configure(core, loaded);
    for (const { name } of loaded.ports) core.control.setLink(name, true);
    const directory = ownDirectory(core.control, loaded);
    learnBefore({ dp: core.dp, directory, nowMs: 0 }, { mac: '02:00:00:00:00:02', port: 'c' });
    const readable = { tables: core.dp, directory, statuses: [] };
    const socket = join(folder, 's.sock');
    const server = await openApi(socket, 'x', traceRoutes(readOnly(readable, loaded)));
    try {
      const { status, out } = await run({ socket, eth: 'dst=02:00:00:00:00:02' });
      expect([status, out.includes('delivered to c\n')]).toEqual([0, true]);
      expect(core.dp.fdb.portCount[0]).toBe(0);
      const bad = await run({ socket, port: 'x', eth: 'len=60' });
      const err = 'etherloom: there is no port "x" (did you mean "a"?); valid are a, b, c\n';
      expect(bad).toEqual({ status: 2, out: '', err });
    } finally {
      await closeApi(server);
    }
  });

  it('explains, of a configuration and of a running switch', async () => {
    const file = join(folder, 'two.yaml');
    writeFileSync(file, 'ports: { a: { adapter: memory, mode: access, vlan: 10 }, b: { adapter: memory } }');
    const { status, out } = await run({ config: file, eth: 'len=60', to: 'b' }, explain);
    expect(status).toBe(0);
    expect(out).toContain('dropped: EGRESS_NO_PORT (40).');
    expect(out).toContain('delivered on b if b were in VLAN 10 instead of 1\n    ports.b.vlan: 10\n');
    expect(out).toContain('or delivered on b if a were in VLAN 1 instead of 10\n    ports.a.vlan: 1\n');

    const loaded = loadConfig(SWITCH, config);
    const core = new SwitchCore({ ...sizeFor(loaded), nowMs: () => 0 });
    configure(core, loaded);
    core.control.setLink('a', true);
    const readable = {
      tables: core.dp,
      directory: ownDirectory(core.control, loaded),
      statuses: [],
    };
    const socket = join(folder, 'e.sock');
    const server = await openApi(socket, 'x', traceRoutes(readOnly(readable, loaded)));
    try {
      const live = await run({ socket, eth: 'len=60', to: 'c', json: true }, explain);
      expect(live.status).toBe(0);
      expect(JSON.parse(live.out)).toMatchObject({ switch: 'loom0', text: 'delivered on c if the link of c were up' });
      core.control.removePort('c');
      const odd = await run({ socket, eth: 'len=60', to: 'b', json: true }, explain);
      expect(JSON.parse(odd.out).text).toBe('delivered on b if the link of b were up');
      core.control.setLink('b', true);
      core.control.setPort('a', { state: 'discarding' });
      const changed = await run({ socket, eth: 'len=60', to: 'b', json: true }, explain);
      expect(JSON.parse(changed.out).text).toMatch(/otherwise than its configuration says/);
    } finally {
      await closeApi(server);
    }
  });

  it('explains a drop that was sampled', async () => {
    const loaded = loadConfig(SWITCH, config);
    const core = new SwitchCore({ ...sizeFor(loaded), nowMs: () => 0 });
    configure(core, loaded);
    const adapter = new MemoryAdapter({ mtu: 1500 }, { arena: core.dp.arena, events: { link() {}, readable() {} } });
    core.attach('a', adapter);
    adapter.push(readFields('dst=02:00:00:00:00:02,vlan=1,len=1000'));
    core.poll(0);
    const readable = {
      tables: core.dp,
      directory: ownDirectory(core.control, loaded),
      statuses: [],
    };
    const sw = readOnly(readable, loaded, 1500);
    const socket = join(folder, 'd.sock');
    const server = await openApi(socket, 'x', [...traceRoutes(sw), ...readRoutes(sw)]);
    try {
      const text = new Writable({
        write(chunk, _encoding, done) {
          shown += String(chunk);
          done();
        },
      });
      let shown = '';
      expect(await show('samples', { json: false, socket }, { out: text, err: text })).toBe(0);
      expect(shown).toBe(
        'ID  AGE  PORT  VLAN  REASON              FRAME\n' +
          ' 1  1s   a     -     INGRESS_FRAME_TYPE  256 of 1000 bytes  02:00:00:00:00:01 > 02:00:00:00:00:02  vlan 1  type 0x88b5\n',
      );
      const why = await run({ socket, port: undefined, drop: 1 }, explain);
      expect(why.out).toMatch(/^a \(bridge \w+\) receives {2}1000 bytes/);
      expect(why.out).toContain('dropped: INGRESS_FRAME_TYPE (11).');
      expect(why.out).toContain('ports.a.acceptFrames: all');
      for (const bad of [{ drop: 2 }, { drop: 1, port: 'a' }, { drop: 1, config }, { drop: 1, eth: 'len=60' }]) {
        const refused = await run({ socket, port: undefined, ...bad }, explain);
        expect([refused.status, refused.out, refused.err.split('\n').length]).toEqual([2, '', 2]);
      }
    } finally {
      await closeApi(server);
    }
  });

  it.each([
    [{}, /no frame is given; valid is one of/],
    [{ frame: '00', eth: 'len=60' }, /--frame and --eth do not go together/],
    [{ frame: 'zz' }, /--frame: .*hex/],
    [{ eth: 'x' }, /--eth: "x" is no field/],
    [{ eth: 'len=60', learned: ['x'] }, /--learned: "x" is not MAC@PORT/],
    [{ eth: 'len=60', learned: ['02:00:00:00:00:02@z'] }, /no port "z"/],
    [{ pcap: '/nowhere.pcap#1' }, /--pcap: .*no such file/],
    [{ pcap: `${CAPTURE}#99999` }, /--pcap: .*no number 99999/],
    [{ pcap: `${CAPTURE}#0` }, /no number 0/],
    [{ pcap: new URL(import.meta.url).pathname }, /not a capture file/],
    [{ eth: 'len=60', config: '/nowhere.yaml' }, /no such file/],
    [{ eth: 'len=60', name: 'x' }, /not both/],
  ] as [Partial<TraceOptions>, RegExp][])('refuses %j in one line', async (options, why) => {
    const { status, out, err } = await run({ config, ...options });
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(why);
    expect(err).toMatch(/^etherloom: [^\n]+\n$/);
  });
});
