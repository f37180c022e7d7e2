/**
 * Schema of one mirror. That its ports and VLANs exist, and that an output is no source, is checked in mirrors.ts.
 */
import type { z } from 'zod';
import { boolean, list, map, name, vid, vlanSet } from './leaf.ts';

export const MAX_MIRRORS = 16; // bits that a frame remembers them by
const MAX_SELECTED = 1024;

const portNames = (what: string) => list(name('a port name'), MAX_SELECTED, 'port names').prefault([]).describe(what);

const settings = {
  output: name('a port name').optional().describe('Port that the copies leave by; it takes part in nothing else.'),
  outputVlan: vid().optional().describe('VLAN that the copies are put into, instead of a port (RSPAN).'),
  selectSrc: portNames('Ports whose received frames are copied, as received.'),
  selectDst: portNames('Ports whose sent frames are copied, as sent.'),
  selectAll: boolean().default(false).describe('Copy what any port of the bridge receives or sends.'),
  selectVlan: vlanSet().optional().describe('Copy only frames of these VLANs; alone: of every port of the bridge.'),
  bridge: name('a bridge name').optional().describe('Bridge of selectAll and outputVlan. Default: the default bridge.'),
};

/** A mirror without its name. */
export const mirrorSettings = map(settings, 'mirror settings');

const mirror = map(
  { name: name('a mirror name').describe('Name of the mirror.'), ...settings },
  'mirror settings',
).describe('Copies of frames for an observer.');

export const mirrorSection = list(mirror, MAX_MIRRORS, 'mirrors').prefault([]).describe('Mirrors (SPAN and RSPAN).');

export type RawMirror = z.output<typeof mirror>;
export type MirrorInput = z.input<typeof mirrorSettings>;
