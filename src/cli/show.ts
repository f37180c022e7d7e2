/**
 * `etherloom show TOPIC`: ask a running switch and print its answer, as a table or as the JSON it gave.
 */

import { askPieces, askText, notASwitch, type Question } from '../api/control-client.ts';
import { isTopic, TOPICS, type Topic } from '../api/topics.ts';
import { didYouMean } from '../config/error.ts';
import { parseMac } from '../wire/ethernet.ts';
import { type AskIo, answering, pretty, type SwitchOptions, socketOf, TERMINAL } from './asking.ts';
import { topicText } from './text/show.ts';
import { UsageError } from './usage-error.ts';

export interface ShowOptions extends SwitchOptions {
  json: boolean;
  // For fdb:
  vlan?: number | undefined;
  port?: string | undefined;
  mac?: string | undefined;
  // For what is the router's:
  vrf?: string | undefined;
}

const VRF_TOPICS = ['interfaces', 'neighbors', 'routes'];

/** JSON beyond this is handed on as it comes: to lay out a million entries anew takes longer than to make them. */
const LAID_OUT_BYTES = 1 << 20;
const BEGIN = '{"switch":"';

export function show(topic: string, options: ShowOptions, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    if (!isTopic(topic)) {
      const hint = didYouMean(topic, TOPICS);
      const what = topic === '' ? 'say what to show' : `there is nothing to show as ${JSON.stringify(topic)}`;
      throw new UsageError(`${what}${hint === '' ? `; valid are ${TOPICS.join(', ')}` : hint}`);
    }
    const filters = filtersOf(options);
    for (const name of Object.keys(filters)) {
      const topics = name === 'vrf' ? VRF_TOPICS : ['fdb'];
      if (!topics.includes(topic)) throw new UsageError(`--${name} is for show ${topics.join(', ')}`);
    }
    if (filters.mac !== undefined && parseMac(filters.mac) === null) {
      throw new UsageError(`--mac: ${JSON.stringify(filters.mac)} is not a MAC address`);
    }
    const socket = await socketOf(options);
    const question = { path: `/v1/${topic}`, query: filters };
    const text = options.json ? await handOn(socket, question, io) : await askText(socket, question);
    if (text === null) return '';
    const body = bodyOf(text, socket);
    return options.json ? pretty(body) : textOf(topic, body, socket);
  });
}

/**
 * Null: the answer was long, and has been written. Nobody waits for a slow reader here (`| less`): what waits is kept, since the switch lets
 * go of clients that do not read.
 */
async function handOn(socket: string, question: Question, io: AskIo): Promise<Buffer | null> {
  const begin: Buffer[] = [];
  let bytes = 0;
  let isLong = false;
  await askPieces(socket, question, (piece) => {
    if (isLong) return void io.out.write(piece);
    begin.push(piece);
    bytes += piece.length;
    if (bytes <= LAID_OUT_BYTES) return;
    const text = Buffer.concat(begin.splice(0));
    if (text.subarray(0, BEGIN.length).toString() !== BEGIN) throw notASwitch(socket);
    isLong = true;
    io.out.write(text);
  });
  return isLong ? null : Buffer.concat(begin);
}

function bodyOf(text: Buffer, socket: string): unknown {
  try {
    const body = JSON.parse(text.toString()) as { switch?: unknown } | null;
    if (typeof body?.switch === 'string') return body;
  } catch {
    // said below
  }
  throw notASwitch(socket);
}

/** Tables of an answer. One that has not the fields of a switch's is not from a switch. */
async function textOf(topic: Topic, body: unknown, socket: string): Promise<string> {
  // Loaded for this topic alone: it takes longer than to ask and to print all others.
  if (topic === 'config') return (await import('yaml')).stringify((body as { config: unknown }).config);
  try {
    return topicText(topic, body);
  } catch (error) {
    if (error instanceof TypeError) throw notASwitch(socket);
    throw error;
  }
}

function filtersOf({ vlan, port, mac, vrf }: ShowOptions): Record<string, string> {
  return {
    ...(vlan === undefined ? {} : { vlan: String(vlan) }),
    ...(port === undefined ? {} : { port }),
    ...(mac === undefined ? {} : { mac }),
    ...(vrf === undefined ? {} : { vrf }),
  };
}
