/**
 * `npm run fuzz [-- --frames N --fabric N --captures N --changes N --broken N --datagrams N --routing N --seed N --seconds N]`: random
 * frames through random switches, packets through one that routes, tunnels and mirrors, damaged captures through replay,
 * changes of a switch under traffic, broken configuration files for one that runs, forged datagrams for a VTEP, damaged packets for a router beside a reference.
 * Everything follows from the seed; a failure says how to see it again. A share of it runs with the unit tests.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { must, root } from './setup.mjs';

const SPEC = {
  frames: 10_000_000,
  fabric: 1_000_000,
  captures: 1_000_000,
  changes: 10_000,
  broken: 10_000,
  datagrams: 1_000_000,
  routing: 1_000_000,
  seed: undefined,
  seconds: 3600,
};

function numbers() {
  const options = Object.fromEntries(Object.keys(SPEC).map((name) => [name, { type: 'string' }]));
  try {
    const { values } = parseArgs({ options });
    return Object.entries(values).map(([name, text]) => {
      if (!/^-?\d{1,15}$/.test(text)) throw new Error(`--${name}: ${JSON.stringify(text)} is not a whole number`);
      return [name, Number(text)];
    });
  } catch (error) {
    console.error(`fuzz: ${error.message}`);
    process.exit(2);
  }
}

const options = { ...SPEC, seed: Math.floor(Math.random() * 2 ** 31), ...Object.fromEntries(numbers()) };
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
must(process.execPath, [tsc, '-p', 'test/fuzz/tsconfig.json'], 'compiling the fuzz targets');
const { fuzz } = await import(new URL('../out/fuzz/test/fuzz/main.js', import.meta.url).href);

console.log(`fuzz: seed ${options.seed}`);
const tty = process.stderr.isTTY === true;
let last = 0;
const failure = await fuzz({
  ...options,
  say(line, done) {
    if (tty) process.stderr.write(`\r\x1b[K${line}${done ? '\n' : ''}`);
    else if (done || performance.now() - last > 10_000) {
      console.error(line);
      last = performance.now();
    }
  },
});
if (failure !== null) console.error(`${tty ? '\n' : ''}fuzz: ${failure}`);
process.exitCode = failure === null ? 0 : 1;
