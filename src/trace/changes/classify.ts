/** What might be changed of the rules that give untagged frames their VLAN by what they are. */

import type { ClassificationConfig, ClassifyKind, PortConfig } from '../../config/types.ts';
import { covers } from '../../wire/address.ts';
import { FIRST_TAG } from '../../wire/vlan.ts';
import { type Frame, packetOf } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import { type Change, join, setKey } from './change.ts';
import { FEW } from './port.ts';

/** `wanted`: VLANs that the frame should be in. */
export function ruleChanges(s: Situation, port: PortConfig, frame: Frame, wanted: readonly number[]): Change[] {
  if (frame.tagVid !== null) return [];
  const { classification } = s.config;
  const rules = rulesFor(classification, frame);
  const decides = classification.order.flatMap((kind) => rules.filter((rule) => rule.kind === kind))[0];
  if (!port.classify) {
    const on = decides !== undefined && wanted.includes(decides.vid);
    return on ? [setKey(port, 'classify', true, `${port.name} classified frames by what they are`)] : [];
  }
  if (decides === undefined) return [];
  const off = setKey(port, 'classify', false, `${port.name} gave frames its own VLAN whatever they are`);
  const others = wanted.filter((vid) => vid !== decides.vid).map((vid) => ruleTo(decides, vid));
  const joins = port.members.some(({ vid }) => vid === decides.vid) || port.mode === 'access';
  return [
    off,
    ...others,
    ...orderChanges(classification, rules, wanted),
    ...(joins ? [] : [join(s, port, decides.vid)]),
  ];
}

interface Rule {
  readonly kind: ClassifyKind;
  /** As in the file. */
  readonly key: string;
  readonly vid: number;
  readonly change: (vid: number) => Partial<ClassificationConfig>;
}

/** Rules that know the frame, the longest of its kind first. */
function rulesFor(config: ClassificationConfig, { bytes, src }: Frame): Rule[] {
  const { macs, subnets, protocols } = config;
  const bits = (mac: string) => BigInt(`0x${mac.replaceAll(':', '')}`);
  const byMac = macs
    .filter((rule) => bits(rule.mac) >> BigInt(48 - rule.bits) === bits(src) >> BigInt(48 - rule.bits))
    .sort((a, b) => b.bits - a.bits)
    .slice(0, 1)
    .map((rule): Rule => {
      const key = rule.bits === 48 ? rule.mac : `${rule.mac}/${rule.bits}`;
      return { kind: 'mac', key, vid: rule.vid, change: (vid) => ({ macs: withVid(macs, rule, vid) }) };
    });
  const from = packetOf(bytes)?.src;
  const bySubnet = subnets
    .filter((rule) => from !== undefined && covers(rule.prefix, from))
    .sort((a, b) => Number(b.prefix.split('/')[1]) - Number(a.prefix.split('/')[1]))
    .slice(0, 1)
    .map((rule): Rule => {
      return {
        kind: 'subnet',
        key: rule.prefix,
        vid: rule.vid,
        change: (vid) => ({ subnets: withVid(subnets, rule, vid) }),
      };
    });
  const type = bytes.length >= FIRST_TAG + 2 ? bytes.readUInt16BE(FIRST_TAG) : 0;
  const byProtocol = protocols
    .filter((rule) => rule.type === type)
    .map((rule): Rule => {
      const key = `0x${rule.type.toString(16).padStart(4, '0')}`;
      return { kind: 'protocol', key, vid: rule.vid, change: (vid) => ({ protocols: withVid(protocols, rule, vid) }) };
    });
  return [...byMac, ...bySubnet, ...byProtocol];
}

function withVid<T extends { vid: number }>(rules: readonly T[], rule: T, vid: number): T[] {
  return rules.map((each) => (each === rule ? { ...each, vid } : each));
}

function ruleTo({ kind, key, vid: was, change }: Rule, vid: number): Change {
  return {
    path: `classify.${kind}s.${key}`,
    value: String(vid),
    condition: `the rule for ${key} said VLAN ${vid} instead of ${was}`,
    cost: 1,
    make: (s) => withClassification(s, change(vid)),
  };
}

/** Another kind of rule is asked first, or is asked at all. */
function orderChanges({ order }: ClassificationConfig, rules: readonly Rule[], wanted: readonly number[]): Change[] {
  return rules
    .filter((rule) => wanted.includes(rule.vid) && order[0] !== rule.kind)
    .slice(0, FEW)
    .map((rule) => {
      const first = [rule.kind, ...order.filter((kind) => kind !== rule.kind)];
      return {
        path: 'classify.order',
        value: `[${first.join(', ')}]`,
        condition: `rules by ${rule.kind} were asked first`,
        cost: 1,
        make: (s) => withClassification(s, { order: first }),
      };
    });
}

function withClassification(s: Situation, patch: Partial<ClassificationConfig>): Situation {
  return { ...s, config: { ...s.config, classification: { ...s.config.classification, ...patch } } };
}
