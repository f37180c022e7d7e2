/** Every bad configuration is one line that names file, line, path, and what would be valid. */
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config/load.ts';
import { ADAPTERS, type BadCase, FDB, PORT_KEYS, SECTIONS, TEXT, VXLAN } from './bad-cases.ts';

function errorOf(text: string, file = 'switch.yaml'): ConfigError {
  try {
    loadConfig(text, file);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

const label = ({ text, path, says }: BadCase) => `${JSON.stringify(text.slice(0, 60))} ${path}: ${says.slice(0, 40)}`;
const table = (cases: BadCase[]) => cases.map((c): [string, BadCase] => [label(c), c]);

describe.each([
  ['text', TEXT],
  ['sections', SECTIONS],
  ['port keys', PORT_KEYS],
  ['adapters', ADAPTERS],
  ['fdb', FDB],
  ['vxlan', VXLAN],
])('%s', (_, cases) => {
  it.each(table(cases))('%s', (_label, { text, line, path, says }) => {
    const error = errorOf(text);
    expect(error.message).toContain(says);
    expect({ file: error.file, line: error.line, path: error.path }).toEqual({ file: 'switch.yaml', line, path });
    expect(error.message).toBe(`switch.yaml:${line}: ${path === '' ? '' : `${path}: `}${error.problem}`);
    expect(error.message).not.toMatch(/[\r\n]/);
    expect(error.column).toBeGreaterThan(0);
  });
});

describe('an unknown key', () => {
  it('that is near one of many is told that one alone, and one that is near none all that there are', () => {
    const near = errorOf('ports:\n  p1: { adapter: memory, vlna: 10 }\n').problem;
    expect(near).toBe('the key is not known (did you mean "vlan"?)');
    const far = errorOf('ports:\n  p1: { adapter: memory, zzzzzz: 10 }\n').problem;
    expect(far).toMatch(/^the key is not known; valid keys are adapter, device, .*, vlan/);
    const few = errorOf('vrfs:\n  red: { maxRuotes: 1 }\n').problem;
    expect(few).toBe('the key is not known (did you mean "maxRoutes"?); valid keys are description, maxRoutes, routes');
  });
});

describe('a key that belongs elsewhere', () => {
  it('is told where', () => {
    expect(errorOf('switch: { state: { file: x } }\nports: {}\n').message).toBe(
      'switch.yaml:1: switch.state: the key is not known here; it is one of the file itself, beside "switch"',
    );
    expect(
      errorOf('ports:\n  p: { adapter: memory }\nmacvlan: { g: { parent: p, children: {}, mode: private } }\n').message,
    ).toBe(
      'switch.yaml:3: macvlan.g.mode: the key is not known here; it is one of each child: children: { NAME: { mode: … } }',
    );
  });
});

describe('the place', () => {
  it('reads as the documentation shows it', () => {
    const text = `switch: { name: loom0 }\n${'\n'.repeat(8)}ports:\n  p1: { adapter: memory }\n  p2: { adapter: memory, mode: trunk, vlans: '10,4095' }\n`;
    const error = errorOf(text);
    expect(error.message).toBe(
      'switch.yaml:12: ports.p2.vlans: 4095 is not a VLAN ID; valid are 1-4094, ranges "10,20-30", or "all"',
    );
    expect(error.column).toBe(46);
  });

  it('is the first one of several in the order of the text', () => {
    expect(errorOf('ports:\n  p1: { adapter: memory, mtu: 1 }\nswitch: { hub: 3 }\nzzz: 1\n').line).toBe(2);
    expect(errorOf('zzz: 1\nports:\n  p1: { adapter: memory, mtu: 1 }\n').line).toBe(1);
  });

  it('counts lines that end in CR LF', () => {
    expect(errorOf('switch: {}\r\nports:\r\n  p1: { adapter: memory, mtu: 1 }\r\n').line).toBe(3);
  });

  it('stays one line when the file or a key has line breaks', () => {
    expect(errorOf('"a\\nb": 1\n', 'odd\nname.yaml').message).not.toMatch(/[\r\n]/);
    expect(errorOf('switch: { name: "a\\u2028b\\r\\nc" }').message).not.toMatch(/[\r\n\u2028]/);
  });

  it('bounds what it quotes', () => {
    expect(errorOf(`switch: { name: ${'x'.repeat(100_000)} }`).message.length).toBeLessThan(300);
    expect(errorOf(`${'x'.repeat(900)}: 1`).message.length).toBeLessThan(300);
  });

  it('is an error for what is not text', () => {
    expect(() => loadConfig(undefined as unknown as string, 'x')).toThrow(ConfigError);
  });
});
