/** Mirrors of a running switch: configured and changed by the API, counted, shown. */

import { afterEach, describe, expect, it } from 'vitest';
import { topicText } from '../../../src/cli/text/show.ts';
import { closeAll, frame, threePorts, until } from './world.ts';

afterEach(closeAll);

describe('mirrors', () => {
  it('come and go without a restart, and say what they copied', async () => {
    const sw = await threePorts();
    const mirrors = [{ name: 'watch', output: 'p3', selectSrc: ['p1'], selectVlan: 10 }];
    expect((await sw.ask('POST', '/v1/apply', { config: { ...sw.raw, mirrors } })).body.actions).toEqual([
      'add-mirror watch to p3',
    ]);
    sw.send(0, frame(1, 2));
    await until(() => sw.peers[2]!.got.length === 1, 'the copy is there');
    expect(sw.peers[2]!.got[0]).toEqual(frame(1, 2));
    const { body } = await sw.get('/v1/mirrors');
    expect(body.mirrors).toEqual([
      {
        ...{ name: 'watch', bridge: 'sw', selectSrc: ['p1'], selectDst: [], selectAll: false, selectVlan: [10] },
        ...{ output: 'p3', outputVlan: null, frames: 1, bytes: 60, lost: 0 },
      },
    ]);
    const rows = topicText('mirrors', body).trimEnd().split('\n');
    expect(rows.map((row) => row.trim().split(/ +/))).toEqual([
      ['MIRROR', 'FROM', 'TO', 'VLANS', 'OUTPUT', 'FRAMES', 'BYTES', 'LOST'],
      ['watch', 'p1', '-', '10', 'p3', '1', '60', '0'],
    ]);
    await sw.ask('POST', '/v1/counters/reset');
    expect((await sw.get('/v1/mirrors')).body.mirrors).toMatchObject([{ frames: 0 }]);

    // What it needs cannot go while it is there.
    expect((await sw.ask('DELETE', '/v1/ports/p3')).status).toBe(400);
    expect((await sw.ask('POST', '/v1/apply', { config: sw.raw })).body.actions).toEqual(['remove-mirror watch']);
    sw.send(0, frame(1, 2));
    await until(() => sw.peers[1]!.got.length === 2, 'the second frame is there');
    expect(sw.peers[2]!.got).toHaveLength(1);
    expect((await sw.get('/v1/mirrors')).body.mirrors).toEqual([]);
  });

  it('warn of hosts that are on the output', async () => {
    const sw = await threePorts();
    const put = async (name: string, body: object) => (await sw.ask('PUT', `/v1/mirrors/${name}`, body)).body;
    sw.send(0, frame(2, 1));
    await until(() => sw.peers[1]!.got.length === 1, 'learned');
    expect(await put('quiet', { output: 'p3', selectSrc: ['p2'] })).not.toHaveProperty('warnings');
    const warned = await put('watch', { output: 'p1', selectSrc: ['p2'] });
    expect(warned).toMatchObject({
      actions: ['add-mirror watch to p1'],
      warnings: [
        '1 address was learned on port p1: it is the output of a mirror now and takes part in nothing else, so that these hosts are cut off',
      ],
    });
    expect(await put('watch', { output: 'p1', selectDst: ['p2'] })).not.toHaveProperty('warnings');
  });

  it('warn of them also where they come with a whole configuration', async () => {
    const sw = await threePorts();
    sw.send(0, frame(2, 1));
    await until(() => sw.peers[1]!.got.length === 1, 'learned');
    const config = { ...sw.raw, mirrors: [{ name: 'watch', output: 'p1', selectSrc: ['p2'] }] };
    const warnings = [expect.stringContaining('these hosts are cut off')];
    expect((await sw.ask('POST', '/v1/plan', { config })).body.plan).toMatchObject({ warnings });
    expect((await sw.ask('POST', '/v1/apply', { config })).body).toMatchObject({ warnings });
    expect((await sw.ask('POST', '/v1/plan', { config })).body.plan).not.toHaveProperty('warnings');
  });

  it('are added, replaced and taken away one by one; what is wrong changes nothing', async () => {
    const sw = await threePorts();
    const put = (name: string, body: object, query = '') => sw.ask('PUT', `/v1/mirrors/${name}${query}`, body);
    expect((await put('watch', { output: 'p3', selectSrc: ['p1'] })).body.actions).toEqual(['add-mirror watch to p3']);
    expect((await put('watch', { output: 'p3' }, '?replace=false')).body.error).toBe(
      'there is a mirror watch already; replace it, or delete it first',
    );
    expect((await put('watch', { output: 'p3', selectDst: ['p1'] })).body.actions).toEqual([
      'remove-mirror watch',
      'add-mirror watch to p3',
    ]);
    for (const wrong of [{ output: 'p3', selectSrc: ['p3'] }, { output: 'nobody' }, {}, { outPut: 'p3' }]) {
      const { status, body } = await put('other', wrong);
      expect([status, typeof body.error]).toEqual([400, 'string']);
    }
    expect((await sw.get('/v1/mirrors')).body.mirrors).toMatchObject([
      { name: 'watch', selectSrc: [], selectDst: ['p1'] },
    ]);
    expect((await sw.ask('DELETE', '/v1/mirrors/watch')).body.actions).toEqual(['remove-mirror watch']);
    expect((await sw.ask('DELETE', '/v1/mirrors/watch')).body.error).toBe('there is no mirror watch');
    expect((await sw.get('/v1/mirrors')).body.mirrors).toEqual([]);
  });
});
