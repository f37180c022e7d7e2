/**
 * The one way in which a capture fails: a line that names the file, the byte and what is wrong there.
 * `byteOffset` is the place in the (uncompressed) file where the damaged item begins.
 */
export class CaptureError extends Error {
  readonly byteOffset: number;

  constructor(file: string, byteOffset: number, what: string) {
    super(`${file}: byte ${byteOffset}: ${what}`);
    this.name = 'CaptureError';
    this.byteOffset = byteOffset;
  }
}
