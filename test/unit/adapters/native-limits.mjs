/**
 * The addon where the system has no more to give: descriptors, locked memory, address space. Whatever step of an opening fails, it says
 * so with the step, and leaves nothing open. Run as root without CAP_IPC_LOCK, as a process of its own; prints what came of every opening.
 *
 *   node native-limits.mjs ADDON
 */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const addon = createRequire(import.meta.url)(process.argv[2]);
const MOST = 256;
const pid = String(process.pid);
const limit = (what) => execFileSync('prlimit', ['--pid', pid, what]);
const tap = `ell${process.pid.toString(36)}`;
const arena = new Uint8Array(new SharedArrayBuffer(2112 * 512));
const openings = {
  tap: async () => (await addon.tapOpen(`${tap}x`, 1)).fd,
  packet: () => addon.packetOpen(tap, 1522, 64, -1),
  xdp: async () => (await addon.xdpOpen(tap, 0, arena, 2112, 512, 64, false, 0, -1, false)).fd,
  configured: async () => {
    await addon.ifConfigure(tap, 1500);
    return -1;
  },
};

/** Takes every descriptor that there is. */
function fill() {
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  return taken;
}

/** An opening with `free` descriptors: `open`, or what failed; and how many are free afterwards. */
async function withFree(free, open) {
  const taken = fill();
  for (let n = 0; n < free; n++) closeSync(taken.pop());
  let result = 'open';
  try {
    const fd = await open();
    if (fd >= 0) await addon.closeApart(fd);
  } catch (error) {
    result = `${error.code} ${error.syscall}`;
  }
  const left = fill();
  for (const fd of [...taken, ...left]) closeSync(fd);
  return [result, left.length];
}

const { fd } = await addon.tapOpen(tap, 1); // nothing is opened for the first time below
limit(`--nofile=${MOST}:`);
const answers = {};
for (const [name, open] of Object.entries(openings)) {
  answers[name] = [];
  for (let free = 0; free < 12; free++) {
    let [result, left] = await withFree(free, open);
    // The kernel lets go of an interface some time after its XDP socket was closed.
    while (result.startsWith('EBUSY')) [result, left] = await withFree(free, open);
    answers[name].push(result);
    if (left !== free) throw new Error(`${name} with ${free} descriptors: ${result}, and ${left} are free`);
    if (result === 'open') break;
  }
}
/** A port that is up stays what it is known to be while nobody can be asked. */
const packet = await addon.packetOpen(tap, 1522, 64, -1);
const taken = fill();
const states = [addon.packetState(packet), addon.tapState(fd)];
for (const each of taken) closeSync(each);
states.push(addon.packetState(packet));

/** What an opening says, with no more memory than that; no descriptor is lost with it. */
async function refused(open) {
  const free = fill();
  for (const each of free) closeSync(each);
  const said = await open().then(
    () => 'open',
    (error) => `${error.code} ${error.syscall}`,
  );
  const left = fill();
  for (const each of left) closeSync(each);
  return left.length === free.length ? said : `${said}, and ${free.length - left.length} descriptors are gone`;
}

const kilobytes = Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
limit('--memlock=65536:');
const umem = await refused(openings.xdp);
limit(`--as=${(kilobytes + 2048) * 1024}:`);
const ring = await refused(() => addon.packetOpen(tap, 1522, 16_384, -1));
limit('--as=unlimited:');
console.log(JSON.stringify({ answers, states, umem, ring }));
