// Two switches, a VLAN of each in one VNI, and a wire between their uplinks: all in one process.
import { createSwitch } from 'etherloom';

const host = (n, other) =>
  createSwitch(
    {
      vteps: { v0: { underlay: 'port', uplink: 'up', local: `192.0.2.${n}/24` } },
      ports: {
        p1: { adapter: 'memory', mode: 'access', vlan: 10 * n },
        up: { adapter: 'memory' },
        vx: { adapter: 'vxlan', vxlan: { vtep: 'v0', vnis: { [10 * n]: 10010 }, remotes: [`192.0.2.${other}`] } },
      },
    },
    { clock: { nowMs: () => 0 } },
  );

const a = host(1, 2);
const b = host(2, 1);
// What waits for the other side goes over when the sender is done.
const wire = [];
a.port('up').onFrame((frame) => wire.push([b, Buffer.from(frame)]));
b.port('up').onFrame((frame) => wire.push([a, Buffer.from(frame)]));
const carry = () => {
  for (let next = wire.shift(); next !== undefined; next = wire.shift()) next[0].port('up').send(next[1]);
};

// The VTEPs announce themselves and ask for each other.
a.tick();
b.tick();
carry();

b.port('p1').onFrame((frame) =>
  console.log(`VLAN 20 of b: ${frame.length} bytes from ${frame.toString('hex', 6, 12)}`),
);
a.port('p1').send(Buffer.from(`ffffffffffff0200000000010806${'00'.repeat(46)}`, 'hex'));
carry();

for (const { mac, vni, remotes } of b.vxlan.fdb()) console.log(`b: ${mac} of VNI ${vni} is behind ${remotes[0]}`);
console.log(`peers of a: ${a.vxlan.peers().map(({ address, txFrames }) => `${address}, ${txFrames} frame sent`)}`);
a.close();
b.close();
