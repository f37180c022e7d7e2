/** `--port` lines: the same ports as in a file, the same errors at another place. */
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config/load.ts';
import { parsePortSpecs } from '../../../src/config/port-spec.ts';

describe('good lines are the ports of a file', () => {
  it.each([
    ['p1=tap:tap1,access=10', 'p1: { adapter: tap, device: tap1, mode: access, vlan: 10 }'],
    ['p1=tap:tap1', 'p1: { adapter: tap, device: tap1 }'],
    ['p1=tap:tap1,trunk', 'p1: { adapter: tap, device: tap1, mode: trunk }'],
    ['p1=memory,trunk=10+20-30,native=1', "p1: { adapter: memory, mode: trunk, vlans: '10,20-30', native: 1 }"],
    ['p1=memory,trunk=all', 'p1: { adapter: memory, mode: trunk, vlans: all }'],
    [
      'p1=memory,hybrid,pvid=10,tagged=20+30,untagged=10,mtu=9000,isolated,learning=false',
      'p1: { adapter: memory, mode: hybrid, pvid: 10, tagged: [20, 30], untagged: 10, mtu: 9000, isolated: true, learning: false }',
    ],
    ['p1=memory,hybrid,pvid=none,tagged=20', 'p1: { adapter: memory, mode: hybrid, pvid: none, tagged: 20 }'],
    [
      'u1=udp:127.0.0.1:5001/127.0.0.1:5002,access=7',
      "u1: { adapter: udp, local: '127.0.0.1:5001', remote: '127.0.0.1:5002', vlan: 7 }",
    ],
    ['u1=udp:[::1]:5001/[::2]:5002', "u1: { adapter: udp, local: '[::1]:5001', remote: '[::2]:5002' }"],
    ['e=af-packet:eth0,fanout=7', 'e: { adapter: af-packet, device: eth0, fanout: 7 }'],
    ['x=af-xdp:eth0,queue=3', 'x: { adapter: af-xdp, device: eth0, queue: 3 }'],
    ['l=cap:eth0', 'l: { adapter: cap, device: eth0 }'],
    ['c=pcap:in.pcap', 'c: { adapter: pcap, file: in.pcap }'],
    ['c=pcap', 'c: { adapter: pcap }'],
    [
      'p1=tap:t,dot1q-tunnel=100,cvids=5+7-8',
      "p1: { adapter: tap, device: t, mode: dot1q-tunnel, vlan: 100, cvids: '5,7-8' }",
    ],
    ['p1=tap:t,mode=access,vlan=3,queues=2', 'p1: { adapter: tap, device: t, mode: access, vlan: 3, queues: 2 }'],
  ])('%s', (spec, yaml) => {
    expect(parsePortSpecs([spec])).toEqual(loadConfig(`ports:\n  ${yaml}\n`, 'switch.yaml'));
  });

  it('takes several lines', () => {
    const { ports } = parsePortSpecs(['a=memory,access=10', 'b=memory,trunk=10']);
    expect(ports.map(({ name, mode }) => [name, mode])).toEqual([
      ['a', 'access'],
      ['b', 'trunk'],
    ]);
  });
});

describe('bad lines', () => {
  it.each([
    [['p1=tap:tap1,access=4095'], '--port "p1=tap:tap1,access=4095": access: 4095 is not a VLAN ID; valid are 1-4094'],
    [['p1=memory,trunk=10+4095'], '--port "p1=memory,trunk=10+4095": trunk: 4095 is not a VLAN ID; valid are 1-4094'],
    [['p1=memory,trunk=30-20'], ': trunk: the range "30-20" is reversed; write "20-30"'],
    [['p1'], '--port "p1": valid is NAME=ADAPTER:DEVICE,KEY=VALUE…'],
    [['=tap:x'], '--port "=tap:x": valid is NAME=ADAPTER'],
    [['p1='], ': adapter: "" is not an adapter; valid are tap, af-packet, af-xdp, cap, udp'],
    [['p1=tap'], ': device: is missing'],
    [['p1=tapp:x'], ': adapter: "tapp" is not an adapter (did you mean "tap"?)'],
    [['p1=tap:x,acces=10'], ': acces: the key "acces" is not known (did you mean "access"?)'],
    [['p1=tap:x,'], 'the key "" is not known'],
    [['p1=tap:x,access'], ': access: is missing; valid are 1-4094'],
    [['p1=tap:x,access='], ': access: "" is not a VLAN ID'],
    [['p1=tap:x,access=010'], ': access: "010" has a leading zero'],
    [['p1=tap:x,access=1e1'], ': access: "1e1" is not a VLAN ID'],
    [['p1=tap:x,hybrid=10'], ': hybrid: takes no value'],
    [['p1=tap:x,mtu'], ': mtu: has no value; valid is mtu=VALUE'],
    [['p1=tap:x,isolated=yes'], ': isolated: "yes" is not a boolean'],
    [['p1=tap:x,access=1,trunk=2'], ': trunk: "mode" is given already by "access"'],
    [['p1=tap:x,device=y'], ': device: "device" is given already in the adapter'],
    [['p1=tap:x,mtu=100,mtu=200'], ': mtu: "mtu" is given already by "mtu"'],
    [['p1=udp:1.2.3.4:5'], ': udp: "1.2.3.4:5" has no "/"'],
    [['p1=memory:x'], ': device: "device" belongs to adapter tap'],
    [['p1=memory', 'p1=memory'], '--port "p1=memory": port "p1" is given twice'],
    [['a=tap:t', 'b=tap:t'], '--port "b=tap:t": device: "t" is used by port a already'],
    [['p 1=memory'], '--port "p 1=memory": "p 1" is not a port name'],
    [['__proto__=memory'], '"__proto__" is reserved'],
    [['p1=memory,__proto__=1'], 'the key "__proto__" is not known'],
    [['p1=memory,bridge=br1'], ': bridge: there is no bridge "br1"'],
    [Array.from({ length: 1025 }, (_, i) => `p${i}=memory`), '--port: there are 1025 ports; valid are at most 1024'],
  ])('%s', (specs, says) => {
    let message = '';
    try {
      parsePortSpecs(specs);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      message = (error as ConfigError).message;
    }
    expect(message).toContain(says);
    expect(message).not.toMatch(/[\r\n]/);
    expect(message).toMatch(/^--port/);
  });
});
