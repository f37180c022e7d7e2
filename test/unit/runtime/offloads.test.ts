/** What is said of offloads: those of the device, and what the switch does instead. */

import { describe, expect, it } from 'vitest';
import { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO } from '../../../src/adapters/adapter.ts';
import { offloadText } from '../../../src/cli/text/offload.ts';
import {
  coalesces,
  type OffloadPort,
  offloadsOf,
  softwareOffloads,
  whyFewOffloads,
} from '../../../src/runtime/offload-report.ts';
import { Prng } from '../pcap/mutate.ts';

const ALL = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO;
const tap = (offloads = ALL, more: Partial<OffloadPort> = {}): OffloadPort => ({
  bridge: 'loom0',
  kind: 'tap',
  declined: false,
  offloads,
  gro: 'off',
  ...more,
});
const udp = (bridge = 'loom0'): OffloadPort => tap(0, { kind: 'udp', bridge });

describe('offloads', () => {
  it('are few for a reason', () => {
    expect(whyFewOffloads(tap())).toBeNull();
    expect(whyFewOffloads(tap(0))).toBe('the kernel offers none');
    expect(whyFewOffloads(tap(0, { declined: true }))).toBe('offloads: off');
    expect(whyFewOffloads(udp())).toBeNull();
  });

  it('are done in software where another port of the bridge hands over what this one cannot take', () => {
    const software = (...ports: OffloadPort[]) => ports.map((port) => softwareOffloads(port, ports));
    expect(software(tap(), tap())).toEqual(['none', 'none']);
    expect(software(tap(), udp())).toEqual(['none', 'csum tso4 tso6 uso']);
    expect(software(tap(), tap(ALL & ~OFFLOAD_USO))).toEqual(['none', 'uso']);
    expect(software(tap(), udp('br1'))).toEqual(['none', 'none']);
    expect(software(udp(), udp())).toEqual(['none', 'none']);
  });

  it('put segments together where a port takes super-frames and this one does not get them', () => {
    const port = (kind: string, offloads: number) => tap(offloads, { kind, gro: 'auto' });
    const all = (...ports: OffloadPort[]) => ports.map((each) => coalesces(each, ports));
    expect(all(port('tap', ALL), port('udp', 0))).toEqual([false, true]);
    expect(all(port('tap', 0), port('udp', 0))).toEqual([false, false]);
    expect(all(port('tap', ALL), port('tap', 0))).toEqual([false, true]);
    expect(all(port('tap', ALL), port('af-packet', ALL))).toEqual([false, true]);
    expect(all(port('tap', ALL), { ...port('udp', 0), bridge: 'br1' })).toEqual([false, false]);
    expect(all(port('tap', ALL), { ...port('udp', 0), gro: 'off' })).toEqual([false, false]);
    expect(all({ ...port('tap', ALL), gro: 'on' })).toEqual([true]);
    // Inside tunnels only on request.
    const underlay = (gro: OffloadPort['gro']) => ({ ...port('af-packet', ALL), bridge: null, gro });
    expect(all(port('tap', ALL), underlay('auto'))).toEqual([false, false]);
    expect(all(port('tap', ALL), underlay('on'))).toEqual([false, true]);
    expect(softwareOffloads(port('udp', 0), [tap()])).toBe('csum tso4 tso6 uso gro');
  });

  it('are those of each port beside all others, also where many are alike', () => {
    const random = new Prng(3);
    const pick = <T>(all: readonly T[]) => all[random.below(all.length)]!;
    for (let round = 0; round < 200; round++) {
      const ports = Array.from({ length: 1 + random.below(12) }, () =>
        tap(pick([0, ALL, ALL & ~OFFLOAD_USO]), {
          ...{ kind: pick(['tap', 'udp', 'cap', 'af-packet', 'af-xdp']), bridge: pick(['loom0', 'br1', null]) },
          gro: pick(['auto', 'off', 'on']),
        }),
      );
      expect(offloadsOf(ports)).toEqual(
        ports.map((port) => ({ coalesces: coalesces(port, ports), software: softwareOffloads(port, ports) })),
      );
    }
  });

  it('have one line of text', () => {
    const text = (offloads: string, offloadsWhy: string | null, software: string) =>
      offloadText({ offloads, offloadsWhy, software });
    expect(text('csum tso4', null, 'none')).toBe('csum tso4');
    expect(text('none', 'offloads: off', 'csum')).toBe('none (offloads: off); in software csum');
  });
});
