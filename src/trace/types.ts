/** What a trace tells: plain data, the same for text, JSON and the page. */

import type { EntryView } from './world.ts';

export interface Trace {
  /** Port that the frame arrives on. */
  port: string;
  bridge: string | null;
  /** Tunnel port that it came out of; null where it came through none. */
  tunnel: string | null;
  /** VID of what its port takes for a tag, translated; null without one, and for a priority tag. */
  tagVid: number | null;
  frame: FrameView;
  stages: TraceStage[];
  verdict: 'delivered' | 'consumed' | 'dropped';
  /** Why it was dropped. */
  reason: ReasonView | null;
  /** VLAN that it is in: behind the router that of the next hop; null before it is classified, and on a VLAN-unaware bridge. */
  vid: number | null;
  /** VLAN that it was classified to. */
  ingressVid: number | null;
  outputs: TraceOutput[];
  /** Copies that mirrors make of it. */
  mirrored: TraceOutput[];
}

export interface FrameView {
  length: number;
  /** As `etherloom dissect` says it. */
  text: string;
  hex: string;
}

export interface ReasonView {
  number: number;
  name: string;
  sentence: string;
}

export interface TraceStage {
  stage: string;
  /** What it found, in a sentence. */
  text: string;
  /** Set where the frame ends. */
  reason: string | null;
  /** FDB entry that decided; null where it looked and there was none. Absent where it does not look. */
  entry?: EntryView | null;
  /** Where the router hands it on. */
  routed?: RoutedView;
  /** Control keeps the packet until the next hop has told its MAC. */
  waits?: boolean;
  /** Ports that might have got the frame. */
  ports?: TracePort[];
}

export interface RoutedView {
  /** Interface that it leaves by. */
  interface: string;
  /** MAC of the next hop. */
  mac: string;
}

export interface TracePort {
  port: string;
  sends: boolean;
  /** How it leaves, or why it does not. */
  text: string;
  /** Where a drop reason fits what keeps this copy from leaving. */
  reason: string | null;
}

export interface TraceOutput extends FrameView {
  port: string;
  /** Tunnel port that made the frame; absent where it leaves as it is. */
  tunnel?: string;
}

/** What a stage has to say. */
export type Told = Omit<TraceStage, 'stage' | 'reason'>;
