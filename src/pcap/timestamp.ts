/**
 * pcapng timestamps: 64-bit counts of a unit that each interface chooses (if_tsresol), plus an offset in
 * seconds (if_tsoffset); draft-ietf-opsawg-pcapng, "Interface Description Block Options".
 *
 *   if_tsresol   +-+-------------+   0: 10^-value seconds    default: 6, microseconds
 *                |b|    value    |   1: 2^-value seconds
 *                +-+-------------+
 *
 * 2^64 nanoseconds do not fit a double, and a BigInt per frame costs ten times the rest of the reader. So
 * the seconds are estimated in doubles and the remainder is taken modulo 2^32, where Math.imul is exact:
 * with units of at most 2^30 per second the true remainder is smaller than 2^31, which corrects the estimate.
 * Resolutions beyond that (picoseconds and finer, 2^-31 and finer) take the BigInt path: exact, slower, rare.
 */
const DEFAULT_TSRESOL = 6;
const BASE_2_BIT = 0x80;
const TWO_32 = 4_294_967_296;
const NANOS = 1_000_000_000;
const MAX_FAST_DECIMAL = 9;
const MAX_FAST_BINARY = 30;

export class Timescale {
  readonly offsetSeconds: number;
  /** Results of `convert`: fields, because two numbers cannot be returned without an object. */
  seconds = 0;
  nanos = 0;
  #units: number; // per second; 0 takes the BigInt path
  #nanosPerUnit: number; // exact in a double: 10^n divides 1e9, and 1e9 / 2^30 is 1953125 / 2^21
  #bigUnits: bigint;

  constructor(tsresol = DEFAULT_TSRESOL, offsetSeconds = 0) {
    const exponent = tsresol & 0x7f;
    const binary = (tsresol & BASE_2_BIT) !== 0;
    this.offsetSeconds = offsetSeconds;
    this.#bigUnits = (binary ? 2n : 10n) ** BigInt(exponent);
    this.#units = exponent <= (binary ? MAX_FAST_BINARY : MAX_FAST_DECIMAL) ? Number(this.#bigUnits) : 0;
    this.#nanosPerUnit = NANOS / this.#units;
  }

  convert(high: number, low: number): void {
    const units = this.#units;
    if (units === 0) {
      this.#convertExactly(high, low);
      return;
    }
    let seconds = Math.floor((high * TWO_32 + low) / units);
    let rest = (low - Math.imul(seconds, units)) | 0;
    if (rest < 0 || rest >= units) {
      const carry = Math.floor(rest / units);
      seconds += carry;
      rest -= carry * units;
    }
    this.seconds = seconds + this.offsetSeconds;
    this.nanos = Math.floor(rest * this.#nanosPerUnit);
  }

  #convertExactly(high: number, low: number): void {
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    this.seconds = Number(ticks / this.#bigUnits) + this.offsetSeconds;
    this.nanos = Number(((ticks % this.#bigUnits) * 1_000_000_000n) / this.#bigUnits);
  }
}
