/**
 * Text to a scenario. The head comes first: when it needs what this switch does not claim, the rest, which is then
 * about things unknown here, is not read at all. Anything else that is wrong is a `ConfigError` with its place.
 */

import { parseText } from '../config/document.ts';
import { missingOf } from './capabilities.ts';
import { Value } from './document.ts';
import type { FrameCheck, FrameSpec, Scenario, Step } from './format.ts';
import { readSteps } from './read-steps.ts';
import { readTopology } from './read-topology.ts';

const SCHEMA = 1;
const CHECKS = [
  'ipv4_header_checksum_valid',
  'udp_checksum_zero_or_valid',
  'udp_checksum_present_and_valid',
] as const satisfies readonly FrameCheck[];

/** Throws ConfigError. `file` is the name that errors carry. */
export function readScenario(text: string, file: string): Scenario {
  const { value, source } = parseText(text, file);
  const root = new Value(source, text, value);
  root.map();
  root.at('schema').whole(SCHEMA, SCHEMA);
  const words = (key: string) =>
    root
      .at(key)
      .list()
      .map((word) => word.text());
  const policy = words('policy');
  const scenario: Scenario = {
    file,
    id: root.at('id').text(),
    title: root.at('title').missing ? '' : root.at('title').text(),
    level: root.at('level').missing ? '' : root.at('level').text(),
    missing: missingOf(words('needs'), policy),
    ignore: words('ignore'),
    bridges: [],
    ports: [],
    underlay: null,
    // Who is not known is nobody for VPP, and welcome to Linux and Open vSwitch.
    anyPeer: !policy.includes('known_remotes_only'),
    steps: [],
    frames: new Map(),
  };
  root.at('topology').map();
  if (root.at('steps').list().length === 0) throw root.at('steps').error('there is no step; valid is a list of steps');
  if (scenario.missing.length !== 0) return scenario;
  const lacks = new Set<string>();
  const strict = words('needs').includes('vxlan.strict_reserved');
  const topology = readTopology(root.at('topology'), policy, strict, lacks);
  scenario.missing.push(...lacks);
  if (lacks.size !== 0) return scenario;
  if (root.has('frames')) {
    for (const name of root.at('frames').keys()) {
      scenario.frames.set(name, readFrame(name, root.at('frames').at(name)));
    }
  }
  scenario.bridges = topology.bridges;
  scenario.ports = topology.ports;
  scenario.underlay = topology.underlay;
  scenario.steps = readSteps(root.at('steps'), scenario, lacks);
  // Snooping shows in nothing but multicast: without any, a bridge that snoops is a bridge that floods.
  if (topology.snoops && sendsMulticast(scenario)) lacks.add('mcast_snooping');
  scenario.missing.push(...lacks);
  return scenario;
}

function readFrame(name: string, at: Value): FrameSpec {
  const bytes = readHex(at.at('hex'));
  const mask = at.at('mask').missing ? null : readHex(at.at('mask'));
  if (mask !== null && mask.length !== bytes.length) {
    throw at.at('mask').error(`has ${mask.length} bytes, the frame has ${bytes.length}; valid is the same length`);
  }
  if (!at.at('len').missing) {
    const length = at.at('len').whole(0, 65_535);
    if (length !== bytes.length) throw at.at('len').error(`is ${length}, but "hex" has ${bytes.length} bytes`);
  }
  const checks = at
    .at('checks')
    .list()
    .map((check) => check.oneOf(CHECKS, 'a check'));
  return { name, bytes, mask, checks };
}

function readHex(at: Value): Buffer {
  const text = typeof at.raw === 'string' ? at.raw.replace(/\s/g, '') : '';
  if (text.length === 0 || text.length % 2 !== 0 || !/^[\da-f]+$/i.test(text)) {
    throw at.error('is not a frame; valid are pairs of hex digits in quotes');
  }
  return Buffer.from(text, 'hex');
}

function sendsMulticast(scenario: Scenario): boolean {
  return scenario.steps.some((step: Step) => {
    if (step.kind !== 'send') return false;
    const destination = scenario.frames.get(step.frame)!.bytes.subarray(0, 6);
    return (destination[0]! & 1) === 1 && destination.some((byte) => byte !== 0xff);
  });
}
