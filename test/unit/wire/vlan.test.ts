import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ethernetFrame } from '../../../src/wire/build.ts';
import {
  countTags,
  FIRST_TAG,
  isTagType,
  makeTci,
  tagFits,
  tagNext,
  tagTci,
  tagTpid,
  tciDei,
  tciPcp,
  tciText,
  tciVid,
  tciWithVid,
  writeTag,
} from '../../../src/wire/vlan.ts';
import { viewOf } from './bytes.ts';

const HEAD = { dst: '02:00:00:00:00:02', src: '02:00:00:00:00:01' };

describe('vlan', () => {
  it('splits and joins every TCI (802.1Q 9.6)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 4095 }), (tci, vid) => {
        expect(makeTci(tciPcp(tci), tciDei(tci), tciVid(tci))).toBe(tci);
        const retagged = tciWithVid(tci, vid);
        expect([tciPcp(retagged), tciDei(retagged), tciVid(retagged)]).toEqual([tciPcp(tci), tciDei(tci), vid]);
      }),
    );
  });

  it('reads a tag where its TPID stands', () => {
    const frame = ethernetFrame({ ...HEAD, tags: [{ tpid: 0x88a8, vid: 100, pcp: 3, dei: 1 }] }, 0x0800);
    const view = viewOf(frame);
    expect(tagFits(FIRST_TAG, frame.length)).toBe(true);
    expect(tagFits(FIRST_TAG, frame.length - 1)).toBe(false);
    expect(tagTpid(view, FIRST_TAG)).toBe(0x88a8);
    expect(tagTci(view, FIRST_TAG)).toBe(0x7064);
    expect(tagNext(view, FIRST_TAG)).toBe(0x0800);
  });

  it.each([0, 1, 2, 3, 10, 300])('counts a stack of %d tags', (count) => {
    const tags = Array.from({ length: count }, (_, i) => ({ vid: i, tpid: [0x8100, 0x88a8, 0x9100][i % 3]! }));
    const frame = ethernetFrame({ ...HEAD, tags }, 0x0800);
    expect(countTags(viewOf(frame), FIRST_TAG, frame.length)).toBe(count);
    if (count > 0) expect(countTags(viewOf(frame), FIRST_TAG, frame.length - 1)).toBe(count - 1);
  });

  it('takes the three TPIDs in use for tags and no other', () => {
    expect([0x8100, 0x88a8, 0x9100].every(isTagType)).toBe(true);
    expect([0x8101, 0x88a9, 0x9101, 0x9200, 0x0800, 0x88e7].some(isTagType)).toBe(false);
  });

  it('writes and names a tag', () => {
    const view = new DataView(new ArrayBuffer(4));
    writeTag(view, 0, 0x8100, makeTci(5, 1, 10));
    expect(view.getUint32(0)).toBe(0x8100b00a);
    expect(tciText(makeTci(5, 1, 10))).toBe('vlan 10 pcp 5 dei');
    expect(tciText(10)).toBe('vlan 10');
  });
});
