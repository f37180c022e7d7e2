/**
 * `translate:` of a port: rules of VLAN translation, checked so that each can be undone. Two rules with the same tags on
 * one side would not know which is meant.
 */
import { ConfigError, type Path, type Source } from './error.ts';
import type { RawPort } from './schema/port.ts';
import type { BridgeType, TagConfig, TranslateRule, VlanMembership } from './types.ts';

const TPID_C = 0x8100;
const TPID_S = 0x88a8;
/** Tags that a rule takes off or puts on. */
const MAX_REPLACED = 2;

export function readTranslation(
  name: string,
  port: RawPort,
  type: BridgeType,
  members: readonly VlanMembership[],
  source: Source,
): TranslateRule[] {
  const raw = port.translate ?? [];
  const outer = type === 's-vlan' ? TPID_S : TPID_C;
  const seen = { from: new Map<string, number>(), to: new Map<string, number>() };
  const vids = new Set(members.map(({ vid }) => vid));
  return raw.map((rule, index) => {
    const path: Path = ['ports', name, 'translate', index];
    const error = (key: string, problem: string) => new ConfigError(source.place([...path, key]), problem);
    const from = tagsOf(rule.from, outer);
    const to = tagsOf(rule.to, outer);
    if (from.length === 0) throw error('from', 'is empty; what is untagged gets the PVID');
    for (const [side, tags] of [
      ['from', from],
      ['to', to],
    ] as const) {
      const first = seen[side].get(textOf(tags));
      if (first !== undefined) throw error(side, `is the same as in translate[${first}]: it could not be undone`);
      seen[side].set(textOf(tags), index);
    }
    let kept = 0;
    while (kept < Math.min(from.length, to.length) && textOf(from.slice(-1 - kept)) === textOf(to.slice(-1 - kept)))
      kept++;
    if (kept === from.length && kept === to.length) throw error('to', 'is the same as "from"');
    if (to.length - kept > MAX_REPLACED)
      throw error('to', `puts on ${to.length - kept} tags; valid are at most ${MAX_REPLACED}`);
    if (type !== 'unaware' && to.length > 0 && to[0]!.tpid === outer && !vids.has(to[0]!.vid)) {
      throw error('to', `port ${name} is not a member of VLAN ${to[0]!.vid}: such frames would go nowhere`);
    }
    return { from, to };
  });
}

type RawTags = NonNullable<RawPort['translate']>[number]['from'];

/** One tag or several, outermost first; a VID alone has the bridge's TPID outside and 0x8100 inside. */
function tagsOf(raw: RawTags, outer: number): TagConfig[] {
  const list = Array.isArray(raw) ? raw : [raw];
  return list.map((tag, k) =>
    typeof tag === 'number' ? { tpid: k === 0 ? outer : TPID_C, vid: tag } : { tpid: tag.tpid, vid: tag.vid },
  );
}

function textOf(tags: readonly TagConfig[]): string {
  return tags.map(({ tpid, vid }) => `${tpid.toString(16)}:${vid}`).join(' ');
}
