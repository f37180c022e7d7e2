/* The list of what the addon exports. Context-aware: every thread that loads it gets functions of its own. */
#include "addon.h"

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
      {"tapOpen", tap_open},
      {"tapClose", tap_close},
      {"tapSetOffload", tap_set_offload},
      {"tapSetPersist", tap_set_persist},
      {"tapState", tap_state},
      {"tapStates", tap_states},
      {"tapReadBurst", tap_read_burst},
      {"tapWriteBurst", tap_write_burst},
      {"clockRead", clock_read},
      {"closeApart", close_apart},
      {"deviceKeep", device_keep},
      {"deviceTake", device_take},
      {"devicesRelease", devices_release},
      {"packetOpen", packet_open},
      {"packetClose", packet_close},
      {"packetGroup", packet_group},
      {"packetState", packet_state},
      {"packetMissed", packet_missed},
      {"packetReadBurst", packet_read_burst},
      {"packetWriteBurst", packet_write_burst},
      {"xdpOpen", xdp_open},
      {"xdpStart", xdp_start},
      {"xdpHeld", xdp_held},
      {"xdpClose", xdp_close},
      {"xdpState", xdp_state},
      {"xdpMissed", xdp_missed},
      {"xdpReadBurst", xdp_read_burst},
      {"xdpWriteBurst", xdp_write_burst},
      {"ifInfo", if_info},
      {"ifSetMtu", if_set_mtu},
      {"ifConfigure", if_configure},
      {"privilegesDrop", privileges_drop},
      {"residentRelease", resident_release},
      {"udpOpen", udp_open},
      {"udpClose", udp_close},
      {"udpPort", udp_port},
      {"udpJoin", udp_join},
      {"udpLeave", udp_leave},
      {"udpReceiveBurst", udp_receive_burst},
      {"udpSendBurst", udp_send_burst},
      {"udpNotices", udp_notices},
      {"udpPathMtu", udp_path_mtu},
      {"udpDrops", udp_drops},
      {"udpPlainOpen", udp_plain_open},
      {"udpPlainClose", udp_plain_close},
      {"udpPlainPort", udp_plain_port},
      {"udpPlainDrops", udp_plain_drops},
      {"udpPlainReadBurst", udp_plain_read_burst},
      {"udpPlainWriteBurst", udp_plain_write_burst},
      {"pollerCreate", poller_create},
      {"pollerAdd", poller_add},
      {"pollerRemove", poller_remove},
      {"pollerWait", poller_wait},
      {"pollerArm", poller_arm},
      {"pollerWake", poller_wake},
      {"pollerClose", poller_close},
  };
  if (!owned_init(env)) return NULL;
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok)
      return NULL;
  }
  if (napi_set_named_property(env, exports, "api", make_int(env, ADDON_API)) != napi_ok) return NULL;
  return exports;
}
