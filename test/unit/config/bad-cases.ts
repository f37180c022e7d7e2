/**
 * Bad configurations: what is written, the line of `switch.yaml` that the error names, the path, and a part of the
 * message. The bodies start at line 1.
 */
export interface BadCase {
  text: string;
  line: number;
  path: string;
  says: string;
}

const bad = (text: string, line: number, path: string, says: string): BadCase => ({ text, line, path, says });
/** A file with one memory port of these keys, which stand on line 2. */
const port = (keys: string, key: string, says: string): BadCase =>
  bad(`ports:\n  p1: { adapter: memory, ${keys} }\n`, 2, key === '' ? 'ports.p1' : `ports.p1.${key}`, says);
const PORTS = 'ports:\n  p1: { adapter: memory, vlan: 10 }\n  p2: { adapter: memory, mode: trunk, vlans: "20-30" }\n';
/** A file with two ports and one FDB entry of these keys, which stand on line 5. */
const fdb = (keys: string, key: string, says: string): BadCase =>
  bad(`${PORTS}fdb:\n  - { ${keys} }\n`, 5, `fdb[0].${key}`, says);

const repeat = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('');

export const TEXT: BadCase[] = [
  bad('', 1, '', 'the file is empty'),
  bad('# nothing\n', 1, '', 'the file is empty'),
  bad('null', 1, '', 'the file is empty'),
  bad('[]', 1, '', 'a list is not a map of sections; valid is a map with the keys switch, vlans'),
  bad('switch', 1, '', '"switch" is not a map of sections'),
  bad('42', 1, '', '42 is not a map of sections'),
  bad('switch: {}\nports: {\n', 3, '', 'not valid YAML'),
  bad('switch:\n\thub: true\n', 2, '', 'a tab indents this line'),
  bad('switch: {}\n---\nports: {}\n', 2, '', 'a second document starts here'),
  bad('ports: "abc\n', 2, '', 'not valid YAML'),
  bad('ports: {}\nvlans: {}\nports: {}\n', 3, 'ports', 'the key is there twice; the first one is on line 1'),
  bad("vlans:\n  10: {}\n  '10': {}\n", 3, 'vlans.10', 'the key is there twice; the first one is on line 2'),
  bad('vlans:\n  ? [1]\n  : {}\n', 2, 'vlans', 'a key is not plain text'),
  bad("vlans:\n  '': {}\n", 2, 'vlans', 'a key is empty'),
  bad('vlans:\n  10: &a {}\n  20:\n    <<: *a\n', 4, 'vlans.20', 'merge keys ("<<") are not supported'),
  bad('vlans:\n  __proto__: {}\n', 2, 'vlans', '"__proto__" is reserved'),
  bad('ports:\n  constructor: { adapter: memory }\n', 2, 'ports', '"constructor" is reserved'),
  bad('switch: !!binary aGVsbG8=\n', 1, 'switch', 'the YAML tag "tag:yaml.org,2002:binary" is not supported'),
  bad('# old\n%YAML 1.1\n---\nports: {}\n', 2, '', 'the YAML directive is not supported; valid is %YAML 1.2'),
  bad('switch: {}\nvlans: *nobody\n', 2, 'vlans', 'there is no anchor "nobody"'),
  bad('switch: &a { fdb: *a }\n', 1, 'switch.fdb', 'there is no anchor "a" complete before'),
  bad(
    `a: &a [${'1, '.repeat(1000)}]\nb: &b [${'*a, '.repeat(90)}]\nc: [*b, *b]\n`,
    3,
    'c[0]',
    'aliases stand for more than 100000 values',
  ),
  bad('['.repeat(100_000), 1, '', 'nested deeper than 32 levels'),
  bad(
    repeat(2000, (i) => `${' '.repeat(i)}- \n`),
    34,
    '',
    'nested deeper than 32 levels',
  ),
  bad('#'.repeat(8 * 1024 * 1024 + 1), 1, '', 'valid are at most 8388608'),
  bad(`[${','.repeat(1_000_001)}`, 1, '', 'more than 1000000 YAML tokens'),
];

const MIRRORED = 'ports: { p1: { adapter: memory }, p2: { adapter: memory } }\nmirrors:\n';

export const MIRRORS: BadCase[] = [
  bad('mirrors: {}\n', 1, 'mirrors', 'a map is not a list of mirrors'),
  bad(`${MIRRORED}  - { output: p2, selectAll: true }\n`, 3, 'mirrors[0].name', 'is missing'),
  bad(`${MIRRORED}  - { name: m, selectAll: true }\n`, 3, 'mirrors[0].output', 'is missing; valid is a port'),
  bad(`${MIRRORED}  - { name: m, output: p2 }\n`, 3, 'mirrors[0]', 'selects nothing; valid are selectSrc'),
  bad(`${MIRRORED}  - { name: m, output: p22, selectAll: true }\n`, 3, 'mirrors[0].output', 'did you mean "p2"?'),
  bad(`${MIRRORED}  - { name: m, output: p2, selectSrc: [p9] }\n`, 3, 'mirrors[0].selectSrc[0]', 'no port "p9"'),
  bad(`${MIRRORED}  - { name: m, output: p2, selectDst: [p2] }\n`, 3, 'mirrors[0].selectDst[0]', 'output of mirror m'),
  bad(
    `${MIRRORED}  - { name: m, output: p2, outputVlan: 1, selectAll: true }\n`,
    3,
    'mirrors[0].outputVlan',
    'already',
  ),
  bad(`${MIRRORED}  - { name: m, outputVlan: 7, selectAll: true }\n`, 3, 'mirrors[0].outputVlan', 'has no VLAN 7'),
  bad(`${MIRRORED}  - { name: m, output: p2, selectVlan: '4095' }\n`, 3, 'mirrors[0].selectVlan', '4095 is not a VLAN'),
  bad(`${MIRRORED}  - { name: m, output: p2, selectAll: 1 }\n`, 3, 'mirrors[0].selectAll', '1 is not a boolean'),
  bad(
    `${MIRRORED}  - { name: m, output: p2, selectAll: true }\n  - { name: m, output: p2, selectAll: true }\n`,
    4,
    'mirrors[1].name',
    '"m" is the name of mirrors[0]',
  ),
  bad(
    `${MIRRORED}${'  - { name: m, output: p2, selectAll: true }\n'.repeat(17)}`,
    2,
    'mirrors',
    'there are 17 mirrors; valid are at most 16',
  ),
];

export const SECTIONS: BadCase[] = [
  bad(
    'prots: {}\n',
    1,
    'prots',
    'not known (did you mean "ports"?); valid keys are switch, vlans, bridges, vteps, ports, classify, interfaces, routes, fdb, vxlanFdb, mirrors',
  ),
  bad('switch: {}\nports: {}\nzzz: 1\n', 3, 'zzz', 'the key is not known; valid keys are'),
  bad('switch:\n', 1, 'switch', 'has no value; valid is a map'),
  bad('switch: loom0\n', 1, 'switch', '"loom0" is not a map of switch settings'),
  bad('ports: [p1]\n', 1, 'ports', 'a list is not a map of ports'),
  bad('fdb: {}\n', 1, 'fdb', 'a map is not a list of FDB entries'),
  bad('switch:\n  nam: x\n', 2, 'switch.nam', 'did you mean "name"?'),
  bad('switch: { name: "a b" }\n', 1, 'switch.name', '"a b" is not a name; valid are 1 to 32 of the characters'),
  bad('switch: { name: 7 }\n', 1, 'switch.name', '7 is not a name'),
  bad('switch: { type: cvlan }\n', 1, 'switch.type', '(did you mean "c-vlan"?); valid are c-vlan, s-vlan, unaware'),
  bad(
    'switch:\n  fdb:\n    ageSeconds: 9\n',
    3,
    'switch.fdb.ageSeconds',
    '9 is not a number of seconds; valid are 10-1000000',
  ),
  bad('switch: { fdb: { ageSeconds: 1000001 } }\n', 1, 'switch.fdb.ageSeconds', 'valid are 10-1000000'),
  bad('switch: { fdb: { ageSeconds: .nan } }\n', 1, 'switch.fdb.ageSeconds', 'NaN is not a number of seconds'),
  bad('switch: { fdb: { ageSeconds: .inf } }\n', 1, 'switch.fdb.ageSeconds', 'Infinity is not a number of seconds'),
  bad('switch: { fdb: { ageSeconds: 10.5 } }\n', 1, 'switch.fdb.ageSeconds', '10.5 is not a number of seconds'),
  bad('switch: { fdb: { ageSeconds: "300" } }\n', 1, 'switch.fdb.ageSeconds', 'write the number without quotes'),
  bad('switch: { fdb: { ageSeconds: 0300 } }\n', 1, 'switch.fdb.ageSeconds', '0300 could be decimal or octal'),
  bad('switch: { fdb: { maxEntries: 0 } }\n', 1, 'switch.fdb.maxEntries', 'valid are 1-1048576'),
  bad('switch: { fdb: { maxEntries: 1048577 } }\n', 1, 'switch.fdb.maxEntries', 'valid are 1-1048576'),
  bad('switch: { fdb: { overflow: evict } }\n', 1, 'switch.fdb.overflow', 'valid are fair, lru, refuse'),
  bad('switch: { fdb: { staticViolation: log } }\n', 1, 'switch.fdb.staticViolation', 'valid are forward, drop'),
  bad('switch: { hub: yes }\n', 1, 'switch.hub', '"yes" is not a boolean; valid are true, false'),
  bad('switch: { hub: 1 }\n', 1, 'switch.hub', '1 is not a boolean'),
  bad('switch: { reservedMac: all }\n', 1, 'switch.reservedMac', 'valid are c-vlan, s-vlan, tpmr, transparent'),
  bad('switch: { workers: 0 }\n', 1, 'switch.workers', 'valid are 1-16'),
  bad('switch: { workers: 17 }\n', 1, 'switch.workers', 'valid are 1-16'),
  bad('switch: { hashSeed: -1 }\n', 1, 'switch.hashSeed', 'valid are 0-4294967295'),
  bad(`switch: { controlSocket: /${'a'.repeat(103)} }\n`, 1, 'switch.controlSocket', '1 to 102 bytes'),
  bad('switch: { controlSocket: "" }\n', 1, 'switch.controlSocket', '"" is not a socket path'),
  bad('vlans:\n  0: {}\n', 2, 'vlans.0', '0 is not a VLAN ID; valid are 1-4094'),
  bad('vlans:\n  10: {}\n  4095: {}\n', 3, 'vlans.4095', '4095 is not a VLAN ID'),
  bad('vlans:\n  010: {}\n', 2, 'vlans.010', '"010" has a leading zero'),
  bad('vlans:\n  red: {}\n', 2, 'vlans.red', '"red" is not a VLAN ID or range'),
  bad('vlans:\n  10:\n', 2, 'vlans.10', 'has no value'),
  bad('vlans:\n  10: { nme: red }\n', 2, 'vlans.10.nme', 'did you mean "name"?'),
  bad("vlans:\n  '30-20': {}\n", 2, 'vlans.30-20', 'the range "30-20" is reversed; write "20-30"'),
  bad("vlans:\n  20: {}\n  '10-30': {}\n", 3, 'vlans.10-30', 'VLAN 20 is configured twice'),
  bad("vlans:\n  '10-30': { name: red }\n", 2, 'vlans.10-30.name', 'a name belongs to one VLAN'),
  bad('vlans:\n  10: { name: red }\n  20: { name: red }\n', 3, 'vlans.20.name', '"red" is the name of VLAN 10'),
  bad('vlans:\n  10: { name: vlan20 }\n', 2, 'vlans.10.name', '"vlan20" is the name of VLAN 20'),
  bad('switch: { type: unaware }\nvlans:\n  10: {}\n', 3, 'vlans.10', 'bridge loom0 is unaware: it has no VLANs'),
  bad('bridges:\n  loom0: {}\n', 2, 'bridges.loom0', '"loom0" is the name of the switch'),
  bad('bridges:\n  br 1: {}\n', 2, 'bridges.br 1', '"br 1" is not a bridge name'),
  bad(
    'bridges:\n  br1: { hashSeed: 1 }\n',
    2,
    'bridges.br1.hashSeed',
    'the key is not known; valid keys are type, fdb',
  ),
  bad(`bridges:\n${repeat(17, (i) => `  b${i}: { vlans: { all: {} } }\n`)}`, 1, 'bridges', 'at most 65534 in all'),
  bad(
    `ports:\n${repeat(1025, (i) => `  p${i}: { adapter: memory }\n`)}`,
    1,
    'ports',
    'there are 1025 ports; valid are at most 1024',
  ),
];

export const PORT_KEYS: BadCase[] = [
  bad('ports:\n  p1: {}\n', 2, 'ports.p1.adapter', 'is missing; valid are tap, af-packet, af-xdp, cap, udp'),
  bad('ports:\n  p1:\n    adapter: tapp\n', 3, 'ports.p1.adapter', '(did you mean "tap"?)'),
  bad('ports:\n  "p 1": { adapter: memory }\n', 2, 'ports.p 1', '"p 1" is not a port name'),
  bad(`ports:\n  ${'x'.repeat(33)}: { adapter: memory }\n`, 2, `ports.${'x'.repeat(33)}`, 'is not a port name'),
  port(
    'mode: truk',
    'mode',
    '"truk" is not a port mode (did you mean "trunk"?); valid are access, trunk, hybrid, dot1q-tunnel',
  ),
  port('mode: access', 'vlan', 'is missing; valid are 1-4094'),
  port('vlan: 0', 'vlan', '0 is not a VLAN ID; valid are 1-4094'),
  port('vlan: 4095', 'vlan', '4095 is not a VLAN ID'),
  port('vlan: "10"', 'vlan', '"10" is text; write the number without quotes'),
  port('vlan: 010', 'vlan', '010 could be decimal or octal'),
  port('vlan: null', 'vlan', 'has no value; valid are 1-4094'),
  port('vlan: 10, native: 1', 'native', '"native" belongs to mode trunk; this port is in mode access (the default)'),
  port('mode: access, vlan: 10, native: 1', 'native', 'this port is in mode access, which takes "vlan"'),
  port('mode: access, vlan: 10, pvid: 20', 'pvid', 'the PVID of a port in mode access is its "vlan", which is 10'),
  port('vlans: 10', 'vlans', '"vlans" belongs to mode trunk'),
  port('mode: trunk, vlan: 10', 'vlan', 'belongs to mode access and dot1q-tunnel'),
  port(
    'mode: trunk, vlans: "10,4095"',
    'vlans',
    '4095 is not a VLAN ID; valid are 1-4094, ranges "10,20-30", or "all"',
  ),
  port('mode: trunk, vlans: "30-20"', 'vlans', 'reversed; write "20-30"'),
  port('mode: trunk, vlans: "10;20"', 'vlans', '"10;20" is not a VLAN ID or range'),
  port('mode: trunk, vlans: ""', 'vlans', 'an empty text is not a VLAN set'),
  port('mode: trunk, vlans: "10,"', 'vlans', '"" is not a VLAN ID or range'),
  port('mode: trunk, vlans: [10, 0]', 'vlans[1]', '0 is not a VLAN ID'),
  port('mode: trunk, vlans: [10, true]', 'vlans', 'true is not a VLAN set'),
  port('mode: trunk, vlans: 1.5', 'vlans', '1.5 is not a VLAN set'),
  port('mode: trunk, vlans: []', 'mode', 'the port is a member of no VLAN; add VLANs to "vlans"'),
  port('mode: trunk, native: 4095', 'native', '4095 is not a VLAN ID'),
  port('mode: trunk, native: 1, pvid: 2', 'pvid', 'the PVID of this trunk is its "native", which is 1'),
  port('mode: trunk, vlans: 10, pvid: 2', 'pvid', 'no member of VLAN 2'),
  port(
    'mode: hybrid',
    'pvid',
    'PVID 1 (the default), but the port is no member of VLAN 1 and ingress filtering drops them',
  ),
  port(
    'mode: hybrid, pvid: 5, tagged: 6',
    'pvid',
    'add 5 to "tagged" or "untagged", set "pvid: none", or "ingressFiltering: false"',
  ),
  port('mode: hybrid, pvid: none', 'mode', 'the port is a member of no VLAN'),
  port('mode: hybrid, tagged: "1-9", untagged: [5]', 'untagged', 'VLAN 5 is in "tagged" as well'),
  port('mode: hybrid, pvid: 4095', 'pvid', '4095 is not a PVID; valid are 1-4094, none'),
  port('mode: hybrid, pvid: null', 'pvid', 'valid are 1-4094, none'),
  port('mode: hybrid, pvid: "5"', 'pvid', '"5" is text; write the number without quotes'),
  port('mode: dot1q-tunnel', 'vlan', 'is missing'),
  port('mode: dot1q-tunnel, vlan: 5, cvids: 4095', 'cvids', '4095 is not a VLAN ID'),
  port('acceptFrames: none', 'acceptFrames', 'valid are all, untagged, tagged'),
  port('mtu: 67', 'mtu', '67 is not an MTU; valid are 68-65535'),
  port('mtu: 65536', 'mtu', 'valid are 68-65535'),
  port('state: blocking', 'state', 'valid are discarding, learning, forwarding'),
  port('splitHorizonGroup: 65536', 'splitHorizonGroup', 'valid are 0-65535'),
  port('isolated: on', 'isolated', '"on" is not a boolean'),
  port('bridge: br1', 'bridge', 'there is no bridge "br1"; valid are loom0'),
  port('bridge: loom', 'bridge', 'did you mean "loom0"?'),
  port('vlna: 10', 'vlna', 'the key is not known (did you mean "vlan"?); valid keys are adapter, device'),
  port(
    'device: tap1',
    'device',
    '"device" belongs to adapter tap, af-packet, af-xdp or cap; adapter memory takes no such keys',
  ),
  bad(
    'switch: { type: unaware }\nports:\n  p1: { adapter: memory, vlan: 1 }\n',
    3,
    'ports.p1.vlan',
    'unaware: it has no VLANs; remove "vlan"',
  ),
  bad(
    'switch: { type: unaware }\nports:\n  p1: { adapter: memory, mode: access }\n',
    3,
    'ports.p1.mode',
    'remove "mode"',
  ),
];

export const ADAPTERS: BadCase[] = [
  bad('ports:\n  p1: { adapter: tap }\n', 2, 'ports.p1.device', 'is missing; valid is a name such as tap1'),
  bad('ports:\n  p1: { adapter: tap, device: a/b }\n', 2, 'ports.p1.device', '"a/b" is not a device name'),
  bad('ports:\n  p1: { adapter: tap, device: "a b" }\n', 2, 'ports.p1.device', 'is not a device name'),
  bad('ports:\n  p1: { adapter: tap, device: .. }\n', 2, 'ports.p1.device', 'not "." or ".."'),
  bad('ports:\n  p1: { adapter: tap, device: sixteen-letters- }\n', 2, 'ports.p1.device', '1 to 15'),
  bad('ports:\n  p1: { adapter: tap, device: tap1, queues: 9 }\n', 2, 'ports.p1.queues', 'valid are 1-8'),
  bad(
    'ports:\n  p1: { adapter: tap, device: tap1, offloads: on, local: "a:1" }\n',
    2,
    'ports.p1.local',
    '"local" belongs to adapter udp; adapter tap takes device, queues',
  ),
  bad(
    'ports:\n  a: { adapter: tap, device: tap1 }\n  b: { adapter: tap, device: tap1 }\n',
    3,
    'ports.b.device',
    '"tap1" is used by port a already',
  ),
  bad('ports:\n  p1: { adapter: af-packet }\n', 2, 'ports.p1.device', 'is missing; valid is a name such as eth0'),
  bad('ports:\n  p1: { adapter: af-xdp, device: e, queue: 4096 }\n', 2, 'ports.p1.queue', 'valid are 0-4095'),
  bad('ports:\n  p1: { adapter: af_packet }\n', 2, 'ports.p1.adapter', '(did you mean "af-packet"?)'),
  bad(
    'ports:\n  p1: { adapter: af-packet, device: eth0, offloads: on }\n',
    2,
    'ports.p1.offloads',
    '"on" is for adapter tap, here the sender decides what it leaves undone; valid are auto, off',
  ),
  bad('ports:\n  p1: { adapter: af-packet, device: e, fanout: 65536 }\n', 2, 'ports.p1.fanout', 'valid are 0-65535'),
  bad(
    'ports:\n  p1: { adapter: af-packet, device: eth0, queues: 2 }\n',
    2,
    'ports.p1.queues',
    '"queues" belongs to adapter tap; adapter af-packet takes device, fanout, offloads',
  ),
  bad(
    'ports:\n  a: { adapter: tap, device: e }\n  b: { adapter: af-packet, device: e }\n',
    3,
    'ports.b.device',
    '"e" is used by port a already',
  ),
  bad('ports:\n  p1: { adapter: udp, local: "a:1" }\n', 2, 'ports.p1.remote', 'is missing; valid is HOST:PORT'),
  bad('ports:\n  p1: { adapter: udp, local: "a:0", remote: "b:1" }\n', 2, 'ports.p1.local', '"a:0" is no endpoint'),
  bad('ports:\n  p1: { adapter: udp, local: "a:65536", remote: "b:1" }\n', 2, 'ports.p1.local', 'a port of 1-65535'),
  bad('ports:\n  p1: { adapter: udp, local: "::1:5000", remote: "b:1" }\n', 2, 'ports.p1.local', 'is no endpoint'),
  bad('ports:\n  p1: { adapter: udp, local: "1.2.3.256:5", remote: "b:1" }\n', 2, 'ports.p1.local', 'is no endpoint'),
  bad('ports:\n  p1: { adapter: udp, local: "[1::2::3]:5", remote: "b:1" }\n', 2, 'ports.p1.local', 'is no endpoint'),
  bad(
    'ports:\n  p1: { adapter: udp, local: "[::1]:5", remote: "1.2.3.4:1" }\n',
    2,
    'ports.p1.remote',
    'mix IPv4 and IPv6',
  ),
  bad(
    'ports:\n  a: { adapter: udp, local: "h:5", remote: "b:1" }\n  b: { adapter: udp, local: "H:5", remote: "b:2" }\n',
    3,
    'ports.b.local',
    '"h:5" is used by port a already',
  ),
  bad('ports:\n  p1: { adapter: pcap, file: "" }\n', 2, 'ports.p1.file', '"" is not a path'),
  bad('ports:\n  p1: { adapter: pcap, out: a }\n', 2, 'ports.p1.out', 'the key is not known; valid keys are adapter'),
  bad('ports:\n  p1: { adapter: tap, device: t, file: a }\n', 2, 'ports.p1.file', '"file" belongs to adapter pcap'),
];

export const FDB: BadCase[] = [
  fdb('vlan: 10, port: p1', 'mac', 'is missing; valid is a form such as 02:00:00:00:00:01'),
  fdb('mac: "02:00:00:00:00", vlan: 10, port: p1', 'mac', 'is not a MAC address'),
  fdb('mac: "02:00-00:00:00:01", vlan: 10, port: p1', 'mac', 'is not a MAC address'),
  fdb('mac: "01:00:5e:00:00:01", vlan: 10, port: p1', 'mac', 'is a group address'),
  fdb('mac: "ff:ff:ff:ff:ff:ff", vlan: 10, port: p1', 'mac', 'is a group address'),
  fdb('mac: "00:00:00:00:00:00", vlan: 10, port: p1', 'mac', 'the zero address'),
  fdb('mac: "02:00:00:00:00:01", vlan: 10', 'port', 'is missing; an entry of kind static has a port'),
  fdb('mac: "02:00:00:00:00:01", vlan: 10, port: p3', 'port', 'there is no port "p3" (did you mean "p1"?)'),
  fdb('mac: "02:00:00:00:00:01", vlan: 10, port: p1, kind: blackhole', 'port', 'a blackhole entry has no port'),
  fdb(
    'mac: "02:00:00:00:00:01", vlan: 10, port: p1, kind: dynamic',
    'kind',
    'valid are static, sticky, local, external, blackhole',
  ),
  fdb('mac: "02:00:00:00:00:01", port: p1', 'vlan', 'is missing; valid are 1-4094'),
  fdb('mac: "02:00:00:00:00:01", vlan: 20, port: p1', 'vlan', 'port p1 is not a member of VLAN 20'),
  fdb('mac: "02:00:00:00:00:01", vlan: 99, kind: local', 'vlan', 'bridge loom0 has no VLAN 99'),
  fdb('mac: "02:00:00:00:00:01", vlan: 10, port: p1, bridge: br9', 'bridge', 'there is no bridge "br9"'),
  fdb('mac: "02:00:00:00:00:01", vlan: 10, port: p1, age: 1', 'age', 'the key is not known'),
  bad(
    `${PORTS}bridges: { br1: {} }\nfdb:\n  - { mac: "02:00:00:00:00:01", vlan: 10, port: p1, bridge: br1 }\n`,
    6,
    'fdb[0].bridge',
    'port p1 belongs to bridge loom0, not to br1',
  ),
  bad(
    `${PORTS}fdb:\n  - { mac: "02:00:00:00:00:0a", vlan: 10, port: p1 }\n  - { mac: "02-00-00-00-00-0A", vlan: 10, kind: blackhole }\n`,
    6,
    'fdb[1].mac',
    'is configured twice in VLAN 10 of bridge loom0; the first one is fdb[0]',
  ),
  bad(
    'switch: { type: unaware }\nports: { p1: { adapter: memory } }\nfdb:\n  - { mac: "02:00:00:00:00:01", vlan: 1, port: p1 }\n',
    4,
    'fdb[0].vlan',
    'bridge loom0 is unaware: it has no VLANs; remove "vlan"',
  ),
  bad(
    `${PORTS}bridges:\n${Array.from({ length: 12 }, (_, n) => `  b${n}: { fdb: { maxEntries: 1048576 } }\n`).join('')}`,
    4,
    'bridges',
    'fdb.maxEntries of all 13 bridges are 12648448 together; valid are at most 12582912',
  ),
];

/** A file with a VTEP of these keys, which stand on line 2, a port for it, and a tunnel of these keys on line 5. */
const vxlan = (vtep: string, tunnel: string, line: number, path: string, says: string): BadCase =>
  bad(
    `vteps:\n  v0: { ${vtep} }\nports:\n  up: { adapter: memory }\n  vx: { adapter: vxlan, ${tunnel} }\n`,
    line,
    path,
    says,
  );
const UP = 'underlay: port, uplink: up, local: 192.0.2.1/24';
const VNI = 'vlan: 10, mode: access, vxlan: { vtep: v0, vni: 77 }';
const ofVtep = (keys: string, key: string, says: string) => vxlan(keys, VNI, 2, `vteps.v0.${key}`, says);
const ofTunnel = (keys: string, key: string, says: string) =>
  vxlan(
    UP,
    `mode: access, vlan: 10, vxlan: { vtep: v0, ${keys} }`,
    5,
    `ports.vx.vxlan${key === '' ? '' : `.${key}`}`,
    says,
  );
const ofEntry = (keys: string, key: string, says: string): BadCase =>
  bad(
    `vteps: { v0: { ${UP} } }\nports:\n  up: { adapter: memory }\n  vx: { adapter: vxlan, ${VNI} }\nvxlanFdb:\n  - { ${keys} }\n`,
    6,
    `vxlanFdb[0].${key}`,
    says,
  );

export const VXLAN: BadCase[] = [
  ofVtep('underlay: port, uplink: up', 'local', 'is missing; valid is ADDRESS'),
  ofVtep('local: 192.0.2.300', 'local', '"192.0.2.300" is no address'),
  ofVtep('underlay: port, uplink: up, local: 224.0.0.1/24', 'local', '224.0.0.1 is no address of a host'),
  ofVtep('underlay: port, local: 192.0.2.1/24', 'uplink', 'is missing; valid is the name of a port'),
  ofVtep('underlay: port, uplink: upp, local: 192.0.2.1/24', 'uplink', 'there is no port "upp" (did you mean "up"?)'),
  ofVtep('underlay: port, uplink: vx, local: 192.0.2.1/24', 'uplink', 'port vx is a tunnel itself'),
  ofVtep('local: 192.0.2.1, uplink: up', 'uplink', '"uplink" belongs to the underlay port'),
  ofVtep('local: 192.0.2.1, routes: [{ to: 0.0.0.0/0, via: 192.0.2.9 }]', 'routes', 'the kernel routes for sockets'),
  ofVtep(`${UP}, interface: eth0`, 'interface', 'belongs to the underlays udp and raw-socket'),
  ofVtep(`${UP}, mac: "01:00:00:00:00:01"`, 'mac', 'is no MAC address of a host'),
  ofVtep(`${UP}, udpPort: 0`, 'udpPort', '0 is not a UDP port; valid are 1-65535'),
  ofVtep(`${UP}, sourcePorts: 9-8`, 'sourcePorts', 'is no range of ports'),
  ofVtep(`${UP}, peers: ["fd00::1"]`, 'peers[0]', 'are not of one family'),
  ofVtep(`${UP}, peers: [192.0.2.1]`, 'peers[0]', '192.0.2.1 is the VTEP itself'),
  ofVtep(`${UP}, peers: [239.1.1.1]`, 'peers[0]', 'is no address of a host'),
  ofVtep(`${UP}, routes: [{ to: 10.0.0.0/33 }]`, 'routes[0].to', 'is no prefix'),
  ofVtep(`${UP}, neighbors: { 192.0.2.300: "02:00:00:00:00:01" }`, 'neighbors.192.0.2.300', 'is no IP address'),
  ofVtep(`${UP}, allow: all`, 'allow', '"all" is not who is allowed; valid are peers, any'),
  vxlan(UP, 'vlan: 10', 5, 'ports.vx.vxlan', 'is missing; valid is a map such as'),
  vxlan(UP, 'vxlan: { vtep: v0, vnis: { 10: 1 } }, vlan: 10', 5, 'ports.vx.vlan', 'are those of "vnis"; remove "vlan"'),
  ofTunnel('vni: 16777216', 'vni', 'is not a VNI; valid are 0-16777215'),
  ofTunnel('remotes: [192.0.2.2]', 'vni', 'is missing; valid are 0-16777215, or "vnis"'),
  ofTunnel('vni: 1, vnis: { 10: 1 }', 'vnis', 'the port has one VNI already'),
  ofTunnel('vni: 1, ttl: 0', 'ttl', '0 is not a TTL; valid are 1-255, inherit'),
  ofTunnel('vni: 1, flood: multicast', 'group', 'is missing; valid is a multicast address'),
  ofTunnel('vni: 1, flood: multicast, group: 192.0.2.9', 'group', 'is no multicast address'),
  ofTunnel('vni: 1, group: 239.1.1.1', 'group', 'belongs to "flood: multicast"'),
  ofTunnel('vni: 1, flood: multicast, group: 239.1.1.1, remotes: [192.0.2.2]', 'remotes', 'floods go to the group'),
  ofTunnel('vni: 1, remotes: [192.0.2.1]', 'remotes[0]', 'is the VTEP itself'),
  ofTunnel('vni: 1, reservedBits: drop', 'reservedBits', 'valid are ignore, strict, or 0x'),
  ofTunnel(
    'vni: 1, neighbors: [{ ip: 10.0.0.1, mac: "02:00:00:00:00:01" }]',
    'neighbors[0].vlan',
    'is missing; valid are 1-4094',
  ),
  ofTunnel(
    'vni: 1, neighbors: [{ ip: 10.0.0, mac: "02:00:00:00:00:01", vlan: 10 }]',
    'neighbors[0].ip',
    'is no address',
  ),
  ofTunnel('vni: 1, maxNeighbors: 65537', 'maxNeighbors', 'is not a number of neighbors'),
  ofTunnel('vni: 1, vlanMaxNeighbors: -1', 'vlanMaxNeighbors', 'is not a number of neighbors'),
  ofTunnel('vni: 1, neighborAgeSeconds: 9', 'neighborAgeSeconds', 'is not a number of seconds'),
  ofTunnel('vni: 1, learning: true', 'learning', 'is not a way of learning'),
  bad(
    'vteps: { v0: { local: 192.0.2.1 } }\nports:\n  t: { adapter: vxlan, mode: trunk, vlans: "10,20", vxlan: { vtep: v0, vni: 7 } }\n',
    3,
    'ports.t.vxlan.innerTag',
    'frames leave this port with VLAN tags',
  ),
  bad(
    'vteps: { v0: { local: 192.0.2.1 } }\nports:\n  a: { adapter: vxlan, vxlan: { vtep: v0, vni: 7 } }\n  b: { adapter: vxlan, vxlan: { vtep: v0, vni: 7 } }\n',
    4,
    'ports.b.vxlan.vni',
    'VNI 7 of VTEP v0 belongs to port a already',
  ),
  bad(
    'vteps: { v0: { local: 192.0.2.1 } }\nports:\n  a: { adapter: vxlan, vxlan: { vtep: v1, vni: 7 } }\n',
    3,
    'ports.a.vxlan.vtep',
    'there is no VTEP "v1" (did you mean "v0"?)',
  ),
  bad(
    'ports:\n  a: { adapter: memory, vxlan: { vtep: v0, vni: 7 } }\n',
    2,
    'ports.a.vxlan',
    'belongs to adapter vxlan',
  ),
  bad(
    `vteps: { v0: { ${UP} } }\nports:\n  up: { adapter: memory, vlan: 10 }\n`,
    3,
    'ports.up.vlan',
    'the port is the uplink of VTEP v0: it is in no bridge; remove "vlan"',
  ),
  bad(
    'vteps:\n  v0: { local: 192.0.2.1 }\n  v1: { local: 192.0.2.1 }\nports: {}\n',
    3,
    'vteps.v1.local',
    '192.0.2.1 and UDP port 4789 are those of VTEP v0 already',
  ),
  bad(
    'vteps:\n  p1: { local: 192.0.2.1 }\nports: { p1: { adapter: memory } }\n',
    2,
    'vteps.p1',
    'is the name of a port',
  ),
  ofTunnel(`vni: 7, ttl: "${'a'.repeat(200)}"`, 'ttl', 'a…" is not a TTL; valid are 1-255, inherit'),
  bad(
    'ports: {}\nmirrors:\n  - { name: m, output: p, selectVlan: 1e99 }\n',
    3,
    'mirrors[0].selectVlan',
    '1e+99 is not a VLAN set',
  ),
  bad(
    'ports: {}\nroutes:\n  - { to: "::/0", via: 7 }\n',
    3,
    'routes[0].via',
    '7 is not a next hop; valid is an IPv4 or',
  ),
  bad(
    'vteps:\n  v0: { underlay: port, uplink: constructor, local: 192.0.2.1/24 }\n',
    2,
    'vteps.v0.uplink',
    'there is no port "constructor"',
  ),
  bad('vteps:\n  "a b": { local: 192.0.2.1 }\n', 2, 'vteps.a b', 'is not a VTEP name'),
  ofEntry('port: up, mac: "02:00:00:00:00:01", remote: 192.0.2.2', 'port', 'port up is no tunnel'),
  ofEntry('port: vx, vni: 9, mac: "02:00:00:00:00:01", remote: 192.0.2.2', 'vni', 'port vx has no VNI 9'),
  ofEntry('port: vx, mac: "00:00:00:00:00:00", remote: 192.0.2.2', 'mac', 'is the flood list'),
  ofEntry('port: vx, mac: "02:00:00:00:00:01"', 'remote', 'is missing; valid is an address'),
  ofEntry('port: vx, mac: "02:00:00:00:00:01", remotes: [192.0.2.2, 192.0.2.3]', 'remotes', 'is one host'),
];
