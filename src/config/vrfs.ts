/**
 * VRFs: those that the section `vrfs` declares, and who may name them.
 *
 * Without the section a VRF is there because an interface names it. With it a name that it does not have is a mistake; only
 * `default` needs no declaration.
 */
import { ConfigError, didYouMean, type Path, type Source, show } from './error.ts';
import { NAME_PATTERN, VALID_NAME } from './schema/leaf.ts';
import type { RawRoute } from './schema/routing.ts';
import type { RawConfig } from './schema/schema.ts';
import type { InterfaceConfig, RouteConfig, VrfConfig } from './types/routing.ts';

const MAX_VRFS = 256;
export const DEFAULT_VRF = 'default';

/** A route and where it is written. */
export interface WrittenRoute {
  readonly route: RawRoute;
  readonly path: Path;
}

/** Declared VRFs; complains of interfaces that name another, and of too many VRFs. */
export function readVrfs({ vrfs }: RawConfig, interfaces: readonly InterfaceConfig[], source: Source): VrfConfig[] {
  const error = (path: Path, problem: string) => new ConfigError(source.place(path), problem);
  const declared = Object.keys(vrfs ?? {});
  const pattern = new RegExp(NAME_PATTERN);
  for (const name of declared) {
    if (!pattern.test(name)) throw error(['vrfs', name], `${show(name)} is not a VRF name; ${VALID_NAME}`);
  }
  if (vrfs !== undefined) refuseUndeclared(declared, interfaces, error);
  const all = new Set(declared);
  for (const { name, vrf } of interfaces) {
    all.add(vrf);
    if (all.size > MAX_VRFS) throw error(['interfaces', name, 'vrf'], `${TOO_MANY}${MAX_VRFS}`);
  }
  if (all.size > MAX_VRFS) throw error(['vrfs'], `${TOO_MANY}${MAX_VRFS}`);
  return Object.entries(vrfs ?? {}).map(([name, { description, maxRoutes, routes }]) => ({
    name,
    description: description ?? null,
    maxRoutes: maxRoutes ?? null,
    ownRoutes: routes.length,
  }));
}

const TOO_MANY = 'there are too many VRFs; valid are at most ';

function refuseUndeclared(
  declared: readonly string[],
  interfaces: readonly InterfaceConfig[],
  error: (path: Path, problem: string) => ConfigError,
): void {
  const valid = new Set([DEFAULT_VRF, ...declared]);
  for (const { name, vrf } of interfaces) {
    if (valid.has(vrf)) continue;
    const hint = didYouMean(vrf, [...valid]);
    throw error(
      ['interfaces', name, 'vrf'],
      `"vrfs" has no VRF ${show(vrf)}${hint}; valid are ${[...valid].join(', ')}`,
    );
  }
}

/** All routes: those of the section `routes`, then those of each VRF. */
export function writtenRoutes({ routes, vrfs }: RawConfig): WrittenRoute[] {
  return [
    ...routes.map((route, i): WrittenRoute => ({ route, path: ['routes', i] })),
    ...Object.entries(vrfs ?? {}).flatMap(([vrf, own]) =>
      own.routes.map((route, i): WrittenRoute => ({ route: { ...route, vrf }, path: ['vrfs', vrf, 'routes', i] })),
    ),
  ];
}

/** Complains of VRFs with more routes than they may have. */
export function refuseTooManyRoutes(vrfs: readonly VrfConfig[], routes: readonly RouteConfig[], source: Source): void {
  for (const { name, maxRoutes } of vrfs) {
    if (maxRoutes === null) continue;
    const has = routes.filter(({ vrf }) => vrf === name).length;
    if (has <= maxRoutes) continue;
    const problem = `VRF ${name} has ${has} static routes; valid are at most ${maxRoutes}`;
    throw new ConfigError(source.place(['vrfs', name, 'maxRoutes']), problem);
  }
}
