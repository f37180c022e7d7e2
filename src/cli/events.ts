/**
 * `etherloom events`: what happens, a line each, until Ctrl-C or the end of the switch.
 */

import { AskError } from '../api/control-client.ts';
import type { FdbEvent, SwitchEvent, VxlanEvent } from '../api/events.ts';
import { oneLine } from '../config/error.ts';
import { type AskIo, answering, type SwitchOptions, socketOf, TERMINAL } from './asking.ts';
import { openEvents } from './event-stream.ts';
import { configLine, eventLine } from './run-report.ts';

export interface EventsOptions extends SwitchOptions {
  json: boolean;
  only?: string | undefined;
}

export function events(options: EventsOptions, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const socket = await socketOf(options);
    let stopped = false;
    const stream = openEvents(socket, options.only, (event) => {
      // Those behind the last that was wanted.
      if (stopped) return;
      const line = options.json ? JSON.stringify(event) : `${clock()}  ${oneLine(lineOf(event))}`;
      io.out.write(`${line}\n`);
    });
    const stop = () => {
      stopped = true;
      stream.close();
    };
    process.once('SIGINT', stop);
    io.out.on('error', stop);
    try {
      await stream.ended;
    } catch (error) {
      if (!stopped) throw error;
    } finally {
      process.removeListener('SIGINT', stop);
      io.out.removeListener('error', stop);
    }
    if (stopped) return '';
    throw new AskError('the switch has ended the stream');
  });
}

export function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}

/** One line. */
export function lineOf(event: SwitchEvent): string {
  switch (event.event) {
    case 'link':
    case 'fault':
    case 'worker':
      return eventLine(event);
    case 'applied':
    case 'confirmed':
    case 'rolled-back':
    case 'rollback-failed':
      return configLine(event);
    case 'drop':
      return `${event.port ?? 'a port that is gone'}: dropped ${event.reason} (sample ${event.id}): ${event.text}`;
    case 'lost':
      return `${event.count} events came faster than they could be told`;
    default:
      return 'remote' in event ? vxlanLine(event) : fdbLine(event);
  }
}

const WORDS: Record<FdbEvent['event'], string> = {
  learned: 'learned',
  moved: 'moved',
  aged: 'aged',
  evicted: 'evicted to make room',
  refused: 'not learned, a limit is reached',
  'static-violation': 'static violation',
};

function fdbLine({ event, mac, vid, port, oldPort }: FdbEvent): string {
  const where = vid === null ? '' : ` vlan ${vid}`;
  const from = oldPort === null ? '' : event === 'moved' ? ` from ${oldPort}` : `, configured on ${oldPort}`;
  const on = event === 'moved' ? `${from} to ${port}` : ` on ${port}${from}`;
  return `${mac}${where}${on}: ${WORDS[event]}`;
}

function vxlanLine({ event, mac, vni, port, remote, oldRemote }: VxlanEvent): string {
  const kind = event.slice('vxlan-'.length) as FdbEvent['event'];
  const from = oldRemote === null ? '' : kind === 'moved' ? ` from ${oldRemote}` : `, configured behind ${oldRemote}`;
  const behind = kind === 'moved' ? `${from} to ${remote}` : ` behind ${remote}${from}`;
  return `${mac} VNI ${vni} on ${port}${behind}: ${WORDS[kind]}`;
}
