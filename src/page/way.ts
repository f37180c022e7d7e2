/**
 * The way of a traced frame over the picture: from the box of its port along the line of its VLAN to the boxes where it leaves. What is routed
 * goes to the interface of the VLAN it came in by, over to the interface it leaves by, and on along the line of that one's VLAN.
 */

import { type Block, belowBoxes, RAIL, xOf, yOf } from './picture.ts';
import type { Port, Trace } from './types.ts';

interface Way {
  /** Paths of SVG. */
  lines: string[];
  /** Interfaces of the router that it passes. */
  passes: string[];
  /** Where it ends. */
  cross: { x: number; y: number } | null;
}

/** Ports that it leaves by; tunnels in place of what they leave by. */
export function leavesBy({ outputs }: Trace): string[] {
  return [...new Set(outputs.map(({ port, tunnel }) => tunnel ?? port))];
}

export function wayOf(trace: Trace, blocks: readonly Block[]): Way {
  const entry = trace.tunnel ?? trace.port;
  const block = blockOf(blocks, entry);
  if (block === undefined) return { lines: [], passes: [], cross: null };
  const from = columnX(block, entry);
  const isIn = trace.ingressVid !== null || wasClassified(trace);
  const row = block.rows.findIndex((vlan) => isIn && vlan.vid === trace.ingressVid);
  const y = row < 0 ? belowBoxes(block) + RAIL : yOf(block, row);
  const into = `M${from} ${belowBoxes(block)}V${y}`;
  if (trace.stages.some(({ stage }) => stage === 'route')) return routed(trace, blocks, block, row, into);
  const ways = outOf(trace, block).map((x) => `${into}H${x}V${belowBoxes(block)}`);
  const dropped = ways.length === 0 && trace.verdict === 'dropped';
  return {
    lines: ways.length === 0 && row >= 0 ? [into] : ways,
    passes: [],
    cross: dropped ? { x: from, y } : null,
  };
}

/** `into`: from the port to the line of its VLAN, `row`. */
function routed(trace: Trace, blocks: readonly Block[], block: Block, row: number, into: string): Way {
  const came = block.ports.find((port) => isInterfaceOf(port, block, row));
  const here = columnX(block, came?.name ?? trace.tunnel ?? trace.port);
  const lines = [came === undefined ? into : `${into}H${here}V${belowBoxes(block)}`];
  const name = trace.stages.find((stage) => stage.routed !== undefined)?.routed?.interface ?? '';
  const passes = [...(came === undefined ? [] : [came.name]), ...(name === '' ? [] : [name])];
  const isDropped = trace.verdict === 'dropped';
  const out = blockOf(blocks, name);
  if (out === undefined) return { lines, passes, cross: isDropped ? { x: here, y: belowBoxes(block) } : null };
  const there = columnX(out, name);
  const below = belowBoxes(out);
  if (out === block && here !== there) lines.push(`M${here} ${below}V${below + RAIL}H${there}V${below}`);
  const line = out.rows.findIndex((_, i) =>
    out.ports.some((port) => port.name === name && isInterfaceOf(port, out, i)),
  );
  const y = line < 0 ? below + RAIL : yOf(out, line);
  const down = `M${there} ${below}V${y}`;
  const ways = outOf(trace, out).map((x) => `${down}H${x}V${below}`);
  lines.push(...(ways.length === 0 ? [down] : ways));
  return { lines, passes, cross: isDropped ? { x: there, y } : null };
}

function outOf(trace: Trace, block: Block): number[] {
  return leavesBy(trace)
    .filter((name) => block.ports.some((port) => port.name === name))
    .map((name) => columnX(block, name));
}

function blockOf(blocks: readonly Block[], name: string): Block | undefined {
  return blocks.find((each) => each.ports.some((port) => port.name === name));
}

function columnX(block: Block, name: string): number {
  return xOf(block.ports.findIndex((port) => port.name === name));
}

/** Secondaries of a private VLAN have that of their primary. */
function isInterfaceOf({ adapter, pvid }: Port, { rows }: Block, row: number): boolean {
  const vlan = rows[row];
  if (adapter !== 'router' || vlan === undefined) return false;
  const primary = / of (\d+)$/.exec(vlan.private ?? '')?.[1];
  return pvid === (primary === undefined ? vlan.vid : Number(primary));
}

function wasClassified({ stages }: Trace): boolean {
  return stages.some(({ stage, reason }) => stage === 'classify' && reason === null);
}
