/**
 * Etherloom as a library: `import { createSwitch } from 'etherloom'`. No side effects, no native code, no root.
 * docs/library.md explains it.
 */

import type { ConfigInput } from './library/config-input.ts';
import { Switch, type SwitchOptions } from './library/switch.ts';

export { ConfigError } from './config/error.ts';
export type { FdbEntryView } from './control/fdb-control.ts';
export { ControlError } from './control/model.ts';
export type { LedgerRow, PortCounters } from './dataplane/counters.ts';
export { DROP_REASONS, type DropReason } from './dataplane/reasons.ts';
export { type Clock, type ManualClock, manualClock } from './library/clock.ts';
export type { ConfigInput, FdbEntryInput, PortInput, PortPatch } from './library/config-input.ts';
export type { Ledger, VlanLedger } from './library/counters.ts';
export type {
  DropEvent,
  DropHook,
  EgressHook,
  FdbChange,
  HookFailure,
  HookPlace,
  IngressHook,
  LinkChange,
  SwitchEvents,
} from './library/events.ts';
export { HookBudgetError, type HookOptions } from './library/hooks.ts';
export type { FrameInfo, FrameListener, SwitchPort } from './library/port.ts';
export { type CaptureInput, type ReplayRequest, type ReplayResult, replayCaptures } from './library/replay.ts';
export type { FrameInput, SendOptions, SendResult } from './library/result.ts';
export type { Switch, SwitchOptions, VlanAddress } from './library/switch.ts';
export * as wire from './library/wire.ts';
export { PcapWriter, type PcapWriterOptions } from './pcap/pcap-writer.ts';
export { CaptureError, CaptureReader } from './pcap/reader.ts';
export { type ByteSink, type ByteSource, MemorySink, MemorySource } from './pcap/source.ts';
export { ReplayError } from './runtime/replay/replay.ts';
export type { ReplayReport } from './runtime/replay/report.ts';

/**
 * Makes a switch with the configuration of a file (docs/configuration.md), as an object or as YAML or JSON text.
 * Its ports are memory: frames are Buffers. Throws ConfigError with the path of what is wrong.
 */
export function createSwitch(config: ConfigInput | string = {}, options: SwitchOptions = {}): Switch {
  return new Switch(config, options);
}
