/** The JSON Schema for editors: every key is described, and the documentation names every key. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../../src/config/schema/schema.ts';

type Node = Record<string, unknown>;

/** Every property of every map in the schema, by path. */
function* properties(node: Node, path: string): Generator<[string, Node]> {
  for (const [key, child] of Object.entries((node.properties ?? {}) as Record<string, Node>)) {
    yield [`${path}${key}`, child];
    yield* properties(child, `${path}${key}.`);
  }
  if (typeof node.additionalProperties === 'object') yield* properties(node.additionalProperties as Node, `${path}*.`);
  if (typeof node.items === 'object') yield* properties(node.items as Node, `${path}[].`);
}

describe('the JSON Schema', () => {
  const schema = configJsonSchema();
  const all = [...properties(schema, '')];

  it('is draft 7, which YAML language servers know', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  it('describes every key', () => {
    expect(all.length).toBeGreaterThan(60);
    expect(all.filter(([, node]) => typeof node.description !== 'string').map(([path]) => path)).toEqual([]);
  });

  it('allows no other keys', () => {
    const maps = [schema as Node, ...all.map(([, node]) => node)].filter((node) => node.properties !== undefined);
    expect(maps.every((node) => node.additionalProperties === false)).toBe(true);
  });

  it('knows what is required', () => {
    const find = (path: string) => all.find(([name]) => name === path)![1];
    expect((find('ports').additionalProperties as Node).required).toEqual(['adapter']);
    expect((find('fdb').items as Node).required).toEqual(['mac']);
    expect(schema.required).toBeUndefined();
  });

  it('has every key in docs/configuration.md', () => {
    const docs = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const keys = new Set(all.map(([path]) => path.slice(path.lastIndexOf('.') + 1)));
    expect([...keys].filter((key) => !docs.includes(`\`${key}\``))).toEqual([]);
  });
});
