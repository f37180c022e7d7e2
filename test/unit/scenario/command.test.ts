/** `etherloom scenario`: what is printed, in which order, with which status. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { scenario } from '../../../src/cli/scenario.ts';

const root = mkdtempSync(join(tmpdir(), 'etherloom-scenario-'));
let folder = '';
let n = 0;
beforeEach(() => {
  folder = join(root, String(n++));
  mkdirSync(join(folder, 'inner'), { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const HEX = `ffffffffffff02000000000a88b5${'00'.repeat(46)}`;
const TEXT = `schema: 1
id: small
title: A small one
needs: [bridge]
topology:
  bridges:
  - {name: br0, vlan_filtering: false}
  ports:
  - {name: p1, kind: link, bridge: br0}
  - {name: p2, kind: link, bridge: br0}
steps:
- send: {port: p1, frame: f1, times: 1}
  expect:
  - {port: p2, frame: f1, times: 1}
  why: everything is flooded
frames:
  f1: {hex: '${HEX}'}
`;

function write(name: string, text: string = TEXT): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function run(paths: string[], json = false): Promise<{ status: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const sink = (key: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        text[key] += String(chunk);
        done();
      },
    });
  const status = await scenario(paths, { json }, sink('out'), sink('err'));
  return { status, ...text };
}

describe('etherloom scenario', () => {
  it('runs files and folders, in the order of names, and sums up', async () => {
    write('b.yaml', TEXT.replace('id: small', 'id: second'));
    write('inner/c.yml', TEXT.replace('needs: [bridge]', 'needs: [bridge, igmpv3, mab]'));
    write(
      'a.json',
      JSON.stringify({ schema: 1, id: 'first', needs: [], topology: {}, steps: [{ advance: { seconds: 1 } }] }),
    );
    write('notes.txt', 'no scenario');
    symlinkSync(folder, join(folder, 'inner', 'loop'));
    expect(await run([folder, join(folder, 'b.yaml')])).toEqual({
      status: 0,
      out: 'pass  first\npass  second\nskip  small: needs igmpv3, mab\npass  second\n3 passed, 0 failed, 1 skipped\n',
      err: '',
    });
  });

  it('shows the first difference: step, line, port, byte', async () => {
    const wrong = TEXT.replace('frames:\n', `frames:\n  f2: {hex: '${HEX.replace('0a88b5', '0a88b6')}'}\n`);
    const file = write('a.yaml', wrong.replace('{port: p2, frame: f1, times: 1}', '{port: p2, frame: f2, times: 1}'));
    const { status, out } = await run([file]);
    expect(status).toBe(1);
    expect(out).toBe(
      `fail  small  ${file}:12
      step 1: send f1 on p1 (everything is flooded)
      what left by p2 differs from f2 at byte 13 (EtherType): b5 instead of b6
        expected  0000  ff ff ff ff ff ff 02 00 00 00 00 0a 88 b6 00 00
        got       0000  ff ff ff ff ff ff 02 00 00 00 00 0a 88 b5 00 00
                                                               ^^
0 passed, 1 failed, 0 skipped
`,
    );
  });

  it('says why the switch dropped what was to leave, and what should not have left', async () => {
    const down = TEXT.replace('steps:\n', 'steps:\n- config: {port_down: p2}\n');
    const { out } = await run([
      write('a.yaml', down),
      write('b.yaml', TEXT.replace('  - {port: p2, frame', '  - {port: p1, frame')),
    ]);
    expect(out).toContain(
      'step 2: send f1 on p1 (everything is flooded)\n      f1 was to leave by p2, but nothing left by p2\n',
    );
    expect(out).toContain('dropped   EGRESS_NO_PORT: The frame is to be flooded');
    expect(out).toContain('f1 was to leave by p1, but it left by p2\n');
    const none = TEXT.replace('  expect:\n  - {port: p2, frame: f1, times: 1}', '  expect: []');
    expect((await run([write('c.yaml', none)])).out).toContain('f1 left by p2, and should not have\n');
  });

  it('a refusal has to leave everything as it was', async () => {
    const bad = "fdb_add: {bridge: br0, mac: '01:00:00:00:00:01', port: p2, kind: static}";
    const refused = (text: string) => TEXT.replace('steps:\n', `steps:\n- config_must_fail: {${text}}\n`);
    const { out } = await run([
      write('a.yaml', refused(bad)),
      write('b.yaml', refused(`set_port: {port: p1, flood: false}, ${bad}`)),
      write('c.yaml', refused('set_port: {port: p1, flood: false}')),
      write('d.yaml', refused('port_down: nobody')),
      write('e.yaml', TEXT.replace('steps:\n', `steps:\n- config: {${bad}}\n`)),
    ]);
    expect(out).toContain('pass  small\nfail');
    expect(out).toContain('the switch refused (01:00:00:00:00:01 is a group address), but something has changed\n');
    expect(out).toContain('the switch accepted what it has to refuse\n');
    expect(out).toContain('step 1: config fdb_add\n      the switch refused: 01:00:00:00:00:01 is a group address\n');
    expect(out).toContain('2 passed, 3 failed, 0 skipped\n');
  });

  it('gives one JSON object', async () => {
    const file = write('a.yaml', TEXT.replace('port: p2, frame', 'port: p1, frame'));
    const bad = write('b.yaml', 'schema: 2\n');
    const { status, out, err } = await run([folder], true);
    expect(status).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      passed: 0,
      failed: 1,
      skipped: 0,
      errors: [`${bad}:1: schema: is 2; valid is a whole number 1-1`],
      scenarios: [
        {
          file,
          id: 'small',
          result: 'fail',
          difference: { step: 1, line: 12, port: 'p1', expected: HEX, doing: 'send f1 on p1' },
        },
      ],
    });
    expect(err).toBe(`etherloom: ${bad}:1: schema: is 2; valid is a whole number 1-1\n`);
  });

  it.each([
    ['id: small\n', '', 'a.yaml:1: id: is nothing; valid is text'],
    [
      'port: p1, frame',
      'port: p9, frame',
      'a.yaml:12: steps[0].send.port: "p9" is not a port (did you mean "p1"?); valid are p1, p2',
    ],
    [
      'frame: f1, times: 1}\n  why',
      'frame: f3, times: 1}\n  why',
      'a.yaml:14: steps[0].expect[0].frame: "f3" is not a frame of this file',
    ],
    ['- send:', '- sent:', 'a.yaml:12: steps[0].sent: is not a kind of step; valid are send'],
    [
      'steps:\n',
      'steps:\n- config: {vlan_ad: {}}\n',
      'a.yaml:12: steps[0].config.vlan_ad: is not a change that a scenario can make (did you mean "vlan_add"?)',
    ],
    ['steps:\n', 'steps:\n- config: {vlan_add: {port: p1}}\n', 'a.yaml:12: steps[0].config.vlan_add.vid: is missing'],
    ['steps:\n', 'steps:\n- {}\n', 'a.yaml:12: steps[0]: a step has one thing to do, this one has nothing to do'],
    [`'${HEX}'`, "'abc'", 'a.yaml:17: frames.f1.hex: is not a frame; valid are pairs of hex digits in quotes'],
    ['{hex', '{len: 4, hex', 'a.yaml:17: frames.f1.len: is 4, but "hex" has 60 bytes'],
    ['name: p2', 'name: p1', 'a.yaml:10: topology.ports[1].name: there are two with the name "p1"'],
    ['bridge: br0}\nsteps', 'bridge: br1}\nsteps', 'a.yaml:10: topology.ports[1].bridge: "br1" is not a bridge'],
    ['times: 1}\n  exp', 'times: 0}\n  exp', 'a.yaml:12: steps[0].send.times: is 0; valid is a whole number 1-'],
  ])('an invalid file is one line with its place: %j', async (from, to, message) => {
    write('a.yaml', TEXT.replace(from, to));
    write('b.yaml');
    const { status, out, err } = await run([folder]);
    expect(status).toBe(2);
    expect(err.startsWith(`etherloom: ${join(folder, message)}`), err).toBe(true);
    expect(err.split('\n')).toHaveLength(2);
    expect(out).toBe('pass  small\n1 passed, 0 failed, 0 skipped\n');
  });

  it('says which path is not there or has nothing', async () => {
    const missing = join(folder, 'missing.yaml');
    const { status, out, err } = await run([missing, join(folder, 'inner'), write('a.yaml')]);
    expect(status).toBe(2);
    expect(err).toBe(
      `etherloom: ${missing}: no such file or directory\netherloom: ${join(folder, 'inner')}: no scenario in it; valid are files *.yaml, *.yml and *.json\n`,
    );
    expect(out).toBe('pass  small\n1 passed, 0 failed, 0 skipped\n');
  });

  it('goes on quietly when nobody reads any more', async () => {
    write('a.yaml');
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }));
      },
    });
    expect(await scenario([folder, folder], { json: false }, gone, gone)).toBe(0);
  });
});

describe('features that this switch lacks', () => {
  const bridge = (text: string) => TEXT.replace('vlan_filtering: false', `vlan_filtering: false, ${text}`);
  const port = (text: string) => TEXT.replace('name: p2, kind: link', `name: p2, kind: link, ${text}`);
  const config = (text: string) => TEXT.replace('steps:\n', `steps:\n- config: {${text}}\n`);
  const multicast = (text: string) => text.replaceAll(HEX, `01005e010101${HEX.slice(12)}`);

  it.each([
    [bridge('arp_termination: true'), 'arp_termination'],
    [bridge('group_fwd_mask: 8'), 'bridge.group_fwd_mask'],
    [multicast(bridge('mcast_snooping: true')), 'mcast_snooping'],
    [port('locked: true'), 'port.locked'],
    [port('backup_port: p1'), 'port.backup'],
    [
      TEXT.replace('  ports:', "  underlay: {port: ul, mac: '02:00:00:00:00:09', rp_filter: 1}\n  ports:"),
      'underlay.rp_filter',
    ],
    [config("vxlan_mdb_add: {port: p1, group: '239.1.1.1'}"), 'vxlan_mdb'],
    [TEXT.replace('title:', 'policy: [static_entries_roam]\ntitle:'), 'policy static_entries_roam'],
    [config('set_port: {port: p1, locked: true}'), 'port.locked'],
    [config('set_bridge: {bridge: br0, vlan_filtering: true}'), 'set_bridge.vlan_filtering'],
    [config("mdb_add: {bridge: br0, port: p1, group: '239.1.1.1'}"), 'mdb'],
    [port('neigh_suppress: true'), 'neigh_suppress of a link'],
    [TEXT.replace('steps:\n', 'steps:\n- check_mdb: {bridge: br0}\n'), 'mcast_snooping'],
    [TEXT.replace('steps:\n', 'steps:\n- check_counter: {port: p1, collisions: 0}\n'), 'counter collisions'],
    [TEXT.replace('times: 1}\n  why', 'times: 1, reassemble: true}\n  why'), 'underlay_fragmentation'],
  ])('are found in the file where its needs do not name them (%#: %s)', async (text, missing) => {
    expect((await run([write('a.yaml', text)])).out).toBe(
      `skip  small: needs ${missing}\n0 passed, 0 failed, 1 skipped\n`,
    );
  });

  it.each([
    [bridge('mcast_snooping: true, mcast_querier: true'), 'no multicast is sent'],
    [multicast(bridge('mcast_snooping: false, mcast_igmp_version: 3')), 'snooping is off'],
    [bridge('mirrors: [], arp_termination: false, stp_state_control: true'), 'off'],
    [port('locked: false, mab: false, neigh_suppress: false, backup_port: null, mcast_router: 1'), 'off'],
    [config('set_port: {port: p1, locked: false, flood: true}'), 'off'],
  ])('do not matter where they are off (%#)', async (text) => {
    expect((await run([write('a.yaml', text)])).out).toBe('pass  small\n1 passed, 0 failed, 0 skipped\n');
  });
});
