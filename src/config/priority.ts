/**
 * `priority:` of a port: which priority frames get that arrive, and which PCP tags have that leave. Keys of the maps are numbers and
 * ranges as in VLAN sets; what is not named keeps its default.
 */
import { ConfigError, type Path, type Source, show } from './error.ts';
import type { RawPort } from './schema/port.ts';
import type { BridgeType, PriorityConfig } from './types.ts';

const PCPS = 8;
const DSCPS = 64;

const each = (count: number, to: (n: number) => number) => Array.from({ length: count }, (_, n) => to(n));

/** A tag's PCP is the priority; DSCPs have that of their class selector, their upper three bits (RFC 2474). */
export const NO_PRIORITY: PriorityConfig = {
  trust: 'pcp',
  default: 0,
  pcp: each(PCPS, (n) => n),
  dscp: each(DSCPS, (n) => n >> 3),
  egress: each(PCPS, (n) => n),
};

export function readPriority(name: string, port: RawPort, type: BridgeType, source: Source): PriorityConfig | null {
  const raw = port.priority;
  if (raw === undefined) return null;
  const path: Path = ['ports', name, 'priority'];
  if (type === 'unaware') {
    const problem = 'the bridge of this port is unaware: its frames have no tag of the bridge; remove "priority"';
    throw new ConfigError(source.place(path), problem);
  }
  const map = (key: 'pcp' | 'dscp' | 'egress', otherwise: readonly number[]): number[] => {
    const values = [...otherwise];
    const named = new Set<number>();
    for (const [text, to] of Object.entries(raw[key])) {
      const problem = mark(text, otherwise.length - 1, (n) => {
        if (named.has(n)) return `${n} is there twice`;
        named.add(n);
        values[n] = to;
        return null;
      });
      if (problem !== null) throw new ConfigError(source.place([...path, key, text]), problem);
    }
    return values;
  };
  return {
    trust: raw.trust,
    default: raw.default,
    pcp: map('pcp', NO_PRIORITY.pcp),
    dscp: map('dscp', NO_PRIORITY.dscp),
    egress: map('egress', NO_PRIORITY.egress),
  };
}

/** Calls `take` with every number of `1,3-5`; what is wrong, or null. */
function mark(text: string, most: number, take: (n: number) => string | null): string | null {
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,2})(?:\s*-\s*(\d{1,2}))?\s*$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last > most || first > last) {
      return `${show(part.trim())} is no number of 0-${most} and no range of these`;
    }
    for (let n = first; n <= last; n++) {
      const problem = take(n);
      if (problem !== null) return problem;
    }
  }
  return null;
}
