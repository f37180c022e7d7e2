/**
 * Two hosts on a switch, as a unit test: what a program that speaks Ethernet can be tested with.
 *
 *     node --test docs/examples/two-hosts.test.mjs
 *
 * Host A asks for host B's address, B answers. No waiting: when `send` returns, everything has happened.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSwitch, wire } from 'etherloom';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** A host that knows ARP and nothing else. */
class Host {
  neighbors = new Map();

  constructor(port, mac, ip) {
    Object.assign(this, { port, mac, ip });
    port.onFrame((frame) => this.receive(frame));
  }

  ask(ip) {
    this.send(BROADCAST, wire.ARP_REQUEST, '00:00:00:00:00:00', ip);
  }

  receive(frame) {
    const arp = readArp(frame);
    if (arp === null || arp.targetIp !== this.ip) return;
    this.neighbors.set(arp.senderIp, arp.senderMac);
    // Sent from inside a listener: forwarded after the frame under way, before the outermost send returns.
    if (arp.operation === wire.ARP_REQUEST) this.send(arp.senderMac, wire.ARP_REPLY, arp.senderMac, arp.senderIp);
  }

  send(dst, operation, targetMac, targetIp) {
    const head = { dst, src: this.mac };
    const arp = { operation, senderMac: this.mac, senderIp: this.ip, targetMac, targetIp };
    this.port.send(wire.padFrame(wire.arpFrame(head, arp)));
  }
}

/** RFC 826: the fields of an ARP packet for Ethernet and IPv4, or null. */
function readArp(frame) {
  if (frame.length < 42 || frame.readUInt16BE(12) !== wire.ETHERTYPE_ARP) return null;
  const mac = (at) =>
    frame
      .subarray(at, at + 6)
      .toString('hex')
      .replace(/..(?!$)/g, '$&:');
  const ip = (at) => frame.subarray(at, at + 4).join('.');
  return { operation: frame.readUInt16BE(20), senderMac: mac(22), senderIp: ip(28), targetIp: ip(38) };
}

const access = (vlan) => ({ adapter: 'memory', mode: 'access', vlan });

test('hosts of one VLAN find each other', () => {
  const sw = createSwitch({ ports: { p1: access(10), p2: access(10) } });
  const a = new Host(sw.port('p1'), '02:00:00:00:00:0a', '192.0.2.1');
  const b = new Host(sw.port('p2'), '02:00:00:00:00:0b', '192.0.2.2');

  a.ask(b.ip);

  assert.equal(a.neighbors.get(b.ip), b.mac);
  assert.equal(b.neighbors.get(a.ip), a.mac);
  assert.deepEqual(
    sw.fdb().map((entry) => `${entry.mac} ${entry.port}`),
    ['02:00:00:00:00:0a p1', '02:00:00:00:00:0b p2'],
  );
  assert.ok(sw.ledger().balanced);
  sw.close();
});

test('hosts of two VLANs do not, and the switch says why', () => {
  const sw = createSwitch({ ports: { p1: access(10), p2: access(20) } });
  const a = new Host(sw.port('p1'), '02:00:00:00:00:0a', '192.0.2.1');
  const b = new Host(sw.port('p2'), '02:00:00:00:00:0b', '192.0.2.2');

  a.ask(b.ip);

  assert.equal(a.neighbors.size, 0);
  assert.deepEqual(sw.drops(), { EGRESS_NO_PORT: 1 });
  sw.close();
});
