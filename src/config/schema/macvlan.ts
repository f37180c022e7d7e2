/** `macvlan:` of the schema. */
import type { z } from 'zod';
import type { MacvlanMode } from '../types/groups.ts';
import { boolean, choice, list, map, NAME_PATTERN, name, named, vid } from './leaf.ts';
import { macText } from './routing.ts';

const MAX_MACS = 1024;

export const MACVLAN_MODES = [
  'private',
  'vepa',
  'bridge',
  'passthru',
  'source',
] as const satisfies readonly MacvlanMode[];

const child = map(
  {
    mode: choice(MACVLAN_MODES, 'a macvlan mode')
      .default('bridge')
      .describe(
        'private: reaches no other child; vepa: other children by way of a switch outside that reflects; bridge: other children in bridge mode directly; passthru: the only child, takes all unicast from outside; source: takes what the addresses of "sources" send.',
      ),
    macs: list(macText(), MAX_MACS, 'MAC addresses').default([]).describe('Unicast MAC addresses of the child.'),
    sources: list(macText(), MAX_MACS, 'MAC addresses').default([]).describe('With mode source: who may send to it.'),
  },
  'child settings',
).describe('A port that shares the parent.');

const group = map(
  {
    parent: name('a port name').describe('Port to the outside.'),
    vlan: vid().optional().describe('Only this VLAN of the parent; children have its frames without the tag.'),
    children: named(NAME_PATTERN, child, 'children', "{ p1: { mode: bridge, macs: ['02:00:00:00:00:01'] } }").describe(
      'Settings by port name.',
    ),
    host: map(
      {
        port: name('a port name').describe('Port of the host.'),
        mac: macText().describe('MAC address of the host.'),
      },
      'host settings',
    )
      .optional()
      .describe('Takes the place of the network stack of the parent. Default: what is for no child is dropped.'),
    hostAccess: boolean().default(false).describe('Host and children reach each other.'),
  },
  'macvlan settings',
).describe('Ports that share a parent, as macvlan devices of Linux do.');

export type RawMacvlan = z.output<typeof group>;

export const macvlanSection = named(NAME_PATTERN, group, 'macvlan groups', '{ lan: { parent: up, children: {} } }')
  .prefault({})
  .describe('macvlan groups by name. Their ports are in no bridge.');
