/** Texts for people: tables, VLAN lists, event lines, and the refusals of `run` and `show` that open nothing. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import type { PortStatus } from '../../../src/api/directory.ts';
import { TOPICS } from '../../../src/api/topics.ts';
import { addPort, setPort } from '../../../src/cli/change-port.ts';
import { main } from '../../../src/cli/main.ts';
import { run } from '../../../src/cli/run.ts';
import { type ConfigOptions, readRunConfig } from '../../../src/cli/run-config.ts';
import { configLine, eventLine, summary, violationsLine } from '../../../src/cli/run-report.ts';
import { show } from '../../../src/cli/show.ts';
import { topicText } from '../../../src/cli/text/show.ts';
import { table } from '../../../src/cli/text/table.ts';
import { peersText } from '../../../src/cli/text/vxlan.ts';
import { vidList } from '../../../src/cli/vid-list.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { worldOf } from '../../../src/trace/world.ts';

class Text extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

it('a rollback says that it was one, and what was done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherloom-rollback-'));
  const server = createHttp((request, response) => {
    response.end(JSON.stringify({ switch: 'sw', actions: [`${request.method} ${request.url}`] }));
  });
  const socket = join(folder, 's.sock');
  await new Promise<void>((done) => server.listen(socket, done));
  const out = new Text();
  const write = vi.spyOn(process.stdout, 'write').mockImplementation(((text: string, done?: () => void) => {
    out.text += text;
    done?.();
    return true;
  }) as typeof process.stdout.write);
  try {
    expect(await main(['rollback', '--socket', socket])).toBe(0);
  } finally {
    write.mockRestore();
    server.close();
    rmSync(folder, { recursive: true });
  }
  expect(out.text).toBe('rolled back the change that waited to be confirmed:\n  POST /v1/rollback\n');
});

it('errors of port set and port add name the port as it was typed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherloom-port-'));
  const refusals: Record<string, string> = {
    '/v1/ports/p%2012?replace=false': 'path.port: "p 12" is not a port name',
    '/v1/ports/p12?replace=false': 'body.adapter: "tun" is not an adapter',
    '/v1/ports/p3': 'body.mtu: 1 is not an MTU',
  };
  const server = createHttp((request, response) => {
    response.writeHead(400).end(JSON.stringify({ error: refusals[request.url!] }));
  });
  const socket = join(folder, 's.sock');
  await new Promise<void>((done) => server.listen(socket, done));
  const options = { json: false, socket };
  const path = (name: string) => `/v1/ports/${encodeURIComponent(name)}`;
  const said = async (work: (io: { out: Text; err: Text }) => Promise<number>) => {
    const io = { out: new Text(), err: new Text() };
    return `${await work(io)} ${io.err.text}`;
  };
  try {
    expect(await said((io) => setPort('p3', path, ['foo=1'], options, io))).toMatch(
      /^2 etherloom: port p3: foo: the key "foo" is not known/,
    );
    expect(await said((io) => setPort('p3', path, ['mtu=1'], options, io))).toBe(
      '2 etherloom: port p3: mtu: 1 is not an MTU\n',
    );
    expect(await said((io) => addPort('p 12=memory', path, options, io))).toBe(
      '2 etherloom: "p 12" is not a port name\n',
    );
    expect(await said((io) => addPort('p12=tun:x', path, options, io))).toBe(
      '2 etherloom: port p12: adapter: "tun" is not an adapter\n',
    );
    expect(await said((io) => addPort('p12=tap:x,foo', path, options, io))).toMatch(
      /^2 etherloom: p12=tap:x,foo: foo: the key "foo" is not known/,
    );
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

it('drops come with what to do about them', () => {
  const drop = (reason: string) => ({ drops: [{ port: 'p', reason, frames: 1, sentence: 'S.' }], total: {} });
  expect(topicText('drops', drop('EGRESS_NO_PORT'))).toBe(
    'PORT  FRAMES  REASON          WHAT IT MEANS\n' +
      'p          1  EGRESS_NO_PORT  S.\n\n' +
      'EGRESS_NO_PORT of broadcast and multicast is no fault where a host is alone in its VLAN.\n' +
      'The last frames of each: etherloom show samples; what would deliver one: etherloom explain --drop ID.\n',
  );
  expect(topicText('drops', drop('INGRESS_VLAN'))).not.toContain('EGRESS_NO_PORT');
});

it('a host of a private VLAN is in the VLAN that its configuration says', () => {
  const config = loadConfig(
    JSON.stringify({
      switch: { name: 'sw' },
      vlans: { 100: { isolated: 101, communities: '102' } },
      ports: {
        i: { adapter: 'memory', mode: 'private-host', vlan: 101 },
        c: { adapter: 'memory', mode: 'private-host', vlan: 102 },
        u: { adapter: 'memory', mode: 'promiscuous', vlan: 100 },
      },
    }),
    'sw.json',
  );
  const { directory } = worldOf(config);
  const status = { device: '', created: false, detail: null } as PortStatus;
  const lines = summary(
    directory,
    directory.ports.map(({ name }) => ({ ...status, name })),
    's',
  );
  expect(lines.slice(1).map((line) => line.split(', ').at(-1))).toEqual([
    'private-host 101',
    'private-host 102',
    'promiscuous 100-102',
  ]);
});

it('a peer is reachable when it was heard, and silent as long as it only was sent to', () => {
  const nothing = { pathMtu: 1500, learned: 0, rxBytes: 0, txBytes: 0, unknownVni: 0, refused: 0, reservedBits: 0 };
  const peer = { ...nothing, vtep: 'v', kind: 'peer' as const, resolved: true, rxFrames: 0, txFrames: 0, unsent: 0 };
  const text = peersText([
    { ...peer, address: '192.0.2.1' },
    { ...peer, address: '192.0.2.2', txFrames: 1 },
    { ...peer, address: '192.0.2.3', unknownVni: 1 },
    { ...peer, address: '192.0.2.4', resolved: false, unsent: 1 },
    { ...peer, address: '239.0.0.1', kind: 'group', txFrames: 1 },
  ]);
  const states = text
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/)[3]);
  expect(states).toEqual(['STATE', 'unused', 'silent', 'reachable', 'unresolved', 'reachable']);
});

describe('the first line of run', () => {
  it('counts what is plugged in and what the router has, each by itself', () => {
    const { directory } = worldOf(
      loadConfig(
        JSON.stringify({
          switch: { name: 'sw' },
          ports: {
            p: { adapter: 'memory', vlan: 10 },
            up: { adapter: 'memory' },
            child: { adapter: 'memory' },
          },
          macvlan: { g: { parent: 'up', children: { child: { macs: ['02:00:00:00:00:01'] } } } },
          interfaces: { i: { vlan: 10, addresses: ['10.0.0.1/24'] } },
        }),
        'sw.json',
      ),
    );
    expect(summary(directory, [], 's')).toEqual(['switch sw: 3 ports, 1 interface, VLANs 10; control socket s']);
    expect(directory.ports.map(({ name, mode }) => `${name} ${mode}`)).toEqual([
      'p access',
      'up macvlan',
      'child macvlan',
      'i access',
    ]);
  });
});

describe('tables', () => {
  it('align text to the left and numbers to the right, without trailing spaces', () => {
    expect(
      table(
        ['NAME', 'N'],
        [
          ['a', 5],
          ['long', 1234],
        ],
      ),
    ).toBe('NAME     N\na        5\nlong  1234\n');
    expect(table(['A', 'B'], [[null, '']])).toBe('A  B\n-  -\n');
    expect(table(['A', 'B'], [])).toBe('A  B\n');
  });

  it('of VLANs are short', () => {
    expect(vidList([20, 10, 11, 12, 10])).toBe('10-12 20');
    expect(vidList(Array.from({ length: 4094 }, (_, i) => i + 1))).toBe('1-4094');
    expect(vidList([])).toBe('');
  });

  it('of the FDB name the bridge only where there are several', () => {
    const entry = { bridge: 'a', vid: 10, mac: '02:00:00:00:00:01', port: 'p1', kind: 'dynamic', ageSeconds: 12.7 };
    const one = topicText('fdb', { entries: [entry], stats: {} });
    expect(one).toBe('MAC                VLAN  PORT  KIND     AGE\n02:00:00:00:00:01  10    p1    dynamic  12s\n');
    const two = topicText('fdb', { entries: [entry, { ...entry, bridge: 'b', vid: null }], stats: {} });
    expect(two).toMatch(/AGE {2}BRIDGE\n.*12s {2}a\n.* - .*12s {2}b\n/);
  });

  it('of macvlan groups have a line a port, the host first', () => {
    const children = [
      { port: 'web', mode: 'bridge', macs: ['02:00:00:00:00:01', '02:00:00:00:00:02'], sources: [] },
      { port: 'tap9', mode: 'source', macs: [], sources: ['02:00:00:00:00:09'] },
    ];
    const host = { port: 'h', mac: '02:00:00:00:00:10' };
    const group = { name: 'lan', parent: 'up', vlan: 10, children, host, hostAccess: true };
    expect(topicText('macvlan', { groups: [group] }).split('\n')).toEqual([
      'GROUP  PARENT  VLAN  PORT  MODE               MACS                                 SOURCES',
      'lan    up      10    h     host, with access  02:00:00:00:00:10                    -',
      'lan    up      10    web   bridge             02:00:00:00:00:01 02:00:00:00:00:02  -',
      'lan    up      10    tap9  source             -                                    02:00:00:00:00:09',
      '',
    ]);
  });

  it('of ipvlan groups as well', () => {
    const children = [{ port: 'web', addresses: ['192.0.2.11', '2001:db8::11'] }];
    const l2 = { name: 'lan', mode: 'l2', flag: 'private', parent: 'up', vlan: null, children, host: { port: 'h' } };
    const l3 = { name: 'apps', mode: 'l3s', flag: 'bridge', parent: 'gate', vlan: null, children, host: null };
    const groups = [
      { ...l2, mac: '02:00:00:00:00:01', hostAccess: false },
      { ...l3, mac: null, hostAccess: false },
    ];
    expect(topicText('ipvlan', { groups }).split('\n')).toEqual([
      'GROUP  PARENT  VLAN  MODE        PORT  ADDRESSES',
      'lan    up      all   l2 private  h     (host)',
      'lan    up      all   l2 private  web   192.0.2.11 2001:db8::11',
      'apps   gate    -     l3s bridge  web   192.0.2.11 2001:db8::11',
      '',
    ]);
    const hearing = [{ port: 'web', addresses: ['192.0.2.11'], multicast: ['224.0.0.251', 'ff02::fb'] }];
    const with2 = [{ ...groups[0], children: [...hearing, { port: 'db', addresses: ['192.0.2.12'] }] }, groups[1]];
    expect(topicText('ipvlan', { groups: with2 }).split('\n')).toEqual([
      'GROUP  PARENT  VLAN  MODE        PORT  ADDRESSES                MULTICAST',
      'lan    up      all   l2 private  h     (host)                   all',
      'lan    up      all   l2 private  web   192.0.2.11               224.0.0.251 ff02::fb',
      'lan    up      all   l2 private  db    192.0.2.12               all',
      'apps   gate    -     l3s bridge  web   192.0.2.11 2001:db8::11  -',
      '',
    ]);
  });

  it('of no drops say so', () => {
    expect(topicText('drops', { drops: [], total: {}, unsent: [] })).toBe('no frame was dropped\n');
    expect(topicText('drops', { drops: [], total: {}, unsent: [{ port: 'p2', copies: 3 }] })).toBe(
      'no frame was dropped\nCopies that could not leave: 3 by p2; the device or its queue was full, or down. A frame of which other copies left is no drop.\n',
    );
  });
});

describe('event lines', () => {
  it('name what a change did, but not a thousand actions', () => {
    const actions = Array.from({ length: 10 }, (_, i) => `remove-port p${i}`);
    expect(configLine({ event: 'applied', actions: [], confirmSeconds: null })).toBe('applied: nothing to change');
    expect(configLine({ event: 'applied', actions, confirmSeconds: 60 })).toMatch(
      /^applied \(to be confirmed within 60 s\): remove-port p0; .*remove-port p7; and 2 more$/,
    );
  });

  it('are one line each', () => {
    expect(eventLine({ event: 'link', port: 'p1', up: false, reason: 'interface deleted' })).toBe(
      'port p1: link down (interface deleted)',
    );
    expect(
      violationsLine({
        count: 3,
        first: {
          ...{ event: 'static-violation', bridge: 'sw', port: 'p2', mac: '02:00:00:00:00:01', vid: 10, oldPort: 'p1' },
        },
      }),
    ).toBe(
      'port p2: a frame claims 02:00:00:00:00:01 in VLAN 10, which is configured on p1; 3 such frames in the last second',
    );
  });
});

describe('run', () => {
  const attempt = async (options: Parameters<typeof run>[0]) => {
    const err = new Text();
    const readConfig = async (given: ConfigOptions) => readRunConfig(given);
    return [await run(options, { err, readConfig }), err.text] as const;
  };

  it.each([
    [{ ports: [] }, /^etherloom: run needs -c FILE or --port/],
    [{ ports: ['p1=tap:t1'], config: 'x.yaml' }, /^etherloom: run takes -c or --port, not both\n$/],
    [{ ports: [], config: 'x.yaml', name: 'y' }, /^etherloom: --name goes with --port/],
    [{ ports: [], config: '/nonexistent/x.yaml' }, /^etherloom: \/nonexistent\/x\.yaml: no such file or directory\n$/],
    [{ ports: ['p1=tap:t1'], name: 'a b' }, /^etherloom: --name: "a b" is not a name/],
    [{ ports: ['p1=pcap:x.pcap'] }, /^etherloom: --port: ports\.p1\.adapter: "pcap" is not for a running switch/],
    [{ ports: ['p1=tap:t1,access=4095'] }, /^etherloom: --port .*4095/],
  ])('refuses %j with one line and status 2', async (options, line) => {
    const [status, text] = await attempt(options);
    expect(status).toBe(2);
    expect(text).toMatch(line);
    expect(text.trimEnd()).not.toContain('\n');
  });
});

describe('show', () => {
  const attempt = async (topic: string, options: Partial<Parameters<typeof show>[1]> = {}) => {
    const [out, err] = [new Text(), new Text()];
    const status = await show(topic, { json: false, socket: '/nonexistent/x.sock', ...options }, { out, err });
    return [status, err.text, out.text] as const;
  };

  it('refuses what is no question', async () => {
    expect(await attempt('tea')).toEqual([
      2,
      `etherloom: there is nothing to show as "tea"; valid are ${TOPICS.join(', ')}\n`,
      '',
    ]);
    expect((await attempt('prots'))[1]).toBe(
      'etherloom: there is nothing to show as "prots" (did you mean "ports"?)\n',
    );
    expect((await attempt(''))[1]).toBe(`etherloom: say what to show; valid are ${TOPICS.join(', ')}\n`);
    expect((await attempt('ports', { vlan: 10 })).slice(0, 2)).toEqual([2, 'etherloom: --vlan is for show fdb\n']);
    expect((await attempt('fdb', { mac: 'zz' }))[0]).toBe(2);
    expect((await attempt('fdb', { name: 'a' }))[0]).toBe(2);
  });

  it('names the switches that are running when the one that is meant is not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'etherloom-running-'));
    vi.stubEnv('XDG_RUNTIME_DIR', folder);
    vi.spyOn(process, 'getuid').mockReturnValue(4711);
    const servers: Server[] = [];
    const listen = async (name: string) => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(join(folder, 'etherloom', `${name}.sock`), done));
      servers.push(server);
    };
    const missing = `etherloom: no switch is running at ${folder}/etherloom/lbb.sock; `;
    const ask = async () => (await attempt('ports', { socket: undefined, name: 'lbb' }))[1];
    try {
      mkdirSync(join(folder, 'etherloom'));
      writeFileSync(join(folder, 'etherloom', 'gone.sock'), '');
      await listen('lab');
      expect(await ask()).toBe(`${missing}running: lab (--name lab)\n`);
      await listen('lab2');
      expect(await ask()).toBe(`${missing}running: lab, lab2 (--name says which)\n`);
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
      for (const server of servers) server.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('says when no switch is there', async () => {
    vi.stubEnv('XDG_RUNTIME_DIR', '/nonexistent');
    vi.spyOn(process, 'getuid').mockReturnValue(4711);
    try {
      expect(await attempt('ports', { socket: undefined })).toEqual([
        1,
        'etherloom: no switch is running: none listens in /nonexistent/etherloom\n',
        '',
      ]);
      expect(await attempt('ports')).toEqual([
        1,
        'etherloom: no switch is running at /nonexistent/x.sock; none listens in /nonexistent/etherloom\n',
        '',
      ]);
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    }
  });
});
