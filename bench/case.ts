/** A case of `micro`. */
export interface Case {
  name: string;
  /** What one run handles. */
  items: number;
  run(): void;
}
