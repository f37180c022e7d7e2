/** Tunnels of a running switch over the API: entries, forgetting, peers, and what is told of them. */

import { afterEach, describe, expect, it } from 'vitest';
import type { SwitchEvent } from '../../../src/api/events.ts';
import { lineOf } from '../../../src/cli/events.ts';
import { ethernetFrame, udpIpv4, vxlanPayload } from '../../../src/wire/build.ts';
import { freePort } from '../../free-port.ts';
import { closeAll, peer, start, udp, until } from './world.ts';

afterEach(closeAll);

const [OURS, MAC, HOST] = ['02:00:00:00:17:17', '02:00:00:00:00:0a', '02:00:00:00:00:0b'];
const REMOTES = { '192.0.2.2': '02:00:00:00:00:22', '192.0.2.3': '02:00:00:00:00:33' };

/** A VTEP on a UDP port: `vx` has the VNIs 10010 and 10020, `vy` has 5000. */
async function tunnels() {
  const far = await peer();
  const local = await freePort();
  const raw = {
    switch: { name: 'sw' },
    bridges: { b: { type: 'unaware' } },
    vteps: {
      v0: { underlay: 'port', uplink: 'u', local: '192.0.2.1/24', mac: OURS, neighbors: REMOTES },
    },
    ports: {
      u: udp(local, far.port, {}),
      vx: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { 10: 10_010, 20: 10_020 }, remotes: ['192.0.2.2'] } },
      vy: { adapter: 'vxlan', bridge: 'b', vxlan: { vtep: 'v0', vni: 5000 } },
    },
  };
  const sw = await start(raw);
  /** A frame of `src` inside the VNI arrives from the remote. */
  const send = (from: keyof typeof REMOTES, vni: number, src: string) => {
    const inner = ethernetFrame({ dst: 'ff:ff:ff:ff:ff:ff', src }, 0x88b5, Buffer.alloc(46));
    const packet = udpIpv4({ src: from, dst: '192.0.2.1' }, 50_000, 4789, vxlanPayload(vni, inner));
    far.socket.send(ethernetFrame({ dst: OURS, src: REMOTES[from] }, 0x0800, packet), local, '127.0.0.1');
  };
  const entries = async () => {
    const { body } = await sw.get('/v1/vxlan-fdb');
    const all = body.entries as { port: string; vni: number; mac: string; remotes: string[]; kind: string }[];
    return all.map(({ port, vni, mac, remotes, kind }) => `${port} ${vni} ${mac} ${remotes} ${kind}`);
  };
  return { ...sw, raw, send, entries };
}

describe('entries of the VXLAN FDB', () => {
  it('are added, replaced and removed in the configuration', async () => {
    const { ask, served, entries } = await tunnels();
    const entry = { port: 'vx', vni: 10_010, mac: MAC };
    expect(await ask('POST', '/v1/vxlan-fdb', { ...entry, remote: '192.0.2.3' })).toMatchObject({
      status: 200,
      body: { actions: [`add-vxlan-entry ${MAC} vni 10010 static`] },
    });
    expect(await entries()).toEqual([`vx 10010 ${MAC} 192.0.2.3 static`]);
    const again = { ...entry, mac: '02-00-00-00-00-0A', kind: 'blackhole' };
    expect(await ask('POST', '/v1/vxlan-fdb', again)).toMatchObject({
      status: 409,
      body: { error: '02-00-00-00-00-0A has a static entry already; replace it, or delete it first' },
    });
    expect((await ask('POST', '/v1/vxlan-fdb', { ...again, replace: true })).status).toBe(200);
    expect(served.document.raw.vxlanFdb).toEqual([again]);
    // The only VNI of a port need not be said, and a group has several remotes.
    const group = { port: 'vy', mac: '01:00:5e:00:00:05', remotes: ['192.0.2.2', '192.0.2.3'], kind: 'external' };
    expect((await ask('POST', '/v1/vxlan-fdb', group)).status).toBe(200);
    expect((await ask('POST', '/v1/vxlan-fdb', { ...group, vni: 5000 })).status).toBe(409);
    expect(await entries()).toEqual([
      `vx 10010 ${MAC}  blackhole`,
      'vy 5000 01:00:5e:00:00:05 192.0.2.2,192.0.2.3 external',
    ]);
    expect((await ask('DELETE', '/v1/vxlan-fdb?port=vy&mac=01-00-5E-00-00-05')).status).toBe(200);
    // With its port an entry goes as well.
    expect((await ask('DELETE', '/v1/ports/vx')).status).toBe(200);
    expect(served.document.raw.vxlanFdb).toEqual([]);
    expect(await entries()).toEqual([]);
  });

  it('are removed once, however many ask at the same time', async () => {
    const { ask, entries } = await tunnels();
    for (const mac of [MAC, HOST]) await ask('POST', '/v1/vxlan-fdb', { port: 'vy', mac, remote: '192.0.2.3' });
    const url = `/v1/vxlan-fdb?port=vy&mac=${MAC}`;
    const answers = await Promise.all([ask('DELETE', url), ask('DELETE', url), ask('DELETE', url)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    expect(await entries()).toEqual([`vy 5000 ${HOST} 192.0.2.3 static`]);
  });

  it.each([
    [{ port: 'vx', mac: MAC, remote: '192.0.2.2' }, /vxlanFdb\[0\]\.vni: is missing; port vx has 2/],
    [{ port: 'vx', vni: 7, mac: MAC, remote: '192.0.2.2' }, /port vx has no VNI 7/],
    [{ port: 'u', mac: MAC, remote: '192.0.2.2' }, /port u is no tunnel/],
    [{ port: 'vy', mac: MAC }, /remote: is missing/],
    [{ port: 'vy', mac: MAC, remote: '2001:db8::1' }, /not of one family/],
    [{ port: 'vy', mac: MAC, remote: '192.0.2.1' }, /is the VTEP itself/],
    [{ port: 'vy', mac: MAC, remotes: ['192.0.2.2', '192.0.2.3'] }, /is one host/],
    [{ port: 'vy', mac: '00:00:00:00:00:00', remote: '192.0.2.2' }, /the zero address is the flood list/],
    [{ port: 'vy', mac: MAC, remote: '192.0.2.2', kind: 'sticky' }, /kind/],
    [{ port: 'vy', mac: MAC, remote: '192.0.2.2', vlan: 1 }, /vlan/],
    [{ port: 'vy', vni: 1 << 24, mac: MAC, remote: '192.0.2.2' }, /vni/],
  ])('are refused: %j', async (body, error) => {
    const { ask, entries, served } = await tunnels();
    const before = served.document;
    expect(await ask('POST', '/v1/vxlan-fdb', body)).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(error) },
    });
    expect(await entries()).toEqual([]);
    expect(served.document).toBe(before);
  });

  it('that are learned are removed and forgotten, by port, VNI, peer and VTEP', async () => {
    const { ask, send, entries, get } = await tunnels();
    await ask('POST', '/v1/peers', { address: '192.0.2.3' });
    const learn = async () => {
      send('192.0.2.2', 10_010, MAC);
      send('192.0.2.2', 5000, MAC);
      send('192.0.2.3', 10_020, HOST);
      await until(async () => (await entries()).length === 3, 'three are learned');
    };
    const macs = async () => (await entries()).map((text) => text.split(' ').slice(0, 3).join(' '));
    const [a, b, c] = [`vx 10010 ${MAC}`, `vx 10020 ${HOST}`, `vy 5000 ${MAC}`];
    await learn();
    expect(await ask('DELETE', `/v1/vxlan-fdb?port=vx&vni=10010&mac=${MAC}`)).toMatchObject({
      body: { actions: [`remove-vxlan-entry ${MAC} vni 10010 dynamic`] },
    });
    expect((await ask('DELETE', `/v1/vxlan-fdb?port=vx&vni=10010&mac=${MAC}`)).status).toBe(409);
    expect((await ask('DELETE', `/v1/vxlan-fdb?port=vx&mac=${MAC}`)).status).toBe(400);
    expect((await ask('DELETE', '/v1/vxlan-fdb?port=vy&mac=00:00:00:00:00:00')).status).toBe(400);
    expect(await macs()).toEqual([b, c]);
    for (const [what, left] of [
      [{ port: 'vx' }, [c]],
      [{ vni: 10_020 }, [a, c]],
      [{ peer: '192.0.2.2' }, [b]],
      [{ peer: '192.0.2.3', vtep: 'v0' }, [a, c]],
      [{ port: 'vx', vni: 10_010 }, [b, c]],
      [{ vtep: 'v0' }, []],
      [{}, []],
    ] as const) {
      await learn();
      expect((await ask('POST', '/v1/vxlan-fdb/flush', what)).status).toBe(200);
      expect(await macs()).toEqual(left);
    }
    for (const what of [
      { port: 'no' },
      { port: 'u' },
      { vtep: 'no' },
      { vni: 7 },
      { peer: '192.0.2.9' },
      { peer: 'x' },
    ]) {
      expect((await ask('POST', '/v1/vxlan-fdb/flush', what)).status).toBe(409);
    }
    expect((await ask('POST', '/v1/vxlan-fdb/flush', { peer: '192.0.2.2', vni: 5000 })).status).toBe(400);
    const { vteps } = (await get('/v1/vteps')).body as unknown as { vteps: { vnis: { flood: string[] }[] }[] };
    expect(vteps[0]!.vnis.map(({ flood }) => flood)).toContainEqual(['192.0.2.2']);
  });
});

describe('peers', () => {
  it('may send from when they are added until they are removed', async () => {
    const { ask, send, entries, served, get } = await tunnels();
    const dropped = async () => {
      const { total } = (await get('/v1/drops')).body as unknown as { total: Record<string, number> };
      return total.VXLAN_UNKNOWN_PEER ?? 0;
    };
    send('192.0.2.3', 5000, MAC);
    await until(async () => (await dropped()) === 1, 'a stranger is not heard');
    const added = await ask('POST', '/v1/peers', { vtep: 'v0', address: '192.0.2.3' });
    expect(added.body.actions).toEqual(['set-vtep v0 (peers +192.0.2.3)']);
    expect(served.document.raw.vteps!.v0!.peers).toEqual(['192.0.2.3']);
    send('192.0.2.3', 5000, MAC);
    await until(async () => (await entries()).length === 1, 'the peer is heard');
    expect(await ask('POST', '/v1/peers', { address: '192.0.2.3' })).toMatchObject({
      status: 400,
      body: { error: '192.0.2.3 is a peer of VTEP v0 already' },
    });
    expect((await ask('DELETE', '/v1/peers?vtep=v0&address=192.0.2.3')).status).toBe(200);
    expect((await ask('DELETE', '/v1/peers?vtep=v0&address=192.0.2.3')).status).toBe(400);
    send('192.0.2.3', 5000, HOST);
    await until(async () => (await dropped()) === 2, 'a stranger again');
    expect(await entries()).toEqual([]);
    // A tunnel names this one.
    await ask('POST', '/v1/peers', { address: '192.0.2.2' });
    expect((await ask('DELETE', '/v1/peers?address=192.0.2.2')).status).toBe(200);
    send('192.0.2.2', 5000, HOST);
    await until(async () => (await entries()).length === 1, 'it is heard as before');
  });

  it.each([
    [{ vtep: 'no', address: '192.0.2.3' }, /^there is no VTEP no$/],
    [{ vtep: '__proto__', address: '192.0.2.3' }, /^there is no VTEP __proto__$/],
    [{ address: '192.0.2.1' }, /vteps\.v0\.peers\[0\]: 192\.0\.2\.1 is the VTEP itself/],
    [{ address: '224.0.0.1' }, /no address of a host/],
    [{ address: 'fe80::1' }, /not of one family/],
    [{ address: 'tea' }, /no IP address/],
    [{ address: '192.0.2.3', port: 'vx' }, /port/],
    [{}, /address/],
  ])('are refused: %j', async (body, error) => {
    const { ask, served } = await tunnels();
    const before = served.document;
    expect(await ask('POST', '/v1/peers', body)).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(error) },
    });
    expect(served.document).toBe(before);
  });

  it('that are listed twice go at once, however they are written', async () => {
    const { ask, raw, served } = await tunnels();
    const vteps = { v0: { ...raw.vteps.v0, peers: ['192.0.2.3', '192.0.2.3'] } };
    expect((await ask('POST', '/v1/apply', { config: { ...raw, vteps } })).status).toBe(200);
    expect((await ask('DELETE', '/v1/peers?address=192.0.2.3')).status).toBe(200);
    expect(served.document.raw.vteps!.v0!.peers).toEqual([]);
  });
});

describe('events', () => {
  it('tell what is learned behind a remote, and what moves', async () => {
    const { ask, send, served } = await tunnels();
    await ask('POST', '/v1/peers', { address: '192.0.2.3' });
    const told: SwitchEvent[] = [];
    served.events.listen((events) => told.push(...events.filter(({ event }) => event.startsWith('vxlan-'))));
    send('192.0.2.2', 5000, MAC);
    await until(() => told.length === 1, 'learned');
    send('192.0.2.3', 5000, MAC);
    await until(() => told.length === 2, 'moved');
    await ask('POST', '/v1/vxlan-fdb', { port: 'vx', vni: 10_020, mac: HOST, remote: '192.0.2.2' });
    send('192.0.2.3', 10_020, HOST);
    await until(() => told.length === 3, 'violated');
    const at = { vtep: 'v0', port: 'vy', vni: 5000, mac: MAC };
    expect(told).toEqual([
      { event: 'vxlan-learned', ...at, remote: '192.0.2.2', oldRemote: null },
      { event: 'vxlan-moved', ...at, remote: '192.0.2.3', oldRemote: '192.0.2.2' },
      {
        event: 'vxlan-static-violation',
        ...{ vtep: 'v0', port: 'vx', vni: 10_020, mac: HOST },
        remote: '192.0.2.3',
        oldRemote: '192.0.2.2',
      },
    ]);
    expect(told.map(lineOf)).toEqual([
      `${MAC} VNI 5000 on vy behind 192.0.2.2: learned`,
      `${MAC} VNI 5000 on vy from 192.0.2.2 to 192.0.2.3: moved`,
      `${HOST} VNI 10020 on vx behind 192.0.2.3, configured behind 192.0.2.2: static violation`,
    ]);
  });
});
