/**
 * VTEPs, tunnels and their VNIs by name, or why there is none.
 */

import type { Control } from '../control.ts';
import { ControlError } from '../model.ts';
import type { Segment, Tunnel, Vtep } from './model.ts';

export function vtepNamed(control: Control, name: string): Vtep {
  const vtep = control.vxlan.vteps.get(name);
  if (vtep === undefined) throw new ControlError(`no VTEP ${name}`);
  return vtep;
}

export function tunnelNamed(control: Control, port: string): Tunnel {
  const tunnel = control.vxlan.tunnels.get(port);
  if (tunnel === undefined) throw new ControlError(`port ${port} is no tunnel`);
  return tunnel;
}

/** Of a port with one VNI that one; of several the one asked for. */
export function segmentOf(tunnel: Tunnel, vni?: number): Segment {
  const { segments, port } = tunnel;
  const found = vni === undefined ? segments[0] : segments.find((segment) => segment.vni === vni);
  if (found === undefined) throw new ControlError(`port ${port.name} has no VNI ${vni}`);
  if (vni === undefined && segments.length !== 1)
    throw new ControlError(`port ${port.name} has several VNIs: name one`);
  return found;
}
