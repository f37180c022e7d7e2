/**
 * `etherloom show TOPIC`: ask a running switch and print its answer, as a table or as the JSON it gave.
 */

import { AskError, ask, notASwitch } from '../api/control-client.ts';
import { isListening } from '../api/control-socket.ts';
import { defaultSocketPath, switchNames } from '../api/socket-path.ts';
import { isTopic, TOPICS, type Topic } from '../api/topics.ts';
import { oneLine } from '../config/error.ts';
import { parseMac } from '../wire/ethernet.ts';
import { topicText } from './show-text.ts';

export interface ShowOptions {
  json: boolean;
  /** Control socket; or the name of the switch; or neither, when only one is running. */
  socket?: string | undefined;
  name?: string | undefined;
  // For fdb:
  vlan?: number | undefined;
  port?: string | undefined;
  mac?: string | undefined;
}

export interface ShowIo {
  out: NodeJS.WritableStream;
  err: NodeJS.WritableStream;
}

const OK = 0;
const FAILED = 1;
const BAD_USAGE = 2;

export async function show(
  topic: string,
  options: ShowOptions,
  io: ShowIo = { out: process.stdout, err: process.stderr },
): Promise<number> {
  io.out.on('error', () => {}); // a reader that goes away (`| head`) is no failure
  const fail = (message: string, status: number) => {
    io.err.write(`etherloom: ${oneLine(message)}\n`);
    return status;
  };
  if (!isTopic(topic)) return fail(`there is nothing to show as "${topic}"; valid are ${TOPICS.join(', ')}`, BAD_USAGE);
  const filters = filtersOf(options);
  if (topic !== 'fdb' && Object.keys(filters).length > 0) {
    return fail(`--${Object.keys(filters)[0]} is for show fdb`, BAD_USAGE);
  }
  if (filters.mac !== undefined && parseMac(filters.mac) === null) {
    return fail(`--mac: ${JSON.stringify(filters.mac)} is not a MAC address`, BAD_USAGE);
  }
  try {
    const socket = await socketOf(options);
    const body = await ask(socket, topic, filters);
    if (typeof (body as { switch?: unknown } | null)?.switch !== 'string') throw notASwitch(socket);
    const text = options.json ? `${JSON.stringify(body, null, 2)}\n` : textOf(topic, body, socket);
    await new Promise<void>((resolve) => io.out.write(text, () => resolve()));
    return OK;
  } catch (error) {
    if (error instanceof AskError) return fail(error.message, error.usage ? BAD_USAGE : FAILED);
    throw error;
  }
}

/** Tables of an answer. One that has not the fields of a switch's is not from a switch. */
function textOf(topic: Topic, body: unknown, socket: string): string {
  try {
    return topicText(topic, body);
  } catch (error) {
    if (error instanceof TypeError) throw notASwitch(socket);
    throw error;
  }
}

function filtersOf({ vlan, port, mac }: ShowOptions): Record<string, string> {
  return {
    ...(vlan === undefined ? {} : { vlan: String(vlan) }),
    ...(port === undefined ? {} : { port }),
    ...(mac === undefined ? {} : { mac }),
  };
}

/** The control socket that is meant; throws AskError. */
export async function socketOf({ socket, name }: Pick<ShowOptions, 'socket' | 'name'>): Promise<string> {
  if (socket !== undefined && name !== undefined) throw new AskError('--socket or --name, not both', true);
  if (socket !== undefined) return socket;
  if (name !== undefined) return defaultSocketPath(name);
  const names: string[] = [];
  for (const each of switchNames()) if (await isListening(defaultSocketPath(each))) names.push(each);
  if (names.length > 1) throw new AskError(`there are several switches; say --name, one of ${names.join(', ')}`, true);
  return defaultSocketPath(names[0] ?? 'loom0');
}
