/** Bytes for tests: frames written as hex in the order of the wire, and views that notice a look outside. */

/** Bytes of hex text; spaces, colons and line ends do not count. */
export function bytesOf(...hex: string[]): Uint8Array {
  const digits = hex.join('').replace(/[\s:]/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hex: ${digits}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const METHODS = { getUint8: 1, getUint16: 2, getInt16: 2, getUint32: 4, getInt32: 4 } as const;

/** A view that throws when a read touches a byte outside [off, off + length). */
export function guardedView(bytes: Uint8Array, off: number, length: number): DataView {
  const view = viewOf(bytes);
  for (const [method, size] of Object.entries(METHODS) as [keyof typeof METHODS, number][]) {
    const read = view[method].bind(view);
    view[method] = (at: number) => {
      if (at < off || at + size > off + length) throw new Error(`${method} at ${at - off} outside of ${length}`);
      return read(at);
    };
  }
  return view;
}
