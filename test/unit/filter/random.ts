/** Random filters that the grammar allows. */

import fc from 'fast-check';

const number = fc.oneof(
  fc.integer({ min: 0, max: 70 }).map(String),
  fc.integer({ min: 0, max: 0xffffffff }).map((value) => `0x${value.toString(16)}`),
  fc.constantFrom('tcpflags', 'tcp-syn', 'icmptype', 'icmp-echo'),
);
const address = fc.constantFrom('10.0.0.1', '192.168.1.1', '127.0.0.1', '224.0.0.1', '255.255.255.255');
const address6 = fc.constantFrom('::1', 'fe80::1', 'ff02::1', '2001:db8::1');
const mac = fc.constantFrom('ff:ff:ff:ff:ff:ff', '01:80:c2:00:00:00', '33:33:00:00:00:01', '0:1:2:3:4:5');
const direction = fc.constantFrom('', 'src ', 'dst ', 'src or dst ', 'src and dst ');
const indexed = fc.constantFrom('ether', 'ip', 'ip6', 'arp', 'tcp', 'udp', 'icmp', 'icmp6', 'igmp');
const protocol = fc.constantFrom('ip', 'ip6', 'arp', 'tcp', 'udp', 'icmp', 'icmp6', 'igmp', 'stp', 'llc', 'ah', 'isis');
const text = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((words) => words.join(''));
const word = (value: string) => fc.constant(value);

const { arithmetic } = fc.letrec<{ arithmetic: string; leaf: string }>((tie) => ({
  leaf: fc.oneof({ weight: 3, arbitrary: number }, { weight: 1, arbitrary: word('len') }),
  arithmetic: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'arithmetic' },
    tie('leaf'),
    text(indexed, word('['), number, word(']')),
    text(indexed, word('['), tie('arithmetic'), word(':'), fc.constantFrom('1', '2', '4'), word(']')),
    text(tie('arithmetic'), fc.constantFrom(' + ', ' - ', ' * ', ' & ', ' | ', ' ^ '), tie('arithmetic')),
    text(tie('arithmetic'), fc.constantFrom(' / ', ' % '), text(indexed, word('['), number, word(']'))),
    text(tie('arithmetic'), fc.constantFrom(' << ', ' >> '), fc.integer({ min: 0, max: 31 }).map(String)),
    text(word('-'), tie('arithmetic')),
    text(word('('), tie('arithmetic'), word(')')),
  ),
}));

const primitive = fc.oneof(
  protocol,
  text(direction.filter(Boolean), address),
  text(fc.constantFrom('', 'ip ', 'arp '), direction, word('host '), address),
  text(direction, word('net '), fc.constantFrom('10', '10.0.0.0/8', '192.168', '224.0.0.0/4', 'fe80::/10')),
  text(fc.constantFrom('', 'ip6 '), direction, word('host '), address6),
  text(word('ether '), direction, word('host '), mac),
  text(fc.constantFrom('', 'tcp ', 'udp '), direction, word('port '), fc.constantFrom('53', '80', '4789')),
  text(fc.constantFrom('', 'udp '), direction, word('portrange '), fc.constantFrom('1-1023', '80-443')),
  text(fc.constantFrom('', 'ip ', 'ip6 '), word('proto '), fc.constantFrom('6', '17', '58', '47')),
  fc.constantFrom('broadcast', 'ether multicast', 'ip multicast', 'less 64', 'greater 1000'),
  text(arithmetic, fc.constantFrom(' = ', ' != ', ' < ', ' <= ', ' > ', ' >= '), arithmetic),
);
const layer = fc.constantFrom('vlan', 'vlan 10', 'mpls', 'pppoes', 'geneve', 'geneve 10', 'vxlan', 'vxlan 100');

const joined = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.letrec<{ filter: string }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'filter' },
      of,
      text(word('not '), tie('filter')),
      text(word('('), tie('filter'), word(')')),
      text(tie('filter'), fc.constantFrom(' and ', ' or ', ' && ', ' || '), tie('filter')),
    ),
  })).filter;

export const randomFilter: fc.Arbitrary<string> = joined(fc.oneof({ weight: 6, arbitrary: primitive }, layer));
