/**
 * Which of several next hops a packet of the route lane takes: the member of its group, by the hash of its flow.
 *
 * The hash is that of wire/flow-hash.ts, written out: calls of its readers cost more than the rest (bench routing, four next
 * hops: 12 ns a frame).
 */

import { ADJ_GROUP, GROUP_MIX } from '../../tables/router-table.ts';
import type { Dataplane } from '../dataplane.ts';
import type { RouteColumns } from './route-judge.ts';

/** Gives those of frames [first, end) whose row is a group the row that their flow takes. */
export type PickMembers = (first: number, end: number) => void;

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const UDP = 17;
const TCP = 6;

// Of this file, not imported: see fast-lane.ts.
const GROUP = ADJ_GROUP;
const MIX_GROUP = GROUP_MIX;

export function createPickMembers(dp: Dataplane, columns: RouteColumns): PickMembers {
  const { arena, router } = dp;

  return (first, end) => {
    const { view } = arena;
    const { row: rows, ip: ips, room: rooms } = columns;
    const { kind: kinds, first: firstMember, count: memberCount, members } = router.adj;
    for (let i = first | 0; i < end; i = (i + 1) | 0) {
      const row = rows[i];
      if (kinds[row] !== GROUP) continue;
      const ip = ips[i] >> 1;
      const isIpv4 = (ips[i] & 1) === 0;
      const header = isIpv4 ? IPV4_HEADER : IPV6_HEADER;
      let h = 0;
      for (let at = (ip + (isIpv4 ? 12 : 8)) | 0; at < ip + header; at = (at + 4) | 0) {
        const k = Math.imul(view.getInt32(at), 0xcc9e2d51);
        h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
        h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
      }
      // Fragments have one hash, by their addresses.
      if (!isIpv4 || (view.getInt32(ip + 4) & 0x3fff) === 0) {
        const protocol = view.getUint8(ip + (isIpv4 ? 9 : 6));
        const hasPorts = protocol === UDP || protocol === TCP;
        const word = isIpv4 || hasPorts ? protocol : view.getInt32(ip) & 0xfffff;
        let k = Math.imul(word, 0xcc9e2d51);
        h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
        h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
        const room = isIpv4 ? view.getUint16(ip + 2) : rooms[i];
        if (hasPorts && room >= header + 4) {
          k = Math.imul(view.getInt32(ip + header), 0xcc9e2d51);
          h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
          h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
        }
      }
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      h ^= h >>> 16;
      rows[i] = members[firstMember[row] + (Math.imul(Math.imul(h, MIX_GROUP) >>> 16, memberCount[row]) >>> 16)];
    }
  };
}
