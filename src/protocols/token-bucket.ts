/**
 * Token bucket: at most `burst` at once and `perSecond` in the long run. For what a switch says on its own, such as
 * ICMP errors (RFC 4443 2.4 f, RFC 1812 4.3.2.8): nobody outside decides how much that is.
 */

export interface TokenBucket {
  readonly perSecond: number;
  readonly burst: number;
  tokens: number;
  lastMs: number;
}

/** A full bucket. `nowMs` is the switch's clock; it wraps at 32 bits, only differences count. */
export function createTokenBucket(perSecond: number, burst: number, nowMs: number): TokenBucket {
  return { perSecond, burst, tokens: burst, lastMs: nowMs };
}

/** Takes a token when there is one. A clock that steps back gives none. */
export function takeToken(bucket: TokenBucket, nowMs: number): boolean {
  const passedMs = (nowMs - bucket.lastMs) | 0;
  bucket.lastMs = nowMs;
  if (passedMs > 0) bucket.tokens = Math.min(bucket.burst, bucket.tokens + (passedMs * bucket.perSecond) / 1000);
  if (bucket.tokens < 1) return false;
  bucket.tokens--;
  return true;
}
