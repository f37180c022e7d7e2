/** Numbers of a tunnel in the shapes that files have them in. */
import { describe, expect, it } from 'vitest';
import { readScenario } from '../../../src/scenario/read.ts';

const read = (settings: string) =>
  readScenario(
    `schema: 1
id: numbers
needs: [vxlan]
topology:
  bridges: [{name: br0}]
  ports:
  - {name: vx, kind: vxlan, bridge: br0, vxlan: {vni: 1, local: 192.0.2.1, ${settings}}}
  underlay: {port: u1, mac: '02:00:00:00:00:01', addresses: [192.0.2.1/24]}
steps:
- advance: {seconds: 1}
`,
    'numbers.yaml',
  ).ports[0]!.vxlan!;

describe('vxlan of a scenario', () => {
  it.each([
    ['0xf7ffffff000000ff', '0xf7ffffff000000ff'],
    ["'0xF7FFFFFF000000FF'", '0xf7ffffff000000ff'],
    ['17870283317111161087', '0xf7ffffff000000ff'],
    ["'255'", '0xff'],
    ['strict', 'strict'],
  ])('reserved_bits %s', (written, mask) => {
    expect(read(`reserved_bits: ${written}, ttl: 3`).reservedBits).toBe(mask);
  });

  it.each(['18446744073709551616', '-1', '1.5', "'0x'", '0x10000000000000000'])(
    'reserved_bits %s is refused',
    (bits) => {
      expect(() => read(`reserved_bits: ${bits}`)).toThrow(/numbers[.]yaml:7: .*valid is a number of 64 bits/);
    },
  );

  it('tos is a number, hex in quotes, or inherit', () => {
    expect(read('tos: 40').tos).toBe(40);
    expect(read('tos: 0x28').tos).toBe(0x28);
    expect(read("tos: '0x28'").tos).toBe(0x28);
    expect(read('tos: inherit').tos).toBe('inherit');
    expect(() => read("tos: '40'")).toThrow(/valid is a whole number 0-255/);
  });
});
