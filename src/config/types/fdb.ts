/** The forwarding database of a bridge, and what is written into it. */

/** What a full table does with a new source: see semantics in docs/fdb.md. */
export type FdbOverflow = 'fair' | 'lru' | 'refuse';
/** `forward`: count and report a frame that claims a static MAC on another port; `drop`: discard it as well. */
export type StaticViolation = 'forward' | 'drop';
/** Kinds of configured FDB entries (`dynamic` ones are only learned). */
export type FdbEntryKind = 'static' | 'sticky' | 'local' | 'external' | 'blackhole';

export interface FdbConfig {
  ageSeconds: number; // 10..1,000,000; 300
  maxEntries: number; // learned entries of this bridge; 65,536
  overflow: FdbOverflow;
  staticViolation: StaticViolation;
}

export interface FdbEntryConfig {
  bridge: string;
  vid: number | null; // null on an unaware bridge
  mac: string;
  /** null for blackhole and local entries of the bridge itself. */
  port: string | null;
  kind: FdbEntryKind;
}
