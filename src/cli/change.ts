/**
 * Commands that change a running switch: each is one request, and prints what was done.
 */

import { AskError, askSwitch, notASwitch, type Question } from '../api/control-client.ts';
import type { PlanView } from '../api/plan-view.ts';
import { type AskIo, answering, pretty, type SwitchOptions, socketOf, TERMINAL } from './asking.ts';
import { configText } from './run-config.ts';
import { changeText, planText, warningText } from './text/change.ts';

export interface ChangeOptions extends SwitchOptions {
  json: boolean;
}

/** Sends the request and prints the actions that it caused; `done` is said before them, or where there are none to name. */
export function change(question: Question, options: ChangeOptions, done = '', io: AskIo = TERMINAL): Promise<number> {
  return answering(io, () => changed(question, options, done));
}

/** `what` stands before errors in the body of the request. */
export async function changed(question: Question, options: ChangeOptions, done = '', what = ''): Promise<string> {
  const socket = await socketOf(options);
  const body = (await answerTo(socket, question, what)) as {
    switch?: unknown;
    actions?: string[];
    warnings?: string[];
  };
  if (typeof body.switch !== 'string') throw notASwitch(socket);
  if (options.json) return pretty(body);
  if (body.actions === undefined) return `${done}\n`;
  const text = done === '' ? changeText(body.actions) : `${done}:\n${changeText(body.actions, '  ')}`;
  return text + warningText(body.warnings);
}

/** What is wrong with a command is not to be told by the place in the request that was made of it. */
async function answerTo(socket: string, question: Question, what: string): Promise<unknown> {
  try {
    return await askSwitch(socket, question);
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    throw new AskError(error.message.replace(/^path\.\w+: /, '').replace(/^body\./, what), error.usage);
  }
}

export interface ApplyOptions extends ChangeOptions {
  config: string;
  confirm?: number | undefined;
}

export function planCommand(options: ApplyOptions, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const body = { config: configText(options.config), file: options.config };
    const socket = await socketOf(options);
    const answer = (await askSwitch(socket, { method: 'POST', path: '/v1/plan', body })) as { plan?: PlanView };
    if (answer.plan === undefined) throw notASwitch(socket);
    return options.json ? pretty(answer) : planText(answer.plan);
  });
}

export function applyCommand(options: ApplyOptions, io: AskIo = TERMINAL): Promise<number> {
  return answering(io, async () => {
    const { config: file, confirm } = options;
    const confirmation = confirm === undefined ? {} : { confirmSeconds: confirm };
    const body = { config: configText(file), file, ...confirmation };
    const text = await changed({ method: 'POST', path: '/v1/apply', body }, options);
    if (confirm === undefined || options.json || text === changeText([])) return text;
    return `${text}to be kept, say within ${confirm} s: etherloom confirm\n`;
  });
}
