/** Captures and mirrors of tunnel ports: the frames inside, beside the datagrams on the underlay. */

import { describe, expect, it } from 'vitest';
import { CaptureBlocks } from '../../../src/capture/blocks.ts';
import { Feed } from '../../../src/capture/feed.ts';
import { CAPTURE_DROP, CAPTURE_IN, CAPTURE_OUT } from '../../../src/capture/record.ts';
import { createRing } from '../../../src/capture/ring.ts';
import { addMirror } from '../../../src/control/mirror-control.ts';
import { OPT_COMMENT } from '../../../src/pcap/pcapng-format.ts';
import { OptionWalk } from '../../../src/pcap/pcapng-options.ts';
import { vniOf } from '../../../src/tables/vni-table.ts';
import { checkLedger, innerFrame, outerV4, tunnelWorld } from '../dataplane/vxlan-world.ts';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const HOST = '02:00:00:00:00:99';

/** `port comment` of what is captured while `frame` arrives. */
function captured(port: string, frame: Uint8Array, ports: readonly string[], directions: number): string[] {
  const { core, append } = tunnelWorld(4);
  const ring = createRing(1 << 16);
  core.capturing.start(1, { ports, directions, filter: '', snapLen: 65_535 }, ring);
  const names = {
    nameOf: (number: number) => core.control.portByIndex[number]?.name ?? '?',
    vniOf: (number: number, vid: number) => vniOf(core.dp.vxlan.vnis, number, vid),
  };
  append(port, frame);
  core.forward();
  checkLedger(core);
  const reader = new CaptureBlocks().take(
    new Feed({ rings: [ring], application: 'test', names, most: 0 }).take(1 << 20),
  );
  const lines: string[] = [];
  while (reader?.next() === true) {
    const walk = new OptionWalk();
    walk.begin(reader.view, reader.optionsOffset, reader.optionsLength, true);
    let comment = '';
    while (walk.next()) {
      const { valueOffset, valueLength } = walk;
      if (walk.code === OPT_COMMENT) {
        comment = Buffer.from(reader.buffer.subarray(valueOffset, valueOffset + valueLength)).toString();
      }
    }
    lines.push(`${reader.interfaces[reader.interfaceId]!.name} ${reader.capLen} ${comment}`);
  }
  return lines;
}

describe('a tunnel port', () => {
  const inner = innerFrame(BROADCAST, HOST, 0, 1);
  const length = inner.length;

  it('brings frames from inside, beside the datagram that they came in', () => {
    expect(captured('u4', outerV4(1000, inner), ['u4', 'm', 'b'], CAPTURE_IN | CAPTURE_OUT)).toEqual([
      `u4 ${length + 50} vni 1000; brings a frame of m`,
      expect.stringMatching(new RegExp(`^m ${length + 4} vlan 10 vni 1000; flood to \\d ports?$`)),
      `b ${length} vlan 10; from m`,
    ]);
  });

  it('sends frames, which leave the underlay as datagrams', () => {
    const lines = captured('b', inner, ['m', 'u4'], CAPTURE_OUT);
    expect(lines).toEqual([
      `m ${length} vlan 10 vni 1000; from b`,
      `u4 ${length + 50} vni 1000`,
      `u4 ${length + 50} vni 1000`,
    ]);
  });

  it('drops on both sides of the tunnel', () => {
    expect(captured('u4', outerV4(4711, inner), ['u4', 'm'], CAPTURE_DROP)[0]).toMatch(
      /^u4 \d+ vni 4711; drop VXLAN_UNKNOWN_VNI: /,
    );
    const looped = innerFrame(BROADCAST, '02:00:00:00:17:17', 0, 1);
    expect(captured('u4', outerV4(1000, looped), ['u4', 'm'], CAPTURE_DROP)[0]).toMatch(/^m \d+ .*drop VXLAN_LOOP: /);
  });

  it('can be mirrored', () => {
    const { core, append, left } = tunnelWorld(4);
    const config = { selectAll: false, selectVlan: [], output: 'c', outputVlan: null };
    addMirror(core.control, { name: 'watch', bridge: 'br0', selectSrc: ['m'], selectDst: ['m'], ...config });
    append('u4', outerV4(1000, inner));
    append('b', inner);
    core.forward();
    checkLedger(core);
    const tagged = (bytes: Uint8Array) => {
      const hex = Buffer.from(bytes).toString('hex');
      return `${hex.slice(0, 24)}8100000a${hex.slice(24)}`;
    };
    expect(left.get('c')).toEqual([tagged(inner), Buffer.from(inner).toString('hex')]);
  });
});
