/**
 * `etherloom doctor vxlan PEER`: asks a VTEP harmless questions and says what it does with them.
 *
 * Only what the command line names is asked, only when it is called. Evidence is a capture of all that was sent and
 * received.
 */

import { isIP } from 'node:net';
import { complain } from './complain.ts';
import { Doctor, type Report } from './doctor/checks.ts';
import { openProbePort, type ProbePort } from './doctor/probe-port.ts';
import { fileReason } from './file-reason.ts';
import { table } from './text/table.ts';

export interface DoctorOptions {
  vni: number;
  port: number;
  local?: string | undefined;
  target?: string | undefined;
  wait: number;
  capture?: string | undefined;
  json: boolean;
}

export interface DoctorIo {
  out: NodeJS.WritableStream;
  err: NodeJS.WritableStream;
}

const OK = 0;
const FAILED = 1;
const BAD_USAGE = 2;

/** 0 when nothing is at fault, 1 when something is, 2 when it cannot be asked at all. */
export async function doctorVxlan(
  peer: string,
  options: DoctorOptions,
  io: DoctorIo = { out: process.stdout, err: process.stderr },
): Promise<number> {
  io.out.on('error', () => {}); // a reader that goes away (`| head`) is no failure
  const problem = badAddress(peer, options);
  if (problem !== null) {
    complain(io.err, problem);
    return BAD_USAGE;
  }
  let probes: ProbePort;
  try {
    probes = await openProbePort({ peer, local: options.local, port: options.port, capture: options.capture });
  } catch (error) {
    complain(io.err, `doctor vxlan ${peer}: ${(error as Error).message}`);
    return FAILED;
  }
  let report: Report;
  try {
    const { vni, port, target = null } = options;
    report = await new Doctor(probes, { local: probes.local, peer, port, vni, target }, options.wait).examine();
  } finally {
    probes.close();
  }
  const evidence = probes.captureFault === null ? (options.capture ?? null) : null;
  if (options.json) io.out.write(`${JSON.stringify({ ...report, capture: evidence })}\n`);
  else io.out.write(text(report, evidence));
  if (probes.captureFault !== null)
    complain(io.err, `--capture ${options.capture}: ${fileReason(probes.captureFault)}`);
  const atFault = report.findings.some(({ verdict }) => verdict === 'fault');
  return atFault || probes.captureFault !== null ? FAILED : OK;
}

function badAddress(peer: string, { local, target }: DoctorOptions): string | null {
  const family = isIP(peer);
  if (family === 0) return `PEER: "${peer}" is not an IP address`;
  if (local !== undefined && isIP(local) !== family) return `--local: "${local}" is not an IPv${family} address`;
  if (target !== undefined && isIP(target) === 0) return `--target: "${target}" is not an IP address`;
  return null;
}

function text({ peer, local, port, vni, findings, answer }: Report, capture: string | null): string {
  const asker = local === peer ? 'this host, whose own address that is' : local;
  const lines = [`VTEP ${peer} port ${port}, VNI ${vni}, asked from ${asker}\n\n`];
  lines.push(
    table(
      ['CHECK', 'VERDICT', 'FINDING'],
      findings.map((f) => [f.check, f.verdict, f.text]),
    ),
  );
  if (answer !== null) {
    const { mac, from, sourcePort, ttl, tos } = answer;
    lines.push(`\nanswered by ${mac} through ${from}:${sourcePort}, TTL ${ttl}, TOS ${tos}\n`);
  }
  if (capture !== null) lines.push(`\nevidence: ${capture}\n`);
  return lines.join('');
}
