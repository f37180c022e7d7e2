/**
 * Filters in libpcap's syntax, compiled to JavaScript: `compileFilter('vlan 10 and tcp port 80')`.
 *
 *   text ▸ lex ▸ parse (ast.ts) ▸ translate (test.ts) ▸ emit ▸ one function
 *
 * Answers are those of tcpdump on a capture file of Ethernet frames (test/unit/filter/tcpdump.test.ts holds it). What
 * tcpdump has and this has not: names of hosts, networks and services, which need a resolver, and what is said about
 * other link types. What this has and tcpdump 4.99 has not: `vxlan [VNI]`, `ip proto tcp` without a backslash.
 */

import { emit } from './emit.ts';
import { parseFilter } from './parse.ts';
import { translate } from './translate.ts';

/**
 * Whether a frame passes: `captureLen` bytes of it are at `off`, on the wire it had `len`. It reads nothing else,
 * changes nothing and never throws.
 */
export type FrameFilter = (view: DataView, off: number, len: number, captureLen: number) => boolean;

/** Throws a FilterError with the column for text that is no filter. An empty filter passes every frame. */
export function compileFilter(text: string): FrameFilter {
  const expression = parseFilter(text);
  if (expression === null) return () => true;
  return new Function('view', 'off', 'len', 'cap', emit(translate(expression))) as FrameFilter;
}
