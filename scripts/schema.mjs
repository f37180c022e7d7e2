/**
 * Writes dist/config.schema.json, the JSON Schema of a configuration file, for editors.
 * Runs after the TypeScript build: the schema is generated from the zod schema that the loader validates with.
 */
import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../dist/config/schema/schema.js';

const target = new URL('../dist/config.schema.json', import.meta.url);
writeFileSync(target, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
