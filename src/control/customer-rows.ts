/**
 * Rows for the lists of customer VLANs of dot1q-tunnel ports: only ports with a list have one.
 */

import { asksCustomerVid, ControlError, type Port } from './model.ts';

export class CustomerRows {
  private readonly rows: number;
  private readonly taken: boolean[] = [];

  constructor(rows: number) {
    this.rows = rows;
  }

  /** Gives the port a row when its settings need one, and takes it back when they do not. */
  settle(port: Port): void {
    if (!asksCustomerVid(port.settings)) {
      this.release(port);
      port.tunnelRow = -1;
    }
    if (!asksCustomerVid(port.settings) || port.tunnelRow >= 0) return;
    let row = 0;
    while (this.taken[row]) row++;
    if (row >= this.rows)
      throw new ControlError(`no room for another tunnel port with a list of customer VLANs (${this.rows})`);
    this.taken[row] = true;
    port.tunnelRow = row;
  }

  release(port: Port): void {
    if (port.tunnelRow >= 0) this.taken[port.tunnelRow] = false;
  }
}
