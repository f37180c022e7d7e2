/** Random stacks of headers: the dissector finds what was put in, and tshark says the same of the same bytes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PcapWriter } from '../../../src/pcap/pcap-writer.ts';
import { MemorySink } from '../../../src/pcap/source.ts';
import type { Tag } from '../../../src/wire/build.ts';
import { dissectFrame } from '../../../src/wire/dissect.ts';
import { Prng } from '../pcap/mutate.ts';
import { viewOf } from './bytes.ts';
import { stack } from './stacks.ts';

const FRAMES = 500;
const prng = new Prng(1);
const stacks = Array.from({ length: FRAMES }, () => stack(prng));
const available = spawnSync('tshark', ['--version']).status === 0;

const tagFields = (tags: Tag[]) => tags.map(({ tpid, vid, pcp, dei }) => ({ tpid, id: vid, pri: pcp, dei: dei ?? 0 }));

describe('random stacks of headers', () => {
  it('have their addresses, tags and VNI found', () => {
    for (const { bytes, macs, outerTags, innerTags, vni } of stacks) {
      const { outer, inner, vxlan, error } = dissectFrame(viewOf(bytes), 0, bytes.length, bytes.length);
      const which = Buffer.from(bytes).toString('hex');
      expect(error, which).toBeUndefined();
      expect([outer?.eth_dst, outer?.eth_src, inner?.eth_dst, inner?.eth_src], which).toEqual(macs);
      expect(outer?.tags, which).toMatchObject(tagFields(outerTags));
      expect(inner?.tags, which).toMatchObject(tagFields(innerTags));
      expect([vxlan?.vni, inner?.udp?.dst], which).toEqual([vni, 5555]);
    }
  });

  it.skipIf(!available)('are the same for tshark (skipped where it is not installed)', () => {
    const sink = new MemorySink();
    const writer = new PcapWriter(sink);
    stacks.forEach(({ bytes }, i) => {
      writer.write(bytes, 0, bytes.length, bytes.length, i, 0);
    });
    writer.flush();
    const fields = ['eth.dst', 'eth.src', 'vlan.id', 'ieee8021ad.id', 'vxlan.vni'];
    const folder = mkdtempSync(join(tmpdir(), 'etherloom-stacks-'));
    const file = join(folder, 'stacks.pcap');
    writeFileSync(file, sink.bytes());
    const args = [
      '-n',
      '-o',
      'ipv6.defragment:FALSE',
      '-r',
      file,
      '-T',
      'fields',
      ...fields.flatMap((field) => ['-e', field]),
    ];
    const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(status, stderr).toBe(0);
    const lines = stdout.split('\n').slice(0, -1);
    expect(lines).toHaveLength(FRAMES);
    stacks.forEach(({ bytes, macs, outerTags, innerTags, vni }, i) => {
      const tags = [...outerTags, ...innerTags];
      const ids = (isS: boolean) => tags.filter((tag) => (tag.tpid === 0x88a8) === isS).map((tag) => tag.vid);
      const [dst, src, innerDst, innerSrc] = macs;
      const expected = [[dst, innerDst], [src, innerSrc], ids(false), ids(true), [vni]].map(String).join('\t');
      expect(lines[i], Buffer.from(bytes).toString('hex')).toBe(expected);
    });
  });
});
