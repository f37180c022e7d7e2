/**
 * What `etherloom run` says on stderr: a summary at the start, and a line per event.
 */

import type { Directory, PortStatus } from '../api/directory.ts';
import type { ConfigEvent, PortEvent } from '../api/events.ts';
import type { Violations } from '../api/fdb-feed.ts';
import { offloadText } from './text/offload.ts';
import { vidList } from './vid-list.ts';

/** VLANs named in one line. */
const MAX_SHOWN = 60;

/** Lines for a switch whose ports are open. */
export function summary(directory: Directory, statuses: readonly PortStatus[], socket: string): string[] {
  const { name, ports, vlans, bridges, interfaces } = directory;
  const vids = vidList(vlans.flatMap(({ vid }) => (vid === null ? [] : [vid])));
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  const parts = [
    `${count(ports.length - interfaces.length, 'port')}${bridges.length > 1 ? ` on ${bridges.length} bridges` : ''}`,
    ...(interfaces.length === 0 ? [] : [count(interfaces.length, 'interface')]),
    vids === '' ? 'no VLANs' : `VLANs ${clip(vids)}`,
  ];
  const lines = [`switch ${name}: ${parts.join(', ')}; control socket ${socket}`];
  const byName = new Map(statuses.map((status) => [status.name, status]));
  for (const port of ports) {
    const status = byName.get(port.name);
    if (status === undefined) continue;
    lines.push(`  ${portLine(port, status, clip(vidList(vidsOf(port, vlans))))}`);
  }
  return lines;
}

/** As they are written. A host of a private VLAN is in a secondary, and a member of what it hears: the primary. */
function vidsOf({ name, mode, pvid }: Directory['ports'][number], vlans: Directory['vlans']): number[] {
  const members = vlans.flatMap(({ vid, members }) =>
    members.filter(({ port }) => port === name && vid !== null).map(({ tagged }) => ({ vid: vid!, tagged })),
  );
  if (mode === 'private-host' && pvid !== null && members.every(({ tagged }) => !tagged)) return [pvid];
  return members.map(({ vid }) => vid);
}

function portLine(port: Directory['ports'][number], status: PortStatus, vids: string): string {
  const words = [`port ${port.name}: ${port.adapter}${status.device === '' ? '' : ` ${status.device}`}`];
  if (port.adapter === 'memory') words.push('no device here, its link stays down');
  if (status.created) words.push('created');
  if (status.detail !== null) words.push(status.detail);
  words.push(vids === '' ? port.mode : `${port.mode} ${vids}`);
  if (port.adapter !== 'memory') words.push(`offloads ${offloadText(status)}`);
  return words.join(', ');
}

function clip(vids: string): string {
  return vids.length <= MAX_SHOWN ? vids : `${vids.slice(0, vids.lastIndexOf(' ', MAX_SHOWN))} …`;
}

/** One line. */
export function eventLine(event: PortEvent): string {
  switch (event.event) {
    case 'link':
      return `port ${event.port}: link ${event.up ? 'up' : 'down'} (${event.reason})`;
    case 'fault':
      return event.text;
    case 'worker':
      return `worker ${event.worker} ${event.up ? 'forwards again' : 'has ended'}${event.reason === '' ? '' : `: ${event.reason}`}`;
  }
}

/** One line. */
export function violationsLine({ count, first: { port, mac, vid, oldPort } }: Violations): string {
  const where = vid === null ? '' : ` in VLAN ${vid}`;
  const more = count > 1 ? `; ${count} such frames in the last second` : '';
  return `port ${port}: a frame claims ${mac}${where}, which is configured on ${oldPort ?? 'no port'}${more}`;
}

/** Actions named in one line. */
const MAX_ACTIONS = 8;

/** One line. */
export function configLine(event: ConfigEvent): string {
  switch (event.event) {
    case 'applied': {
      const wait = event.confirmSeconds === null ? '' : ` (to be confirmed within ${event.confirmSeconds} s)`;
      return `applied${wait}: ${actionList(event.actions)}`;
    }
    case 'confirmed':
      return 'confirmed: the last change stays';
    case 'rolled-back':
      return `rolled back, ${event.why}: ${actionList(event.actions)}`;
    case 'rollback-failed':
      return `the last change cannot be taken back yet, and still waits to be confirmed: ${event.why}`;
  }
}

function actionList(actions: readonly string[]): string {
  if (actions.length === 0) return 'nothing to change';
  const more = actions.length > MAX_ACTIONS ? `; and ${actions.length - MAX_ACTIONS} more` : '';
  return `${actions.slice(0, MAX_ACTIONS).join('; ')}${more}`;
}
