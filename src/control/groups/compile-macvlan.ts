/** Compile macvlan groups: rows and lists that the stage reads. */

import type { MacvlanMode } from '../../config/types/groups.ts';
import {
  CHILD_WORDS,
  GROUP_CHILD_COUNT,
  GROUP_CHILDREN,
  GROUP_HOST_ACCESS,
  GROUP_VID,
  GROUP_WORDS,
} from '../../tables/group-table.ts';
import {
  GROUP_PASSTHRU,
  GROUP_SOURCE_COUNT,
  GROUP_SOURCES,
  MODE_BRIDGE,
  MODE_PASSTHRU,
  MODE_PRIVATE,
  MODE_SOURCE,
  MODE_VEPA,
  SOURCE_WORDS,
  STATION_WORDS,
  stationAt,
} from '../../tables/macvlan-table.ts';
import { parseMac } from '../../wire/ethernet.ts';
import { clearRoles, freePort, type Grouped, hashWords, placeChild, placeGroup, shareWords } from './group-words.ts';

const MODES: Record<MacvlanMode, number> = {
  private: MODE_PRIVATE,
  vepa: MODE_VEPA,
  bridge: MODE_BRIDGE,
  passthru: MODE_PASSTHRU,
  source: MODE_SOURCE,
};

export function compileMacvlan(control: Grouped): void {
  const { macvlan } = control;
  const table = control.dp.macvlan;
  clearRoles(table);
  const groups: number[] = [];
  const childList: number[] = [];
  const sourceList: number[] = [];
  const stations: { group: number; mac: string; port: number; mode: number }[] = [];
  macvlan.forEach(({ parent: parentName, vlan, children, host, hostAccess }, group) => {
    const parent = freePort(control, parentName);
    const hostPort = freePort(control, host?.port ?? null);
    const words = new Array<number>(GROUP_WORDS).fill(0);
    words[GROUP_VID] = vlan ?? 0;
    words[GROUP_HOST_ACCESS] = hostAccess ? 1 : 0;
    words[GROUP_PASSTHRU] = -1;
    words[GROUP_CHILDREN] = childList.length;
    words[GROUP_SOURCES] = sourceList.length;
    for (const child of children) {
      const port = freePort(control, child.port);
      // Without its parent the group is nowhere.
      if (port < 0 || parent < 0) continue;
      const mode = MODES[child.mode];
      placeChild(table, group, port);
      table.mode[port] = mode;
      childList.push(port, mode);
      if (mode === MODE_PASSTHRU) words[GROUP_PASSTHRU] = port;
      for (const mac of child.macs) stations.push({ group, mac, port, mode });
      for (const mac of child.sources) {
        const { high, low } = parseMac(mac)!;
        sourceList.push(low, high, port);
      }
    }
    // Only children ask for it: from outside the host gets what is no child's.
    if (hostPort >= 0 && parent >= 0 && hostAccess) stations.push({ group, mac: host!.mac, port: hostPort, mode: 0 });
    words[GROUP_CHILD_COUNT] = (childList.length - words[GROUP_CHILDREN]) / CHILD_WORDS;
    words[GROUP_SOURCE_COUNT] = (sourceList.length - words[GROUP_SOURCES]) / SOURCE_WORDS;
    placeGroup(table, group, words, { parent, host: hostPort, vlan });
    groups.push(...words);
  });
  table.groups = shareWords(groups, GROUP_WORDS);
  table.children = shareWords(childList, CHILD_WORDS);
  table.sources = shareWords(sourceList, SOURCE_WORDS);
  table.macs = hashWords(stations.length, STATION_WORDS);
  for (const { group, mac, port, mode } of stations) {
    const { high, low } = parseMac(mac)!;
    table.macs.set([low, high, group + 1, port, mode], stationAt(table, group, high, low));
  }
}
