/**
 * The process that holds the package `cap`: frames of one interface to a socket and back; see cap.ts.
 *
 * It captures what arrives (libpcap's filter `inbound`), not what the host sends. The first frame after the opening is
 * lost by that: libpcap judges it itself, by a reading of the filter that knows no direction. The package keeps no hold
 * of the Buffer that it writes frames to, so this file does. It ends with its socket, and with its interface: then the
 * package aborts, or says nothing for ever, which whoever started it notices.
 *
 *   node cap-child.js DEVICE
 */

import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { type CapMessage, CHANNEL, QUEUE_BYTES } from './cap.ts';

/** What is used of the package, which has no types. */
interface Capture {
  open(device: string, filter: string, bufferBytes: number, frame: Buffer): string;
  send(frame: Buffer, length: number): void;
  on(event: 'packet', heard: (bytes: number, truncated: boolean) => void): void;
}

const LENGTH_BYTES = 4;
/** libpcap's slots are as large as the longest frame, so these are 512 of them. */
const KERNEL_BUFFER_BYTES = 32 << 20;
/** libpcap is told to take no longer frames. */
const SNAP_BYTES = 65_535;
const REPORT_MS = 1000;

const say = (message: CapMessage) => process.send?.(message);

function openCapture(device: string, frame: Buffer): Capture {
  const { Cap } = createRequire(import.meta.url)('cap') as { Cap: new () => Capture };
  const capture = new Cap();
  const link = capture.open(device, 'inbound', KERNEL_BUFFER_BYTES, frame);
  if (link !== 'ETHERNET') throw new Error(`the frames of ${device} are not Ethernet frames (${link})`);
  return capture;
}

function failure(error: Error): CapMessage {
  const text = error.message.split('\n')[0]!;
  if (/permission|permitted/i.test(text)) return { failed: `needs CAP_NET_RAW (root): ${text}`, code: 'EPERM' };
  if (/No such device/i.test(text)) return { failed: text, code: 'ENODEV' };
  if (/not up/i.test(text)) return { failed: 'the interface is down', code: 'ENETDOWN' };
  if (/Cannot find module|libpcap|\.node/i.test(text)) {
    const advice = 'install libpcap (Debian: apt-get install libpcap-dev) and then: npm install cap';
    return { failed: `the package cap cannot be used (${text}); ${advice}`, code: 'ENOTSUP' };
  }
  return { failed: text, code: 'ENOTSUP' };
}

function serve(device: string): void {
  const frame = Buffer.alloc(SNAP_BYTES + 1);
  let capture: Capture;
  try {
    capture = openCapture(device, frame);
  } catch (error) {
    say(failure(error as Error));
    process.disconnect?.();
    return;
  }
  const channel = new Socket({ fd: CHANNEL });
  const counters = { queueFull: 0, framesTooLong: 0, refused: 0 };
  capture.on('packet', (bytes, truncated) => {
    if (truncated || bytes >= SNAP_BYTES) counters.framesTooLong++;
    else if (channel.writableLength > QUEUE_BYTES) counters.queueFull++;
    else {
      const record = Buffer.allocUnsafe(LENGTH_BYTES + bytes);
      record.writeUInt32LE(bytes, 0);
      frame.copy(record, LENGTH_BYTES, 0, bytes);
      if (channel.writableCorked === 0) {
        channel.cork();
        setImmediate(() => channel.uncork());
      }
      channel.write(record);
    }
  });
  let rest: Buffer = Buffer.alloc(0);
  channel.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + LENGTH_BYTES <= bytes.length) {
      const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      try {
        capture.send(bytes.subarray(at + LENGTH_BYTES, end), end - at - LENGTH_BYTES);
      } catch {
        counters.refused++;
      }
      at = end;
    }
    rest = bytes.subarray(at);
  });
  for (const event of ['end', 'error', 'close']) channel.on(event, () => process.exit(0));
  let told = '';
  setInterval(() => {
    const now = JSON.stringify(counters);
    if (now !== told) say(counters);
    told = now;
  }, REPORT_MS);
  say({ ready: true });
}

const [device] = process.argv.slice(2);
if (process.send !== undefined && device !== undefined) serve(device);
