/**
 * The process that holds the package `raw-socket`: IP packets on stdin, each with its length in front, leave as they
 * are.
 *
 * In a process of its own its faults end nothing but it (it crashes when it is loaded in a worker, or built against
 * another Node). It answers on stdout with a line of JSON: first whether it is ready, then counters once a second
 * while they change. It ends with its stdin.
 *
 *   | length 2 | IP packet ... | length 2 | IP packet ... |
 */

import { openRawSocket, packetDestination, type RawSocket } from './raw-ip.ts';

const LENGTH_BYTES = 2;
/** Packets handed to the package and not yet sent; more than this and stdin is no longer read. */
const UNDER_WAY = 256;
const REPORT_MS = 1000;

function serve(v4: boolean): void {
  let socket: RawSocket;
  const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
  try {
    socket = openRawSocket(v4);
  } catch (error) {
    say({ failed: (error as Error).message.split('\n')[0] });
    return;
  }
  const counters = { sent: 0, refused: 0, tooLong: 0 };
  let told = '';
  let rest: Buffer = Buffer.alloc(0);
  let underWay = 0;
  const sent = (error: Error | null) => {
    if (--underWay === UNDER_WAY / 2) process.stdin.resume();
    if (error === null) counters.sent++;
    else if (/too long|EMSGSIZE/i.test(error.message)) counters.tooLong++;
    else counters.refused++;
  };
  socket.on('error', () => counters.refused++);
  process.stdin.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + LENGTH_BYTES <= bytes.length) {
      const end = at + LENGTH_BYTES + bytes.readUInt16BE(at);
      if (end > bytes.length) break;
      underWay++;
      socket.send(
        bytes,
        at + LENGTH_BYTES,
        end - at - LENGTH_BYTES,
        packetDestination(bytes, at + LENGTH_BYTES, v4),
        sent,
      );
      at = end;
    }
    rest = bytes.subarray(at);
    if (underWay >= UNDER_WAY) process.stdin.pause();
  });
  process.stdin.on('end', () => process.exit(0));
  setInterval(() => {
    const now = JSON.stringify(counters);
    if (now !== told) say(counters);
    told = now;
  }, REPORT_MS);
  say({ ready: true });
}

if (process.argv[2] === 'serve') serve(process.argv[3] === '4');
