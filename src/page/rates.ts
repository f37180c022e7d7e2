/** Rates out of counters that only grow, and how they are written. */

/** Seconds of history that a sparkline shows. */
const HISTORY = 60;

export class Rate {
  readonly history: number[] = [];
  #last = -1;
  #lastMs = 0;
  perSecond = 0;

  /** Takes a reading; a counter that shrinks was reset and begins anew. */
  take(counter: number, nowMs: number): void {
    const seconds = (nowMs - this.#lastMs) / 1000;
    if (this.#last >= 0 && counter >= this.#last && seconds > 0) {
      this.perSecond = (counter - this.#last) / seconds;
      this.history.push(this.perSecond);
      if (this.history.length > HISTORY) this.history.shift();
    }
    this.#last = counter;
    this.#lastMs = nowMs;
  }
}

/** `0`, `12`, `3.4k`, `1.2M` */
export function short(n: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (n >= size) return `${(n / size).toFixed(n >= 10 * size ? 0 : 1)}${unit}`;
  }
  return n >= 10 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(1);
}

/** Points of a polyline in a box. */
export function sparkline(history: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...history);
  const first = HISTORY - history.length;
  return history
    .map((value, i) => {
      const x = ((first + i) / (HISTORY - 1)) * width;
      return `${x.toFixed(1)},${(height - (value / most) * height).toFixed(1)}`;
    })
    .join(' ');
}
