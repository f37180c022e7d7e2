/**
 * Captures in files and on stdin: the node:fs end of the pcap room's ByteSource and ByteSink.
 *
 * Reads are synchronous and go straight into the reader's window. `-` is stdin (and stdout for a sink),
 * which may be a pipe in non-blocking mode: when it has nothing yet (EAGAIN) the thread sleeps a little and
 * asks again, since a synchronous reader has nothing else to do.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { ByteSink, ByteSource } from '../pcap/source.ts';

const STDIN = 0;
const STDOUT = 1;
/** Short against a person's patience, long against a busy loop. */
const RETRY_MS = 2;

export interface FileSource extends ByteSource {
  close(): void;
}

export interface FileSink extends ByteSink {
  close(): void;
}

/** Opens a capture for reading; throws what node:fs throws (ENOENT, EACCES, EISDIR at the first read). */
export function openFileSource(path: string): FileSource {
  const isStdin = path === '-';
  let fd = isStdin ? STDIN : openSync(path, 'r');
  return {
    read(into, offset, length) {
      for (;;) {
        try {
          return readSync(fd, into, offset, length, null);
        } catch (error) {
          const code = codeOf(error);
          if (code !== 'EAGAIN' && code !== 'EINTR') throw error;
        }
        sleep();
      }
    },
    close() {
      if (fd >= 0 && !isStdin) closeSync(fd);
      fd = -1;
    },
  };
}

/** Creates or replaces a file for writing. Buffering is the writer's: every call here is a system call. */
export function openFileSink(path: string): FileSink {
  const isStdout = path === '-';
  let fd = isStdout ? STDOUT : openSync(path, 'w');
  return {
    write(from, offset, length) {
      let done = 0;
      while (done < length) {
        try {
          done += writeSync(fd, from, offset + done, length - done, null);
        } catch (error) {
          const code = codeOf(error);
          if (code !== 'EAGAIN' && code !== 'EINTR') throw error;
          sleep();
        }
      }
    },
    close() {
      if (fd >= 0 && !isStdout) closeSync(fd);
      fd = -1;
    },
  };
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

const clock = new Int32Array(new SharedArrayBuffer(4));

function sleep(): void {
  Atomics.wait(clock, 0, 0, RETRY_MS);
}
