/** Ports: adding, replacing, changing, removing. */

import { z } from 'zod';
import { patchPort, putPort, removePort } from '../../config/edit.ts';
import { map, name } from '../../config/schema/leaf.ts';
import { portSection } from '../../config/schema/port.ts';
import { ControlError } from '../../control/model.ts';
import { changed } from '../changed.ts';
import { type Route, route } from '../route.ts';
import { changeAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';

const params = z.object({ port: name('a port name') });
const putQuery = map(
  {
    replace: z
      .enum(['true', 'false'])
      .optional()
      .describe('Replace a port of this name. Default: true; false refuses.'),
  },
  'filters',
);
const patch = z
  .record(z.string(), z.unknown(), { error: () => 'is not a map of port settings' })
  .describe('Keys of a port as in PUT; null takes a key away. With another mode the VLANs of the port start anew.');

export function portRoutes(sw: ApiSwitch): Route[] {
  const edit = (change: Parameters<ApiSwitch['edit']>[0]) => changed(sw, sw.edit(change));
  return [
    route({
      method: 'PUT',
      path: '/v1/ports/:port',
      summary: 'Adds a port, or makes it what the body says',
      params,
      query: putQuery,
      body: portSection,
      answer: changeAnswer,
      handle: ({ params, query, body }) =>
        edit((raw) => {
          if (query.replace === 'false' && Object.hasOwn(raw.ports ?? {}, params.port)) {
            throw new ControlError(`there is a port ${params.port} already; change it, or delete it first`);
          }
          return putPort(raw, params.port, body);
        }),
    }),
    route({
      method: 'PATCH',
      path: '/v1/ports/:port',
      summary: 'Changes some settings of a port',
      params,
      body: patch,
      answer: changeAnswer,
      handle: ({ params, body }) => edit((raw) => patchPort(raw, params.port, body)),
    }),
    route({
      method: 'DELETE',
      path: '/v1/ports/:port',
      summary: 'Removes a port with the FDB entries on it',
      params,
      answer: changeAnswer,
      handle: ({ params }) => edit((raw) => removePort(raw, params.port)),
    }),
  ];
}
