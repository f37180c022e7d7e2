/**
 * What a benchmark has to undo: processes, namespaces, devices. Undone at its own end; or at that of the process, however
 * a signal or an error brings it about.
 */

import type { ChildProcess } from 'node:child_process';

const pending = new Set<() => void>();

/** Returns what undoes it now, once. */
export function undoneAtEnd(undo: () => void): () => void {
  pending.add(undo);
  return () => {
    if (pending.delete(undo)) undo();
  };
}

/** A child that is not to outlive us. */
export function endsWithUs<T extends ChildProcess>(child: T): T {
  const end = () => void child.kill('SIGKILL');
  pending.add(end);
  child.once('exit', () => pending.delete(end));
  return child;
}

/** Undoes everything, the last first. One that fails does not keep the others from it. */
export function undoAll(): void {
  for (const undo of [...pending].reverse()) {
    pending.delete(undo);
    try {
      undo();
    } catch {
      // it is gone already
    }
  }
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Ends the process on a signal only when all is undone, until the returned function is called. */
export function undoOnSignals(): () => void {
  const handlers = Object.entries(SIGNALS).map(([signal, status]) => [signal, () => process.exit(status)] as const);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  process.on('exit', undoAll);
  return () => {
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
    process.removeListener('exit', undoAll);
  };
}
