/** The groups of routes that a running switch serves beside those of the API's own room. */

import type { RouteGroup } from '../api/routes/all.ts';
import { traceRoutes } from '../trace/routes.ts';

export const MORE_ROUTES: readonly RouteGroup[] = [traceRoutes];
