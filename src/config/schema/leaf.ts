/**
 * The leaves of the schema: zod types whose complaint says what was found and what would be valid.
 *
 * Strict on purpose: a number in quotes is text, `yes` is text, a key without a value is an error. A value that is
 * accepted by guessing is one that surprises later.
 */
import { z } from 'zod';
import { didYouMean, show } from '../error.ts';
import { VALID_VLAN_SET, VLAN_SET_PATTERN } from '../vlan-range.ts';

type RawIssue = { readonly code?: string | undefined; readonly input?: unknown; readonly keys?: readonly string[] };
type Complaint = { error: (issue: RawIssue) => string };

/** `what` completes "… is not …", `valid` says what to write instead. */
export function complain(what: string, valid: string): Complaint {
  return {
    error: ({ input }) => {
      if (input === undefined) return `is missing; ${valid}`;
      if (input === null) return `has no value; ${valid}`;
      if (typeof input === 'string' && /^\d+$/.test(input) && /^valid (are|is) \d/.test(valid)) {
        return `${show(input)} is text; write the number without quotes; ${valid}`;
      }
      return `${show(input)} is not ${what}; ${valid}`;
    },
  };
}

export function integer(min: number, max: number, what: string, valid = `valid are ${min}-${max}`) {
  const complaint = complain(what, valid);
  return z.int(complaint).min(min, complaint).max(max, complaint);
}

export function boolean() {
  return z.boolean(complain('a boolean', 'valid are true, false'));
}

export function choice<const T extends readonly [string, ...string[]]>(names: T, what: string) {
  return z.enum(names, {
    error: ({ input }: RawIssue) => {
      const hint = typeof input === 'string' ? didYouMean(input, names) : '';
      return complain(`${what}${hint}`, `valid are ${names.join(', ')}`).error({ input });
    },
  });
}

export function text(what: string, valid: string) {
  return z.string(complain(what, valid));
}

export function matching(pattern: RegExp, what: string, valid: string) {
  const complaint = complain(what, valid);
  return z.string(complaint).regex(pattern, complaint);
}

export const NAME_PATTERN = '^[A-Za-z0-9_.:-]{1,32}$';
export const VALID_NAME = 'valid are 1 to 32 of the characters A-Z a-z 0-9 _ . : -';

export function name(what: string) {
  return matching(new RegExp(NAME_PATTERN), what, VALID_NAME);
}

export function vid() {
  return integer(1, 4094, 'a VLAN ID');
}

export function pvid() {
  const valid = 'valid are 1-4094, none';
  return z.union([integer(1, 4094, 'a PVID', valid), z.literal('none')], complain('a PVID', valid));
}

/** The shape only; `expandVlans` reads the text and knows the element that is wrong. */
export function vlanSet() {
  // A number too large for an integer is a complaint of its own, and not of the union.
  const integers = z.int(complain('a VLAN set', VALID_VLAN_SET));
  const item = z.union([integers, z.string().meta({ pattern: VLAN_SET_PATTERN })]);
  return z.union([item, z.array(item)], {
    error: ({ input }: RawIssue) => {
      const isItem = (value: unknown) => typeof value === 'string' || Number.isSafeInteger(value);
      const wrong = Array.isArray(input) ? input.find((value) => !isItem(value)) : input;
      return complain('a VLAN set', VALID_VLAN_SET).error({ input: wrong });
    },
  });
}

/** A map with known keys. */
export function map<T extends z.core.$ZodLooseShape>(shape: T, what: string) {
  const valid = Object.keys(shape).filter((key) => key !== '$schema');
  return z.strictObject(shape, {
    error: (issue: RawIssue) =>
      issue.code === 'unrecognized_keys'
        ? valid.join(KEY_SEPARATOR) // for `unknownKey`, which words it for the place of each key
        : complain(`a map of ${what}`, `valid is a map with the keys ${valid.join(', ')}`).error(issue),
  });
}

/** A map whose keys are names that the user chose. */
export function named<T extends z.core.$ZodType>(pattern: string, value: T, what: string, example: string) {
  return z.record(
    z.string().meta({ pattern }),
    value,
    complain(`a map of ${what}`, `valid is a map such as ${example}`),
  );
}

export function list<T extends z.core.$ZodType>(item: T, max: number, what: string) {
  const complaint: Complaint = {
    error: (issue) =>
      Array.isArray(issue.input)
        ? `there are ${issue.input.length} ${what}; valid are at most ${max}`
        : complain(`a list of ${what}`, `valid is a list of ${what}`).error(issue),
  };
  return z.array(item, complaint).max(max, complaint);
}

const KEY_SEPARATOR = ', ';
/** Beside a suggestion more would hide it. */
const FEW_KEYS = 8;

/** `known` is the message that `map` left in the issue: the valid keys. */
export function unknownKey(key: string, known: string): string {
  const valid = known.split(KEY_SEPARATOR);
  const hint = didYouMean(key, valid);
  const isShort = valid.length <= FEW_KEYS;
  return `the key is not known${hint}${hint === '' || isShort ? `; valid keys are ${known}` : ''}`;
}
