/**
 * A process that runs for months needs little memory for what is young.
 *
 * While a program starts, V8 lets the space for young objects grow to tens of megabytes, and gives them back late or never. A switch
 * allocates nothing for a frame and little for a question: the megabyte to begin with is enough. Measured with 64 ports on Node 20: 16 to 20 MB less of
 * 120. It acts on the thread of the API; the forwarding thread's space stays as small by itself.
 */

import { setFlagsFromString } from 'node:v8';

/** Call before anything large is loaded. */
export function keepHeapSmall(): void {
  // Read by V8 whenever the space is about to grow: by how much.
  setFlagsFromString('--semi-space-growth-factor=1');
}
