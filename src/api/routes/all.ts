/** Every route of the API, and the document that describes them. */

import { z } from 'zod';
import { openapi } from '../openapi.ts';
import type { Route } from '../route.ts';
import type { ApiSwitch } from '../switch.ts';
import { captureRoutes } from './capture.ts';
import { configRoutes } from './config.ts';
import { eventRoutes } from './events.ts';
import { fdbRoutes } from './fdb.ts';
import { healthRoutes } from './health.ts';
import { metricRoutes } from './metrics.ts';
import { mirrorRoutes } from './mirrors.ts';
import { portRoutes } from './ports.ts';
import { readRoutes } from './read.ts';
import { searchRoutes } from './search.ts';
import { switchRoutes } from './switch.ts';
import { vlanRoutes } from './vlans.ts';
import { vxlanRoutes } from './vxlan.ts';

const GROUPS = [
  switchRoutes,
  readRoutes,
  searchRoutes,
  configRoutes,
  portRoutes,
  vlanRoutes,
  fdbRoutes,
  vxlanRoutes,
  mirrorRoutes,
  eventRoutes,
  captureRoutes,
  metricRoutes,
  healthRoutes,
];

export type RouteGroup = (sw: ApiSwitch) => Route[];

/** `more`: groups of other rooms. */
export function allRoutes(sw: ApiSwitch, more: readonly RouteGroup[]): Route[] {
  const routes = [...GROUPS, ...more].flatMap((group) => group(sw));
  // As text: to write it for each of many requests at once would keep the others waiting.
  let document: string | undefined;
  const self: Route = {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    answer: z.record(z.string(), z.unknown()),
    handle: () => {
      document ??= `${JSON.stringify(openapi([...routes, self], sw.version))}\n`;
      return document;
    },
  };
  return [...routes, self];
}

/** The document without a switch: routes look at theirs only when they are asked. */
export function apiDocument(version: string, more: readonly RouteGroup[]): unknown {
  return openapi(allRoutes({ version } as ApiSwitch, more), version);
}
