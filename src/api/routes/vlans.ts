/** VLANs: listing one in its bridge, and taking one away with its memberships. */

import { z } from 'zod';
import { EditError, putVlan, removeVlan } from '../../config/edit.ts';
import { vlanSettings } from '../../config/schema/bridge.ts';
import { map } from '../../config/schema/leaf.ts';
import { changed } from '../changed.ts';
import { type Route, route } from '../route.ts';
import { changeAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';
import { vidText } from './read.ts';

const params = z.object({ vid: vidText });
const query = map({ bridge: z.string().optional().describe('Default: the bridge of `switch:`.') }, 'filters');

export function vlanRoutes(sw: ApiSwitch): Route[] {
  const edit = (change: Parameters<ApiSwitch['edit']>[0]) => changed(sw, sw.edit(change));
  return [
    route({
      method: 'PUT',
      path: '/v1/vlans/:vid',
      summary: 'Lists a VLAN in its bridge, or gives it another name and limit; what is not said of it stays',
      params,
      query,
      body: vlanSettings,
      answer: changeAnswer,
      handle: ({ params, query, body }) => edit((raw) => putVlan(raw, query.bridge ?? null, params.vid, body)),
    }),
    route({
      method: 'DELETE',
      path: '/v1/vlans/:vid',
      summary: 'Removes a VLAN, also from trunk and hybrid ports; access ports of it are in the way',
      params,
      query,
      answer: changeAnswer,
      handle: ({ params: { vid }, query }) =>
        edit((raw) => {
          const { bridges } = sw.document.config;
          const { name, vlans } = bridges.find((each) => each.name === query.bridge) ?? bridges[0];
          const isThere = vlans.some((vlan) => vlan.vid === vid);
          if (!isThere && name === (query.bridge ?? name)) throw new EditError(`bridge ${name} has no VLAN ${vid}`);
          return removeVlan(raw, query.bridge ?? null, vid);
        }),
    }),
  ];
}
