/** `1 10-12 20`: ascending VLAN IDs as people write them. */
export function vidList(vids: readonly number[]): string {
  const sorted = [...new Set(vids)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; i++) {
    const first = sorted[i];
    while (sorted[i + 1] === sorted[i] + 1) i++;
    parts.push(first === sorted[i] ? `${first}` : `${first}-${sorted[i]}`);
  }
  return parts.join(' ');
}
