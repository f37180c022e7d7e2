/**
 * Walks a block's options ("Options" in draft-ietf-opsawg-pcapng) in place.
 *
 * An option's length comes from the file, so it is compared with what is left before anything is read; the
 * walk stops with `problem` set, and whoever walks decides what that means. Values stay where they are:
 * `valueOffset` and `valueLength` are only good until the reader moves on.
 */
import {
  OPT_CUSTOM_BINARY,
  OPT_CUSTOM_BINARY_NO_COPY,
  OPT_CUSTOM_UTF8,
  OPT_CUSTOM_UTF8_NO_COPY,
  OPT_ENDOFOPT,
  OPTION_HEADER_BYTES,
  padded,
} from './pcapng-format.ts';

const ENTERPRISE_NUMBER_BYTES = 4;

export class OptionWalk {
  code = 0;
  valueOffset = 0;
  valueLength = 0;
  /** What is wrong with the list, or '' as long as nothing is. */
  problem = '';
  #view: DataView = EMPTY;
  #little = true;
  #at = 0;
  #end = 0;

  begin(view: DataView, offset: number, length: number, little: boolean): void {
    this.#view = view;
    this.#little = little;
    this.#at = offset;
    this.#end = offset + length;
    this.problem = '';
  }

  /** Moves to the next option; false at the end of the list and at damage (then `problem` says which). */
  next(): boolean {
    const left = this.#end - this.#at;
    if (left <= 0) return false;
    if (left < OPTION_HEADER_BYTES) {
      this.problem = `not enough data for an option header: ${left} bytes`;
      return false;
    }
    this.code = this.#view.getUint16(this.#at, this.#little);
    this.valueLength = this.#view.getUint16(this.#at + 2, this.#little);
    this.valueOffset = this.#at + OPTION_HEADER_BYTES;
    if (padded(this.valueLength) > left - OPTION_HEADER_BYTES) {
      this.problem = `not enough data for an option of length ${this.valueLength}`;
      return false;
    }
    if (this.code === OPT_ENDOFOPT) {
      this.#at = this.#end; // what follows the end of the list is nobody's
      return false;
    }
    if (isCustom(this.code) && this.valueLength < ENTERPRISE_NUMBER_BYTES) {
      this.problem = `option length ${this.valueLength} is too small for a custom option`;
      return false;
    }
    this.#at = this.valueOffset + padded(this.valueLength);
    return true;
  }
}

function isCustom(code: number): boolean {
  return (
    code === OPT_CUSTOM_UTF8 ||
    code === OPT_CUSTOM_BINARY ||
    code === OPT_CUSTOM_UTF8_NO_COPY ||
    code === OPT_CUSTOM_BINARY_NO_COPY
  );
}

const EMPTY = new DataView(new ArrayBuffer(0));
