/**
 * What the benchmarks on live devices need of the machine.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export function installed(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Why live benchmarks cannot run here, or null. */
export function liveObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!existsSync('/dev/net/tun')) return 'it needs /dev/net/tun';
  if (!installed('ip')) return 'it needs ip (iproute2)';
  return installed('cc') ? null : 'it needs a C compiler';
}

export function hasOvs(): boolean {
  return installed('ovs-vswitchd') && existsSync('/usr/share/openvswitch/vswitch.ovsschema');
}
