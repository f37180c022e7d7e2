/** For mistakes in every feature an explanation names a change, and a whole switch under that change does deliver. */

import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/load.ts';
import type { SwitchConfig } from '../../../src/config/types.ts';
import { receiveNeighborFrame } from '../../../src/protocols/neighbor-receive.ts';
import { createNeighbors } from '../../../src/protocols/neighbor-state.ts';
import type { Start } from '../../../src/trace/situation.ts';
import { parseMac } from '../../../src/wire/ethernet.ts';
import { load } from '../control/random-config.ts';
import { Random } from '../dataplane/world.ts';
import { explain } from './explain-calmly.ts';
import { type Feature, type File, type Flow, HOST_B, MARK } from './feature.ts';
import { BRIDGE } from './features-bridge.ts';
import { GROUPS } from './features-groups.ts';
import { HOPELESS_PACKETS, ROUTER } from './features-router.ts';
import { HOPELESS_DATAGRAMS, TUNNEL } from './features-tunnel.ts';
import { pasted } from './paste.ts';
import { sentThrough, wholeSwitch } from './whole-switch.ts';

/** The ports of a whole switch where the frame comes out, with a host at the port that it is for which answers ARP and ND. */
function deliveredBy(start: Start, { from, to, bytes, hosts = [] }: Flow): string[] {
  const isIt = (frame: Uint8Array) => Buffer.from(frame).includes(MARK);
  const sw = wholeSwitch(start);
  const sent = sentThrough(sw, from, bytes);
  const heard = sent.find(([name]) => name === to)?.[1] ?? [];
  for (const answer of heard.flatMap((frame) => answersTo(frame, hosts))) sent.push(...sentThrough(sw, to, answer));
  return sent.filter(([, frames]) => frames.some(isIt)).map(([name]) => name);
}

/** What a host with these addresses says to ARP and ND. */
function answersTo(frame: Uint8Array, addresses: readonly string[]): Uint8Array[] {
  const prefixes = addresses.map((each) => `${each}/${each.includes(':') ? 64 : 24}`);
  const host = createNeighbors<never>({ mac: parseMac(HOST_B)!, addresses: prefixes });
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  return receiveNeighborFrame(host, view, 0, frame.length, 0).flatMap((action) =>
    action.do === 'send' ? [action.frame] : [],
  );
}

interface Spoilt {
  file: File;
  config: SwitchConfig;
}

/** Null where the file would be refused, or does no harm. */
function spoilt(feature: Feature, mistakes: readonly ((file: File) => unknown)[]): Spoilt | null {
  const file = feature.file();
  try {
    for (const mistake of mistakes) mistake(file);
    const config = load(file);
    return reaches({ config, down: [], learned: [] }, feature.flow) ? null : { file, config };
  } catch (error) {
    if (error instanceof ConfigError || error instanceof TypeError) return null;
    throw error;
  }
}

const reaches = (s: Start, flow: Flow) => deliveredBy(s, flow).includes(flow.seen ?? flow.to);

function verify({ file, config }: Spoilt, flow: Flow, most: number, story: string): void {
  const situation = { config, down: [], learned: [] };
  const { explanation, fixed } = explain(situation, { port: flow.from, bytes: flow.bytes }, flow.to);
  const told = `${story}: ${explanation.trace.reason?.name}: ${explanation.text}`;
  expect(explanation.arrives, told).toBe(false);
  expect(fixed, told).not.toBeNull();
  // Two mistakes may leave nothing in the file that tells the next hop: the explanation says whose answer it counts on.
  const counted = most > 1 ? (/, once (\S+) has answered/.exec(explanation.text)?.slice(1) ?? []) : [];
  const answered = { ...flow, hosts: [...(flow.hosts ?? []), ...counted] };
  expect(reaches(fixed!, answered), told).toBe(true);
  expect(explanation.fix!.changes.length, told).toBeLessThanOrEqual(most);
  const mended = pasted(file, explanation.fix!.changes);
  if (mended === null) return;
  const lines = explanation.fix!.changes.map(({ path, value }) => `${path}: ${value}`).join('\n');
  expect(() => load(mended), `${told}\n${lines}`).not.toThrow();
  expect(reaches({ ...situation, config: load(mended) }, answered), `${told}\n${lines}`).toBe(true);
}

const named = Object.entries({ ...BRIDGE, ...ROUTER, ...TUNNEL, ...GROUPS });

it('there are 200 mistakes and more', () => {
  const mistakes = named.flatMap(([, feature]) => Object.keys(feature.mistakes));
  expect(mistakes.length).toBeGreaterThanOrEqual(200);
});

describe('explain of mistakes in', () => {
  describe.each(named)('%s', (_name, feature) => {
    it('what is right arrives', () => {
      const situation = { config: load(feature.file()), down: [], learned: [] };
      expect(deliveredBy(situation, feature.flow)).toContain(feature.flow.seen ?? feature.flow.to);
      const { from, to, bytes } = feature.flow;
      expect(explain(situation, { port: from, bytes }, to).explanation).toMatchObject({ arrives: true });
    });

    it.each(Object.entries(feature.mistakes))('%s', (name, mistake) => {
      const found = spoilt(feature, [mistake]);
      expect(found, 'the mistake is one').not.toBeNull();
      verify(found!, feature.flow, 1, name);
    });

    it('two at a time', () => {
      const r = new Random(7);
      const names = Object.keys(feature.mistakes);
      for (let n = 0; n < 6; n++) {
        const two = [r.pick(names), r.pick(names)];
        const found = spoilt(
          feature,
          two.map((name) => feature.mistakes[name]),
        );
        if (found !== null) verify(found, feature.flow, 2, two.join(' and '));
      }
    });
  });

  it.each([
    ...Object.entries(HOPELESS_PACKETS).map(
      ([name, bytes]) => [name, ROUTER['routing IPv4, connected']!, bytes] as const,
    ),
    ...Object.entries(HOPELESS_DATAGRAMS).map(
      ([name, bytes]) => [name, TUNNEL['VXLAN, out of the tunnel']!, bytes] as const,
    ),
  ])('says that nothing delivers %s', (_name, { file, flow }, bytes) => {
    const situation = { config: load(file()), down: [], learned: [] };
    const { explanation } = explain(situation, { port: flow.from, bytes }, flow.to);
    expect(explanation).toMatchObject({ arrives: false, fix: null });
    expect(explanation.text).toMatch(/^no change of the configuration can deliver it: /);
  });
});
