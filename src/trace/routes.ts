/** Tracing a frame through the running switch, and explaining why it does not arrive. */

import { z } from 'zod';
import { type Route, route } from '../api/route.ts';
import type { ApiSwitch } from '../api/switch.ts';
import { map } from '../config/schema/leaf.ts';
import { explainAsked, type RunningSwitch, traceRunning } from './answer.ts';

const text = (what: string) => z.string().optional().describe(what);
const frame = {
  port: text('Port that the frame arrives on.'),
  frame: text('The frame in hexadecimal, without FCS.'),
  eth: text('The frame by its fields, as --eth takes them, instead.'),
  length: text('Bytes of the whole frame, where `frame` are only the first.'),
  drop: text('The frame of a sampled drop, by its ID, instead.'),
  learned: text('Addresses that the switch is to know: MAC@PORT or MAC@PORT/VLAN, separated by commas.'),
};
const answer = z.record(z.string(), z.unknown());
/** The longest frame in hexadecimal, and more. */
const MAX_BODY_BYTES = 256 * 1024;

export function traceRoutes(sw: ApiSwitch): Route[] {
  const running = (): RunningSwitch => ({
    readable: sw.readable,
    config: sw.document.config,
    nowMs: sw.nowMs(),
  });
  const question = (query: object) => new URLSearchParams(query as Record<string, string>);
  const name = () => sw.readable.directory.name;
  const query = map(frame, 'parameters');
  const queryTo = map({ ...frame, to: text('Port that it should leave by; any when left out.') }, 'parameters');
  const way = 'The way that a frame would take, stage by stage; nothing is sent or learned';
  const why = 'Why a frame does not arrive, and the smallest change under which it would';
  const traced = (asked: object) => ({ switch: name(), ...traceRunning(running(), question(asked)) });
  const explained = (asked: object) => ({ switch: name(), ...explainAsked(running(), question(asked)) });
  const body = { bodyLimit: MAX_BODY_BYTES, answer };
  return [
    route({
      method: 'GET',
      path: '/v1/trace',
      alias: '/trace',
      summary: way,
      query,
      answer,
      handle: (input) => traced(input.query),
    }),
    route({
      method: 'GET',
      path: '/v1/explain',
      alias: '/explain',
      summary: why,
      query: queryTo,
      answer,
      handle: (input) => explained(input.query),
    }),
    // A long frame is too long for a query.
    route({ method: 'POST', path: '/v1/trace', summary: way, body: query, ...body, handle: (i) => traced(i.body) }),
    route({
      method: 'POST',
      path: '/v1/explain',
      summary: why,
      body: queryTo,
      ...body,
      handle: (i) => explained(i.body),
    }),
  ];
}
