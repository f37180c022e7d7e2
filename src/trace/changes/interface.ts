/** What might be changed of the router's interfaces: which VLAN they are in, their MAC, their routing table. */

import type { InterfaceConfig } from '../../config/types/routing.ts';
import { covers } from '../../wire/address.ts';
import { type Frame, packetOf } from '../frame-fields.ts';
import type { Situation } from '../situation.ts';
import type { Change } from './change.ts';

export function changeInterface(
  { name }: InterfaceConfig,
  patch: Partial<InterfaceConfig>,
  words: { key: string; value: string; condition: string },
): Change {
  return {
    path: `interfaces.${name}.${words.key}`,
    value: words.value,
    condition: words.condition,
    cost: 1,
    make: (s) => {
      const interfaces = s.config.interfaces.map((each) => (each.name === name ? { ...each, ...patch } : each));
      return { ...s, config: { ...s.config, interfaces } };
    },
  };
}

export function moveInterface(by: InterfaceConfig, vid: number): Change {
  const condition = `interface ${by.name} were in VLAN ${vid} instead of ${by.vid}`;
  return changeInterface(by, { vid }, { key: 'vlan', value: String(vid), condition });
}

/** A packet that is not for an interface of its VLAN: the one of its subnet might be meant. `vid` is that of the frame. */
export function gatewayChanges({ config, file, had }: Situation, frame: Frame, vid: number | null): Change[] {
  const packet = packetOf(frame.bytes);
  if (packet === null || frame.routed !== null || vid === null) return [];
  const group = (Number.parseInt(frame.dst.slice(0, 2), 16) & 1) === 1;
  const own = config.interfaces.filter(({ addresses }) => addresses.some((each) => covers(each, packet.src)));
  // What is for the subnet itself needs no gateway.
  if (group || own.some(({ addresses }) => addresses.some((each) => covers(each, packet.dst)))) return [];
  // A MAC of somebody else is no gateway's: the sender has to send elsewhere (gateway-hint.ts).
  const others = [...had, ...file.fdbEntries, ...config.interfaces];
  const isHad = others.some(({ mac }) => mac === frame.dst);
  return own.flatMap((by) => {
    if (by.mac === frame.dst) return by.vid === vid ? [] : [moveInterface(by, vid)];
    if (by.vid !== vid || isHad) return [];
    const condition = `the MAC of interface ${by.name} were ${frame.dst} instead of ${by.mac}`;
    return [changeInterface(by, { mac: frame.dst }, { key: 'mac', value: `'${frame.dst}'`, condition })];
  });
}

/** There is no route in the table of `by`: another table may know one. */
export function tableChanges({ config }: Situation, by: InterfaceConfig, destination: Uint8Array): Change[] {
  const connected = config.interfaces.filter(({ addresses }) => addresses.some((each) => covers(each, destination)));
  const routed = config.routes.filter(({ prefix, via }) => via.length > 0 && covers(prefix, destination));
  const tables = new Set([...connected, ...routed].map(({ vrf }) => vrf).filter((vrf) => vrf !== by.vrf));
  const comes = [...tables].map((vrf) => intoTable(by, vrf));
  return [...comes, ...connected.filter(({ vrf }) => vrf !== by.vrf).map((each) => intoTable(each, by.vrf))];
}

function intoTable(by: InterfaceConfig, vrf: string): Change {
  const condition = `interface ${by.name} were in VRF ${vrf} instead of ${by.vrf}`;
  return changeInterface(by, { vrf }, { key: 'vrf', value: vrf, condition });
}
