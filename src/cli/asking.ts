/**
 * What every command that asks a running switch shares: which switch, and how it says that it got no answer.
 */

import { isListening } from '../api/claim-socket.ts';
import { AskError } from '../api/control-client.ts';
import { defaultSocketPath, socketDirectory, switchNames } from '../api/socket-path.ts';
import { ConfigError } from '../config/error.ts';
import { complain } from './complain.ts';
import { UsageError } from './usage-error.ts';

export interface SwitchOptions {
  /** Control socket; or the name of the switch; or neither, when only one is running. */
  socket?: string | undefined;
  name?: string | undefined;
}

export interface AskIo {
  out: NodeJS.WritableStream;
  err: NodeJS.WritableStream;
}

/** Running switches named in one line. */
const MAX_NAMES = 16;

export const OK = 0;
export const FAILED = 1;
export const BAD_USAGE = 2;

export const TERMINAL: AskIo = { out: process.stdout, err: process.stderr };

/** Runs a command to its exit status; `work` returns the text for stdout. */
export async function answering(io: AskIo, work: () => Promise<string | Uint8Array>): Promise<number> {
  io.out.on('error', () => {}); // a reader that goes away (`| head`) is no failure
  try {
    const text = await work();
    await new Promise<void>((resolve) => io.out.write(text, () => resolve()));
    return OK;
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof ConfigError;
    if (!(isUsage || error instanceof AskError)) throw error;
    complain(io.err, error.message);
    return isUsage || (error instanceof AskError && error.usage) ? BAD_USAGE : FAILED;
  }
}

/** Without both options the environment says which switch. */
export async function socketOf(options: SwitchOptions, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const isSaid = options.socket !== undefined || options.name !== undefined;
  const { ETHERLOOM_SOCKET, ETHERLOOM_NAME } = env;
  const { socket, name } = isSaid
    ? options
    : { socket: ETHERLOOM_SOCKET || undefined, name: ETHERLOOM_NAME || undefined };
  const [ofSocket, ofName] = isSaid ? ['--socket', '--name'] : ['ETHERLOOM_SOCKET', 'ETHERLOOM_NAME'];
  if (socket !== undefined && name !== undefined) throw new AskError(`${ofSocket} or ${ofName}, not both`, true);
  const path = socket ?? (name === undefined ? undefined : defaultSocketPath(name));
  if (path !== undefined && (await isListening(path))) return path;
  const names = await running();
  if (path !== undefined) throw new AskError(`no switch is running at ${path}; ${runningText(names)}`);
  if (names.length > 1) throw new AskError(`there are several switches; say --name, one of ${names.join(', ')}`, true);
  if (names[0] === undefined) throw new AskError(`no switch is running: ${runningText(names)}`);
  return defaultSocketPath(names[0]);
}

/** Names of the switches that listen in the usual place. */
async function running(): Promise<string[]> {
  const names: string[] = [];
  for (const each of switchNames()) if (await isListening(defaultSocketPath(each))) names.push(each);
  return names;
}

function runningText(names: readonly string[]): string {
  if (names.length === 0) return `none listens in ${socketDirectory()}`;
  const shown = names.slice(0, MAX_NAMES).join(', ');
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `running: ${shown}${more} (${names.length === 1 ? `--name ${shown}` : '--name says which'})`;
}

export function pretty(body: unknown): string {
  return `${JSON.stringify(body, null, 2)}\n`;
}
