/** Peers that a frame is sent to and that were never heard: it leaves for an address, and perhaps nobody is there. */

import type { ReadableSwitch } from '../api/reader.ts';
import { peersOf, vtepsOf } from '../api/vxlan-view.ts';
import { isSilent } from '../control/vxlan/views.ts';
import { few } from './explain.ts';
import { dissectOuter } from './output.ts';
import type { Trace } from './types.ts';

/** The trace, which says so where it tells of tunnels. */
export function withUnheard(readable: ReadableSwitch, found: Trace): Trace {
  const unheard = unheardOf(readable, found);
  if (unheard.length === 0) return found;
  const note = `; it was sent to before and never heard: ${few(unheard)}`;
  const stages = found.stages.map((each) => (each.stage === 'encap' ? { ...each, text: each.text + note } : each));
  return { ...found, stages };
}

function unheardOf(readable: ReadableSwitch, { outputs }: Trace): string[] {
  const tunnelled = outputs.filter(({ tunnel }) => tunnel !== undefined);
  if (tunnelled.length === 0) return [];
  const silent = new Set(peersOf(readable).flatMap((peer) => (isSilent(peer) ? `${peer.vtep} ${peer.address}` : [])));
  if (silent.size === 0) return [];
  const vteps = vtepsOf(readable);
  const sentTo = tunnelled.flatMap(({ tunnel, hex }) => {
    const vtep = vteps.find(({ vnis }) => vnis.some(({ port }) => port === tunnel))?.name;
    const address = dissectOuter(Buffer.from(hex, 'hex')).outer?.ip?.dst;
    return address && silent.has(`${vtep} ${address}`) ? address : [];
  });
  return [...new Set(sentTo)];
}
