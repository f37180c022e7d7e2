/** Ports that share an uplink as macvlan devices do, in three modes, below a switch that reflects or does not. */

import type { Story } from '../story.ts';

const udp = (n: 1 | 2) => `adapter: udp, local: 127.0.0.1:700${n}, remote: 127.0.0.1:700${3 - n}`;

const BOX = `
ports:
  up: { ${udp(1)} }
  b1: { adapter: tap, device: b1 }
  b2: { adapter: tap, device: b2 }
  v1: { adapter: tap, device: v1 }
  v2: { adapter: tap, device: v2 }
  p1: { adapter: tap, device: p1 }
  p2: { adapter: tap, device: p2 }
macvlan:
  guests:
    parent: up
    children:
      b1: { mode: bridge, macs: ['02:00:00:00:00:11'] }
      b2: { mode: bridge, macs: ['02:00:00:00:00:12'] }
      v1: { mode: vepa, macs: ['02:00:00:00:00:13'] }
      v2: { mode: vepa, macs: ['02:00:00:00:00:14'] }
      p1: { mode: private, macs: ['02:00:00:00:00:15'] }
      p2: { mode: private, macs: ['02:00:00:00:00:16'] }
`;
const EDGE = `
ports:
  down: { ${udp(2)} }
  out: { adapter: tap, device: out }
`;

export const macvlan: Story = {
  name: 'macvlan',
  title: 'six guests on one uplink in the modes bridge, vepa and private, below a switch that reflects or does not',
  picture: `
  b1, b2 bridge  ─┐
  v1, v2 vepa    ─ box ── up ═══ down ── edge ── out 10.0.0.1
  p1, p2 private ─┘
`,
  async run(lab) {
    const rack = lab.machine('rack');
    const box = await lab.start('box', BOX, rack);
    const edge = await lab.start('edge', EDGE, rack);
    const guests = ['b1', 'b2', 'v1', 'v2', 'p1', 'p2'].map((name, n) =>
      lab.host(name, box, { addresses: [`10.0.0.1${n + 1}/24`] }),
    );
    const [b1, , v1, v2, p1] = guests as [(typeof guests)[0], unknown, ...typeof guests];
    lab.host('out', edge, { addresses: ['10.0.0.1/24'] });

    lab.step('Every guest reaches the outside through the one uplink');
    await lab.ping(b1, '10.0.0.1', true, 'b1 reaches out');
    await lab.ping(v1, '10.0.0.1', true, 'v1 reaches out');
    await lab.ping(p1!, '10.0.0.1', true, 'p1 reaches out');

    lab.step('In mode bridge guests reach each other directly; in the others everything leaves by the uplink');
    await lab.ping(b1, '10.0.0.12', true, 'b1 reaches b2');
    await lab.ping(v1, '10.0.0.14', false, 'v1 does not reach v2: edge does not send back where a frame came from');
    await lab.ping(p1!, '10.0.0.16', false, 'p1 does not reach p2');
    const way = await lab.ask(box, `trace --port v1 --eth dst=${v2!.mac},src=${v1.mac},ip=10.0.0.13-10.0.0.14`);
    lab.check(way.includes('of a child, to up'), 'what v1 sends to v2 leaves by the uplink');

    lab.step('edge reflects: a hairpin port, as a switch with VEPA support has it');
    await lab.ask(edge, 'port set down hairpin=true');
    await lab.ping(v1, '10.0.0.14', true, 'v1 reaches v2, by way of edge');
    await lab.ping(b1, '10.0.0.12', true, 'b1 still reaches b2 directly');
    await lab.ping(p1!, '10.0.0.16', false, 'p1 still does not reach p2: its broadcasts come back to nobody else');
  },
};
