/* The multicast groups of a UDP underlay. */
#include "udp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool is_group(const Udp *udp, const uint8_t *address) {
  return udp->family == AF_INET ? (address[0] & 0xf0) == 0xe0 : address[0] == 0xff;
}

static bool membership(const Udp *udp, int fd, const Address *group, uint32_t interface, bool join) {
  if (udp->family == AF_INET) {
    struct ip_mreqn request = {.imr_multiaddr = group->v4.sin_addr, .imr_ifindex = (int)interface};
    return setsockopt(fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request, sizeof request) == 0;
  }
  struct ipv6_mreq request = {.ipv6mr_multiaddr = group->v6.sin6_addr, .ipv6mr_interface = interface};
  return setsockopt(fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request) == 0;
}

static int find_group(const Udp *udp, const uint8_t *address, int64_t interface) {
  for (int i = 0; i < udp->group_count; i++) {
    const Group *each = &udp->groups[i];
    if ((interface < 0 || each->interface == (uint32_t)interface) &&
        memcmp(address_of(udp, &each->group), address, address_bytes(udp)) == 0)
      return i;
  }
  return -1;
}

uint32_t udp_group_interface(const Udp *udp, const uint8_t *address) {
  if (!is_group(udp, address)) return 0;
  int at = find_group(udp, address, -1);
  return at < 0 ? udp->interface : udp->groups[at].interface;
}

/* udpJoin(fd, address, interface): receives the group from now on; a group that is joined already stays so */
napi_value udp_join(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  Udp *udp;
  Bytes address;
  int64_t interface;
  if (!args_read(env, info, 3, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_udp_address(env, argv[1], udp, &address) || !arg_int(env, argv[2], "interface", 0, INT32_MAX, &interface))
    return NULL;
  if (!is_group(udp, address.at)) {
    throw_range(env, "address is no multicast group");
    return NULL;
  }
  if (find_group(udp, address.at, interface) >= 0) return NULL;
  if (udp->group_count == GROUPS_MAX) return throw_errno(env, ENOBUFS, "setsockopt", NULL, "too many groups");
  Group group = {.fd = -1, .group = udp_address(udp, address.at, udp->port), .interface = (uint32_t)interface};
  if (udp->family == AF_INET6 && interface > 0) group.group.v6.sin6_scope_id = (uint32_t)interface;
  /* Bound to the group itself, a socket gets no datagram that belongs to another program. */
  if (!udp->any && (group.fd = udp_make_receiver(udp, &group.group, true)) < 0)
    return throw_errno(env, errno, "bind", NULL, NULL);
  if (!membership(udp, udp->any ? udp->receiver : group.fd, &group.group, group.interface, true)) {
    int error = errno;
    if (group.fd >= 0) close(group.fd);
    return throw_errno(env, error, "setsockopt(ADD_MEMBERSHIP)", NULL, NULL);
  }
  udp->groups[udp->group_count++] = group;
  return NULL;
}

/* udpLeave(fd, address, interface) -> whether it was joined */
napi_value udp_leave(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  Udp *udp;
  Bytes address;
  int64_t interface;
  if (!args_read(env, info, 3, argv) || !(udp = arg_state(env, argv[0], OWNED_UDP, &fd)) ||
      !arg_udp_address(env, argv[1], udp, &address) || !arg_int(env, argv[2], "interface", 0, INT32_MAX, &interface))
    return NULL;
  int at = find_group(udp, address.at, interface);
  if (at < 0) return make_bool(env, false);
  Group group = udp->groups[at];
  udp->groups[at] = udp->groups[--udp->group_count];
  if (group.fd >= 0) close(group.fd);
  else membership(udp, udp->receiver, &group.group, group.interface, false);
  return make_bool(env, true);
}
