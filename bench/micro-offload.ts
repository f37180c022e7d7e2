/** Segmentation and coalescing in software, per segment of 1,448 bytes of TCP payload, checksums included. */

import { createArena, frameStart, release, takeFor, takeLarge } from '../src/dataplane/arena.ts';
import { createBatch, INDEX_MASK, SHAPE_ALT } from '../src/dataplane/batch.ts';
import { coalesce, createCoalesce } from '../src/dataplane/offload/coalesce.ts';
import { createFinish, sendFinished } from '../src/dataplane/offload/finish.ts';
import { csumWord, GSO_TCPV4, gsoWord, OFFLOAD_CSUM } from '../src/dataplane/offload/needs.ts';
import type { Sender } from '../src/dataplane/transmit.ts';
import { foldSum, ipv4PseudoSum } from '../src/wire/checksum.ts';
import { writeIpv4 } from '../src/wire/ipv4.ts';
import type { Case } from './case.ts';

const SIZE = 1448;
const SEGMENTS = 44;
const ETHERNET = 14;
const TRANSPORT = ETHERNET + 20;
const HEAD = TRANSPORT + 32;

export function offloadCases(): Case[] {
  const arena = createArena({ smallSlots: 64, largeSlots: 4 });
  const { view } = arena;
  const finish = createFinish(arena);
  const batch = createBatch();
  const word = Int32Array.of(0);
  const off = frameStart(arena, takeLarge(arena));
  for (let at = 0; at < HEAD + SEGMENTS * SIZE; at++) view.setUint8(off + at, (at * 0x9e3779b1) >>> 19);
  view.setUint16(off + 12, 0x0800);
  writeIpv4(view, off + ETHERNET, 0x0a000001, 0x0a000002, 6, HEAD - TRANSPORT + SEGMENTS * SIZE);
  view.setUint16(off + TRANSPORT + 12, 0x8010);
  const pseudo = ipv4PseudoSum(view, off + ETHERNET + 12, 6, HEAD - TRANSPORT + SEGMENTS * SIZE);
  view.setUint16(off + TRANSPORT + 16, foldSum(pseudo));
  batch.count = 1;
  batch.off[0] = off;
  batch.len[0] = HEAD + SEGMENTS * SIZE;
  batch.gso[0] = gsoWord(GSO_TCPV4, SIZE);
  batch.csum[0] = csumWord(TRANSPORT, 16);

  // The segments, to be put together again.
  const slots: number[] = [];
  const keep: Sender = {
    lastError: 0,
    send(b, list, start, count) {
      for (let k = start; k < start + count; k++) {
        const i = list[k] & INDEX_MASK;
        if (list[k] < SHAPE_ALT) throw new Error('bench: micro was given a whole frame');
        const slot = takeFor(arena, HEAD + SIZE);
        const head = arena.bytes.slice(b.altHeadOff[i], b.altHeadOff[i] + b.altHeadLen[i]);
        arena.bytes.set(head, frameStart(arena, slot));
        const payload = arena.bytes.slice(b.altOff[i], b.altOff[i] + b.altLen[i]);
        arena.bytes.set(payload, frameStart(arena, slot) + HEAD);
        slots.push(slot);
      }
      return count;
    },
  };
  sendFinished(finish, keep, batch, word, 0, 1, 0);
  const take: Sender = { lastError: 0, send: (_batch, _list, _start, count) => count };
  const received = createBatch();
  const scratch = createCoalesce(arena);
  return [
    {
      name: 'segment, with checksums',
      items: SEGMENTS,
      run: () => void sendFinished(finish, take, batch, word, 0, 1, 0),
    },
    {
      name: 'segment, checksums left to the device',
      items: SEGMENTS,
      run: () => void sendFinished(finish, take, batch, word, 0, 1, OFFLOAD_CSUM),
    },
    {
      name: 'coalesce, checksums verified',
      items: SEGMENTS,
      run() {
        received.count = SEGMENTS;
        for (let i = 0; i < SEGMENTS; i++) {
          received.slot[i] = slots[i];
          received.off[i] = frameStart(arena, slots[i]);
          received.len[i] = HEAD + SIZE;
          received.gso[i] = 0;
          arena.holders[slots[i]] = 2; // one hold stays here
        }
        coalesce(scratch, received, 0);
        if (received.count !== 1) throw new Error('bench: micro put nothing together');
        release(arena, received.slot[0]);
      },
    },
  ];
}
