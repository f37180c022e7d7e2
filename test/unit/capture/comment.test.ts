/** What became of a frame, in words: records as the taps write them. */

import { expect, it } from 'vitest';
import { commentOf } from '../../../src/capture/comment.ts';
import {
  BROUGHT,
  COPIES_AT,
  FRAME_AT,
  FROM_AT,
  LENGTH_AT,
  REASON_AT,
  TO_AT,
  UNKNOWN,
  VID_AT,
} from '../../../src/capture/record.ts';
import { DROP_NONE } from '../../../src/dataplane/reasons.ts';
import { readFields } from '../../../src/trace/read-frame.ts';
import { outerV4 } from '../dataplane/vxlan-world.ts';
import { viewOf } from '../wire/bytes.ts';

function comment(frame: Uint8Array, vid: number): string {
  const bytes = new Uint8Array(FRAME_AT + frame.length);
  bytes.set(frame, FRAME_AT);
  const view = viewOf(bytes);
  const fields = [
    [VID_AT, vid],
    [LENGTH_AT, frame.length],
    [FROM_AT, UNKNOWN],
    [REASON_AT, DROP_NONE],
    [COPIES_AT, BROUGHT],
    [TO_AT, 7],
  ] as const;
  for (const [at, value] of fields) view.setInt32(at, value);
  return commentOf(view, 0, FRAME_AT, frame.length, { nameOf: (port) => `port${port}`, vniOf: () => -1 });
}

it('tells a packet that was routed from a datagram that brought a frame', () => {
  const packet = readFields('ip=10.0.10.5-10.0.20.5');
  expect(comment(packet, 10)).toBe('vlan 10; routed out of port7');
  expect(comment(outerV4(1000, packet), 0)).toBe('vni 1000; brings a frame of port7');
});
