/** `npm start`: makes the checkout ready and runs the demo. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

setup();
const { status } = spawnSync(process.execPath, [join(root, 'bin', 'etherloom'), 'demo', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
