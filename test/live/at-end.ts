/** What a test has made is gone after it; and at the end of its process, also where Ctrl-C brings that about. */

import { undoAll } from '../../bench/leftovers.ts';

export { undoneAtEnd } from '../../bench/leftovers.ts';

process.on('exit', undoAll);
// A process of vitest has no exit of its own: the signal ends it, a second time.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    undoAll();
    process.kill(process.pid, signal);
  });
}
