/** Mirrors: adding, replacing, removing. */

import { z } from 'zod';
import { mirrorIndex, putMirror, removeMirror } from '../../config/edit.ts';
import { map, name } from '../../config/schema/leaf.ts';
import { mirrorSettings } from '../../config/schema/mirror.ts';
import type { ConfigInput } from '../../config/schema/schema.ts';
import { ControlError } from '../../control/model.ts';
import { changed } from '../changed.ts';
import { cutOff } from '../cut-off.ts';
import { type Route, route } from '../route.ts';
import { changeAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';

const params = z.object({ mirror: name('a mirror name') });
const putQuery = map(
  {
    replace: z
      .enum(['true', 'false'])
      .optional()
      .describe('Replace a mirror of this name. Default: true; false refuses.'),
  },
  'filters',
);

export function mirrorRoutes(sw: ApiSwitch): Route[] {
  const edit = (change: Parameters<ApiSwitch['edit']>[0]) => changed(sw, sw.edit(change));
  return [
    route({
      method: 'PUT',
      path: '/v1/mirrors/:mirror',
      summary: 'Adds a mirror, or makes it what the body says',
      params,
      query: putQuery,
      body: mirrorSettings,
      answer: changeAnswer,
      handle: ({ params, query, body }) => {
        const warnings = cutOff(sw, [body]);
        const change = (raw: ConfigInput) => {
          if (query.replace === 'false' && mirrorIndex(raw, params.mirror) >= 0) {
            throw new ControlError(`there is a mirror ${params.mirror} already; replace it, or delete it first`);
          }
          return putMirror(raw, params.mirror, body);
        };
        return changed(sw, sw.edit(change), warnings);
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/mirrors/:mirror',
      summary: 'Removes a mirror',
      params,
      answer: changeAnswer,
      handle: ({ params }) => edit((raw) => removeMirror(raw, params.mirror)),
    }),
  ];
}
