/**
 * What a filter does: tests over numbers that are read from the frame.
 *
 * This is the middle between the words (ast.ts) and the code (emit.ts); it knows offsets and masks, no protocols.
 */

/** What a place counts from: the frame's first byte, or what the n-th tunnel of the filter found. */
export interface Base {
  readonly tunnel: number;
  readonly part: 'link' | 'type' | 'payload';
}

export interface Place {
  /** null: the frame's first byte. */
  readonly base: Base | null;
  readonly offset: number;
}

/** Unsigned, 32 bits, as BPF counts. */
export type Value =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'length' }
  | {
      readonly kind: 'load';
      readonly place: Place;
      readonly size: 1 | 2 | 4;
      readonly index?: Value;
      /** An IPv4 header stands at this place: count from behind it. */
      readonly behindIpv4?: Place;
    }
  | { readonly kind: 'negate'; readonly of: Value }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Value; readonly right: Value };

export type Operator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>';

export type Test =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Test[] }
  | { readonly kind: 'not'; readonly of: Test }
  | { readonly kind: 'compare'; readonly operator: '===' | '>' | '>='; readonly left: Value; readonly right: Value }
  | { readonly kind: 'chain'; readonly version: 4 | 6; readonly place: Place; readonly protocol: number }
  | {
      readonly kind: 'enter';
      readonly tunnel: number;
      readonly header: Place;
      readonly behindIpv4?: Place;
      readonly geneve: boolean;
    };

export const constant = (value: number): Value => ({ kind: 'constant', value: value >>> 0 });

export const all = (...of: Test[]): Test => ({ kind: 'all', of });
export const any = (...of: Test[]): Test => ({ kind: 'any', of });
export const not = (of: Test): Test => ({ kind: 'not', of });

export function shifted(place: Place, bytes: number): Place {
  return { base: place.base, offset: place.offset + bytes };
}

export function load(place: Place, bytes: number, size: 1 | 2 | 4): Value {
  return { kind: 'load', place: shifted(place, bytes), size };
}

export function equals(left: Value, value: number): Test {
  return { kind: 'compare', operator: '===', left, right: constant(value) };
}

export function above(left: Value, value: number): Test {
  return { kind: 'compare', operator: '>', left, right: constant(value) };
}

export function atLeast(left: Value, value: number): Test {
  return { kind: 'compare', operator: '>=', left, right: constant(value) };
}

/** With no bit of the mask set the value is 0, and need not be read. */
export function masked(left: Value, mask: number): Value {
  if (mask === 0) return constant(0);
  return mask >>> 0 === 0xffffffff ? left : { kind: 'binary', operator: '&', left, right: constant(mask) };
}

/** Whether any of these bits is set. */
export function hasBits(left: Value, bits: number): Test {
  return not(equals(masked(left, bits), 0));
}
