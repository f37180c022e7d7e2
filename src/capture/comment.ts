/**
 * What became of a captured frame, in words: the comment that it has in a capture file.
 *
 *     vlan 10; flood to 3 ports
 *     vlan 10 vni 5000; forward to p2
 *     drop INGRESS_VLAN: The port it arrived on is not in the member set of the frame's VLAN.
 */

import { DROP_NONE, DROP_REASONS, reasonName } from '../dataplane/reasons.ts';
import { BROUGHT, COPIES_AT, FROM_AT, LENGTH_AT, PORT_AT, REASON_AT, TO_AT, UNKNOWN, VID_AT } from './record.ts';
import { wireVni } from './vni.ts';

const SENTENCES = new Map(DROP_REASONS.map(({ number, sentence }) => [number, sentence]));

/** What numbers mean at the moment. */
export interface Names {
  nameOf(port: number): string;
  /** VNI of a VLAN on a tunnel port; -1 for none. */
  vniOf(port: number, vid: number): number;
}

/** `at` is where the record is, `frame` where its bytes are. */
export function commentOf(view: DataView, at: number, frame: number, kept: number, { nameOf, vniOf }: Names): string {
  const vid = view.getInt32(at + VID_AT);
  const onWire = wireVni(view, frame, kept, view.getInt32(at + LENGTH_AT));
  const vni = onWire < 0 ? vniOf(view.getInt32(at + PORT_AT), vid) : onWire;
  const where = [...(vid === 0 ? [] : [`vlan ${vid}`]), ...(vni < 0 ? [] : [`vni ${vni}`])].join(' ');
  const from = view.getInt32(at + FROM_AT);
  const fate = from === UNKNOWN ? fateOf(view, at, nameOf, onWire >= 0) : `from ${nameOf(from)}`;
  return [where, fate].filter((part) => part !== '').join('; ');
}

function fateOf(view: DataView, at: number, nameOf: (port: number) => string, tunnelled: boolean): string {
  const reason = view.getInt32(at + REASON_AT);
  if (reason === UNKNOWN) return '';
  if (reason !== DROP_NONE) return `drop ${reasonName(reason)}: ${SENTENCES.get(reason) ?? ''}`;
  const copies = view.getInt32(at + COPIES_AT);
  const to = view.getInt32(at + TO_AT);
  if (copies === BROUGHT) return `${tunnelled ? 'brings a frame of' : 'routed out of'} ${nameOf(to)}`;
  if (copies === 0) return 'for the switch itself';
  return to >= 0 ? `forward to ${nameOf(to)}` : `flood to ${copies} port${copies === 1 ? '' : 's'}`;
}
