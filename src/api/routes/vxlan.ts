/** Which remote an address is behind: configured entries in and out, forgetting what was learned; and who may send. */

import { z } from 'zod';
import { putPeer, putVxlanEntry, removePeer, removeVxlanEntry } from '../../config/edit.ts';
import { boolean, map } from '../../config/schema/leaf.ts';
import { address, vni, vxlanEntryShape } from '../../config/schema/vxlan.ts';
import { ControlError } from '../../control/model.ts';
import { isFloodMac } from '../../control/vxlan/fdb.ts';
import { changed } from '../changed.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { changeAnswer, doneAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';

const vniText = z
  .string()
  .transform((text) => (/^\d{1,8}$/.test(text) ? Number(text) : text))
  .pipe(vni());

const addBody = map(
  { ...vxlanEntryShape, replace: boolean().optional().describe('Replace an entry of this address. Default: refuse.') },
  'entry settings',
);
const deleteQuery = map(
  { port: vxlanEntryShape.port, vni: vniText.optional(), mac: vxlanEntryShape.mac },
  'the address of an entry',
);
const flushBody = map(
  {
    port: z.string().optional().describe('Only of this tunnel port.'),
    vni: vni().optional().describe('Only in this VNI.'),
    peer: z.string().optional().describe('Only behind this remote; neither port nor vni then.'),
    vtep: z.string().optional().describe('Only of this VTEP.'),
  },
  'what to forget',
);
const peerSettings = map(
  {
    vtep: z.string().optional().describe('Needed where there are several.'),
    address: address('Address of the remote.'),
  },
  'peer settings',
);

export function vxlanRoutes(sw: ApiSwitch): Route[] {
  const name = () => sw.readable.directory.name;
  return [
    route({
      method: 'POST',
      path: '/v1/vxlan-fdb',
      summary: 'Adds a configured entry of the VXLAN FDB; a learned one makes way',
      body: addBody,
      answer: changeAnswer,
      handle: ({ body: { replace, ...entry } }) => {
        const adding = sw.edit((raw) => {
          const index = find(sw, entry.port, entry.vni, canonical(entry.mac));
          if (index >= 0 && replace !== true) {
            const { kind } = sw.document.config.vxlanEntries[index];
            throw new ControlError(`${entry.mac} has a ${kind} entry already; replace it, or delete it first`);
          }
          return putVxlanEntry(raw, entry, index);
        });
        return changed(sw, adding);
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/vxlan-fdb',
      summary: 'Removes the entry of an address from the VXLAN FDB, configured or learned',
      query: deleteQuery,
      answer: changeAnswer,
      handle: async ({ query: { port, vni, mac: text } }) => {
        const mac = canonical(text);
        if (isFloodMac(mac)) throw new Refusal('the zero address is the flood list; it is "remotes" of the port');
        if (find(sw, port, vni, mac) >= 0) {
          // Others may have changed something until it is our turn.
          const removing = sw.edit((raw) => {
            const index = find(sw, port, vni, mac);
            if (index < 0) throw new ControlError(`${mac} has no configured entry any more`);
            return removeVxlanEntry(raw, index);
          });
          return changed(sw, removing);
        }
        const at = { port, vni: vni ?? onlyVni(sw, port), mac };
        if (at.vni === undefined) throw new Refusal(`vni: is missing; port ${port} has several`);
        await sw.make({ do: 'delete-vxlan-entry', ...at, vni: at.vni });
        return { switch: name(), actions: [`remove-vxlan-entry ${mac} vni ${at.vni} dynamic`] };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/vxlan-fdb/flush',
      summary: 'Forgets which remotes addresses are behind: of a port, in a VNI, behind a peer, of a VTEP, or all',
      body: flushBody,
      answer: doneAnswer,
      handle: async ({ body: { port, vni, peer, vtep } }) => {
        if (peer !== undefined && (port !== undefined || vni !== undefined)) {
          throw new Refusal('peer, or port and vni, not both');
        }
        await sw.make({
          do: 'flush-vxlan',
          what: {
            ...(port === undefined ? {} : { port }),
            ...(vni === undefined ? {} : { vni }),
            ...(peer === undefined ? {} : { peer }),
            ...(vtep === undefined ? {} : { vtep }),
          },
        });
        return { switch: name(), done: true };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/peers',
      summary: 'Lets a remote send to a VTEP, beside those that tunnels and entries name',
      body: peerSettings,
      answer: changeAnswer,
      handle: ({ body: { vtep, address } }) =>
        changed(
          sw,
          sw.edit((raw) => putPeer(raw, vtep ?? onlyVtep(sw), address)),
        ),
    }),
    route({
      method: 'DELETE',
      path: '/v1/peers',
      summary: 'Takes a remote from the peers of a VTEP; one that tunnels or entries name may send as before',
      query: peerSettings,
      answer: changeAnswer,
      handle: ({ query: { vtep, address } }) =>
        changed(
          sw,
          sw.edit((raw) => removePeer(raw, vtep ?? onlyVtep(sw), address)),
        ),
    }),
  ];
}

/** Where the configuration has the address. */
function find(sw: ApiSwitch, port: string, vni: number | undefined, mac: string): number {
  const at = vni ?? onlyVni(sw, port);
  return sw.document.config.vxlanEntries.findIndex((e) => e.port === port && e.vni === at && e.mac === mac);
}

/** The VNI of a port that has one; undefined where it has several, or none. */
function onlyVni(sw: ApiSwitch, port: string): number | undefined {
  const tunnel = sw.document.config.ports.find(({ name }) => name === port)?.tunnel;
  return tunnel?.vnis.length === 1 ? tunnel.vnis[0].vni : undefined;
}

function onlyVtep(sw: ApiSwitch): string {
  const { vteps } = sw.document.config;
  if (vteps.length === 1) return vteps[0].name;
  throw new Refusal(vteps.length === 0 ? 'there is no VTEP' : `vtep: is missing; there are ${vteps.length}`);
}

function canonical(mac: string): string {
  return mac.toLowerCase().replaceAll('-', ':');
}
