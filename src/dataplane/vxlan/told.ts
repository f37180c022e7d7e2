/**
 * Told: frames out of tunnels that answer for hosts, in which a host may say what its address is. They are marked behind
 * decapsulation, where one look a batch tells that there are none; the mark leads them past the fast lane, and
 * control hears of them when they are on their way.
 */

import { PORT_TOLD } from '../../tables/port-table.ts';
import { METER_SUPPRESS, takeMeter } from '../../tables/router-table.ts';
import { isTagType } from '../../wire/vlan.ts';
import { type Batch, RX_DONE, RX_TOLD } from '../batch.ts';
import type { Dataplane } from '../dataplane.ts';
import { isAboutNeighbors } from '../stages/suppress.ts';

const ETHERNET_HEADER = 14;
const TAG = 4;

export function markTold(dp: Dataplane, b: Batch): void {
  const { view } = dp.arena;
  const { flags } = dp.ports;
  for (let i = 0; i < b.count; i++) {
    if ((flags[b.port[i]] & PORT_TOLD) === 0 || (b.rxFlags[i] & RX_DONE) !== 0) continue;
    const end = b.off[i] + b.len[i];
    let packet = b.off[i] + ETHERNET_HEADER;
    if (isTagType(view.getUint16(packet - 2)) && packet + TAG <= end) packet += TAG;
    if (!isAboutNeighbors(view, packet, end)) continue;
    if (takeMeter(dp.router, b.port[i], METER_SUPPRESS, b.nowMs[i])) b.rxFlags[i] |= RX_TOLD;
  }
}
