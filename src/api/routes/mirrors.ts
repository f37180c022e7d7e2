/** Mirrors: adding, replacing, removing. */

import { z } from 'zod';
import { mirrorIndex, putMirror, removeMirror } from '../../config/edit.ts';
import { map, name } from '../../config/schema/leaf.ts';
import { mirrorSettings } from '../../config/schema/mirror.ts';
import { ControlError } from '../../control/model.ts';
import { changed } from '../changed.ts';
import { fdbEntries } from '../fdb-view.ts';
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
      handle: async ({ params, query, body }) => {
        const warnings = cutOff(sw, body.output);
        const answer = await edit((raw) => {
          if (query.replace === 'false' && mirrorIndex(raw, params.mirror) >= 0) {
            throw new ControlError(`there is a mirror ${params.mirror} already; replace it, or delete it first`);
          }
          return putMirror(raw, params.mirror, body);
        });
        return warnings.length === 0 ? answer : { ...answer, warnings };
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

/** Whom a port that becomes an output leaves without a switch. */
function cutOff(sw: ApiSwitch, output: string | undefined): string[] {
  const { ports, mirrors } = sw.document.config;
  if (output === undefined || mirrors.some((mirror) => mirror.output === output)) return [];
  if (!ports.some(({ name, bridge }) => name === output && bridge !== null)) return [];
  let hosts = 0;
  for (const { kind } of fdbEntries(sw.readable, { port: output }, sw.nowMs())) if (kind === 'dynamic') hosts++;
  if (hosts === 0) return [];
  const have = `${hosts} address${hosts === 1 ? ' was' : 'es were'} learned on port ${output}`;
  return [`${have}: it is the output of a mirror now and takes part in nothing else, so that these hosts are cut off`];
}
