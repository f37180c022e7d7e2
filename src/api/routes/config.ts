/** The whole configuration: what stands, what a change would do, the change, and its confirmation. */

import { z } from 'zod';
import { type ConfigDocument, documentOf, loadDocument } from '../../config/load.ts';
import { integer, map, text } from '../../config/schema/leaf.ts';
import { configSchema } from '../../config/schema/schema.ts';
import { MAX_TEXT } from '../../config/yaml-text.ts';
import { changed } from '../changed.ts';
import { cutOff } from '../cut-off.ts';
import { planView } from '../plan-view.ts';
import { type Route, route } from '../route.ts';
import { changeAnswer, doneAnswer, planAnswer } from '../schemas.ts';
import type { ApiSwitch } from '../switch.ts';

/** The longest text in UTF-8, each character escaped in JSON as it may be. */
const MAX_CONFIG_BYTES = 4 * MAX_TEXT;
/** Who has not looked after a day does not wait for it. */
const MAX_CONFIRM_SECONDS = 86_400;

const config = z
  .union([z.string(), z.record(z.string(), z.unknown())], {
    error: () => 'is neither the text of a file nor a map of its sections',
  })
  .describe('The text of a configuration file, YAML or JSON; or the same as a map, see GET /v1/config.');
const file = text('a name', 'valid is a text').optional().describe('The name of the file, for errors.');

const planBody = map({ config, file }, 'a configuration');
const applyBody = map(
  {
    config,
    file,
    confirmSeconds: integer(1, MAX_CONFIRM_SECONDS, 'a number of seconds')
      .optional()
      .describe('Take the change back after so long, unless it is confirmed.'),
  },
  'a configuration',
);

const NAME = 'config';

export function configRoutes(sw: ApiSwitch): Route[] {
  const name = () => sw.readable.directory.name;
  return [
    {
      method: 'GET',
      path: '/v1/config',
      summary: 'The configuration that stands, as it would be written',
      answer: z.object({
        switch: z.string(),
        config: configSchema,
        confirmSeconds: z.number().nullable().describe('Until the last change is taken back; null when none waits.'),
      }),
      handle: () => ({ switch: name(), config: sw.document.raw, confirmSeconds: sw.confirmSeconds }),
    },
    route({
      method: 'POST',
      path: '/v1/plan',
      summary: 'What applying a configuration would do; changes nothing',
      body: planBody,
      bodyLimit: MAX_CONFIG_BYTES,
      answer: planAnswer,
      handle: ({ body }) => {
        const to = read(body);
        const plan = planView(sw.readable, sw.document.config, to.config, sw.plan(to), sw.nowMs());
        const warnings = cutOff(sw, to.config.mirrors);
        return { switch: name(), plan: warnings.length === 0 ? plan : { ...plan, warnings } };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/apply',
      summary: 'Makes the switch what a configuration says, whole or not at all',
      body: applyBody,
      bodyLimit: MAX_CONFIG_BYTES,
      answer: changeAnswer,
      handle: ({ body }) => {
        const to = read(body);
        const warnings = cutOff(sw, to.config.mirrors);
        return changed(sw, sw.apply(to, body.confirmSeconds ?? null), warnings);
      },
    }),
    {
      method: 'POST',
      path: '/v1/confirm',
      summary: 'Keeps the change that waits to be confirmed',
      answer: doneAnswer,
      handle: async () => {
        await sw.confirm();
        return { switch: name(), done: true };
      },
    },
    {
      method: 'POST',
      path: '/v1/rollback',
      summary: 'Takes the change back that waits to be confirmed',
      answer: changeAnswer,
      handle: () => changed(sw, sw.rollback('it was asked for')),
    },
  ];
}

function read({ config, file = NAME }: { config: unknown; file?: string | undefined }): ConfigDocument {
  return typeof config === 'string' ? loadDocument(config, file) : documentOf(config, file);
}
