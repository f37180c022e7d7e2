/**
 * Counts frames by EtherType with a hook, while the switch forwards them.
 *
 *     node docs/examples/count-ethertypes.mjs
 */
import { createSwitch, wire } from 'etherloom';

const sw = createSwitch(`
ports:
  p1: { adapter: memory, mode: access, vlan: 10 }
  p2: { adapter: memory, mode: trunk, vlans: '10,20' }
`);

const frames = new Map();
sw.hook('ingress', (view, offset, length, port) => {
  if (length < 14) return;
  // Behind the two addresses; a tagged frame has 0x8100 there.
  const type = view.getUint16(offset + 12);
  const key = `${port} 0x${type.toString(16).padStart(4, '0')}`;
  frames.set(key, (frames.get(key) ?? 0) + 1);
});

const head = { dst: 'ff:ff:ff:ff:ff:ff', src: '02:00:00:00:00:01' };
const udp = wire.udpIpv4({ src: '192.0.2.1', dst: '192.0.2.255' }, 5000, 5000, Buffer.from('hello'));
const ipv4 = wire.ethernetFrame(head, wire.ETHERTYPE_IPV4, udp);
const arp = wire.arpFrame(head, {
  operation: wire.ARP_REQUEST,
  senderMac: head.src,
  senderIp: '192.0.2.1',
  targetMac: '00:00:00:00:00:00',
  targetIp: '192.0.2.2',
});
const tagged = wire.ethernetFrame({ ...head, tags: [{ vid: 20 }] }, wire.ETHERTYPE_IPV4, udp);

sw.port('p1').sendBatch([arp, ipv4, ipv4]);
sw.port('p2').send(tagged);

for (const [key, count] of [...frames].sort()) console.log(`${key} ${count}`);
sw.close();
