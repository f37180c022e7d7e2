/** What of a configuration needs room in the tables that were made at the start. */
import { expect, it } from 'vitest';
import { remoteCount } from '../../../src/control/room.ts';
import { load } from './random-config.ts';

it('counts a remote once for its VTEP, however many hosts are behind it, and a list for each group address', () => {
  const entry = (mac: string, remote: string) => ({ port: 'vx', vni: 77, mac, remote });
  const hosts = Array.from({ length: 200 }, (_, n) =>
    entry(`02:00:00:00:00:${n.toString(16).padStart(2, '0')}`, `192.0.2.${2 + (n % 3)}`),
  );
  const config = load({
    vteps: { v0: { local: '192.0.2.1' } },
    ports: { vx: { adapter: 'vxlan', vxlan: { vtep: 'v0', vni: 77, remotes: ['192.0.2.4', '192.0.2.5'] } } },
    vxlanFdb: [...hosts, entry('01:00:5e:00:00:01', '192.0.2.2'), entry('01:00:5e:00:00:02', '192.0.2.6')],
  });
  expect(remoteCount(config)).toBe(5 + 2);
});
