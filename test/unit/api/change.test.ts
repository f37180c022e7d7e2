/** Changing a running switch: whole or not at all, and ports that are not named go on. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { documentOf, loadConfig } from '../../../src/config/load.ts';
import { compressVlans } from '../../../src/config/vlan-range.ts';
import { ControlError } from '../../../src/control/model.ts';
import { currentConfig } from '../../../src/control/plan/current.ts';
import { plan } from '../../../src/control/plan/plan.ts';
import { planPieces } from '../../../src/runtime/plan-pieces.ts';
import { freePort } from '../../free-port.ts';
import { closeAll, frame, peer, start, threePorts, udp, until } from './world.ts';

afterEach(closeAll);

const access = (vlan: number) => ({ mode: 'access', vlan });

describe('plan', () => {
  it('says what would be done, and does nothing', async () => {
    const { ask, raw, send, peers, served } = await threePorts();
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'learned');
    const { p2, p3 } = raw.ports;
    const config = { ...raw, vlans: { 30: { name: 'new' } }, ports: { p2, p3: { ...p3, vlan: 10 } } };
    const before = served.document;
    const { status, body } = await ask('POST', '/v1/plan', { config });
    expect(status).toBe(200);
    expect(body.plan).toMatchObject({
      text: [
        'remove-port p1',
        'remove-vlan sw 20',
        'add-vlan sw 30 (new)',
        'set-member p3 vlan 10 untagged',
        'set-pvid p3 10',
      ],
      memberships: {
        added: [{ port: 'p3', bridge: 'sw', vid: 10, tagged: false }],
        removed: [
          { port: 'p1', vid: 10 },
          { port: 'p3', vid: 20 },
        ],
      },
      forgotten: { count: 1, entries: [{ mac: '02:00:00:00:00:01', port: 'p1', vid: 10 }] },
    });
    expect(served.document).toBe(before);
  });

  it('is refused where the file is wrong, with its place, and where it needs a restart', async () => {
    const { ask } = await threePorts();
    const post = (config: string) => ask('POST', '/v1/plan', { config, file: 'new.yaml' });
    expect(await post('ports:\n  p1: { adapter: udp }\n')).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^new\.yaml:2: ports\.p1\.local: is missing/) },
    });
    expect(await post('switch: { name: other }')).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^new\.yaml:1: switch\.name: cannot change while the switch runs/) },
    });
    const ports = Array.from({ length: 200 }, (_, i) => `p${i}: { adapter: memory }`).join(', ');
    expect(await post(`{ switch: { name: sw }, ports: { ${ports} } }`)).toMatchObject({
      status: 409,
      body: { error: '200 ports do not fit into the running switch, which has room for 64; restart it' },
    });
    expect(await post('{ switch: { name: sw }, ports: { c: { adapter: pcap, file: a } } }')).toMatchObject({
      status: 409,
    });
  });
});

describe('apply', () => {
  it('opens, moves and closes ports, while the others go on', async () => {
    const { ask, raw, send, peers, locals, live, served, logged } = await threePorts();
    const far = await peer();
    const local = await freePort();
    const { p1, p3 } = raw.ports;
    // p2 goes; p3 gets another bridge and keeps its socket; p4 comes.
    const ports = { p1, p3: { ...p3, bridge: 'br1' }, p4: udp(local, far.port, access(10)) };
    const { status, body } = await ask('POST', '/v1/apply', { config: { ...raw, bridges: { br1: {} }, ports } });
    expect([status, body.error]).toEqual([200, undefined]);
    expect(body.actions).toContain('add-port p4 (access, bridge sw)');
    expect(served.readable.directory.ports.map(({ name, bridge }) => [name, bridge])).toEqual([
      ['p1', 'sw'],
      ['p3', 'br1'],
      ['p4', 'sw'],
    ]);
    send(0, frame(9, 1));
    await until(() => far.got.length === 1, 'the new port gets frames');
    far.socket.send(frame(1, 4), local, '127.0.0.1');
    await until(() => peers[0]!.got.length === 1, 'and brings them');
    expect(peers[1]!.got).toEqual([]);
    expect(live.statuses().map(({ name, linkReason }) => [name, linkReason])).toEqual([
      ['p1', 'socket open'],
      ['p3', 'socket open'],
      ['p4', 'socket open'],
    ]);
    // The socket of p2 is free again, and that of p3 was never closed.
    const again = await ask('PUT', '/v1/ports/p5', udp(locals[1]!, peers[1]!.port, access(10)));
    expect(again.status).toBe(200);
    expect(logged.map(({ event }) => event)).toEqual(['applied', 'applied']);
    expect(served.readable.tables.ports.capacity).toBeGreaterThan(3);
  });

  it('changes nothing when a port cannot be opened', async () => {
    const { ask, raw, live, served, send, peers, locals } = await threePorts();
    const taken = await peer();
    const before = currentConfig(live.core.control, 'sw');
    const good = await freePort();
    const { p1, p3 } = raw.ports;
    const ports = {
      p1,
      p3: { ...p3, vlan: 10 },
      good: udp(good, taken.port, access(10)),
      bad: udp(taken.port, taken.port, access(10)),
    };
    const { status, body } = await ask('POST', '/v1/apply', { config: { ...raw, ports } });
    expect([status, body.error]).toEqual([409, expect.stringMatching(/^port bad \(udp .*another program uses/)]);
    expect(currentConfig(live.core.control, 'sw')).toEqual(before);
    expect(served.document.raw).toEqual(raw);
    expect(served.readable.directory.ports.map(({ name }) => name)).toEqual(['p1', 'p2', 'p3']);
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'frames go on');
    // What was opened in vain is closed.
    const { status: then } = await ask('PUT', '/v1/ports/p4', udp(good, locals[0]!, access(10)));
    expect(then).toBe(200);
  });

  it('opens a device anew with other options, and the old one again when that fails', async () => {
    const { ask, raw, send, peers, locals } = await threePorts();
    const other = await peer();
    const patched = await ask('PATCH', '/v1/ports/p2', { remote: `127.0.0.1:${other.port}` });
    expect([patched.status, patched.body.error]).toEqual([200, undefined]);
    send(0, frame(2, 1));
    await until(() => other.got.length === 1, 'the other peer gets the frame');
    const failed = await ask('PATCH', '/v1/ports/p2', { remote: '127.0.0.1:1', local: `127.0.0.1:${locals[0]}` });
    expect(failed.status).toBe(400); // p1 has it
    const config = {
      ...raw,
      ports: {
        p1: { ...raw.ports.p1, remote: 'no.such.host.invalid:9' },
        p2: raw.ports.p2,
      },
    };
    const refused = await ask('POST', '/v1/apply', { config });
    expect(refused.status).toBe(409);
    send(0, frame(2, 1));
    await until(() => other.got.length === 2, 'p1 has its socket again');
    expect(peers[1]!.got).toEqual([]);
  });

  it('puts everything back when tables have no room', async () => {
    const ports = { p1: { adapter: 'memory', mode: 'trunk', vlans: '1-4094' } };
    const { live, ask } = await start({ switch: { name: 'sw' }, ports });
    const before = currentConfig(live.core.control, 'sw');
    const actions = plan(
      before,
      loadConfig(
        JSON.stringify({
          ...{ switch: { name: 'sw', hub: true }, bridges: { br1: {} } },
          ports: { p1: ports.p1, p2: { ...ports.p1, bridge: 'br1' }, p3: { adapter: 'memory' } },
        }),
        'x',
      ),
    );
    await expect(live.change({ do: 'apply', plan: planPieces(before, actions) })).rejects.toThrow(
      /no room for another VLAN/,
    );
    expect(currentConfig(live.core.control, 'sw')).toEqual(before);
    expect(live.statuses().map(({ name }) => name)).toEqual(['p1']);
    expect((await ask('GET', '/v1/ledger')).body.balanced).toBe(true);
  });

  it('puts entries back when one of them has no place', async () => {
    const entry = { bridge: 'sw', vid: 10, mac: '02:00:00:00:00:09', port: 'p1', kind: 'static' } as const;
    const fdb = [{ mac: entry.mac, vlan: 10, port: 'p1' }];
    const { live } = await start({ switch: { name: 'sw' }, ports: { p1: { adapter: 'memory', vlan: 10 } }, fdb });
    const before = currentConfig(live.core.control, 'sw');
    expect(before.fdbEntries).toEqual([entry]);
    const actions = [
      { do: 'remove-entry', entry },
      { do: 'add-entry', entry: { ...entry, kind: 'sticky' } },
      { do: 'add-entry', entry: { ...entry, mac: '02:00:00:00:00:0a', port: 'p9' } },
    ] as const;
    await expect(live.change({ do: 'set-entries', actions })).rejects.toThrow(/p9/);
    expect(currentConfig(live.core.control, 'sw')).toEqual(before);
  });

  it('is rolled back unless confirmed, and nothing else is changed meanwhile', async () => {
    const { ask, raw, served, told, logged } = await threePorts();
    served.events.listen((events) => told.push(...events));
    const config = { ...raw, vlans: { 30: { name: 'new' } } };
    expect((await ask('POST', '/v1/apply', { config, confirmSeconds: 60 })).body.actions).toHaveLength(1);
    expect(await ask('PUT', '/v1/vlans/31', {})).toMatchObject({
      status: 409,
      body: { error: expect.stringMatching(/^a change waits to be confirmed \(60 s are left\)/) },
    });
    expect((await ask('POST', '/v1/rollback')).body.actions).toEqual(['remove-vlan sw 30']);
    expect(served.document.raw).toEqual(raw);

    await ask('POST', '/v1/apply', { config, confirmSeconds: 60 });
    expect((await ask('POST', '/v1/confirm')).status).toBe(200);
    expect(await ask('POST', '/v1/confirm')).toMatchObject({ status: 409 });
    expect(served.confirmSeconds).toBeNull();
    // Nothing to take back.
    expect((await ask('POST', '/v1/apply', { config, confirmSeconds: 60 })).body.actions).toEqual([]);
    expect(served.confirmSeconds).toBeNull();
    await ask('POST', '/v1/apply', { config: raw, confirmSeconds: 1 });
    await until(() => logged.at(-1)?.event === 'rolled-back', 'rolled back in time');
    expect(logged.at(-1)).toMatchObject({ why: 'it was not confirmed in time', actions: ['add-vlan sw 30 (new)'] });
    expect(told.map(({ event }) => event)).toEqual([
      ...['applied', 'rolled-back', 'applied', 'confirmed', 'applied', 'applied', 'rolled-back'],
    ]);
  });
});

describe('a change that cannot be taken back', () => {
  it('goes on waiting to be confirmed, and is not what is kept', async () => {
    const { ask, raw, served, live } = await threePorts();
    const config = { ...raw, vlans: { 30: {} } };
    await ask('POST', '/v1/apply', { config, confirmSeconds: 60 });
    const { change } = live;
    live.change = () => Promise.reject(new ControlError('the device is away'));
    expect(await ask('POST', '/v1/rollback')).toMatchObject({ status: 409, body: { error: 'the device is away' } });
    expect(served.confirmSeconds).toBeGreaterThan(0);
    expect(served.confirmed.raw).toEqual(raw);
    expect(served.document.raw).toEqual(config);
    live.change = change;
    expect((await ask('POST', '/v1/rollback')).body.actions).toEqual(['remove-vlan sw 30']);
    expect(served.confirmSeconds).toBeNull();
  });

  it('is told of when its time is up', async () => {
    const { ask, raw, live, logged } = await threePorts();
    await ask('POST', '/v1/apply', { config: { ...raw, vlans: { 30: {} } }, confirmSeconds: 1 });
    live.change = () => Promise.reject(new ControlError('the device is away'));
    await until(() => logged.at(-1)?.event === 'rollback-failed', 'told');
    expect(logged.at(-1)).toEqual({ event: 'rollback-failed', why: 'the device is away' });
  });

  it('is none when it is confirmed while something else is under way', async () => {
    const { raw, served, live, logged } = await threePorts();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const to = documentOf({ ...raw, vlans: { 30: {} } }, 'test.json');
      await served.apply(to, 1);
      const { change } = live;
      let goOn = () => {};
      live.change = () => new Promise((done) => (goOn = done));
      const under = served.make({ do: 'flush', what: {} });
      const confirmed = served.confirm();
      vi.advanceTimersByTime(1000);
      live.change = change;
      goOn();
      await Promise.all([under, confirmed, served.make({ do: 'reset-counters' })]);
      expect(logged.map(({ event }) => event)).toEqual(['applied', 'confirmed']);
      expect(served.document).toBe(to);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('parts', () => {
  it('ports: added, changed, turned off, removed', async () => {
    const { ask, get, live, send, peers, served, told } = await threePorts();
    const port = async (name: string) => {
      const { ports } = (await get('/v1/ports')).body as unknown as { ports: { name: string }[] };
      return ports.find((p) => p.name === name);
    };
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'learned');
    expect((await ask('PATCH', '/v1/ports/p1', { enabled: false })).body.actions).toEqual([
      'set-port p1 (not enabled)',
    ]);
    expect(told.at(-1)).toEqual({ event: 'link', port: 'p1', up: false, reason: 'turned off' });
    expect(await port('p1')).toMatchObject({ link: 'down', linkReason: 'turned off', learned: 0 });
    expect((await ask('PATCH', '/v1/ports/p1', { enabled: null })).status).toBe(200);
    expect(await port('p1')).toMatchObject({ link: 'up' });
    expect(told.at(-1)).toEqual({ event: 'link', port: 'p1', up: true, reason: 'socket open' });
    // Another mode: the VLANs start anew.
    await ask('PATCH', '/v1/ports/p1', { mode: 'trunk', vlans: '10,20-22', mtu: 9000 });
    expect(await port('p1')).toMatchObject({ mode: 'trunk', tagged: [10, 20, 21, 22], mtu: 9000 });
    expect(live.core.adapters[live.core.control.port('p1').index]!.mtu).toBe(9000);
    expect(await ask('PATCH', '/v1/ports/p1', { vlan: 5 })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^request: ports\.p1\.vlan: "vlan" belongs to mode access/) },
    });
    expect(await ask('PATCH', '/v1/ports/p9', {})).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^there is no port "p9"/) },
    });
    expect((await ask('PUT', '/v1/ports/m', { adapter: 'memory' })).status).toBe(200);
    const [onlyNew, other] = ['/v1/ports/m?replace=false', { adapter: 'memory', mtu: 9000 }];
    expect(await ask('PUT', onlyNew, other)).toMatchObject({
      status: 409,
      body: { error: 'there is a port m already; change it, or delete it first' },
    });
    expect(await ask('PUT', '/v1/ports/m?replace=no', other)).toMatchObject({ status: 400 });
    expect(served.document.config.ports.find(({ name }) => name === 'm')).toMatchObject({ mtu: 1500 });
    expect(await ask('PUT', '/v1/ports/m', { adapter: 'memory', speed: 9 })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^body\.speed: the key is not known/) },
    });
    expect((await ask('DELETE', '/v1/ports/m')).body.actions).toContain('remove-port m');
    expect((await ask('PUT', onlyNew, { adapter: 'memory' })).status).toBe(200);
    await ask('DELETE', '/v1/ports/m');
    for (const name of ['constructor', '__proto__', 'a%20b', '%00']) {
      expect((await ask('PUT', `/v1/ports/${name}`, { adapter: 'memory' })).status, name).toBe(400);
    }
    expect(served.document.config.ports.map(({ name }) => name)).toEqual(['p1', 'p2', 'p3']);
  });

  it('VLANs: listed, renamed, removed from ranges, trunks and hybrids', async () => {
    const ports = {
      t: { adapter: 'memory', mode: 'trunk' },
      h: { adapter: 'memory', mode: 'hybrid', pvid: 25, untagged: [25, 26], tagged: 27 },
      a: { adapter: 'memory', mode: 'access', vlan: 10 },
    };
    const fdb = [{ mac: '02:00:00:00:00:01', vlan: 25, port: 'h' }];
    const { ask, served } = await start({
      switch: { name: 'sw' },
      vlans: { '20-29': { fdbMaxEntries: 5 } },
      ports,
      fdb,
    });
    expect((await ask('PUT', '/v1/vlans/22', { name: 'green' })).body.actions).toEqual([
      'set-vlan sw 22 (name vlan22 -> green)',
    ]);
    expect((await ask('PUT', '/v1/vlans/22', {})).body.actions).toEqual([]);
    expect(served.document.raw.vlans).toEqual({
      '20-21,23-29': { fdbMaxEntries: 5 },
      '22': { fdbMaxEntries: 5, name: 'green' },
    });
    expect((await ask('DELETE', '/v1/vlans/25')).status).toBe(200);
    const { config, raw } = served.document;
    expect(config.bridges[0]!.vlans.some(({ vid }) => vid === 25)).toBe(false);
    expect(config.fdbEntries).toEqual([]);
    expect(raw.ports!.t!.vlans).toBe('1-24,26-4094');
    expect(config.ports.find(({ name }) => name === 'h')).toMatchObject({ pvid: null });
    expect(await ask('DELETE', '/v1/vlans/25')).toMatchObject({
      status: 400,
      body: { error: 'bridge sw has no VLAN 25' },
    });
    expect((await ask('DELETE', '/v1/vlans/30?bridge=none')).body.error).toBe('there is no bridge none');
    expect(await ask('DELETE', '/v1/vlans/10')).toMatchObject({
      status: 400,
      body: { error: 'port a is in VLAN 10 and in no other (mode access); give it another one first' },
    });
    expect((await ask('PUT', '/v1/vlans/4095', {})).status).toBe(400);
    expect((await ask('PUT', '/v1/vlans/30?bridge=none', {})).status).toBe(400);
  });

  it('FDB entries: added, replaced, deleted, flushed', async () => {
    const { ask, get, send, peers, served } = await threePorts();
    const macs = async () => {
      const { entries } = (await get('/v1/fdb')).body as unknown as { entries: { mac: string; kind: string }[] };
      return entries.map(({ mac, kind }) => [mac.slice(-2), kind]);
    };
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'learned');
    const mac = '02-00-00-00-00-0A';
    expect((await ask('POST', '/v1/fdb', { mac, vlan: 10, port: 'p1' })).body.actions).toEqual([
      'add-entry 02:00:00:00:00:0a vlan 10 static on p1',
    ]);
    expect(await ask('POST', '/v1/fdb', { mac, vlan: 10, kind: 'blackhole' })).toMatchObject({
      status: 409,
      body: { error: '02-00-00-00-00-0A has a static entry already; replace it, or delete it first' },
    });
    await ask('POST', '/v1/fdb', { mac, vlan: 10, kind: 'blackhole', replace: true });
    expect(await macs()).toEqual([
      ['01', 'dynamic'],
      ['0a', 'blackhole'],
    ]);
    expect(served.document.raw.fdb).toHaveLength(1);
    expect((await ask('DELETE', '/v1/fdb?mac=02:00:00:00:00:0a&vlan=10')).status).toBe(200);
    expect((await ask('DELETE', '/v1/fdb?mac=02:00:00:00:00:01&vlan=10')).status).toBe(200);
    expect((await ask('DELETE', '/v1/fdb?mac=02:00:00:00:00:01&vlan=10')).status).toBe(409);
    expect(await macs()).toEqual([]);
    // Removed once, however many ask at the same time, and nothing else with it.
    for (const end of ['0b', '0c'])
      await ask('POST', '/v1/fdb', { mac: `02:00:00:00:00:${end}`, vlan: 10, port: 'p1' });
    const url = '/v1/fdb?mac=02:00:00:00:00:0b&vlan=10';
    const answers = await Promise.all([ask('DELETE', url), ask('DELETE', url)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await macs()).toEqual([['0c', 'static']]);
    await ask('DELETE', '/v1/fdb?mac=02:00:00:00:00:0c&vlan=10');
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 2, 'learned again');
    expect((await ask('POST', '/v1/fdb/flush', { port: 'p1', vlan: 10 })).status).toBe(200);
    expect(await macs()).toEqual([]);
    for (const what of [{ port: 'p9' }, { vlan: 77 }, { bridge: 'x' }]) {
      expect((await ask('POST', '/v1/fdb/flush', what)).status).toBe(409);
    }
    expect((await ask('POST', '/v1/fdb', { mac: '01:00:5e:00:00:01', vlan: 10, port: 'p1' })).status).toBe(400);
    expect(await ask('POST', '/v1/fdb', { mac: '02:00:00:00:00:0d', vlan: 10, port: 'p3' })).toMatchObject({
      status: 400,
      body: { error: 'entry 02:00:00:00:00:0d: vlan: port p3 is not a member of VLAN 10' },
    });
  });

  it('the FDB entry of an interface stays, whoever asks', async () => {
    const mac = '02:00:00:00:00:fe';
    const { ask, get } = await start({
      ports: { p1: { adapter: 'memory', vlan: 10 } },
      interfaces: { gw: { vlan: 10, mac } },
    });
    const problem = `${mac} is the MAC of interface gw in VLAN 10; change or remove the interface`;
    expect(await ask('DELETE', `/v1/fdb?mac=${mac}&vlan=10`)).toMatchObject({ status: 409, body: { error: problem } });
    expect(await ask('POST', '/v1/fdb', { mac, vlan: 10, port: 'p1', replace: true })).toMatchObject({
      status: 400,
      body: { error: `entry ${mac}: mac: ${problem}` },
    });
    expect((await get('/v1/fdb')).body).toMatchObject({ entries: [{ mac, kind: 'local' }] });
  });

  it('counters start again, and balance', async () => {
    const { ask, get, send, peers } = await threePorts();
    send(0, frame(2, 1));
    await until(() => peers[1]!.got.length === 1, 'counted');
    expect((await ask('POST', '/v1/counters/reset')).status).toBe(200);
    expect((await get('/v1/ledger')).body).toMatchObject({ balanced: true, total: { received: 0 } });
  });

  it('are the same as a whole file, which can be read back and applied', async () => {
    const { ask, get, served } = await threePorts();
    await ask('PUT', '/v1/vlans/30', { name: 'green' });
    await ask('PATCH', '/v1/ports/p1', { mode: 'trunk', vlans: compressVlans([10, 30]) });
    await ask('POST', '/v1/fdb', { mac: '02:00:00:00:00:0a', vlan: 30, port: 'p1', kind: 'sticky' });
    const { config } = (await get('/v1/config')).body;
    expect((await ask('POST', '/v1/plan', { config })).body.plan).toMatchObject({ text: [] });
    expect(served.document.config.fdbEntries).toHaveLength(1);
  });
});
