/** `none (offloads: off); in software csum tso4 tso6`: what a port's device takes on, and what the switch does for it. */
export function offloadText(port: { offloads: string; offloadsWhy: string | null; software: string }): string {
  const why = port.offloadsWhy === null ? '' : ` (${port.offloadsWhy})`;
  return `${port.offloads}${why}${port.software === 'none' ? '' : `; in software ${port.software}`}`;
}
