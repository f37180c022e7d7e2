/**
 * Explain: why a frame did not arrive, and the smallest change under which it would.
 *
 * A search by cost: trace, ask what the reason's rule depends on, make each of these changes on a copy of the
 * configuration, build the tables of that with plan and apply, and trace again. The first situation in which the
 * frame arrives is the answer, so every answer is verified. The search ends after a bounded number of traces.
 */

import { noSuch } from '../config/error.ts';
import { ControlError } from '../control/model.ts';
import { answered } from './answered.ts';
import { candidates } from './changes/candidates.ts';
import type { Change } from './changes/change.ts';
import { gatewayHint } from './changes/gateway-hint.ts';
import { nextHopOf, routeHint } from './changes/route.ts';
import { TraceError } from './error.ts';
import type { Situation, Start } from './situation.ts';
import { worldUnder } from './situation.ts';
import { type TraceFrame, trace } from './trace.ts';
import type { Trace } from './types.ts';

export interface Explanation {
  /** As it is now. */
  trace: Trace;
  /** Port that it should leave by; null: any. */
  to: string | null;
  arrives: boolean;
  /** In one sentence. */
  text: string;
  /** The smallest change, of one or several settings; null when it arrives or nothing helps. */
  fix: Fix | null;
  /** Others that are as small. */
  alternatives: Fix[];
  /** What would be better than that: a gateway, for what stays in its VLAN by its nature; a route, where none fits. */
  hint: string | null;
}

export interface Fix {
  /** "delivered on p3 if …" */
  text: string;
  changes: ChangeView[];
  /** Ports that the frame leaves by then. */
  delivered: string[];
}

export interface ChangeView {
  /** Key in the configuration, or `link PORT`, `learned MAC`. */
  path: string;
  /** Null: it is taken out. */
  value: string | null;
  condition: string;
}

/** An explanation and the situation of its fix. */
export interface Found {
  explanation: Explanation;
  fixed: Situation | null;
}

interface Node {
  readonly situation: Situation;
  readonly changes: readonly Change[];
  readonly cost: number;
}

export interface Clock {
  /** In milliseconds. */
  now(): number;
}

const MAX_TRACES = 400;
const MAX_MS = 3000;
const MAX_COST = 6;
const MAX_ALTERNATIVES = 4;
/** Named in a sentence. */
const FEW = 8;

/** Throws TraceError for ports that are not there, ControlError for a configuration that fits no tables. */
export function explain(asked: Start, frame: TraceFrame, to: string | null = null, clock: Clock = performance): Found {
  const situation: Situation = { ...asked, file: asked.config, had: asked.learned };
  const names = situation.config.ports.map(({ name }) => name);
  if (to !== null && !names.includes(to)) throw new TraceError(noSuch('port', to, names));
  const now = trace(worldUnder(situation), frame);
  const hint = gatewayHint(situation.config, now, to);
  if (arrives(now, to)) {
    const text = arrivesText(now, to);
    return { explanation: { trace: now, to, arrives: true, text, fix: null, alternatives: [], hint }, fixed: null };
  }
  const waits = now.stages.some((stage) => stage.waits === true);
  const { fixes, complete } = search(situation, now, frame, to, clock);
  const [best, ...others] = fixes;
  const explanation: Explanation = {
    trace: now,
    to,
    arrives: false,
    text: waits ? waitingText(situation, now, best?.fix) : (best?.fix.text ?? hopeless(now, complete)),
    fix: best?.fix ?? null,
    alternatives: others.slice(0, MAX_ALTERNATIVES).map((other) => other.fix),
    // For a port that is named an interface there may be all that lacks.
    hint: hint ?? (to === null || best === undefined ? routeHint(situation.config, now) : null),
  };
  return { explanation, fixed: best?.situation ?? null };
}

export function arrivesText(found: Trace, to: string | null): string {
  return `it arrives: ${arrivalText(found, to)}`;
}

export function arrives({ reason, outputs, mirrored, stages }: Trace, to: string | null): boolean {
  if (stages.some(({ waits }) => waits === true)) return false;
  if (to === null) return reason === null;
  return [...outputs, ...mirrored].some((output) => output.port === to || output.tunnel === to);
}

/** Situations in which the frame arrives, all of the smallest cost, and whether everything was tried. */
function search(
  start: Situation,
  now: Trace,
  frame: TraceFrame,
  to: string | null,
  clock: Clock,
): { fixes: { fix: Fix; situation: Situation }[]; complete: boolean } {
  const end = clock.now() + MAX_MS;
  const fixes: { fix: Fix; situation: Situation }[] = [];
  const seen = new Set<string>();
  const queue = new Queue();
  let traces = 0;
  const expand = (node: Node, found: Trace) => {
    for (const change of candidates(node.situation, found, to)) {
      const changes = [...node.changes, change];
      const key = changes
        .map(({ path, value }) => `${path}=${value}`)
        .sort()
        .join('\n');
      const cost = node.cost + change.cost;
      if (cost > MAX_COST || seen.has(key) || node.changes.some(({ path }) => path === change.path)) continue;
      seen.add(key);
      queue.put({ situation: change.make(node.situation), changes, cost });
    }
  };
  const root: Node = { situation: start, changes: [], cost: 0 };
  expand(root, now);
  const onceAnswered = answered(start, now) === null ? null : tryOut(start, frame);
  if (onceAnswered !== null && !arrives(onceAnswered.trace, to)) expand(root, onceAnswered.trace);
  let most = MAX_COST;
  for (let node = queue.take(); node !== undefined && node.cost <= most; node = queue.take()) {
    if (++traces > MAX_TRACES || clock.now() > end) return { fixes, complete: false };
    const tried = tryOut(node.situation, frame);
    if (tried === null) continue;
    if (!arrives(tried.trace, to)) {
      expand(node, tried.trace);
      continue;
    }
    most = node.cost;
    fixes.push({ fix: fixOf(node.changes, tried, to), situation: node.situation });
  }
  return { fixes, complete: true };
}

interface Tried {
  readonly trace: Trace;
  /** What has to happen beside: the next hop answers. */
  readonly once: string | null;
}

/** A packet that waits for its next hop goes on as if that had answered. Null where the configuration would be refused. */
function tryOut(situation: Situation, frame: TraceFrame): Tried | null {
  try {
    const found = trace(worldUnder(situation), frame);
    const then = answered(situation, found);
    if (then === null) return { trace: found, once: null };
    return { trace: trace(worldUnder(then.situation), frame), once: then.once };
  } catch (error) {
    if (error instanceof ControlError) return null;
    throw error;
  }
}

/** By cost, in the order of arrival. */
class Queue {
  readonly #byCost: Node[][] = [];

  put(node: Node): void {
    const nodes = this.#byCost[node.cost];
    if (nodes === undefined) this.#byCost[node.cost] = [node];
    else nodes.push(node);
  }

  take(): Node | undefined {
    return this.#byCost.find((nodes) => nodes !== undefined && nodes.length > 0)?.shift();
  }
}

function fixOf(changes: readonly Change[], { trace: found, once }: Tried, to: string | null): Fix {
  const conditions = changes.map((change) => change.condition).join(', and ');
  // The question gets to others as well, the packet to who answers.
  const asked = once !== null && to !== null;
  const arrival = asked ? `delivered on ${to}` : arrivalText(found, to);
  return {
    text: `${arrival} if ${conditions}${once === null ? '' : `, once ${once}`}`,
    changes: changes.map(({ path, value, condition }) => ({ path, value, condition })),
    delivered: asked ? [to] : portsOf(found, to),
  };
}

/** Where it leaves; a copy counts where it was asked for. */
function portsOf({ outputs, mirrored }: Trace, to: string | null): string[] {
  const copies = mirrored.filter(({ port }) => port === to);
  return [...new Set([...outputs, ...copies].map((output) => output.tunnel ?? output.port))];
}

/** `delivered on p2 (and p3, p4)`; `to` is the one that matters. */
function arrivalText(found: Trace, to: string | null): string {
  if (to === null && found.verdict === 'consumed') return 'consumed by the switch itself';
  const ports = portsOf(found, to);
  if (to === null) return `delivered on ${few(ports)}`;
  const others = ports.filter((port) => port !== to);
  return `delivered on ${to}${others.length === 0 ? '' : ` (and ${few(others)})`}`;
}

/** Whose answer would send it on: no setting but a configured neighbor would do as well. */
function waitingText({ config }: Situation, { frame }: Trace, fix: Fix | undefined): string {
  const hop = nextHopOf(config, Buffer.from(frame.hex, 'hex'));
  if (hop === null) return 'it waits in the switch until the next hop has told its MAC';
  const { address, interface: by } = hop;
  const [how, answer] = address.includes(':') ? ['ND', 'a neighbor advertisement'] : ['ARP', 'an ARP reply'];
  return `it waits in the switch, which asks for the MAC of ${address} on interface ${by} (${how}): ${answer} from there sends it on, or the address among the neighbors of ${by}${fix === undefined ? '' : `; ${fix.text}`}`;
}

/** The first of many names. */
export function few(names: readonly string[]): string {
  if (names.length <= FEW) return names.join(', ');
  return `${names.slice(0, FEW).join(', ')} and ${names.length - FEW} more`;
}

/** What is wrong with the frame itself, which no setting mends. */
const FRAME_FAULTS: Readonly<Record<string, string>> = {
  PARSE_RUNT: 'it is too short to be an Ethernet frame',
  PARSE_TRUNCATED_CAPTURE: 'the capture holds only a part of it',
  PARSE_TAG_TRUNCATED: 'it ends inside its tag',
  PARSE_GROUP_SOURCE: 'its source is a group address, which nobody can have',
  VXLAN_NO_I_FLAG: 'its VXLAN header says that it has no VNI',
  VXLAN_OUTER_MALFORMED: 'its outer headers are damaged',
  VXLAN_INNER_MALFORMED: 'what it carries is no Ethernet frame',
  VXLAN_FRAGMENT: 'it is a fragment, which a VTEP does not put together',
  VXLAN_LOOP: 'it comes from the VTEP itself',
  VXLAN_ECN: 'congestion was marked on a packet that cannot say so (RFC 6040)',
  ROUTE_HEADER: 'its IP header is damaged',
  ROUTE_TTL: 'it has used up its hops',
  ROUTE_MARTIAN: 'its source or destination is no address that a packet may have between networks',
  ROUTE_NOT_UNICAST: 'groups and broadcasts are not routed',
  IPVLAN_NOT_ROUTED: 'children behind the router send unicast IP packets and nothing else',
  IPVLAN_PAUSE: 'PAUSE never leaves its link',
};

const PAUSE = /^0180c2000001/;

function hopeless({ reason, port, frame }: Trace, complete: boolean): string {
  const paused = reason?.name === 'INGRESS_RESERVED_MAC' && PAUSE.test(frame.hex);
  const fault = paused ? 'PAUSE (01-80-C2-00-00-01) never passes a bridge' : FRAME_FAULTS[reason?.name ?? ''];
  if (fault !== undefined) return `no change of the configuration can deliver it: ${fault}`;
  if (!complete) return 'no change of a few settings was found that delivers it';
  return reason === null
    ? `no change of a few settings brings it there from ${port}`
    : `no change of a few settings delivers it: ${reason.name}`;
}
