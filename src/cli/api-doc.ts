/** `etherloom api-doc`: the OpenAPI document, without a switch. */

import { apiDocument } from '../api/routes/all.ts';
import { MORE_ROUTES } from './api-routes.ts';
import { pretty } from './asking.ts';
import { version } from './version.ts';

export function apiDoc(): number {
  process.stdout.write(pretty(apiDocument(version, MORE_ROUTES)));
  return 0;
}
