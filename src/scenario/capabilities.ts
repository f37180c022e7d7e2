/**
 * What this switch claims, in the words of scenario files, each with what it means; and the choices it has made
 * where switches disagree. A scenario that needs anything else is skipped and says what: it is never judged.
 */

export const CAPABILITIES: Readonly<Record<string, string>> = {
  bridge: 'forwards between the ports of a bridge: known unicast to its port, everything else to all others',
  multi_bridge: 'several bridges, between which nothing passes',
  vlan: 'PVID, member set and untagged set per port; ingress and egress filtering',
  priority_tag: 'VID 0 is a priority: such a frame belongs to the PVID, and its PCP is kept',
  tpid: "only the bridge's own TPID is a tag, any other is payload",
  private_vlan: 'secondaries of a private VLAN share the addresses of their primary, and have member sets of their own',
  qinq: 'tags below the outermost are payload, and S-VLAN bridges',
  tunnel_port: 'customer ports that push an S-tag and admit listed C-VIDs',
  tag_rewrite: 'tags of frames that arrive on a port are replaced, and put back on frames that leave',
  learning: 'source addresses are learned, refreshed and moved',
  ageing: 'what was not seen for the ageing time is forgotten',
  'fdb.static': 'configured entries that neither age nor move',
  'fdb.sticky': 'entries that never move',
  'fdb.local': 'addresses of the switch itself: frames to them are consumed',
  'fdb.extern_learn': 'entries told by a control plane: they do not age, and move with traffic',
  'fdb.flush': 'learned entries are forgotten by bridge, VLAN or port',
  'fdb.max_learned': 'a limit of learned entries per bridge that refuses new ones',
  'fdb.evict': 'a limit that evicts the least recently used entry of the port that holds most',
  'bridge.learning': 'learning can be off for a whole bridge',
  'bridge.uu_flood': 'unknown unicast can be dropped by a whole bridge',
  'bridge.broadcast_flood': 'broadcast can be dropped by a whole bridge',
  'port.learning': 'learning can be off per port',
  'port.flood': 'unknown unicast can be kept from leaving by a port',
  'port.mcast_flood': 'multicast can be kept from leaving by a port',
  'port.bcast_flood': 'broadcast can be kept from leaving by a port',
  'port.isolated': 'isolated ports do not reach each other',
  'port.split_horizon': 'ports of one group do not reach each other',
  'port.accept': 'acceptable frame types: all, only untagged, only tagged',
  'port.mtu': 'frames longer than a stated MTU are neither taken nor sent',
  stp_state: 'port states discarding, learning and forwarding',
  topology_change: 'a topology change forgets what the bridge has learned',
  vxlan: 'VXLAN tunnel ports on an underlay port: encapsulation, decapsulation, a table of remotes, flood lists',
  ecn: 'ECN across a tunnel as RFC 6040 says',
  underlay_vlan: 'the underlay may be a VLAN of its port',
  ipv6_underlay: 'outer packets over IPv6, with UDP checksums',
  underlay_multicast: 'floods of a tunnel can go to an IP multicast group, and what is sent to the group is for it',
  'vxlan.strict_reserved': 'a set reserved bit of the VXLAN header can drop the frame',
  neigh_suppress: 'ARP and ND are answered for hosts that are known to be behind a tunnel',
  'vxlan.ttl_inherit': 'the outer TTL can be that of the inner packet',
  jumbo: 'frames of more than 1,500 bytes of payload',
  mirror: 'copies of what ports receive and send, by port and VLAN, out of a port or into a VLAN',
  counters: 'learned entries per bridge; frames, bytes and drops per port',
};

/** Choices that scenarios name, and what they mean here. One that is not here is not ours: the scenario is skipped. */
export const POLICIES: Readonly<Record<string, string>> = {
  own_tpid_only: 'a bridge knows one TPID; a tag of another is payload',
  static_entries_do_not_move: 'a configured entry stays on its port whoever else sends with its address',
  underlay_vlan_only: 'outer frames are for a VTEP only in the VLAN of its underlay',
  known_remotes_only: 'outer frames are taken from known remotes only (by configuration: the allow-list)',
  group_replaces_unicast_flood: 'floods of a tunnel with a group go to the group alone; its other remotes may send',
  fdb_overflow_evict_lru:
    'a full table evicts the least recently used entry of the port that holds most (by configuration: overflow fair)',
};

/** Capabilities and policies of the lists that are not ours, in order. */
export function missingOf(needs: readonly string[], policies: readonly string[]): string[] {
  return [
    ...needs.filter((name) => !Object.hasOwn(CAPABILITIES, name)),
    ...policies.filter((name) => !Object.hasOwn(POLICIES, name)).map((name) => `policy ${name}`),
  ];
}
