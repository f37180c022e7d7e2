/**
 * A progress bar on stderr for work that takes longer than a moment, and only where a person looks at it:
 * nothing is shown, and the package is not even loaded, unless the stream is a terminal.
 */

/** Work that ends sooner shows no bar. */
const QUIET_MS = 500;

export interface Progress {
  update(bytes: number, frames: number): void;
  /** Takes the bar away. */
  stop(): void;
}

const NONE: Progress = { update() {}, stop() {} };

/** `totalBytes` 0: nobody knows how much there will be (a pipe). */
export async function makeProgress(stream: NodeJS.WritableStream, totalBytes: number): Promise<Progress> {
  if ((stream as NodeJS.WriteStream).isTTY !== true) return NONE;
  const { default: cliProgress } = await import('cli-progress');
  const started = performance.now();
  const known = totalBytes > 0;
  const bar = new cliProgress.SingleBar({
    stream,
    format: `${known ? '{bar} {percentage}%  ' : ''}{megabytes} MB  {frames} frames  {rate} frames/s`,
    barsize: 24,
    fps: 5,
    clearOnComplete: true,
    hideCursor: true,
  });
  let shown = false;
  return {
    update(bytes, frames) {
      const elapsed = performance.now() - started;
      if (elapsed < QUIET_MS) return;
      const payload = {
        megabytes: (bytes / 1e6).toFixed(1),
        frames: frames.toLocaleString('en'),
        rate: Math.round((frames / elapsed) * 1000).toLocaleString('en'),
      };
      if (!shown) bar.start(known ? totalBytes : 1, 0, payload);
      shown = true;
      bar.update(known ? Math.min(bytes, totalBytes) : 0, payload);
    },
    stop() {
      if (shown) bar.stop();
    },
  };
}
