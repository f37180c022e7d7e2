/** What might be changed of the translation of a port, whose neighbor knows a VLAN by other tags. */

import type { PortConfig, TagConfig, TranslateRule } from '../../config/types.ts';
import { TPID_C, TPID_S } from '../../wire/vlan.ts';
import { type Frame, tagsOf } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import { bridgeConfig, type Change, changePort } from './change.ts';

/** The outer tag of the frame becomes one of `wanted`: by a rule that is there, or by one more. */
export function translateTo(s: Situation, port: PortConfig, frame: Frame, wanted: readonly number[]): Change[] {
  const [outer] = tagsOf(frame.bytes);
  if (outer === undefined || port.tunnel !== null) return [];
  const tpid = bridgeConfig(s, port.bridge).type === 's-vlan' ? TPID_S : TPID_C;
  const mine = port.members.map(({ vid }) => vid).filter((vid) => wanted.includes(vid));
  const at = port.translate.findIndex(({ from }) => from[0]?.vid === outer.vid && from[0].tpid === outer.tpid);
  // A trunk that translates nothing is not taken for one that should.
  if (
    at < 0 &&
    port.translate.length === 0 &&
    frame.tagVid !== null &&
    port.members.some(({ vid }) => vid === frame.tagVid)
  ) {
    return [];
  }
  return mine
    .filter((vid) => at >= 0 || vid !== outer.vid)
    .map((vid) => {
      const to = [{ tpid, vid }, ...(at < 0 ? [] : port.translate[at]!.to.slice(1))];
      const rule: TranslateRule = { from: at < 0 ? [outer] : port.translate[at]!.from, to };
      const free = port.translate.filter((each, k) => k !== at && each.to[0]?.vid !== vid);
      const condition = `${port.name} translated VLAN ${outer.vid} to ${vid}`;
      const translate = [...free, rule];
      const value = `[${translate.map((each) => ruleText(each, tpid)).join(', ')}]`;
      return changePort(port, { translate }, { path: `ports.${port.name}.translate`, value, condition, cost: 1 });
    });
}

/** As in a file: `outer` is the TPID that an outer tag has where none is said. */
function ruleText({ from, to }: TranslateRule, outer: number): string {
  return `{ from: ${tagsText(from, outer)}, to: ${tagsText(to, outer)} }`;
}

function tagsText(tags: readonly TagConfig[], outer: number): string {
  const texts = tags.map(({ tpid, vid }, k) =>
    tpid === (k === 0 ? outer : TPID_C) ? `${vid}` : `{ tpid: 0x${tpid.toString(16)}, vid: ${vid} }`,
  );
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
}
