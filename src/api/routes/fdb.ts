/** The forwarding database: configured entries in and out, forgetting what was learned. */

import { z } from 'zod';
import { putEntry, removeEntry } from '../../config/edit.ts';
import { ConfigError } from '../../config/error.ts';
import { boolean, map, vid } from '../../config/schema/leaf.ts';
import { type FdbEntryInput, fdbEntryShape } from '../../config/schema/schema.ts';
import { ControlError } from '../../control/model.ts';
import { changed } from '../changed.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { changeAnswer, doneAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';
import { vidText } from './read.ts';

const addBody = map(
  { ...fdbEntryShape, replace: boolean().optional().describe('Replace an entry of this address. Default: refuse.') },
  'entry settings',
);
const deleteQuery = map(
  { mac: fdbEntryShape.mac, vlan: vidText.optional(), bridge: z.string().optional() },
  'the address of an entry',
);
const flushBody = map(
  {
    port: z.string().optional().describe('Only what was learned on this port.'),
    vlan: vid().optional().describe('Only what was learned in this VLAN.'),
    bridge: z.string().optional().describe('Only what was learned in this bridge.'),
  },
  'what to forget',
);

export function fdbRoutes(sw: ApiSwitch): Route[] {
  const name = () => sw.readable.directory.name;
  /** Where the configuration has the address. */
  const find = (bridge: string, vlan: number | null, mac: string): number =>
    sw.document.config.fdbEntries.findIndex((e) => e.bridge === bridge && e.vid === vlan && e.mac === mac);
  return [
    route({
      method: 'POST',
      path: '/v1/fdb',
      summary: 'Adds a configured entry; a learned one makes way',
      body: addBody,
      answer: changeAnswer,
      handle: ({ body: { replace, ...entry } }) => {
        const adding = sw.edit((raw) => {
          const index = find(bridgeOf(sw, entry), entry.vlan ?? null, canonical(entry.mac));
          if (index >= 0 && replace !== true) {
            const { kind } = sw.document.config.fdbEntries[index];
            throw new ControlError(`${entry.mac} has a ${kind} entry already; replace it, or delete it first`);
          }
          return putEntry(raw, entry, index);
        });
        return changed(
          sw,
          adding.catch((error: unknown) => {
            throw named(error, entry.mac);
          }),
        );
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/fdb',
      summary: 'Removes the entry of an address, configured or learned',
      query: deleteQuery,
      answer: changeAnswer,
      handle: async ({ query: { mac, vlan, bridge } }) => {
        const at = { bridge: bridge ?? sw.document.config.bridges[0].name, vid: vlan ?? null, mac: canonical(mac) };
        if (find(at.bridge, at.vid, at.mac) < 0) {
          await sw.make({ do: 'delete-entry', ...at });
          return { switch: name(), actions: [`remove-entry ${at.mac} vlan ${at.vid ?? '-'} dynamic`] };
        }
        // Others may have changed something until it is our turn.
        const removing = sw.edit((raw) => {
          const index = find(at.bridge, at.vid, at.mac);
          if (index < 0) throw new ControlError(`${at.mac} has no configured entry any more`);
          return removeEntry(raw, index);
        });
        return changed(sw, removing);
      },
    }),
    route({
      method: 'POST',
      path: '/v1/fdb/flush',
      summary: 'Forgets what was learned: on a port, in a VLAN, in a bridge, or all',
      body: flushBody,
      answer: doneAnswer,
      handle: async ({ body: { port, vlan, bridge } }) => {
        if (port !== undefined && bridge !== undefined) throw new Refusal('port or bridge, not both');
        await sw.make({
          do: 'flush',
          what: {
            ...(port === undefined ? {} : { port }),
            ...(vlan === undefined ? {} : { vid: vlan }),
            ...(bridge === undefined ? {} : { bridge }),
          },
        });
        return { switch: name(), done: true };
      },
    }),
  ];
}

/** The request has one entry; where it would stand in the configuration says nothing to who sent it. */
function named(error: unknown, mac: string): unknown {
  const key = error instanceof ConfigError ? /^fdb\[\d+\]\.(.*)$/.exec(error.path)?.[1] : undefined;
  return key === undefined ? error : new Refusal(`entry ${mac}: ${key}: ${(error as ConfigError).problem}`);
}

function canonical(mac: string): string {
  return mac.toLowerCase().replaceAll('-', ':');
}

/** Bridge of an entry, as configuration reads it. */
function bridgeOf(sw: ApiSwitch, { bridge, port }: FdbEntryInput): string {
  const { bridges, ports } = sw.document.config;
  return bridge ?? ports.find(({ name }) => name === port)?.bridge ?? bridges[0].name;
}
