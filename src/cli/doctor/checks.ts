/**
 * What is asked of a VTEP, one after the other, and what the answers mean.
 *
 * Without a target nobody answers, and only the port and the path are judged. A probe that is not answered is asked
 * again once: datagrams may be lost.
 */

import { readOuter } from '../../adapters/outer-headers.ts';
import { openRawSocket, packetDestination, type RawSocket } from '../../adapters/raw-ip.ts';
import { ETHERNET_BYTES, etherSrcText } from '../../wire/ethernet.ts';
import { VXLAN_BYTES, vxlanReservedClear } from '../../wire/vxlan.ts';
import type { Answer, ProbePort } from './probe-port.ts';
import { answers, type Ends, innerAt, makeProbe, overhead, type Shape } from './probes.ts';

/** ok: as it should be; note: worth knowing; fault: does not work; unknown: could not be found out. */
export type Verdict = 'ok' | 'note' | 'fault' | 'unknown';

export interface Finding {
  check: 'port' | 'answer' | 'checksum-0' | 'checksum-wrong' | 'reserved-bits' | 'i-flag' | 'path-mtu';
  verdict: Verdict;
  text: string;
}

export interface Report {
  peer: string;
  local: string;
  port: number;
  vni: number;
  target: string | null;
  findings: Finding[];
  /** Who answered, in the segment. */
  answer: { mac: string; from: string; sourcePort: number; ttl: number; tos: number } | null;
  /** Bytes of the longest outer IP packet that gets there; null when not known. */
  pathMtu: number | null;
  /** The longest IP packet that fits a frame inside. */
  innerMtu: number | null;
}

const TRIES = 2;
/** Reserved bits that no extension in use gives a meaning to: in the flags' last byte, and behind the VNI. */
const RESERVED = [0, 0, 0, 0x01, 0, 0, 0, 0x01];
/** The smallest path MTU that is looked for: the least that IPv6 must carry. */
const LEAST_PATH = 1280;
/** A host that is not there is told by ARP after three seconds. */
const PORT_MS = 3500;
/** Longest wait for a packet to leave through the package raw-socket. */
const RAW_SEND_MS = 1000;
const REFUSED = 'ECONNREFUSED';

export class Doctor {
  readonly #port: ProbePort;
  readonly #ends: Ends;
  readonly #waitMs: number;
  readonly #findings: Finding[] = [];

  constructor(port: ProbePort, ends: Ends, waitMs: number) {
    this.#port = port;
    this.#ends = ends;
    this.#waitMs = waitMs;
  }

  async examine(): Promise<Report> {
    const { local, peer, port, vni, target } = this.#ends;
    const answer = this.#port.pathMtu(peer) === 0 ? null : await this.#askPort(); // without a route nothing leaves
    const report: Report = {
      peer,
      local,
      port,
      vni,
      target,
      findings: this.#findings,
      answer: answer === null ? null : this.#describe(answer),
      pathMtu: null,
      innerMtu: null,
    };
    if (answer !== null) {
      await this.#askChecksums();
      await this.#askHeader();
    }
    report.pathMtu = await this.#askPath(answer !== null);
    if (report.pathMtu !== null) report.innerMtu = report.pathMtu - overhead(peer) - ETHERNET_BYTES;
    return report;
  }

  #find(check: Finding['check'], verdict: Verdict, text: string): void {
    this.#findings.push({ check, verdict, text });
  }

  /** The answer to a probe, or null. */
  async #ask(what: string, shape: Shape = {}, raw: RawSocket | null = null): Promise<Answer | null> {
    for (let n = 0; n < TRIES; n++) {
      const probe = makeProbe(this.#ends, shape);
      if (raw === null) {
        if (!this.#port.send(probe.frame, what) && shape.packetBytes !== undefined) return null;
      } else {
        await sendRaw(raw, probe.frame, this.#ends.peer);
        this.#port.note(probe.frame, what);
      }
      const answer = await this.#port.answer((each) => answers(probe, this.#ends, each), this.#waitMs);
      if (answer !== null) return answer;
    }
    return null;
  }

  async #askPort(): Promise<Answer | null> {
    const { peer, port, target } = this.#ends;
    const where = `UDP port ${port}`;
    const { errors, listens } = this.#port;
    let answer = await this.#ask('port');
    const end = performance.now() + PORT_MS; // the search for the host has begun by now
    while (answer === null && errors.size === 0 && performance.now() < end) answer = await this.#ask('port');
    if (answer !== null) {
      this.#find('port', 'ok', `${where} is open`);
      this.#find('answer', 'ok', `${target} answered from inside VNI ${this.#ends.vni}`);
    } else if (errors.has(REFUSED)) {
      this.#find('port', 'fault', `${where} is closed: ${peer} refused it by ICMP${otherPort(port)}`);
    } else if (errors.size > 0) {
      this.#find('port', 'fault', `${peer} cannot be reached: ${[...errors].join(', ')}`);
    } else {
      this.#find('port', 'unknown', `${where} is open, or something drops what is sent to it`);
      if (target !== null && listens) this.#find('answer', 'fault', `nobody answered: ${why(this.#ends)}`);
    }
    if (answer !== null || errors.size > 0) return answer;
    if (!listens)
      this.#find('answer', 'unknown', `answers go to port ${port} of this host, which another program uses`);
    else if (target === null)
      this.#find('answer', 'unknown', 'nobody was asked: give --target, an address inside the segment');
    return null;
  }

  async #askChecksums(): Promise<void> {
    const v6 = this.#ends.peer.includes(':');
    const zero = await this.#ask('UDP checksum 0', { checksum: 'zero' });
    if (zero !== null) this.#find('checksum-0', 'ok', 'datagrams without a UDP checksum are accepted');
    else if (v6)
      this.#find('checksum-0', 'note', 'datagrams without a UDP checksum are dropped, as is usual over IPv6');
    else this.#find('checksum-0', 'fault', 'datagrams without a UDP checksum are dropped: set udpChecksum on');
    let raw: RawSocket;
    try {
      raw = openRawSocket(!v6);
    } catch (error) {
      const text = (error as Error).message.split('\n')[0];
      this.#find('checksum-wrong', 'unknown', `cannot be sent without root and the package raw-socket (${text})`);
      return;
    }
    try {
      const wrong = await this.#ask('UDP checksum wrong', { checksum: 'wrong' }, raw);
      if (wrong === null) this.#find('checksum-wrong', 'ok', 'datagrams with a wrong UDP checksum are dropped');
      else this.#find('checksum-wrong', 'note', 'datagrams with a wrong UDP checksum are accepted');
    } finally {
      raw.close();
    }
  }

  async #askHeader(): Promise<void> {
    const reserved = await this.#ask('reserved bits set', { header: RESERVED });
    if (reserved !== null) this.#find('reserved-bits', 'ok', 'reserved bits are ignored on receipt, as RFC 7348 says');
    else this.#find('reserved-bits', 'note', 'datagrams with reserved bits set are dropped');
    const bare = await this.#ask('I flag not set', { noFlag: true });
    if (bare === null) this.#find('i-flag', 'ok', 'datagrams without the I flag are dropped');
    else this.#find('i-flag', 'fault', 'datagrams without the I flag are accepted');
  }

  /** The longest packet that is answered, or that the kernel knows of. */
  async #askPath(answered: boolean): Promise<number | null> {
    const { peer } = this.#ends;
    const known = this.#port.pathMtu(peer);
    if (known === 0) {
      this.#find('path-mtu', 'fault', `this host has no route to ${peer}`);
      return null;
    }
    if (!answered) {
      await this.#ask('path MTU', { packetBytes: known });
      const now = this.#port.pathMtu(peer);
      this.#find('path-mtu', 'unknown', `${now} bytes as far as this host knows`);
      return now;
    }
    let least = 0;
    let most = known;
    // The whole first; then halves, unless the network says how much would do.
    for (let bytes = known; bytes >= LEAST_PATH || least > 0; ) {
      const answer = await this.#ask(`path MTU ${bytes}`, { packetBytes: bytes });
      if (answer !== null) least = bytes;
      else most = Math.min(bytes - 1, Math.max(LEAST_PATH, this.#port.pathMtu(peer)));
      if (least >= most) break;
      bytes =
        answer === null && most < bytes - 1
          ? most
          : least === 0
            ? Math.max(LEAST_PATH, (most + LEAST_PATH) >> 1)
            : (least + most + 1) >> 1;
    }
    if (least === 0) {
      this.#find('path-mtu', 'fault', `packets of ${LEAST_PATH} bytes do not arrive`);
      return null;
    }
    const silent = this.#port.pathMtu(peer) > least;
    const inner = least - overhead(peer) - ETHERNET_BYTES;
    this.#find(
      'path-mtu',
      silent ? 'fault' : inner >= 1500 ? 'ok' : 'note',
      silent
        ? `${least} bytes, but the network drops longer packets without saying so: set the mtu of the VTEP`
        : `${least} bytes: IP packets of ${inner} bytes fit inside`,
    );
    return least;
  }

  #describe({ view, bytes }: Answer): Report['answer'] {
    const { peer } = this.#ends;
    const outer = readOuter(view, 0, bytes.length, !peer.includes(':'))!;
    const inner = innerAt(peer);
    if (!vxlanReservedClear(view, inner - VXLAN_BYTES)) {
      this.#find('reserved-bits', 'note', 'answers come with reserved bits set');
    }
    return {
      mac: etherSrcText(view, inner),
      from: outer.src,
      sourcePort: outer.srcPort,
      ttl: outer.ttl,
      tos: outer.tos,
    };
  }
}

function otherPort(port: number): string {
  return port === 4789 ? '; flannel and old Linux use 8472' : port === 8472 ? '; the standard port is 4789' : '';
}

function why({ vni, target }: Ends): string {
  return `VNI ${vni} is not there, ${target} is not in it, this host is not among its peers, or what is sent is dropped`;
}

function sendRaw(raw: RawSocket, frame: Uint8Array, peer: string): Promise<void> {
  const packet = Buffer.from(frame.subarray(ETHERNET_BYTES));
  return new Promise((done) => {
    // The package's socket keeps no event loop alive.
    const timer = setTimeout(done, RAW_SEND_MS);
    raw.send(packet, 0, packet.length, packetDestination(packet, 0, !peer.includes(':')), () => {
      clearTimeout(timer);
      done();
    });
  });
}
