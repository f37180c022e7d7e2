/** Tunnels: every VTEP, what it carries, and who is at the other end. */

import { el, replace } from './dom.ts';
import { Rate, short } from './rates.ts';
import type { Peer, Vtep } from './types.ts';

/** VNIs and peers named one by one. */
const FEW = 12;

interface PeerRates {
  readonly in: Rate;
  readonly out: Rate;
}

const rates = new Map<string, PeerRates>();

export function showTunnels(place: HTMLElement, vteps: readonly Vtep[], peers: readonly Peer[], now: number): void {
  for (const peer of peers) takeRates(peer, now);
  replace(
    place,
    ...vteps.map((vtep) =>
      drawVtep(
        vtep,
        peers.filter((peer) => peer.vtep === vtep.name),
      ),
    ),
  );
}

function drawVtep({ name, local, udpPort, uplink, vnis }: Vtep, peers: readonly Peer[]): HTMLElement {
  const known = peers.filter(({ kind }) => kind !== 'stranger');
  return el(
    'div',
    { class: 'vtep' },
    el(
      'div',
      { class: 'end' },
      el('b', {}, name),
      el('span', {}, `${local.includes(':') ? `[${local}]` : local}:${udpPort}`),
      uplink !== name && el('span', {}, `on ${uplink}`),
    ),
    el(
      'ul',
      { class: 'vnis' },
      ...few(vnis.map(({ port, vid, vni }) => `${vid === null ? port : `${port} ${vid}`} = VNI ${vni}`)),
    ),
    el('ul', { class: 'peers' }, ...known.slice(0, FEW).map(drawPeer), more(known.length)),
  );
}

function drawPeer({ vtep, address, kind, resolved, learned }: Peer): HTMLElement {
  const of = rates.get(`${vtep} ${address}`);
  const now = of === undefined ? '' : `in ${short(of.in.perSecond)} · out ${short(of.out.perSecond)}/s`;
  const title = resolved ? `${learned} addresses behind it` : 'its next hop is not known';
  return el(
    'li',
    { class: resolved ? '' : 'lost', title },
    el('b', {}, address),
    kind === 'group' && ' (group)',
    el('span', {}, now),
  );
}

function few(texts: readonly string[]): HTMLElement[] {
  const shown = texts.slice(0, FEW).map((text) => el('li', {}, text));
  const rest = more(texts.length);
  return rest === null ? shown : [...shown, rest];
}

function more(count: number): HTMLElement | null {
  return count > FEW ? el('li', {}, `and ${count - FEW} more`) : null;
}

function takeRates({ vtep, address, rxFrames, txFrames }: Peer, now: number): void {
  const key = `${vtep} ${address}`;
  let of = rates.get(key);
  if (of === undefined) {
    of = { in: new Rate(), out: new Rate() };
    rates.set(key, of);
  }
  of.in.take(rxFrames, now);
  of.out.take(txFrames, now);
}
